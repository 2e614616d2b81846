//! What a thread remembers of the entries that it reads most, so that it need not ask moka for them: moka's way to an
//! entry takes several times as long as the way here, most of it for telling the policy of the use.
//!
//! A thread remembers a value without holding it, and only as long as nobody has changed the entry ([`Changes`]). So a
//! read from here is as good as one from moka, and what is removed is dropped.
//!
//! It takes 160 KB at most for each cache that a thread reads often, and the room of up to 1,024 objects of at most 1 KiB that
//! were dropped and not yet forgotten. A cache that takes the seat of one that is gone gives both back.

use std::cell::RefCell;

use cache_core::WeakValue;

use crate::changes::{Changes, Moment};
use crate::name::Sought;
use crate::seat::Seat;
use crate::stored::{Life, Stored};

/// How many entries a thread remembers of one cache at most, each in its own place by its hash.
///
/// Of a cache that holds fewer it has about as many places as there are entries.
const MOST_PLACES: u64 = 1_024;
/// A thread that reads a cache less often than this does not remember anything: it would pay for room that it does not
/// use.
const FIRST_READS: u64 = 32;
/// Longer keys are not remembered, so that remembering one does not allocate.
const LONGEST_KEY: usize = 40;
/// Larger objects are not remembered: as long as they are, the room of one that was dropped is not given back.
const LARGEST_OBJECT: usize = 1_024;

/// The place of one cache in what each thread remembers.
#[derive(Debug)]
pub(crate) struct Fronts {
    seat: Seat,
    /// How many entries each thread remembers, a power of two.
    places: usize,
}

/// What one read learns of the front.
#[derive(Debug)]
pub(crate) enum Look {
    /// The entry.
    Found(Stored),
    /// Moka is to be asked, and its answer is not to be remembered.
    Unknown,
    /// Moka is to be asked, and its answer is to be remembered.
    Asked(Asked),
}

/// A question to moka whose answer may be remembered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    moment: Moment,
    /// The reads of this thread at that time.
    reads: u64,
    /// What the policy had heard of: reads of this thread, and entries that anybody stored.
    told: u64,
}

/// How late the policy may hear of a use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lag {
    /// It may hear of fewer others first, since no more entries than that come to lie before this one.
    pub(crate) told: u64,
    /// So many reads of this thread may come first. This matters where all of them find what the thread remembers, while
    /// other threads tell the policy of other entries.
    pub(crate) reads: u64,
    /// How many entries were ever stored, those over older ones included.
    pub(crate) inserted: u64,
}

#[derive(Debug)]
struct Front {
    id: u64,
    reads: u64,
    /// How many of the reads asked moka, which tells the policy of a use.
    told: u64,
    places: Box<[Place]>,
}

#[derive(Debug)]
struct Place {
    remembered: Option<Remembered>,
    /// The hash of another entry that was asked for. If that is asked for again before the remembered one is, it takes
    /// the place.
    next: u64,
}

#[derive(Debug)]
struct Remembered {
    hash: u64,
    asked: Asked,
    value: WeakValue,
    life: Life,
    length: u8,
    key: [u8; LONGEST_KEY],
}

thread_local! {
    static FRONTS: RefCell<Vec<Front>> = const { RefCell::new(Vec::new()) };
}

impl Fronts {
    /// Takes a place for a cache of so many entries.
    pub(crate) fn new(max_items: Option<u64>) -> Self {
        let places = max_items.map_or(MOST_PLACES, |items| {
            items.clamp(1, MOST_PLACES).next_power_of_two()
        });
        Self {
            seat: Seat::take(),
            places: usize::try_from(places).unwrap_or(1),
        }
    }

    /// Looks for an entry among what this thread remembers.
    #[inline]
    pub(crate) fn look(&self, sought: Sought<'_>, changes: &Changes, lag: impl FnOnce() -> Lag) -> Look {
        self.mine(|front| front.look(sought, changes, self.places, lag))
            .unwrap_or(Look::Unknown)
    }

