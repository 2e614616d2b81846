//! The fences under a model checker: thousands of orders in which threads may meet, each with a check of what they saw.
//! A thread follows the steps of the real callers and writers with a register for a backend.
//!
//! Each step that the rules of [`fences`](super::fences) ask for is also left out once, and the checker must notice.

mod roles;
mod ship;

use cache_testkit::{Act, History};
use shuttle::sync::{Arc, Mutex};
use shuttle::thread;

use self::ship::Ship;
use super::fences::{Boarding, Fences};

const HASH: u64 = 7;

/// A step that is left out, to see that it is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LeftOut {
    Nothing,
    /// A flight stores whatever the fences say.
    AskingToStore,
    /// A write does not wait for a store that is on its way.
    WaitingForTheStore,
    /// A leader does not look again.
    LookingAgain,
    /// A write fences when it begins, and no more when it ends.
    FencingAtTheEnd,
    /// A flight may begin to store while a clear is under way.
    HoldingBackDuringAClear,
    /// A flight that nobody waits for is given up, also while it stores.
    KeepingWhatStores,
    /// A caller joins whatever flight there is.
    LookingBeforeItJoins,
}

/// One key of a cache, whose loaded values carry a tag.
struct World {
    left_out: LeftOut,
    fences: Mutex<Fences<Ship>>,
    /// The backend: a value with the generation of its tag. Each access is a round trip of its own.
    register: Mutex<Option<(u64, u64)>>,
    /// What the tag has to be at. What has an older one is a miss.
    generation: Mutex<u64>,
    next: Mutex<u64>,
    loads: Mutex<usize>,
    history: History,
}

/// How a caller came to its flight.
enum Boarded {
    Found(u64),
    Joined(Ship),
    Leads { ship: Ship, look_again: bool },
}

impl World {
    fn new(left_out: LeftOut) -> Arc<Self> {
        Arc::new(Self {
            left_out,
            fences: Mutex::new(Fences::default()),
            register: Mutex::new(None),
            generation: Mutex::new(0),
            next: Mutex::new(1),
            loads: Mutex::new(0),
            history: History::default(),
        })
    }

    fn number(&self) -> u64 {
        let mut next = self.next.lock().unwrap();
        *next += 1;
        *next
    }

    fn generation(&self) -> u64 {
        *self.generation.lock().unwrap()
    }

    fn found(&self) -> Option<u64> {
        let register = self.register.lock().unwrap();
        let generation = self.generation();
        register.and_then(|(value, of)| (of == generation).then_some(value))
    }

    fn get(&self) -> Option<u64> {
        let begin = self.history.begin();
        let found = self.found();
        self.history.end(begin, Act::Get(found));
        found
    }

    fn get_or_load(&self) -> u64 {
        let begin = self.history.begin();
        let got = match self.board() {
            Boarded::Found(found) => found,
            // Somebody waits, so it is not given up.
            Boarded::Joined(ship) => ship.wait().unwrap(),
            Boarded::Leads { ship, look_again } => self.fly(&ship, look_again).unwrap(),
        };
        self.history.end(begin, Act::Load(got));
        got
    }

    /// A caller that goes as soon as its load is under way. That is a task of its own, which goes on if others wait for it.
    fn load_and_go(self: &Arc<Self>) {
        let begin = self.history.begin();
        let (ship, look_again) = match self.board() {
            Boarded::Found(found) => return self.history.end(begin, Act::Load(found)),
            Boarded::Joined(ship) => return self.leave(&ship),
            Boarded::Leads { ship, look_again } => (ship, look_again),
        };
        let (world, flies) = (Arc::clone(self), ship.clone());
        let task = thread::spawn(move || {
            if let Some(value) = world.fly(&flies, look_again) {
                world.history.end(begin, Act::Load(value));
            }
        });
        self.leave(&ship);
        task.join().unwrap();
    }

