//! The settings of a memory cache, checked before anything starts.

use std::sync::Arc;
use std::time::Duration;

use cache_core::{Clock, Result, SystemClock};

use crate::backend::MemoryBackend;
use crate::error;
use crate::policy::EvictionPolicy;
use crate::weigher::Weigher;

/// More entries than this no process holds, and deadlines are numbered with 32 bits.
const MOST_ITEMS: u64 = u32::MAX as u64;

/// The settings of a [`MemoryBackend`]. Of a setting that is given twice the last counts.
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until build is called"]
pub struct MemoryBuilder {
    pub(crate) max_items: u64,
    pub(crate) max_weight: Option<(u64, Weigher)>,
    pub(crate) policy: EvictionPolicy,
    pub(crate) time_to_idle: Option<Duration>,
    pub(crate) maintenance_interval: Duration,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Default for MemoryBuilder {
    fn default() -> Self {
        Self {
            max_items: 0,
            max_weight: None,
            policy: EvictionPolicy::default(),
            time_to_idle: None,
            maintenance_interval: Duration::from_millis(500),
            clock: SystemClock::shared(),
        }
    }
}

impl MemoryBuilder {
    /// Sets how many entries the cache holds at most. 0, the default, is no limit.
    pub fn max_items(mut self, items: u64) -> Self {
        self.max_items = items;
        self
    }

    /// Sets how much the entries weigh at most in all, in the unit of the weigher. An entry heavier than that is not
    /// stored. No limit unless it is told.
    ///
    /// It is exceeded only while writes run, by no more than what the entries weigh that are being written. So with 64 writers
    /// it stays below a twentieth of the limit as long as no entry weighs more than a 1,280th of it; with a single writer, as
    /// long as none weighs more than a twentieth.
    pub fn max_weight(mut self, weight: u64, weigher: Weigher) -> Self {
        self.max_weight = Some((weight, weigher));
        self
    }

    /// Sets which entry goes when room is needed, the least recently used one unless it is told.
    pub fn policy(mut self, policy: EvictionPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Ends entries that were neither read nor written for this long, before their TTL if need be. Off unless it is
    /// told.
    pub fn time_to_idle(mut self, idle: Duration) -> Self {
        self.time_to_idle = Some(idle);
        self
    }

    /// Sets how often entries whose time has ended are freed without traffic: 500 ms unless it is told, from 1 ms to
    /// 1 h. They are freed one after the other, in some microseconds each, so where very many end at once the last one goes that
    /// much later: 100,000 within a second, a million in some seconds. To callers they are over at their end all the same.
    pub fn maintenance_interval(mut self, interval: Duration) -> Self {
        self.maintenance_interval = interval;
        self
    }

    /// Sets the clock, that of the machine unless it is told.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Checks the settings, makes the backend and starts its maintenance thread.
    ///
    /// # Errors
    /// [`InvalidLimit`](cache_core::ErrorKind::InvalidLimit) for two limits, for a weight of zero and for more items
    /// than a process can hold; [`InvalidTtl`](cache_core::ErrorKind::InvalidTtl) for an idle time of zero;
    /// [`InvalidConfig`](cache_core::ErrorKind::InvalidConfig) for an interval out of its range;
    /// [`Exhausted`](cache_core::ErrorKind::Exhausted) if no thread can be started.
    pub fn build(self) -> Result<MemoryBackend> {
        self.check()?;
        MemoryBackend::start(&self)
    }

    /// Checks the settings without making anything.
    ///
    /// # Errors
    /// As [`build`](Self::build), but for the thread.
    pub fn check(&self) -> Result<()> {
        if self.max_items > MOST_ITEMS {
            return Err(error::too_many_items(self.max_items, MOST_ITEMS));
        }
        if let Some((weight, _)) = self.max_weight {
            if self.max_items > 0 {
                return Err(error::two_limits());
            }
            if weight == 0 {
                return Err(error::no_weight());
            }
        }
        if self.time_to_idle.is_some_and(|idle| idle.is_zero()) {
            return Err(error::no_idle_time());
        }
        let interval = self.maintenance_interval;
        if interval < Duration::from_millis(1) || interval > Duration::from_secs(3_600) {
            return Err(error::bad_interval(interval));
        }
        Ok(())
    }
}
