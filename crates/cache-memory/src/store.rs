//! Moka as the storage, and nothing else of moka: life, limits and counts are ours, because moka's capacity is soft,
//! its expiry costs every hit and its counts lag.

use std::hash::BuildHasher;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cache_core::{BackendStats, CacheError, Entry, EvictionCause, Key, Result};
use compact_str::CompactString;
use foldhash::quality::RandomState;
use moka::sync::Cache;

use crate::afresh::Afresh;
use crate::config::MemoryBuilder;
use crate::idle::IdleTimes;
use crate::ledger::Ledger;
use crate::order::Order;
use crate::stored::Stored;
use crate::weigher::Weigher;

/// How many locks keep the writes to one key in order. Writes to different keys rarely meet.
const ORDERS: usize = 64;
/// How many entries whose time has ended a write frees before it evicts a live one.
const SLICE: usize = 32;
/// Up to this many entries a clear frees itself; more are left to the maintenance thread.
const FREED_BY_CLEAR: u64 = 1_000;

/// Of how many writes to a key that is there, on average, one stores it anew instead of over the old entry. Moka counts
/// the writes over an entry in 16 bits, and one that was written over 65,535 times is never evicted again.
const AFRESH: u32 = 1_024;

type Moka = Cache<CompactString, Stored, RandomState>;

#[derive(Debug)]
pub(crate) struct Store {
    moka: Moka,
    ledger: Arc<Ledger>,
    hasher: RandomState,
    orders: Box<[Mutex<Order>]>,
    afresh: Afresh,
    weigher: Option<Weigher>,
    max_items: Option<u64>,
    max_weight: Option<u64>,
    closed: AtomicBool,
}

impl Store {
    pub(crate) fn new(config: &MemoryBuilder) -> Self {
        let limit = match config.max_weight {
            Some(_) => EvictionCause::Weight,
            None => EvictionCause::Items,
        };
        let idle = config.time_to_idle.map(IdleTimes::new);
        let ledger = Arc::new(Ledger::new(Arc::clone(&config.clock), idle, limit));
        let max_items = (config.max_items > 0).then_some(config.max_items);
        let max_weight = config.max_weight.as_ref().map(|(weight, _)| *weight);
        let listener = Arc::clone(&ledger);
        let mut builder = Cache::builder()
            .eviction_policy(config.policy.to_moka())
            .eviction_listener(move |_, stored, cause| listener.close(&stored, cause));
        if let Some(limit) = max_items.or(max_weight) {
            builder = builder.max_capacity(limit);
        }
        if let Some((_, weigher)) = config.max_weight.clone() {
            builder = builder.weigher(move |key: &CompactString, stored: &Stored| {
                Key::new(key).map_or(0, |key| weigher.weigh(key, stored.value()))
            });
        }
        let hasher = RandomState::default();
        Self {
            moka: builder.build_with_hasher(hasher.clone()),
            ledger,
            hasher,
            orders: (1..=ORDERS).map(|seed| Mutex::new(Order::new(seed))).collect(),
            afresh: Afresh::default(),
            weigher: config.max_weight.as_ref().map(|(_, weigher)| weigher.clone()),
            max_items,
            max_weight,
            closed: AtomicBool::new(false),
        }
    }

    pub(crate) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    #[inline]
    pub(crate) fn get(&self, key: Key<'_>) -> Result<Option<Entry>> {
        self.check_open()?;
        let ended = self.afresh.ended();
        match self.moka.get(key.as_str()) {
            Some(stored) => Ok(self.live(stored)),
            None if self.afresh.has_begun_since(ended) => Ok(self.get_in_order(key)),
            None => Ok(None),
        }
    }

    /// Reads an entry when no write to its key is under way.
    #[cold]
    fn get_in_order(&self, key: Key<'_>) -> Option<Entry> {
        let _in_order = self.in_order(key.as_str());
        self.moka.get(key.as_str()).and_then(|stored| self.live(stored))
    }

    /// Notes the use of an entry that is there for callers.
    #[inline]
    fn live(&self, stored: Stored) -> Option<Entry> {
        if self.ledger.is_gone(&stored) {
            return None;
        }
        self.ledger.touch(&stored);
        Some(stored.into_entry())
    }

    pub(crate) fn exists(&self, key: Key<'_>) -> Result<bool> {
        self.check_open()?;
        if self.ledger.ages().unfreed().is_some() {
            // Only the entry tells whether it was cleared. Looking at it counts as a use, but not for long.
            return Ok(self
                .find(key, |moka| moka.get(key.as_str()))
                .is_some_and(|stored| !self.ledger.is_gone(&stored)));
        }
        let is_there = self.find(key, |moka| moka.contains_key(key.as_str()).then_some(()));
        Ok(is_there.is_some() && !self.ledger.is_key_over(key.as_str()))
    }

