//! How long callers waited for connections, in buckets, so that the distribution survives until somebody asks for it.

use std::time::Duration;

const BUCKETS: usize = WaitTimes::BOUNDS.len() + 1;

/// How many callers waited how long, since the start. Counts are exact, and so is the time in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WaitTimes([Waits; BUCKETS]);

/// The waits of one bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Waits {
    /// How many there were.
    pub count: u64,
    /// How long they were together.
    pub total: Duration,
}

impl WaitTimes {
    /// Upper bounds of the buckets; a wait equal to a bound is in its bucket. The first is 100 µs, which a free connection
    /// stays below. One more bucket holds what is longer than 2.5 s, which the default budgets never reach.
    pub const BOUNDS: [Duration; 14] = [
        Duration::from_micros(100),
        Duration::from_micros(250),
        Duration::from_micros(500),
        Duration::from_millis(1),
        Duration::from_micros(2_500),
        Duration::from_millis(5),
        Duration::from_millis(10),
        Duration::from_millis(25),
        Duration::from_millis(50),
        Duration::from_millis(100),
        Duration::from_millis(250),
        Duration::from_millis(500),
        Duration::from_secs(1),
        Duration::from_millis(2_500),
    ];

    /// Notes a wait that ended.
    pub fn note(&mut self, waited: Duration) {
        let waits = &mut self.0[Self::BOUNDS.partition_point(|bound| *bound < waited)];
        waits.count += 1;
        waits.total = waits.total.saturating_add(waited);
    }

    /// Returns the waits of each bucket, in the order of [`BOUNDS`](Self::BOUNDS), the longest last.
    pub fn buckets(&self) -> &[Waits] {
        &self.0
    }

    /// Returns how many waits there were.
    pub fn count(&self) -> u64 {
        self.0.iter().map(|waits| waits.count).sum()
    }

    /// Returns how long all waits were together.
    pub fn total(&self) -> Duration {
        let totals = self.0.iter().map(|waits| waits.total);
        totals.fold(Duration::ZERO, Duration::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_in_the_first_bucket_whose_bound_it_does_not_pass() {
        for (place, bound) in WaitTimes::BOUNDS.iter().enumerate() {
            let mut waits = WaitTimes::default();
            waits.note(*bound);
            waits.note(*bound + Duration::from_nanos(1));
            let counts: Vec<u64> = waits.buckets().iter().map(|bucket| bucket.count).collect();
            assert_eq!((counts[place], counts[place + 1]), (1, 1), "{bound:?}");
            assert_eq!(waits.count(), 2);
        }
    }

    #[test]
    fn the_time_in_all_is_exact_and_never_overflows() {
        let mut waits = WaitTimes::default();
        for millis in [1, 20, 300, 4_000] {
            waits.note(Duration::from_millis(millis));
        }
        assert_eq!(waits.total(), Duration::from_millis(4_321));
        waits.note(Duration::MAX);
        waits.note(Duration::MAX);
        assert_eq!((waits.count(), waits.total()), (6, Duration::MAX));
    }
}