    /// Remembers what moka has answered to a question.
    #[inline]
    pub(crate) fn remember(&self, sought: Sought<'_>, asked: Asked, stored: &Stored) {
        self.mine(|front| front.remember(sought, asked, stored));
    }

    /// Runs something on what this thread remembers. A value that is dropped meanwhile may read a cache in its turn:
    /// that read remembers nothing.
    #[inline]
    fn mine<T>(&self, run: impl FnOnce(&mut Front) -> T) -> Option<T> {
        FRONTS
            .try_with(|fronts| {
                let mut fronts = fronts.try_borrow_mut().ok()?;
                match fronts.get_mut(self.seat.at) {
                    Some(front) if front.id == self.seat.id => Some(run(front)),
                    _ => {
                        self.sit_down(&mut fronts);
                        None
                    }
                }
            })
            .ok()
            .flatten()
    }

    /// Takes the seat of this cache among what this thread remembers; a cache that had it before is gone.
    #[cold]
    fn sit_down(&self, fronts: &mut Vec<Front>) {
        while fronts.len() <= self.seat.at {
            fronts.push(Front::of(0));
        }
        fronts[self.seat.at] = Front::of(self.seat.id);
    }
}

impl Front {
    fn of(id: u64) -> Self {
        Self {
            id,
            reads: 0,
            told: 0,
            places: Box::default(),
        }
    }

    #[inline]
    fn look(
        &mut self,
        sought: Sought<'_>,
        changes: &Changes,
        places: usize,
        lag: impl FnOnce() -> Lag,
    ) -> Look {
        self.reads += 1;
        let Some(place) = place(&mut self.places, sought) else {
            self.begin(places);
            return Look::Unknown;
        };
        self.told += 1;
        if sought.key.len() > LONGEST_KEY {
            return Look::Unknown;
        }
        let told = match &place.remembered {
            Some(remembered) if remembered.is(sought) => {
                place.next = 0;
                let lag = lag();
                let told = self.told + lag.inserted;
                if remembered.asked.is_recent(self.reads, told, lag)
                    && !changes.since(sought.hash, remembered.asked.moment)
                    && let Some(value) = remembered.value.upgrade()
                {
                    self.told -= 1;
                    let life = remembered.life;
                    return Look::Found(Stored { value, life });
                }
                told
            }
            _ if place.next == sought.hash => self.told + lag().inserted,
            _ => {
                place.next = sought.hash;
                return Look::Unknown;
            }
        };
        ask(sought, changes, self.reads, told)
    }

    /// Makes room once the thread has read often enough.
    #[cold]
    fn begin(&mut self, places: usize) {
        if self.reads >= FIRST_READS {
            let place = || Place {
                remembered: None,
                next: 0,
            };
            self.places = (0..places).map(|_| place()).collect();
        }
    }

    #[inline]
    fn remember(&mut self, sought: Sought<'_>, asked: Asked, stored: &Stored) {
        let Some(place) = place(&mut self.places, sought) else {
            return;
        };
        match &mut place.remembered {
            Some(remembered) if remembered.asked.moment == asked.moment && remembered.is(sought) => {
                remembered.asked = asked;
            }
            remembered => {
                if let Some(new) = Remembered::new(sought, asked, stored) {
                    *remembered = Some(new);
                }
            }
        }
    }
}

impl Remembered {
    fn new(sought: Sought<'_>, asked: Asked, stored: &Stored) -> Option<Self> {
        let name = sought.key.as_bytes();
        if stored.value.shallow_size() > LARGEST_OBJECT {
            return None;
        }
        let mut key = [0; LONGEST_KEY];
        key.get_mut(..name.len())?.copy_from_slice(name);
        Some(Self {
            hash: sought.hash,
            asked,
            value: stored.value.downgrade(),
            life: stored.life,
            length: u8::try_from(name.len()).ok()?,
            key,
        })
    }

    #[inline]
    fn is(&self, sought: Sought<'_>) -> bool {
        self.hash == sought.hash && self.key.get(..usize::from(self.length)) == Some(sought.key.as_bytes())
    }
}