    pub(crate) fn set(&self, key: Key<'_>, entry: Entry) -> Result<()> {
        self.check_open()?;
        // It is weighed before anything is noted: the weigher is the caller's and may panic.
        let weight = self
            .weigher
            .as_ref()
            .map_or(1, |weigher| u64::from(weigher.weigh(key, entry.value())));
        if self.max_weight.is_some_and(|most| weight > most) {
            // Moka would empty the cache to make room for it.
            return self.delete(key).map(|_| self.ledger.note_too_heavy());
        }
        if self.is_full_with(weight) {
            self.sweep(SLICE);
        }
        let name = CompactString::from(key.as_str());
        {
            let mut order = self.in_order(key.as_str());
            let _gap = order.one_in(AFRESH).then(|| {
                let gap = self.afresh.begin();
                self.moka.invalidate(key.as_str());
                gap
            });
            let slot = self.ledger.open(&name, entry.expires_at());
            let age = self.ledger.ages().current();
            self.moka.insert(name, Stored::new(entry, slot, age));
            if self.ledger.ages().has_passed(age) {
                // A clear came in between. It may have looked for hidden entries before this one was there.
                self.moka.invalidate(key.as_str());
            }
        }
        self.settle();
        self.check_open().inspect_err(|_| {
            // The cache was closed meanwhile, and this entry may have come after all others were freed.
            self.moka.invalidate(key.as_str());
            self.settle();
        })
    }

    pub(crate) fn delete(&self, key: Key<'_>) -> Result<bool> {
        self.check_open()?;
        let Some(stored) = self.find(key, |moka| moka.remove(key.as_str())) else {
            return Ok(false);
        };
        let gone = self.ledger.is_gone(&stored);
        self.settle();
        Ok(!gone)
    }

    /// Hides every entry at once. Says whether they are freed too.
    ///
    /// Moka's own way to hide all entries loses new ones: a reader that looked at the clock before the clear marks an
    /// entry that was stored after it as used before it, and moka then takes it for an old one.
    pub(crate) fn clear(&self) -> Result<bool> {
        self.check_open()?;
        let few = self.ledger.items() <= FREED_BY_CLEAR || self.ledger.ages().is_far_behind();
        self.ledger.ages().begin();
        if few {
            self.free_hidden(|| false);
        }
        Ok(few)
    }

    /// Refuses every later operation.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

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
        for (done, (key, _)) in self.moka.iter().enumerate() {
            if done.is_multiple_of(SLICE) {
                self.settle();
                if stopped() {
                    return;
                }
            }
            let _in_order = self.in_order(&key);
            if self
                .moka
                .get(key.as_str())
                .is_some_and(|stored| stored.age() != self.ledger.ages().current())
            {
                self.moka.invalidate(key.as_str());
            }
        }
        self.ledger.ages().note_freed(clears);
        self.settle();
    }

    /// Frees at most `most` entries whose time has ended and says whether there were so many.
    pub(crate) fn sweep(&self, most: usize) -> bool {
        for _ in 0..most {
            let Some((slot, key)) = self.ledger.first_due() else {
                return false;
            };
            let _in_order = self.in_order(&key);
            // No write to this key runs now, so a slot that is still there is that of the entry in moka.
            if self.ledger.is_due(slot, &key) {
                self.moka.invalidate(key.as_str());
                self.ledger.put_off(slot, &key);
            }
        }
        true
    }

    /// Lets all writes so far take effect on the policy. It waits for a lock at most, where a writer that finds
    /// moka's queue full would sleep.
    pub(crate) fn settle(&self) {
        self.moka.run_pending_tasks();
    }

    pub(crate) fn stats(&self) -> BackendStats {
        let mut stats = BackendStats::default();
        stats.items = Some(self.ledger.items());
        stats.max_items = self.max_items;
        stats.weight = self.max_weight.map(|_| self.moka.weighted_size());
        stats.max_weight = self.max_weight;
        stats.evictions = Some(self.ledger.evictions());
        stats.expirations = Some(self.ledger.expirations());
        stats.up = Some(self.check_open().is_ok());
        stats
    }

    #[inline]
    pub(crate) fn check_open(&self) -> Result<()> {
        if self.closed.load(Ordering::Acquire) {
            Err(CacheError::closed())
        } else {
            Ok(())
        }
    }

    /// Looks for an entry. Who finds none while a write stores one afresh looks again once that write is done.
    #[inline]
    fn find<T>(&self, key: Key<'_>, look: impl Fn(&Moka) -> Option<T>) -> Option<T> {
        let ended = self.afresh.ended();
        look(&self.moka).or_else(|| {
            self.afresh.has_begun_since(ended).then(|| {
                let _in_order = self.in_order(key.as_str());
                look(&self.moka)
            })?
        })
    }

    fn is_full_with(&self, weight: u64) -> bool {
        self.max_items
            .or(self.max_weight)
            .is_some_and(|limit| self.moka.weighted_size().saturating_add(weight) > limit)
    }

    fn in_order(&self, key: &str) -> MutexGuard<'_, Order> {
        let hash = self.hasher.hash_one(key);
        let order = &self.orders[usize::try_from(hash % ORDERS as u64).unwrap_or_default()];
        order.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
