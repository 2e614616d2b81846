//! Moka as the storage, and nothing else of moka: life, limits and counts are ours, because moka's capacity is soft,
//! its expiry costs every hit and its counts lag.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cache_core::{BackendStats, CacheError, Entry, EvictionCause, Key, Result};
use moka::notification::RemovalCause;
use moka::sync::Cache;

use crate::afresh::Afresh;
use crate::changes::Changes;
use crate::config::MemoryBuilder;
use crate::front::Fronts;
use crate::idle::IdleTimes;
use crate::ledger::Ledger;
use crate::name::{Hashed, Name, Sought};
use crate::order::Order;
use crate::policy::EvictionPolicy;
use crate::read::LAG;
use crate::stored::Stored;
use crate::weigher::Weigher;

/// How many locks keep the writes to one key in order. Writes to different keys rarely meet.
const ORDERS: usize = 64;
/// How many entries are freed before moka's queue is emptied.
pub(crate) const SLICE: usize = 32;
/// Up to this many entries a clear frees itself; more are left to the maintenance thread.
const FREED_BY_CLEAR: u64 = 1_000;

/// Of how many writes to a key that is there, on average, one stores it anew instead of over the old entry. Moka counts
/// the writes over an entry in 16 bits, and one that was written over 65,535 times is never evicted again.
const AFRESH: u32 = 1_024;

/// How many writes may wait for the policy where no entry has to go for them. Moka's queue holds six times as many, and
/// a writer that finds it full would sleep.
const UNSETTLED: u64 = 64;
/// So much room there must be for it, and so high a limit: what waits must not pass the limit, nor matter for the order of
/// use.
const ROOM: u64 = 1_024;

/// How many cells tell the changes of entries apart, where there is room for so many entries.
const CELLS: u64 = 1_024;

thread_local! {
    /// What the entry weighs that this thread stores at the moment.
    static WEIGHT: Cell<u32> = const { Cell::new(1) };
}

pub(crate) type Moka = Cache<Name, Stored, Hashed>;

