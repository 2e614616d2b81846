//! What a lane holds: its connection, and how the last attempt to make one failed.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use cache_core::{CacheError, ErrorKind};
use deadpool::managed::Object;
use tokio::time::Instant;

use crate::jitter::jittered;
use crate::link::Link;
use crate::pool::Pooled;

/// The first pause after a failed attempt to connect, doubled with each one up to the longest. The breaker spaces out
/// attempts beyond that.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);
/// The longest pause where the server refuses the credentials: it does not come back by itself, and notes each attempt.
const LONGEST_PAUSE_IF_DENIED: Duration = Duration::from_millis(750);

/// A connection is given up once in so long for a value that was not what it must be.
const DOUBT: Duration = Duration::from_secs(10);

/// The state of a lane.
pub(crate) struct Slot {
    /// Keeps the place in the pool.
    pooled: Option<Pooled>,
    /// The same connection where calls find it without a lock.
    ready: Arc<Ready>,
    /// Counts connections, so that a late failure of one is not taken for a failure of the next.
    number: u64,
    failure: Option<Failure>,
    /// Counts attempts to connect, so that a late end of one is not taken for that of the next.
    attempts: u64,
    /// The attempt to connect that is under way, and since when.
    connecting: Option<(u64, Instant)>,
    /// When a connection was given up for a value that was not what it must be.
    doubted: Option<Instant>,
    pub(crate) closed: bool,
}

/// The connection of a lane, if there is one.
pub(crate) type Ready = ArcSwapOption<Leased>;

struct Failure {
    error: CacheError,
    /// The attempt that failed.
    attempt: u64,
    in_a_row: u32,
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
            attempts: 0,
            connecting: None,
            doubted: None,
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
        if let Some(silent) = self.take() {
            silent.give_up();
        }
        self.number += 1;
        self.ready.store(Some(Arc::new(Leased {
            link: Link::clone(&pooled),
            number: self.number,
        })));
        self.pooled = Some(pooled);
        self.failure = None;
    }

    /// Takes the connection out of the pool for good. It ends before there is another one: what a caller has given up does
    /// not arrive behind what comes later.
    pub(crate) fn discard(&mut self) {
        if let Some(pooled) = self.take() {
            pooled.cut();
        }
    }

    /// Takes the connection out of the pool for the next one.
    fn take(&mut self) -> Option<Link> {
        self.ready.store(None);
        self.pooled.take().map(Object::take)
    }

    /// Begins an attempt to connect and returns its number.
    pub(crate) fn begin(&mut self) -> u64 {
        self.attempts += 1;
        self.connecting = Some((self.attempts, Instant::now()));
        self.attempts
    }

    /// Returns the attempt to connect that is under way, unless it was begun longer ago than it can take: then the
    /// runtime that it was begun in is not run.
    pub(crate) fn connecting(&self, longest: Duration) -> Option<u64> {
        let (attempt, since) = self.connecting?;
        (since.elapsed() <= longest).then_some(attempt)
    }

    /// Ends an attempt to connect. Says no if another one took its place.
    pub(crate) fn end(&mut self, attempt: u64) -> bool {
        let is_current = self.connecting.is_some_and(|(current, _)| current == attempt);
        if is_current {
            self.connecting = None;
        }
        is_current
    }

    /// Says whether to give up the connection for a value that was not what it must be, which is the server's fault if
    /// it happens again so soon.
    pub(crate) fn doubt(&mut self) -> bool {
        let again = self.doubted.is_some_and(|before| before.elapsed() < DOUBT);
        if !again {
            self.doubted = Some(Instant::now());
        }
        !again
    }

    /// Notes that the last attempt to connect failed.
    pub(crate) fn fail(&mut self, error: CacheError) {
        self.pause_after(error, self.attempts);
    }

    /// Notes that somebody else could not connect. It is not the end of an attempt that is under way.
    pub(crate) fn fail_elsewhere(&mut self, error: CacheError) {
        let ended = self.attempts - u64::from(self.connecting.is_some());
        self.pause_after(error, ended);
    }

    /// Forgets the failures: somebody else has a connection.
    pub(crate) fn succeed_elsewhere(&mut self) {
        self.failure = None;
    }

    fn pause_after(&mut self, error: CacheError, attempt: u64) {
        let in_a_row = self.failure.as_ref().map_or(0, |failure| failure.in_a_row);
        let longest = if error.kind() == ErrorKind::Denied {
            LONGEST_PAUSE_IF_DENIED
        } else {
            LONGEST_PAUSE
        };
        let pause = FIRST_PAUSE.saturating_mul(1 << in_a_row.min(8)).min(longest);
        self.failure = Some(Failure {
            error,
            attempt,
            in_a_row: in_a_row.saturating_add(1),
            not_before: Instant::now() + jittered(pause),
        });
    }

    /// Returns how this attempt or a later one failed, if it is the last that ended.
    pub(crate) fn failure_since(&self, attempt: u64) -> Option<CacheError> {
        let failure = self.failure.as_ref().filter(|failure| failure.attempt >= attempt);
        failure.map(|failure| failure.error.clone())
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
            .field("connecting", &self.connecting.is_some())
            .field("failure", &self.failure.as_ref().map(|failure| &failure.error))
            .field("closed", &self.closed)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jitter::assert_jittered;

    /// Lets an attempt fail some times and returns how long the next one has to wait then.
    fn pause(failures: u32, kind: ErrorKind) -> Duration {
        let mut slot = Slot::new(Arc::default());
        for _ in 0..failures {
            slot.begin();
            slot.fail(CacheError::new(kind, "it failed"));
        }
        slot.failure.unwrap().not_before - Instant::now()
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_are_of_chance_between_the_half_and_the_whole() {
        for (failures, kind, whole) in [
            (1, ErrorKind::Unavailable, FIRST_PAUSE),
            (2, ErrorKind::Unavailable, 2 * FIRST_PAUSE),
            (3, ErrorKind::Unavailable, 4 * FIRST_PAUSE),
            (100, ErrorKind::Unavailable, LONGEST_PAUSE),
            (100, ErrorKind::Denied, LONGEST_PAUSE_IF_DENIED),
        ] {
            assert_jittered(whole, || pause(failures, kind));
        }
    }
}