impl Asked {
    /// Says whether it is not too long ago.
    #[inline]
    fn is_recent(&self, reads: u64, told: u64, lag: Lag) -> bool {
        told - self.told <= lag.told && reads - self.reads <= lag.reads
    }
}

/// Notes when moka is asked, unless a change is under way.
#[inline]
fn ask(sought: Sought<'_>, changes: &Changes, reads: u64, told: u64) -> Look {
    changes
        .now(sought.hash)
        .map_or(Look::Unknown, |moment| Look::Asked(Asked { moment, reads, told }))
}

#[inline]
fn place<'a>(places: &'a mut [Place], sought: Sought<'_>) -> Option<&'a mut Place> {
    // The lower bits choose the cell of the changes, so others choose the place. Their number is a power of two.
    let at = usize::try_from(sought.hash >> 32).unwrap_or_default() & places.len().wrapping_sub(1);
    places.get_mut(at)
}

#[cfg(test)]
mod tests {
    use cache_core::{Entry, Timestamp, Value};

    use super::*;
    use crate::ages::Age;
    use crate::deadlines::Slot;

    const PLACES: usize = 16;
    const LAG: Lag = Lag {
        told: 1_000,
        reads: 1_000,
        inserted: 0,
    };

    /// A thread that has read often enough to remember, and the changes of the cache.
    fn front() -> (Front, Changes) {
        let mut front = Front::of(1);
        for _ in 0..FIRST_READS {
            front.begin(PLACES);
            front.reads += 1;
        }
        front.begin(PLACES);
        (front, Changes::new(1))
    }

    /// Two keys of one place.
    fn neighbours() -> [Sought<'static>; 2] {
        ["one", "other"].map(|key| {
            let hash = key.len() as u64;
            Sought { key, hash }
        })
    }

    fn stored(value: Value) -> Stored {
        let entry = Entry::new(value, Timestamp::from_millis(0));
        Stored::new(entry, Slot::NONE, Age::of_clears(0))
    }

    /// Reads an entry from moka until it is asked for to be remembered.
    fn read(front: &mut Front, changes: &Changes, sought: Sought<'_>, stored: &Stored) {
        for _ in 0..2 {
            if let Look::Asked(asked) = front.look(sought, changes, PLACES, || LAG) {
                front.remember(sought, asked, stored);
            }
        }
    }

    fn is_remembered(front: &mut Front, changes: &Changes, sought: Sought<'_>) -> bool {
        matches!(front.look(sought, changes, PLACES, || LAG), Look::Found(_))
    }

    #[test]
    fn an_entry_that_is_read_again_takes_the_place_of_its_neighbour() {
        let (mut front, changes) = front();
        let [one, other] = neighbours();
        let (first, second) = (stored(Value::new(1)), stored(Value::new(2)));
        read(&mut front, &changes, one, &first);
        assert!(is_remembered(&mut front, &changes, one));
        read(&mut front, &changes, other, &second);
        assert!(is_remembered(&mut front, &changes, other));
        assert!(!is_remembered(&mut front, &changes, one));
    }

    #[test]
    fn an_entry_that_may_not_be_remembered_leaves_its_neighbour() {
        let (mut front, changes) = front();
        let [one, other] = neighbours();
        let (small, large) = (stored(Value::new(1)), stored(Value::new([1_u64; 32])));
        let larger = stored(Value::new([[1_u64; 32]; 5]));
        assert!(large.value.shallow_size() <= LARGEST_OBJECT && larger.value.shallow_size() > LARGEST_OBJECT);
        read(&mut front, &changes, one, &small);
        read(&mut front, &changes, other, &larger);
        assert!(!is_remembered(&mut front, &changes, other));
        assert!(is_remembered(&mut front, &changes, one));
    }

    #[test]
    fn of_a_small_cache_a_thread_has_about_as_many_places_as_there_are_entries() {
        let places = |max_items| Fronts::new(max_items).places;
        let counts = [Some(16), Some(100), Some(1_024), Some(u64::MAX), None].map(places);
        assert_eq!(counts, [16, 128, 1_024, 1_024, 1_024]);
    }
}
