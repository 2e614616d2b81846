//! What a lane holds: its connection, and how the last attempt to make one failed.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use cache_core::CacheError;
use deadpool::managed::Object;
use tokio::time::Instant;

use crate::link::Link;
use crate::pool::Pooled;

/// The first pause after a failed attempt to connect, doubled with each one up to the longest. The breaker spaces out
/// attempts beyond that.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// The state of a lane.
pub(crate) struct Slot {
    /// Keeps the place in the pool.
    pooled: Option<Pooled>,
    /// The same connection where calls find it without a lock.
    ready: Arc<Ready>,
    /// Counts connections, so that a late failure of one is not taken for a failure of the next.
    number: u64,
    failure: Option<Failure>,
    /// An attempt to connect is under way.
    pub(crate) connecting: bool,
    pub(crate) closed: bool,
}

/// The connection of a lane, if there is one.
pub(crate) type Ready = ArcSwapOption<Leased>;

struct Failure {
    error: CacheError,
    attempts: u32,
    not_before: Instant,
}

/// A connection to run requests on.
#[derive(Clone, Debug)]
pub(crate) struct Leased {
    pub(crate) link: Link,
    pub(crate) number: u64,
}

impl Slot {
    pub(crate) fn new(ready: Arc<Ready>) -> Self {
        Self {
            pooled: None,
            ready,
            number: 0,
            failure: None,
            connecting: false,
            closed: false,
        }
    }

    /// Returns the connection if there is one.
    pub(crate) fn lease(&self) -> Option<Leased> {
        self.ready.load().as_deref().cloned()
    }

    /// Says whether this connection is held still.
    pub(crate) fn holds(&self, number: u64) -> bool {
        self.pooled.is_some() && self.number == number
    }

    /// Puts a new connection in the place of what is there.
    pub(crate) fn hold(&mut self, pooled: Pooled) {
        self.discard();
        self.number += 1;
        self.ready.store(Some(Arc::new(Leased {
            link: Link::clone(&pooled),
            number: self.number,
        })));
        self.pooled = Some(pooled);
        self.failure = None;
    }

    /// Takes the connection out of the pool for good.
    pub(crate) fn discard(&mut self) {
        self.ready.store(None);
        if let Some(pooled) = self.pooled.take() {
            drop(Object::take(pooled));
        }
    }

    /// Notes that an attempt to connect failed.
    pub(crate) fn fail(&mut self, error: CacheError) {
        let attempts = self.failure.as_ref().map_or(0, |failure| failure.attempts);
        let pause = FIRST_PAUSE
            .saturating_mul(1 << attempts.min(8))
            .min(LONGEST_PAUSE);
        let jittered = pause.mul_f64(0.5 + fastrand::f64() / 2.0);
        self.failure = Some(Failure {
            error,
            attempts: attempts.saturating_add(1),
            not_before: Instant::now() + jittered,
        });
    }

    /// Returns the error of an attempt that failed so lately that the next has to wait.
    pub(crate) fn recent_failure(&self) -> Option<CacheError> {
        let recent = self
            .failure
            .as_ref()
            .filter(|failure| Instant::now() < failure.not_before);
        recent.map(|failure| failure.error.clone())
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot")
            .field("connected", &self.pooled.is_some())
            .field("number", &self.number)
            .field("connecting", &self.connecting)
            .field("failure", &self.failure.as_ref().map(|failure| &failure.error))
            .field("closed", &self.closed)
            .finish_non_exhaustive()
    }
}