#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) moka: Moka,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) orders: Box<[Mutex<Order>]>,
    pub(crate) afresh: Afresh,
    /// How many entries were written, and up to which of them the policy has heard of all.
    written: AtomicU64,
    settled: AtomicU64,
    pub(crate) changes: Arc<Changes>,
    /// Absent where the policy must hear of every use, see [`remembers`](Self::remembers).
    pub(crate) fronts: Option<Fronts>,
    weigher: Option<Weigher>,
    pub(crate) max_items: Option<u64>,
    pub(crate) max_weight: Option<u64>,
    /// Whether a new entry may be refused for one that a clear has hidden: to a policy that counts uses they are all alike.
    /// The least recently used one, which always goes, is hidden itself.
    pub(crate) hidden_matter: bool,
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
        let cells = usize::try_from(max_items.map_or(CELLS, |items| items.min(CELLS))).unwrap_or(1);
        let changes = Arc::new(Changes::new(cells));
        let listener = (Arc::clone(&ledger), Arc::clone(&changes));
        let mut builder = Cache::builder()
            .eviction_policy(config.policy.to_moka())
            .eviction_listener(move |name: Arc<Name>, stored: Stored, cause| {
                let (ledger, changes) = &listener;
                if cause != RemovalCause::Replaced {
                    drop(changes.begin(name.sought().hash));
                }
                ledger.close(&stored.life, cause);
            });
        if let Some(limit) = max_items.or(max_weight) {
            builder = builder.max_capacity(limit);
        }
        if config.max_weight.is_some() {
            // What the caller's weigher said is handed on, so that it runs once and never inside moka.
            builder = builder.weigher(|_: &Name, _: &Stored| WEIGHT.get());
        }
        Self {
            moka: builder.build_with_hasher(Hashed::default()),
            ledger,
            orders: (1..=ORDERS).map(|seed| Mutex::new(Order::new(seed))).collect(),
            afresh: Afresh::default(),
            written: AtomicU64::new(0),
            settled: AtomicU64::new(0),
            changes,
            fronts: Self::remembers(config).then(|| Fronts::new(max_items)),
            weigher: config.max_weight.as_ref().map(|(_, weigher)| weigher.clone()),
            hidden_matter: config.policy == EvictionPolicy::TinyLfu && max_items.or(max_weight).is_some(),
            max_items,
            max_weight,
            closed: AtomicBool::new(false),
        }
    }

    /// Says whether threads may remember what they read: not where the policy counts uses, nor where it must hear of each
    /// one, because a few entries may fill the cache.
    fn remembers(config: &MemoryBuilder) -> bool {
        let is_large = config.max_items == 0 || config.max_items >= LAG;
        config.policy == EvictionPolicy::Lru && config.max_weight.is_none() && is_large
    }

    pub(crate) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    pub(crate) fn set(&self, key: Key<'_>, entry: Entry) -> Result<()> {
        self.check_open()?;
        // It is weighed before anything is noted: the weigher is the caller's and may panic.
        let weight = self
            .weigher
            .as_ref()
            .map_or(1, |weigher| weigher.weigh(key, entry.value()));
        let units = u64::from(weight);
        if self.max_weight.is_some_and(|most| units > most) {
            // Moka would empty the cache to make room for it.
            return self.delete(key).map(|_| self.ledger.note_too_heavy());
        }
        if self.is_full_with(units) {
            self.make_room(units);
        }
        let sought = Sought::new(key);
        let name = sought.to_name();
        {
            let mut order = self.in_order(sought);
            let _change = self.changes.begin(sought.hash);
            let _gap = order.one_in(AFRESH).then(|| {
                let gap = self.afresh.begin();
                self.moka.invalidate(&sought);
                gap
            });
            let slot = self.ledger.open(name.compact(), entry.expires_at());
            let age = self.ledger.ages().current();
            WEIGHT.set(weight);
            self.moka.insert(name, Stored::new(entry, slot, age));
            if self.ledger.ages().has_passed(age) {
                // A clear came in between. It may have looked for hidden entries before this one was there.
                self.moka.invalidate(&sought);
            }
        }
        self.settle_write();
        self.check_open().inspect_err(|_| {
            // The cache was closed meanwhile, and this entry may have come after all others were freed.
            self.moka.invalidate(&sought);
            self.settle();
        })
    }

    pub(crate) fn delete(&self, key: Key<'_>) -> Result<bool> {
        self.check_open()?;
        let sought = Sought::new(key);
        let change = self.changes.begin(sought.hash);
        let removed = self.find(sought, |moka| moka.remove(&sought));
        drop(change);
        let Some(stored) = removed else {
            return Ok(false);
        };
        let gone = self.ledger.is_gone(&stored.life);
        self.settle();
        Ok(!gone)
    }

    /// Hides every entry at once. Returns the number of the clear if the entries are not freed yet.
    ///
    /// Moka's own way to hide all entries loses new ones: a reader that looked at the clock before the clear marks an
    /// entry that was stored after it as used before it, and moka then takes it for an old one.
    pub(crate) fn clear(&self) -> Result<Option<u64>> {
        self.check_open()?;
        let few = self.ledger.items() <= FREED_BY_CLEAR || self.ledger.ages().is_far_behind();
        let clear = self.ledger.ages().begin();
        if few {
            self.free_hidden(|| false);
        }
        Ok((!few).then_some(clear))
    }

    /// Refuses every later operation.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    /// Lets a write take effect on the policy, at once unless there is room enough.
    fn settle_write(&self) {
        let has_room = match self.max_items {
            Some(limit) => limit >= 2 * ROOM && self.ledger.items() + ROOM < limit,
            None => self.max_weight.is_none(),
        };
        let written = self.written.fetch_add(1, Ordering::Relaxed) + 1;
        if !has_room || written.saturating_sub(self.settled.load(Ordering::Relaxed)) > UNSETTLED {
            // Until they are settled every other writer comes here too and waits for its turn, so each adds one at most.
            let upto = self.written.load(Ordering::Relaxed);
            self.settle();
            self.settled.fetch_max(upto, Ordering::Relaxed);
        }
    }

    /// Lets all writes so far take effect on the policy. It waits for a lock at most, where a writer that finds
    /// moka's queue full would sleep.
    pub(crate) fn settle(&self) {
        self.moka.run_pending_tasks();
    }

    pub(crate) fn stats(&self) -> BackendStats {
        let mut stats = BackendStats::default();
        // Before the causes, so that each entry that has gone is told of.
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

    /// Says whether something has to go for an entry of this weight.
    pub(crate) fn is_full_with(&self, weight: u64) -> bool {
        self.max_items
            .or(self.max_weight)
            .is_some_and(|limit| self.moka.weighted_size().saturating_add(weight) > limit)
    }

    pub(crate) fn in_order(&self, sought: Sought<'_>) -> MutexGuard<'_, Order> {
        let order = &self.orders[usize::try_from(sought.hash % ORDERS as u64).unwrap_or_default()];
        order.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
