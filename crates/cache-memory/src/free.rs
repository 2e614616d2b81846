//! Freeing what nobody is to find any more: entries whose time has ended, and what clears have hidden.

use crate::name::Sought;
use crate::store::{SLICE, Store};

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
        for (done, (name, _)) in self.moka.iter().enumerate() {
            if done.is_multiple_of(SLICE) {
                self.settle();
                if stopped() {
                    return;
                }
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

    /// Looks at up to `most` entries whose time may have ended, frees those that are over, and says how many it looked at.
    pub(crate) fn sweep(&self, most: usize) -> usize {
        for looked in 0..most {
            let Some((slot, key)) = self.ledger.first_due() else {
                return looked;
            };
            let sought = Sought::from(key.as_str());
            let _in_order = self.in_order(sought);
            // No write to this key runs now, so a slot that is still there is that of the entry in moka.
            if self.ledger.is_due(slot, &key) {
                let _change = self.changes.begin(sought.hash);
                self.moka.invalidate(&sought);
                self.ledger.put_off(slot, &key);
            }
        }
        most
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex, OnceLock, Weak};
    use std::time::Duration;

    use cache_core::{Clock, Entry, Key, Timestamp, Value};
    use cache_testkit::ManualClock;

    use super::*;
    use crate::MemoryBackend;
    use crate::config::MemoryBuilder;

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
        assert_eq!(store.sweep(SLICE), 1);
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
    fn a_sweep_of_very_many_frees_a_slice() {
        let clock = ManualClock::new();
        let store = Store::new(&MemoryBackend::builder().clock(clock.clone()));
        for n in 0..200_000 {
            set(&store, &n.to_string());
        }
        clock.advance(Duration::from_secs(2));
        assert_eq!(store.sweep(SLICE), SLICE);
        store.settle();
        assert_eq!(store.ledger.items(), 200_000 - SLICE as u64);
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
