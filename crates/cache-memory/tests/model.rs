//! The steps of clears, writers and readers that meet, in every order that the memory model allows. Loom compiles the very
//! files of the library with its own atomics.

mod sync {
    pub(crate) use loom::sync::atomic::{AtomicU64, Ordering, fence};
}

#[path = "../src/afresh.rs"]
mod afresh;
#[path = "../src/ages.rs"]
#[expect(
    dead_code,
    reason = "the model needs the steps of a clear, not all questions about one"
)]
mod ages;
#[path = "../src/changes.rs"]
mod changes;

use loom::sync::Arc;
use loom::sync::atomic::{AtomicU64, Ordering};
use loom::thread;

use afresh::Afresh;
use ages::{Age, Ages};
use changes::Changes;

const NOTHING: u64 = u64::MAX;

/// A store of one entry, of which only the age is kept, as moka keeps it: a table that is read and written without
/// order towards anything else.
struct Model {
    ages: Ages,
    entry: AtomicU64,
}

impl Model {
    fn holding(age: Option<Age>) -> Self {
        Self {
            ages: Ages::new(),
            entry: AtomicU64::new(age.map_or(NOTHING, Age::bits)),
        }
    }

    /// As `Store::set`.
    fn set(&self) {
        let age = self.ages.current();
        self.entry.store(age.bits(), Ordering::Relaxed);
        if self.ages.has_passed(age) {
            self.remove(age);
        }
    }

    /// As `Store::clear` of a cache with few entries.
    fn clear(&self) {
        self.ages.begin();
        self.free_hidden();
    }

    /// As `Store::free_hidden`.
    fn free_hidden(&self) {
        let Some(clears) = self.ages.unfreed() else { return };
        let entry = self.entry.load(Ordering::Relaxed);
        if entry != NOTHING && entry != self.ages.current().bits() {
            let _ = self
                .entry
                .compare_exchange(entry, NOTHING, Ordering::Relaxed, Ordering::Relaxed);
        }
        self.ages.note_freed(clears);
    }

    fn remove(&self, age: Age) {
        let _ = self
            .entry
            .compare_exchange(age.bits(), NOTHING, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// As `Store::get`.
    fn is_found(&self) -> bool {
        self.entry.load(Ordering::Relaxed) == self.ages.current().bits()
    }

    fn holds_anything(&self) -> bool {
        self.entry.load(Ordering::Relaxed) != NOTHING
    }
}

#[test]
fn an_entry_stored_before_a_clear_is_never_found_after_it() {
    loom::model(|| {
        let model = Arc::new(Model::holding(Some(Age::of_clears(0))));
        let clearer = {
            let model = Arc::clone(&model);
            thread::spawn(move || {
                model.clear();
                assert!(!model.is_found());
            })
        };
        let another = {
            let model = Arc::clone(&model);
            thread::spawn(move || model.clear())
        };
        clearer.join().unwrap();
        another.join().unwrap();
        assert!(!model.holds_anything());
    });
}

#[test]
fn what_a_clear_hides_is_freed_by_the_clear_or_by_its_writer() {
    loom::model(|| {
        let model = Arc::new(Model::holding(None));
        let writer = {
            let model = Arc::clone(&model);
            thread::spawn(move || model.set())
        };
        let clearer = {
            let model = Arc::clone(&model);
            thread::spawn(move || model.clear())
        };
        writer.join().unwrap();
        clearer.join().unwrap();
        assert!(
            model.is_found() || !model.holds_anything(),
            "an entry that nobody finds is left in memory"
        );
    });
}

#[test]
fn a_reader_that_finds_nothing_learns_of_the_gap_that_it_looked_into() {
    loom::model(|| {
        let store = Arc::new((Afresh::default(), AtomicU64::new(1)));
        let writer = {
            let store = Arc::clone(&store);
            thread::spawn(move || {
                // As `Store::set` when it stores afresh.
                let gap = store.0.begin();
                store.1.store(0, Ordering::Release);
                store.1.store(2, Ordering::Release);
                drop(gap);
            })
        };
        // As `Store::find`.
        let ended = store.0.ended();
        if store.1.load(Ordering::Acquire) == 0 {
            assert!(store.0.has_begun_since(ended));
        }
        writer.join().unwrap();
    });
}

/// A store of one entry whose value counts up, and what a reader may remember of it.
#[derive(Clone)]
struct Versions(Arc<(Changes, AtomicU64, AtomicU64)>);

impl Versions {
    fn new() -> Self {
        Self(Arc::new((Changes::new(1), AtomicU64::new(1), AtomicU64::new(1))))
    }

    /// As `Store::set`. The table is written without order towards anything else, but for what the changes give.
    fn set(&self, value: u64) {
        let (changes, entry, returned) = &*self.0;
        let change = changes.begin(0);
        entry.store(value, Ordering::Release);
        drop(change);
        returned.store(value, Ordering::Release);
    }

    fn read(&self) -> u64 {
        self.0.1.load(Ordering::Acquire)
    }

    /// Returns the value of the last write that this thread knows to have returned.
    fn returned(&self) -> u64 {
        self.0.2.load(Ordering::Acquire)
    }

    /// As `Store::get` of a thread that remembers: what it read some time ago, if that is still the answer.
    fn remember(&self) -> Option<(changes::Moment, u64)> {
        self.0.0.now(0).map(|moment| (moment, self.read()))
    }

    fn is_current(&self, moment: changes::Moment) -> bool {
        !self.0.0.since(0, moment)
    }
}

/// Three threads with several steps each run in too many orders to try all of them: those with more than three switches
/// in the middle of a thread are left out.
fn of_three_threads() -> loom::model::Builder {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model
}

#[test]
fn what_a_thread_remembers_is_never_older_than_a_write_that_has_returned() {
    loom::model(|| {
        let store = Versions::new();
        let writer = {
            let store = store.clone();
            thread::spawn(move || store.set(2))
        };
        let remembered = store.remember();
        let returned = store.returned();
        if let Some((moment, value)) = remembered
            && store.is_current(moment)
        {
            assert!(
                value >= returned,
                "{value} after the write of {returned} had returned"
            );
        }
        writer.join().unwrap();
    });
}

#[test]
fn what_a_thread_remembers_is_never_older_than_what_another_has_read() {
    of_three_threads().check(|| {
        let store = Versions::new();
        let seen = Arc::new(AtomicU64::new(0));
        let writer = {
            let store = store.clone();
            thread::spawn(move || store.set(2))
        };
        let reader = {
            let (store, seen) = (store.clone(), Arc::clone(&seen));
            thread::spawn(move || seen.store(store.read(), Ordering::Release))
        };
        let remembered = store.remember();
        let seen = seen.load(Ordering::Acquire);
        if let Some((moment, value)) = remembered
            && store.is_current(moment)
        {
            assert!(value >= seen, "{value} after another thread had read {seen}");
        }
        writer.join().unwrap();
        reader.join().unwrap();
    });
}

#[test]
fn two_writers_that_overlap_leave_nothing_old_remembered() {
    of_three_threads().check(|| {
        let store = Versions::new();
        let writers: Vec<_> = [2, 3]
            .into_iter()
            .map(|value| {
                let store = store.clone();
                thread::spawn(move || store.set(value))
            })
            .collect();
        let remembered = store.remember();
        for writer in writers {
            writer.join().unwrap();
        }
        if let Some((moment, value)) = remembered
            && store.is_current(moment)
        {
            assert_eq!(value, store.read());
        }
    });
}
