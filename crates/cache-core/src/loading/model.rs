//! The fences under a model checker: thousands of orders in which threads may meet, each with a check of what they saw.
//! A thread follows the steps of the real callers and writers with a register for a backend.
//!
//! Each step that the rules of [`fences`](super::fences) ask for is also left out once, and the checker must notice.

use std::panic::{AssertUnwindSafe, catch_unwind};

use cache_testkit::{Act, History};
use shuttle::sync::{Arc, Condvar, Mutex};
use shuttle::{check_pct, check_random, thread};

use super::fences::{Boarding, Fences, Flying};

const ORDERS: usize = 1_000;
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
}

#[derive(Clone)]
struct Ship {
    id: u64,
    landed: Arc<(Mutex<Option<u64>>, Condvar)>,
}

impl Flying for Ship {
    fn id(&self) -> u64 {
        self.id
    }
}

impl Ship {
    fn land(&self, value: u64) {
        *self.landed.0.lock().unwrap() = Some(value);
        self.landed.1.notify_all();
    }

    fn wait(&self) -> u64 {
        let mut landed = self.landed.0.lock().unwrap();
        while landed.is_none() {
            landed = self.landed.1.wait(landed).unwrap();
        }
        landed.unwrap()
    }
}

/// One key of a cache.
struct World {
    left_out: LeftOut,
    fences: Mutex<Fences<Ship>>,
    /// The backend. Each access is a round trip of its own.
    register: Mutex<Option<u64>>,
    next: Mutex<u64>,
    loads: Mutex<usize>,
    history: History,
}