    /// Looks, and joins a flight or makes one.
    fn board(&self) -> Boarded {
        let seen = self.fences.lock().unwrap().changes();
        if let Some(found) = self.found() {
            return Boarded::Found(found);
        }
        let (asked, id) = (self.generation(), self.number());
        let mut own = None;
        let mut fences = self.fences.lock().unwrap();
        let joins = |ship: &Ship| ship.began >= asked || self.left_out == LeftOut::LookingBeforeItJoins;
        let boarding = fences.board("key", seen, joins, || {
            let ship = Ship::new(id, self.generation());
            own = Some(ship.clone());
            ship
        });
        match boarding {
            Boarding::Joined(other) => {
                other.join();
                Boarded::Joined(other)
            }
            Boarding::Leads { look_again } => {
                let ship = own.unwrap();
                ship.join();
                Boarded::Leads {
                    ship,
                    look_again: look_again && self.left_out != LeftOut::LookingAgain,
                }
            }
            Boarding::Closed => unreachable!("nobody closes"),
        }
    }

    /// What a load does. Returns the value, nothing if it was given up and has stored nothing.
    fn fly(&self, ship: &Ship, look_again: bool) -> Option<u64> {
        let key = "key";
        if look_again && let Some(found) = self.found() {
            self.fences.lock().unwrap().end(key, ship.id);
            ship.land(found);
            return Some(found);
        }
        if ship.is_gone() {
            return None;
        }
        *self.loads.lock().unwrap() += 1;
        let value = self.number();
        let may = {
            let mut fences = self.fences.lock().unwrap();
            if ship.is_gone() {
                return None;
            }
            // What its tag says is out of date is not stored.
            if ship.began == self.generation() {
                fences.begin_store(key, HASH, ship.id)
            } else {
                fences.end(key, ship.id);
                false
            }
        };
        if may || self.left_out == LeftOut::AskingToStore {
            // It is on its way, whatever becomes of the task.
            *self.register.lock().unwrap() = Some((value, ship.began));
            let mut fences = self.fences.lock().unwrap();
            if !ship.is_gone() {
                fences.end_store(key, ship.id);
            }
        }
        ship.land(value);
        Some(value)
    }

    /// Takes a caller away, and gives the flight up if it was the last one.
    fn leave(&self, ship: &Ship) {
        let mut fences = self.fences.lock().unwrap();
        if !ship.leave() {
            return;
        }
        if self.left_out == LeftOut::KeepingWhatStores {
            // The task ends, and with it what it holds.
            fences.end_store("key", ship.id);
            ship.give_up();
        } else if fences.abandon("key", ship.id) {
            ship.give_up();
        }
    }

    fn write(&self, value: Option<u64>) {
        let begin = self.history.begin();
        let storing = self.fences.lock().unwrap().begin_write("key", HASH);
        if let Some(ship) = storing
            && self.left_out != LeftOut::WaitingForTheStore
        {
            ship.wait();
        }
        let register = value.map(|value| (value, self.generation()));
        if self.left_out == LeftOut::FencingAtTheEnd {
            // The end of the write as it would be without its fence: before what it writes is there.
            self.fences.lock().unwrap().end_write("key", HASH);
            *self.register.lock().unwrap() = register;
        } else {
            *self.register.lock().unwrap() = register;
            self.fences.lock().unwrap().end_write("key", HASH);
        }
        self.history.end(begin, value.map_or(Act::Delete, Act::Set));
    }

    fn clear(&self) {
        let begin = self.history.begin();
        let holds_back = self.left_out != LeftOut::HoldingBackDuringAClear;
        let storing = self.fences.lock().unwrap().begin_clear();
        for ship in storing {
            ship.wait();
        }
        if !holds_back {
            self.fences.lock().unwrap().end_clear();
        }
        *self.register.lock().unwrap() = None;
        let mut fences = self.fences.lock().unwrap();
        if !holds_back {
            // Only its fence at the end is left of it.
            fences.begin_clear();
        }
        fences.end_clear();
        drop(fences);
        self.history.end(begin, Act::Delete);
    }

    /// Makes what carries the tag a miss.
    fn invalidate(&self) {
        let begin = self.history.begin();
        *self.generation.lock().unwrap() += 1;
        let storing: Vec<_> = self.fences.lock().unwrap().note_change().cloned().collect();
        for ship in storing {
            ship.wait();
        }
        self.history.end(begin, Act::Delete);
    }
}
