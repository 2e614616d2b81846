//! What the cache knows about its entries beside moka: how many there are, when they end, why they went. Moka reports
//! every removal to it, so each entry is accounted for exactly once.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cache_core::{Clock, EvictedEntries, EvictionCause, Timestamp};
use compact_str::CompactString;
use moka::notification::RemovalCause;

use crate::ages::Ages;
use crate::deadlines::{Deadlines, Slot};
use crate::idle::IdleTimes;
use crate::stored::Life;

/// How long a slot without an entry is left alone.
const PUT_OFF: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct Ledger {
    clock: Arc<dyn Clock>,
    idle: Option<IdleTimes>,
    deadlines: Mutex<Deadlines>,
    ages: Ages,
    stored: AtomicU64,
    removed: AtomicU64,
    /// What moka takes entries for: a cache has one limit at most.
    limit: EvictionCause,
    evictions: AtomicU64,
    too_heavy: AtomicU64,
    expirations: AtomicU64,
}

impl Ledger {
    pub(crate) fn new(clock: Arc<dyn Clock>, idle: Option<IdleTimes>, limit: EvictionCause) -> Self {
        Self {
            clock,
            idle,
            deadlines: Mutex::default(),
            ages: Ages::new(),
            stored: AtomicU64::new(0),
            removed: AtomicU64::new(0),
            limit,
            evictions: AtomicU64::new(0),
            too_heavy: AtomicU64::new(0),
            expirations: AtomicU64::new(0),
        }
    }

    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// Returns which clears hide which entries.
    #[inline]
    pub(crate) fn ages(&self) -> &Ages {
        &self.ages
    }

    /// Notes an entry that is about to be stored.
    pub(crate) fn open(&self, key: &CompactString, expires_at: Timestamp) -> Slot {
        self.stored.fetch_add(1, Ordering::Relaxed);
        let Some(idle) = &self.idle else {
            if expires_at == Timestamp::MAX {
                return Slot::NONE;
            }
            return self.deadlines().add(key.clone(), expires_at);
        };
        let now = self.clock.now();
        let slot = self.deadlines().add(key.clone(), idle.first_end(now, expires_at));
        idle.start(slot, now, expires_at);
        slot
    }

    /// Notes an entry that moka removed, and why.
    pub(crate) fn close(&self, life: &Life, cause: RemovalCause) {
        if life.age() != self.ages.current() {
            // A clear took it, neither time nor want of room.
        } else if self.has_ended(life, || self.clock.now()) {
            self.expirations.fetch_add(1, Ordering::Relaxed);
        } else if cause == RemovalCause::Size {
            self.evictions.fetch_add(1, Ordering::Relaxed);
        }
        // After the cause: who sees that an entry has gone sees why.
        self.removed.fetch_add(1, Ordering::Release);
        if life.slot != Slot::NONE {
            self.deadlines().remove(life.slot);
        }
    }

    /// Says whether an entry is no longer there for callers: cleared, or over.
    #[inline]
    pub(crate) fn is_gone(&self, life: &Life) -> bool {
        life.age() != self.ages.current() || self.has_ended(life, || self.clock.coarse())
    }

    /// Says whether the time of an entry has ended.
    #[inline]
    fn has_ended(&self, life: &Life, now: impl FnOnce() -> Timestamp) -> bool {
        if life.slot == Slot::NONE && life.expires_at == Timestamp::MAX {
            return false;
        }
        let end = self
            .idle
            .as_ref()
            .and_then(|idle| idle.ends_at(life.slot))
            .unwrap_or(Timestamp::MAX);
        now() >= life.expires_at.min(end)
    }

    /// Says whether the entry that moka has for this key is over, without looking at it.
    pub(crate) fn is_key_over(&self, key: &str) -> bool {
        let Some((slot, due)) = self.deadlines().find(key) else {
            return false;
        };
        let end = self
            .idle
            .as_ref()
            .and_then(|idle| idle.ends_at(slot))
            .unwrap_or(due);
        self.clock.coarse() >= end
    }

    /// Notes a use of an entry.
    #[inline]
    pub(crate) fn touch(&self, life: &Life) {
        if let Some(idle) = &self.idle {
            idle.touch(life.slot, self.clock.coarse());
        }
    }

    /// Returns an entry that may be over, if there is one.
    pub(crate) fn first_due(&self) -> Option<(Slot, CompactString)> {
        let now = self.clock.now();
        self.deadlines().first_due(now)
    }

    /// Says whether an entry that was due is over now. One that was used meanwhile is put off instead.
    pub(crate) fn is_due(&self, slot: Slot, key: &str) -> bool {
        let now = self.clock.now();
        let mut deadlines = self.deadlines();
        if !deadlines.is_due(slot, key, now) {
            return false;
        }
        match self.idle.as_ref().and_then(|idle| idle.ends_at(slot)) {
            Some(end) if now < end => {
                deadlines.postpone(slot, key, end);
                false
            }
            _ => true,
        }
    }

    /// Puts off a slot whose entry somebody else is just removing. Only who removes an entry may free its slot, so that
    /// it is freed once.
    pub(crate) fn put_off(&self, slot: Slot, key: &str) {
        let later = self.clock.now() + PUT_OFF;
        self.deadlines().postpone(slot, key, later);
    }

    /// Returns how many entries there are.
    pub(crate) fn items(&self) -> u64 {
        // Removals are read first: an entry is stored before it is removed, so the difference is never negative.
        let removed = self.removed.load(Ordering::Acquire);
        self.stored.load(Ordering::Acquire).saturating_sub(removed)
    }

    /// Returns how many entries were ever stored.
    #[inline]
    pub(crate) fn inserted(&self) -> u64 {
        self.stored.load(Ordering::Relaxed)
    }

    /// Notes an entry that was not stored because no room would do for it.
    pub(crate) fn note_too_heavy(&self) {
        self.too_heavy.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn evictions(&self) -> EvictedEntries {
        let mut evictions = EvictedEntries::default();
        evictions.set(self.limit, self.evictions.load(Ordering::Relaxed));
        evictions.set(EvictionCause::TooHeavy, self.too_heavy.load(Ordering::Relaxed));
        evictions
    }

    pub(crate) fn expirations(&self) -> u64 {
        self.expirations.load(Ordering::Relaxed)
    }

    /// The table is consistent between any two calls, so a panic elsewhere while it was locked does no harm.
    fn deadlines(&self) -> MutexGuard<'_, Deadlines> {
        self.deadlines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