impl World {
    fn new(left_out: LeftOut) -> Arc<Self> {
        Arc::new(Self {
            left_out,
            fences: Mutex::new(Fences::default()),
            register: Mutex::new(None),
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

    fn get(&self) -> Option<u64> {
        let begin = self.history.begin();
        let found = *self.register.lock().unwrap();
        self.history.end(begin, Act::Get(found));
        found
    }

    fn get_or_load(&self) -> u64 {
        let begin = self.history.begin();
        let got = self.read_or_load();
        self.history.end(begin, Act::Load(got));
        got
    }

    fn read_or_load(&self) -> u64 {
        let key = "key".into();
        let seen = self.fences.lock().unwrap().changes();
        if let Some(found) = *self.register.lock().unwrap() {
            return found;
        }
        let ship = Ship {
            id: self.number(),
            landed: Arc::new((Mutex::new(None), Condvar::new())),
        };
        let boarding = self
            .fences
            .lock()
            .unwrap()
            .board(&key, seen, |_| true, || ship.clone());
        let look_again = match boarding {
            Boarding::Joined(other) => return other.wait(),
            Boarding::Leads { look_again } => look_again && self.left_out != LeftOut::LookingAgain,
            Boarding::Closed => unreachable!("nobody closes"),
        };
        if look_again {
            let found = *self.register.lock().unwrap();
            if let Some(found) = found {
                self.fences.lock().unwrap().end(&key, ship.id);
                ship.land(found);
                return found;
            }
        }
        *self.loads.lock().unwrap() += 1;
        let value = self.number();
        let may = self.fences.lock().unwrap().begin_store(&key, HASH, ship.id);
        if may || self.left_out == LeftOut::AskingToStore {
            *self.register.lock().unwrap() = Some(value);
            self.fences.lock().unwrap().end_store(&key, ship.id);
        }
        ship.land(value);
        value
    }

    fn write(&self, value: Option<u64>) {
        let begin = self.history.begin();
        let storing = self.fences.lock().unwrap().begin_write("key", HASH);
        if let Some(ship) = storing
            && self.left_out != LeftOut::WaitingForTheStore
        {
            ship.wait();
        }
        if self.left_out == LeftOut::FencingAtTheEnd {
            // The end of the write as it would be without its fence: before what it writes is there.
            self.fences.lock().unwrap().end_write("key", HASH);
            *self.register.lock().unwrap() = value;
        } else {
            *self.register.lock().unwrap() = value;
            self.fences.lock().unwrap().end_write("key", HASH);
        }
        self.history.end(begin, value.map_or(Act::Delete, Act::Set));
    }
}

type Role = fn(&World);

/// Runs the roles, a thread each, in thousands of orders, and then looks at what is there. Half of the orders are left to
/// chance; the others let one thread run on and interrupt it at few points, which finds what chance rarely does.
fn run(left_out: LeftOut, roles: &'static [Role]) {
    let order = move || {
        let world = World::new(left_out);
        let threads: Vec<_> = roles
            .iter()
            .map(|role| {
                let world = Arc::clone(&world);
                thread::spawn(move || role(&world))
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        let _ = world.get();
        if let Err(history) = world.history.check() {
            panic!("{history}");
        }
        assert_eq!(world.fences.lock().unwrap().flights(), 0, "a flight is left");
    };
    check_random(order, ORDERS);
    check_pct(order, ORDERS, 3);
}

const LOAD_TWICE: Role = |world| {
    let _ = (world.get_or_load(), world.get_or_load());
};
const DELETE: Role = |world| {
    world.write(None);
    let _ = (world.get(), world.get_or_load());
};
/// Changes the source, whose answers are ever larger numbers, and then deletes: nothing older may be seen afterwards.
const UPDATE: Role = |world| {
    let version = world.number();
    world.write(None);
    if let Some(found) = world.get() {
        assert!(
            found > version,
            "a get after the delete found what was loaded before it"
        );
    }
    assert!(
        world.get_or_load() > version,
        "a caller after the delete got what was loaded before it"
    );
};
const SET: Role = |world| {
    let value = world.number();
    world.write(Some(value));
    let _ = world.get();
};
const CLEAR: Role = |world| {
    let begin = world.history.begin();
    let storing = world.fences.lock().unwrap().begin_clear();
    for ship in storing {
        ship.wait();
    }
    *world.register.lock().unwrap() = None;
    world.fences.lock().unwrap().end_clear();
    world.history.end(begin, Act::Delete);
    let _ = world.get();
};

#[test]
fn loads_and_deletes_are_linearizable() {
    run(LeftOut::Nothing, &[LOAD_TWICE, LOAD_TWICE, DELETE, DELETE]);
}

#[test]
fn after_a_delete_nobody_sees_what_was_loaded_before_it() {
    run(LeftOut::Nothing, &[LOAD_TWICE, LOAD_TWICE, UPDATE, UPDATE]);
}

#[test]
fn loads_and_sets_are_linearizable() {
    run(LeftOut::Nothing, &[LOAD_TWICE, LOAD_TWICE, SET, SET]);
}

#[test]
fn loads_and_all_writes_are_linearizable() {
    run(LeftOut::Nothing, &[LOAD_TWICE, LOAD_TWICE, SET, DELETE, CLEAR]);
}

#[test]
fn where_nobody_writes_the_loader_runs_once() {
    check_random(
        || {
            let world = World::new(LeftOut::Nothing);
            let callers: Vec<_> = (0..4)
                .map(|_| {
                    let world = Arc::clone(&world);
                    thread::spawn(move || {
                        let _ = world.get_or_load();
                    })
                })
                .collect();
            for caller in callers {
                caller.join().unwrap();
            }
            assert_eq!(*world.loads.lock().unwrap(), 1);
        },
        ORDERS,
    );
}

/// Says that the checker notices what is left out.
fn assert_needed(left_out: LeftOut, roles: &'static [Role]) {
    let noticed = catch_unwind(AssertUnwindSafe(|| run(left_out, roles))).is_err();
    assert!(noticed, "nobody notices that {left_out:?} is left out");
}

#[test]
fn asking_to_store_is_needed() {
    assert_needed(LeftOut::AskingToStore, &[LOAD_TWICE, UPDATE]);
}

#[test]
fn waiting_for_the_store_is_needed() {
    assert_needed(LeftOut::WaitingForTheStore, &[LOAD_TWICE, UPDATE]);
}

#[test]
fn looking_again_is_needed() {
    assert_needed(LeftOut::LookingAgain, &[LOAD_TWICE, SET]);
}

#[test]
fn fencing_at_the_end_is_needed() {
    assert_needed(LeftOut::FencingAtTheEnd, &[LOAD_TWICE, SET]);
}
