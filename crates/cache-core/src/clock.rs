//! Time as an input: what the library asks for the time, so that tests can answer.

use std::fmt;
use std::ops::Add;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A point in time in whole milliseconds since the Unix epoch.
///
/// Stored stamps mean the same in every process. Within one process the values of one clock never go back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The end of time, later than every real point.
    pub const MAX: Self = Self(u64::MAX);

    /// Makes a point in time from milliseconds since the Unix epoch.
    #[inline]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Returns the milliseconds since the Unix epoch.
    #[inline]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Returns the time from `earlier` to this point, zero if `earlier` is later.
    #[inline]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// Adds a duration, rounded up to whole milliseconds and capped at [`Timestamp::MAX`].
impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        let millis = duration.as_nanos().div_ceil(1_000_000);
        Self(self.0.saturating_add(u64::try_from(millis).unwrap_or(u64::MAX)))
    }
}

/// Where the time comes from.
pub trait Clock: Send + Sync + fmt::Debug + 'static {
    /// Returns the time, exact to the millisecond. Stamps are made of it.
    fn now(&self) -> Timestamp;

    /// Returns a time that may lag [`now`](Self::now) by some milliseconds but never leads it, and costs less.
    /// Whatever asks whether an entry is over uses it, reads and deletes alike, so an entry never ends early and at most
    /// one tick late.
    fn coarse(&self) -> Timestamp;
}

/// The clock of the machine: the wall clock when it was first asked, carried on by the monotonic one, so that
/// setting the wall clock changes nothing in a running process.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl SystemClock {
    /// Returns the clock that every backend uses unless it is given another.
    pub fn shared() -> Arc<dyn Clock> {
        static SHARED: OnceLock<Arc<dyn Clock>> = OnceLock::new();
        Arc::clone(SHARED.get_or_init(|| Arc::new(Self)))
    }
}

impl Clock for SystemClock {
    #[inline]
    fn now(&self) -> Timestamp {
        Timestamp(origin().saturating_add(monotonic::precise()))
    }

    #[inline]
    fn coarse(&self) -> Timestamp {
        Timestamp(origin().saturating_add(monotonic::coarse()))
    }
}

/// Returns the wall clock minus the monotonic clock in milliseconds, as of the first call.
#[inline]
fn origin() -> u64 {
    static ORIGIN: OnceLock<u64> = OnceLock::new();
    *ORIGIN.get_or_init(|| {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(wall.as_millis())
            .unwrap_or(u64::MAX)
            .saturating_sub(monotonic::precise())
    })
}

/// Milliseconds of the monotonic clock. The coarse one of the kernel is read without the cycle counter, which is
/// what makes a deadline check on a hit free; its tick is 1 to 10 ms.
#[cfg(any(target_os = "linux", target_os = "android"))]
mod monotonic {
    use rustix::time::{ClockId, Timespec, clock_gettime};

    #[inline]
    pub(super) fn precise() -> u64 {
        millis(clock_gettime(ClockId::Monotonic))
    }

    #[inline]
    pub(super) fn coarse() -> u64 {
        millis(clock_gettime(ClockId::MonotonicCoarse))
    }

    #[inline]
    fn millis(time: Timespec) -> u64 {
        time.tv_sec
            .unsigned_abs()
            .saturating_mul(1_000)
            .saturating_add(time.tv_nsec.unsigned_abs() / 1_000_000)
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod monotonic {
    use std::sync::OnceLock;
    use std::time::Instant;

    pub(super) fn precise() -> u64 {
        static START: OnceLock<Instant> = OnceLock::new();
        u64::try_from(START.get_or_init(Instant::now).elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    pub(super) fn coarse() -> u64 {
        precise()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coarse_never_leads() {
        for _ in 0..10_000 {
            let coarse = SystemClock.coarse();
            let now = SystemClock.now();
            assert!(coarse <= now, "{coarse:?} leads {now:?}");
        }
    }

    /// Of many looks the best one counts: between the two of a pair the machine may do something else.
    #[test]
    fn coarse_lags_by_some_milliseconds_at_most() {
        let lag = |_| {
            let now = SystemClock.now();
            now.since(SystemClock.coarse())
        };
        let least = (0..1_000).map(lag).min();
        assert!(least < Some(Duration::from_millis(20)), "{least:?}");
    }

    #[test]
    fn a_fraction_of_a_millisecond_counts_as_one() {
        let start = Timestamp::from_millis(5);
        assert_eq!(start + Duration::from_nanos(1), Timestamp::from_millis(6));
        assert_eq!(start + Duration::from_millis(400), Timestamp::from_millis(405));
    }

    #[test]
    fn the_longest_duration_does_not_overflow() {
        assert_eq!(Timestamp::from_millis(5) + Duration::MAX, Timestamp::MAX);
    }

    #[test]
    fn the_system_clock_is_near_the_wall_clock() {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        let ours = u128::from(SystemClock.now().as_millis());
        assert!(wall.abs_diff(ours) < 5_000, "wall {wall}, ours {ours}");
    }
}
