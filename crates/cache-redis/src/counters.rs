//! What is counted of a backend, for `stats`.

use std::sync::atomic::{AtomicI64, AtomicU8, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use cache_core::{BackendStats, ConnectionStats, RejectReason, RejectedEntries, ValueSizes, WaitTimes};
use tokio::time::Instant;

/// The numbers of one backend. They only grow, but for `waiting` and `up`.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// 0 until the server was asked for the first time, then 1 for no answer and 2 for an answer.
    up: AtomicU8,
    waiting: AtomicI64,
    /// Behind a lock, which only callers take that have waited anyway.
    waits: Mutex<WaitTimes>,
    wait_timeouts: AtomicU64,
    connects: AtomicU64,
    connect_failures: AtomicU64,
    breaker_openings: AtomicU64,
    retries: AtomicU64,
    /// Behind a lock for the time of two additions, beside a round trip for each.
    value_sizes: Mutex<ValueSizes>,
    rejected: [AtomicU64; RejectReason::ALL.len()],
}

const SILENT: u8 = 1;
const ANSWERING: u8 = 2;

impl Counters {
    /// Notes whether the server has given a sign of life. The line is written only when that changes.
    #[inline]
    pub(crate) fn note_up(&self, up: bool) {
        let now = if up { ANSWERING } else { SILENT };
        if self.up.load(Relaxed) != now {
            self.up.store(now, Relaxed);
        }
    }

    pub(crate) fn note_connect(&self, succeeded: bool) {
        let counter = if succeeded {
            &self.connects
        } else {
            &self.connect_failures
        };
        counter.fetch_add(1, Relaxed);
    }

    pub(crate) fn note_opening(&self) {
        self.breaker_openings.fetch_add(1, Relaxed);
    }

    pub(crate) fn note_retry(&self) {
        self.retries.fetch_add(1, Relaxed);
    }

    pub(crate) fn note_wait_timeout(&self) {
        self.wait_timeouts.fetch_add(1, Relaxed);
    }

    pub(crate) fn note_rejected(&self, reason: RejectReason) {
        if let Some(place) = RejectReason::ALL.iter().position(|one| *one == reason) {
            self.rejected[place].fetch_add(1, Relaxed);
        }
    }

    /// Notes values that the server has taken, by the length of what was sent.
    pub(crate) fn note_stored(&self, lens: impl IntoIterator<Item = usize>) {
        let mut sizes = held(&self.value_sizes);
        for len in lens {
            sizes.note(len);
        }
    }

    /// Counts a caller that has to wait for a connection, until what is returned is dropped.
    pub(crate) fn wait(&self) -> Waiting<'_> {
        self.waiting.fetch_add(1, Relaxed);
        Waiting {
            counters: self,
            since: Instant::now(),
        }
    }

    /// Fills in what is counted here.
    pub(crate) fn report(&self, stats: &mut BackendStats, connections: &mut ConnectionStats) {
        stats.up = match self.up.load(Relaxed) {
            0 => None,
            up => Some(up == ANSWERING),
        };
        connections.waiting = u64::try_from(self.waiting.load(Relaxed)).unwrap_or_default();
        connections.waits = *held(&self.waits);
        connections.wait_timeouts = self.wait_timeouts.load(Relaxed);
        connections.connects = self.connects.load(Relaxed);
        connections.connect_failures = self.connect_failures.load(Relaxed);
        connections.breaker_openings = self.breaker_openings.load(Relaxed);
        connections.retries = self.retries.load(Relaxed);
        let mut rejected = RejectedEntries::default();
        for (reason, count) in RejectReason::ALL.into_iter().zip(&self.rejected) {
            rejected.set(reason, count.load(Relaxed));
        }
        stats.rejected = Some(rejected);
        stats.value_sizes = Some(*held(&self.value_sizes));
    }
}

/// What is counted is consistent between any two calls, so a caller that panicked does no harm to others.
fn held<T>(counted: &Mutex<T>) -> MutexGuard<'_, T> {
    counted.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A caller that waits for a connection.
pub(crate) struct Waiting<'a> {
    counters: &'a Counters,
    since: Instant,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        held(&self.counters.waits).note(self.since.elapsed());
        self.counters.waiting.fetch_sub(1, Relaxed);
    }
}
