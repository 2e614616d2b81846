//! Freeing what nobody is to find any more: entries whose time has ended, and what clears have hidden.

use crate::name::Sought;
use crate::store::{SLICE, Store};

/// How many entries that may be over a write looks at before it lets moka evict a live one. Those that were used meanwhile,
/// where there is a time to idle, are looked at in vain, but twice in that time at most.
const LOOKS: usize = 4_096;

/// What a sweep came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Swept {
    /// How many entries it looked at.
    pub(crate) looked: usize,
    /// How many of them it freed.
    pub(crate) freed: usize,
}

impl Store {
    /// Frees every entry of a closed cache.
    pub(crate) fn free_all(&self) {
        self.ledger.ages().begin();
        self.free_hidden(|| false);
    }

    /// Frees what clears have hidden.
    pub(crate) fn free_hidden(&self, stopped: impl Fn() -> bool) {
        let Some(clears) = self.ledger.ages().unfreed() else {
            return;
        };
        for (done, (name, stored)) in self.moka.iter().enumerate() {
            if done.is_multiple_of(SLICE) {
                self.settle();
                if stopped() {
                    return;
                }
            }
            if stored.life.age() == self.ledger.ages().current() {
                // To ask moka for it would count as a use.
                continue;
            }
            let sought = name.sought();
            let _in_order = self.in_order(sought);
            if self
                .moka
                .get(&sought)
                .is_some_and(|stored| stored.life.age() != self.ledger.ages().current())
            {
                let _change = self.changes.begin(sought.hash);
                self.moka.invalidate(&sought);
            }
        }
        self.ledger.ages().note_freed(clears);
        self.settle();
    }

    /// Frees entries that are over until there is room for a new one that weighs so much, or until none is left, or until it
    /// has looked at so many that the write would take long.
    pub(crate) fn make_room(&self, weight: u64) {
        let mut looks = LOOKS;
        loop {
            let swept = self.sweep(SLICE, looks);
            if swept.freed > 0 {
                // What it removed waits in moka's queue, which must not fill up.
                self.settle();
            }
            looks = looks.saturating_sub(swept.looked);
            if swept.freed < SLICE || looks == 0 || !self.is_full_with(weight) {
                return;
            }
        }
    }

    /// Frees up to `most` entries that are over, and looks at up to `looks` that may be.
    pub(crate) fn sweep(&self, most: usize, looks: usize) -> Swept {
        let mut swept = Swept { looked: 0, freed: 0 };
        while swept.freed < most && swept.looked < looks {
            let Some((slot, key)) = self.ledger.first_due() else {
                return swept;
            };
            swept.looked += 1;
            let sought = Sought::from(key.as_str());
            let _in_order = self.in_order(sought);
            // No write to this key runs now, so a slot that is still there is that of the entry in moka.
            if self.ledger.is_due(slot, &key) {
                let _change = self.changes.begin(sought.hash);
                self.moka.invalidate(&sought);
                self.ledger.put_off(slot, &key);
                swept.freed += 1;
            }
        }
        swept
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex, OnceLock, Weak};
    use std::time::Duration;

    use cache_core::{Clock, Entry, Key, Timestamp, Value};
    use cache_testkit::ManualClock;

    use super::*;
    use crate::config::MemoryBuilder;
    use crate::{MemoryBackend, Weigher};

    /// A clock that looks at the cache whenever it is asked for the time, which is in the middle of things.
    #[derive(Debug)]
    struct Watch {
        time: Arc<ManualClock>,
        store: OnceLock<Weak<Store>>,
        seen: Mutex<Vec<Seen>>,
    }

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    struct Seen {
        /// How many locks of writers are held.
        locks: usize,
        /// A change of the entry `key` is announced.
        change: bool,
        /// How many entries there are, as far as moka's policy has heard.
        entries: u64,
    }

    impl Clock for Watch {
        fn now(&self) -> Timestamp {
            if let Some(store) = self.store.get().and_then(Weak::upgrade) {
                self.seen.lock().unwrap().push(Seen {
                    locks: store
                        .orders
                        .iter()
                        .filter(|lock| lock.try_lock().is_err())
                        .count(),
                    change: store.changes.now(Sought::from("key").hash).is_none(),
                    entries: store.moka.entry_count(),
                });
            }
            self.time.now()
        }

        fn coarse(&self) -> Timestamp {
            self.time.coarse()
        }
    }

    fn watched(configure: impl FnOnce(MemoryBuilder) -> MemoryBuilder) -> (Arc<Store>, Arc<Watch>) {
        let clock = Arc::new(Watch {
            time: ManualClock::new(),
            store: OnceLock::new(),
            seen: Mutex::default(),
        });
        let store = Arc::new(Store::new(&configure(
            MemoryBackend::builder().clock(clock.clone()),
        )));
        clock.store.set(Arc::downgrade(&store)).unwrap();
        (store, clock)
    }

