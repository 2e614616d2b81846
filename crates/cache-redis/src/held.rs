//! What a lane holds: its connection, and how the last attempt to make one failed.

use std::fmt;
use std::time::Duration;

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
#[derive(Default)]
pub(crate) struct Slot {
    held: Option<Held>,
    /// Counts connections, so that a late failure of one is not taken for a failure of the next.
    number: u64,
    failure: Option<Failure>,
    /// An attempt to connect is under way.
    pub(crate) connecting: bool,
    pub(crate) closed: bool,
}

struct Held {
    link: Link,
    /// Keeps the place in the pool.
    pooled: Pooled,
}

struct Failure {
    error: CacheError,
    attempts: u32,
    not_before: Instant,
}

/// A connection to run one request on.
pub(crate) struct Leased {
    pub(crate) link: Link,
    pub(crate) number: u64,
}

impl Slot {
    /// Returns the connection if there is one.
    #[inline]
    pub(crate) fn lease(&self) -> Option<Leased> {
        self.held.as_ref().map(|held| Leased {
            link: held.link.clone(),
            number: self.number,
        })
    }

    /// Says whether this connection is held still.
    pub(crate) fn holds(&self, number: u64) -> bool {
        self.held.is_some() && self.number == number
    }

    /// Puts a new connection in the place of what is there.
    pub(crate) fn hold(&mut self, pooled: Pooled) {
        self.discard();
        let link = Link::clone(&pooled);
        self.held = Some(Held { link, pooled });
        self.number += 1;
        self.failure = None;
    }

    /// Takes the connection out of the pool for good.
    pub(crate) fn discard(&mut self) {
        if let Some(held) = self.held.take() {
            drop(Object::take(held.pooled));
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
            .field("connected", &self.held.is_some())
            .field("number", &self.number)
            .field("connecting", &self.connecting)
            .field("failure", &self.failure.as_ref().map(|failure| &failure.error))
            .field("closed", &self.closed)
            .finish()
    }
}
