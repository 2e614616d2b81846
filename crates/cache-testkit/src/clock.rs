//! A clock that stands still until it is told otherwise, so that no test sleeps to see an entry end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cache_core::{Clock, Timestamp};

/// A clock that goes on only by [`advance`](Self::advance). Its coarse time does not lag.
///
/// ```
/// use std::time::Duration;
/// use cache_core::Clock;
/// use cache_testkit::ManualClock;
///
/// let clock = ManualClock::new();
/// let start = clock.now();
/// clock.advance(Duration::from_secs(60));
/// assert_eq!(clock.now().since(start), Duration::from_secs(60));
/// ```
#[derive(Debug)]
pub struct ManualClock(AtomicU64);

impl ManualClock {
    /// Where every manual clock starts: the first of January 2020 at midnight UTC. It is fixed so that a failure
    /// shows the same stamps each time, and far from zero so that entries may be older than the clock.
    pub const START: Timestamp = Timestamp::from_millis(1_577_836_800_000);

    /// Makes a clock that stands at [`START`](Self::START).
    pub fn new() -> Arc<Self> {
        Arc::new(Self(AtomicU64::new(Self::START.as_millis())))
    }

    /// Lets time pass: whole milliseconds, fractions rounded up, at most to the end of time.
    pub fn advance(&self, time: Duration) {
        let later = |now| Some((Timestamp::from_millis(now) + time).as_millis());
        let _ = self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, later);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Acquire))
    }

    fn coarse(&self) -> Timestamp {
        self.now()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stands_still_until_it_is_advanced() {
        let clock = ManualClock::new();
        assert_eq!(
            (clock.now(), clock.coarse()),
            (ManualClock::START, ManualClock::START)
        );
        clock.advance(Duration::from_millis(7));
        assert_eq!(clock.now().since(ManualClock::START), Duration::from_millis(7));
        assert_eq!(clock.coarse(), clock.now());
    }

    #[test]
    fn it_stops_at_the_end_of_time() {
        let clock = ManualClock::new();
        clock.advance(Duration::MAX);
        clock.advance(Duration::MAX);
        assert_eq!(clock.now(), Timestamp::MAX);
    }
}