    /// Stores an entry that lives for a second.
    fn set(store: &Store, key: &str) {
        let now = store.ledger.clock().coarse();
        let entry = Entry::new(Value::new(1), now).with_expires_at(now + Duration::from_secs(1));
        store.set(Key::new(key).unwrap(), entry).unwrap();
    }

    #[test]
    fn a_sweep_holds_one_lock_for_one_entry_and_announces_the_change_before_it_touches_moka() {
        let (store, clock) = watched(|builder| builder);
        set(&store, "key");
        clock.time.advance(Duration::from_secs(1));
        clock.seen.lock().unwrap().clear();
        assert_eq!(store.sweep(SLICE, SLICE), Swept { looked: 1, freed: 1 });
        let seen: Vec<_> = clock
            .seen
            .lock()
            .unwrap()
            .iter()
            .map(|seen| (seen.locks, seen.change))
            .collect();
        // What is due, whether it still is, moka's listener, the slot that is put off; then, what else is due.
        assert_eq!(seen, [(0, false), (1, false), (1, true), (1, true), (0, false)]);
    }

    /// What a sweep removes waits in moka's queue, where a writer that finds it full sleeps.
    #[test]
    fn a_set_lets_what_it_swept_take_effect_before_it_stores() {
        let (store, clock) = watched(|builder| builder.max_items(2).time_to_idle(Duration::from_secs(60)));
        set(&store, "a");
        set(&store, "b");
        clock.time.advance(Duration::from_secs(1));
        set(&store, "c");
        // The last one to ask for the time wrote down the end of the new entry.
        assert_eq!(clock.seen.lock().unwrap().last().unwrap().entries, 0);
        assert_eq!(store.moka.entry_count(), 1);
    }

    #[test]
    fn a_sweep_of_very_many_frees_a_slice_and_a_write_that_needs_room_no_more_than_it_may_look_at() {
        let clock = ManualClock::new();
        let weigher = Weigher::new(|_, _: &Value| 1);
        let store = Store::new(
            &MemoryBackend::builder()
                .max_weight(200_000, weigher)
                .clock(clock.clone()),
        );
        for n in 0..200_000 {
            set(&store, &n.to_string());
        }
        clock.advance(Duration::from_secs(2));
        let slice = Swept {
            looked: SLICE,
            freed: SLICE,
        };
        assert_eq!(store.sweep(SLICE, LOOKS), slice);
        store.settle();
        assert_eq!(store.ledger.items(), 200_000 - SLICE as u64);
        store.make_room(200_000);
        assert_eq!(store.ledger.items(), 200_000 - (SLICE + LOOKS) as u64);
    }

    /// The cost of a write has a bound also where all that is due was used meanwhile.
    #[test]
    fn a_write_looks_at_a_bounded_number_of_entries_that_were_used_meanwhile() {
        let clock = ManualClock::new();
        let idle = Duration::from_millis(500);
        let entries = LOOKS + 100;
        let config = MemoryBackend::builder()
            .max_items(entries as u64)
            .time_to_idle(idle);
        let store = Store::new(&config.clock(clock.clone()));
        for n in 0..entries {
            set(&store, &n.to_string());
        }
        clock.advance(idle / 2);
        for n in 0..entries {
            assert!(store.get(Key::new(&n.to_string()).unwrap()).unwrap().is_some());
        }
        clock.advance(idle / 2);
        store.make_room(1);
        let left = Swept {
            looked: 100,
            freed: 0,
        };
        assert_eq!(store.sweep(SLICE, LOOKS), left);
    }

    #[test]
    fn freeing_what_a_clear_has_hidden_is_no_use_of_what_lives() {
        let store = Store::new(&MemoryBackend::builder().max_items(20).clock(ManualClock::new()));
        (0..10).for_each(|n| set(&store, &format!("old-{n}")));
        store.ledger.ages().begin();
        (0..10).for_each(|n| set(&store, &format!("new-{n}")));
        store.free_hidden(|| false);
        (10..25).for_each(|n| set(&store, &format!("new-{n}")));
        let held = |n: &usize| store.exists(Key::new(&format!("new-{n}")).unwrap()).unwrap();
        let held: Vec<_> = (0..25).filter(held).collect();
        assert_eq!(held, (5..25).collect::<Vec<_>>());
    }

    /// Writers that store as many entries as are freed, all the time: new ones are not looked at for ever.
    #[test]
    fn freeing_ends_while_writers_go_on() {
        const ENTRIES: usize = 10_000;
        let store = Store::new(&MemoryBackend::builder().clock(ManualClock::new()));
        for n in 0..ENTRIES {
            set(&store, &n.to_string());
        }
        store.ledger.ages().begin();
        let steps = std::cell::Cell::new(0);
        store.free_hidden(|| {
            let step = steps.replace(steps.get() + 1);
            for n in 0..SLICE {
                set(&store, &format!("{step}-{n}"));
            }
            step > 10 * ENTRIES / SLICE
        });
        assert!(steps.get() < 3 * ENTRIES / SLICE, "{} steps", steps.get());
        assert_eq!(store.ledger.items(), (steps.get() * SLICE) as u64);
    }
}
