//! The breaker: while the server does not answer, calls fail at once and one now and then is let through to look.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cache_core::{CacheError, Result};
use tokio::time::Instant;

use crate::admission::Admission;
use crate::counters::Counters;
use crate::error;
use crate::failure;
use crate::jitter::jittered;

/// When the breaker opens and how often it lets a call through. Of a setting that is given twice the last counts.
///
/// It opens after some failures in a row, or when half of enough calls within a second failed. While it is open, calls
/// fail within a microsecond, and one call per interval asks the server; if that one succeeds, the breaker closes.
/// Failures are answers that do not come and servers that say they are not ready; a refused command or a full server is
/// an answer, and a request for which less than half of its budget was left says nothing by being late. Reads and writes
/// have a breaker each, and on a Cluster each shard has both, as have slots that nobody serves: one that is down, or a server
/// that takes no writes, does not fail what would succeed. A call on many keys counts once with each.
#[derive(Clone, Debug)]
#[must_use = "settings do nothing until they are given to a builder"]
pub struct BreakerSettings {
    failures_in_a_row: u32,
    calls_in_window: u64,
    probe_interval: Duration,
    enabled: bool,
}

/// Over which time the share of failures is looked at.
const WINDOW: Duration = Duration::from_secs(1);

impl Default for BreakerSettings {
    fn default() -> Self {
        Self {
            failures_in_a_row: 5,
            calls_in_window: 20,
            // With the longest attempt to connect that was under way it has to fit in the second after which a server that is
            // well again is used.
            probe_interval: Duration::from_millis(400),
            enabled: true,
        }
    }
}

impl BreakerSettings {
    /// Returns a breaker that never opens.
    pub fn off() -> Self {
        Self {
            enabled: false,
            ..Self::default()
        }
    }

    /// Sets how many failures in a row open it: 5 unless it is told.
    pub fn failures_in_a_row(mut self, failures: u32) -> Self {
        self.failures_in_a_row = failures;
        self
    }

    /// Sets of how many calls in a second at least half must have failed: 20 unless it is told.
    pub fn calls_in_window(mut self, calls: u64) -> Self {
        self.calls_in_window = calls;
        self
    }

    /// Sets the longest time between two calls that are let through while it is open: 400 ms unless it is told. Each
    /// time is a random one between half of it and the whole.
    pub fn probe_interval(mut self, interval: Duration) -> Self {
        self.probe_interval = interval;
        self
    }

    pub(crate) fn check(&self) -> Result<()> {
        let interval = self.probe_interval;
        if interval < Duration::from_millis(1) || interval > Duration::from_secs(3_600) {
            return Err(error::bad_duration("probe_interval", interval));
        }
        if self.failures_in_a_row == 0 || self.calls_in_window == 0 {
            return Err(error::bad_breaker());
        }
        Ok(())
    }
}

/// One breaker.
#[derive(Debug)]
pub(crate) struct Breaker {
    settings: BreakerSettings,
    in_a_row: AtomicU32,
    /// Whether a call failed lately. Only then successes count, since a counter that all calls change would slow them.
    watching: AtomicBool,
    successes: AtomicU64,
    /// Changes of the state are rare, so a lock holds them; `closed` is what every call looks at.
    state: Mutex<State>,
    open: AtomicU32,
    /// How often it was told to forget what was. What was let through before says nothing of what is since.
    #[cfg(feature = "cluster")]
    resets: AtomicU32,
}

#[derive(Debug)]
struct State {
    window: Instant,
    /// What `successes` was when the window began.
    successes: u64,
    failures: u64,
    /// When the next call is let through.
    next_probe: Instant,
}

impl Breaker {
    pub(crate) fn new(settings: &BreakerSettings) -> Self {
        let now = Instant::now();
        Self {
            settings: settings.clone(),
            in_a_row: AtomicU32::new(0),
            watching: AtomicBool::new(false),
            successes: AtomicU64::new(0),
            state: Mutex::new(State {
                window: now,
                successes: 0,
                failures: 0,
                next_probe: now,
            }),
            open: AtomicU32::new(0),
            #[cfg(feature = "cluster")]
            resets: AtomicU32::new(0),
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.open.load(Relaxed) != 0
    }

    /// Forgets what was, for another server.
    #[cfg(feature = "cluster")]
    pub(crate) fn reset(&self) {
        let mut state = self.state();
        state.failures = 0;
        self.resets.fetch_add(1, Relaxed);
        self.in_a_row.store(0, Relaxed);
        self.open.store(0, Relaxed);
    }

    /// Says how often it was told to forget.
    #[cfg(feature = "cluster")]
    pub(crate) fn resets(&self) -> u32 {
        self.resets.load(Relaxed)
    }

    #[cfg(not(feature = "cluster"))]
    #[expect(clippy::unused_self, reason = "that of a Cluster is told to")]
    pub(crate) fn resets(&self) -> u32 {
        0
    }

    /// Lets a call through.
    ///
    /// # Errors
    /// If the breaker is open and it is not time to look.
    #[inline]
    pub(crate) fn admit<'a>(&'a self, counters: &'a Counters) -> Result<Admission<'a>> {
        if self.is_open() {
            self.probe()?;
            return Ok(Admission::new(self, counters, true));
        }
        Ok(Admission::new(self, counters, false))
    }

    #[cold]
    fn probe(&self) -> Result<(), CacheError> {
        let mut state = self.state();
        let now = Instant::now();
        if now < state.next_probe {
            return Err(failure::breaker_open());
        }
        state.next_probe = now + self.pause();
        Ok(())
    }

    #[inline]
    pub(crate) fn succeed(&self, probed: bool) {
        if self.in_a_row.load(Relaxed) != 0 {
            self.in_a_row.store(0, Relaxed);
        }
        if self.watching.load(Relaxed) {
            self.count_success();
        }
        if probed {
            let mut state = self.state();
            state.failures = 0;
            self.open.store(0, Relaxed);
        }
    }

    #[cold]
    fn count_success(&self) {
        let counted = self.successes.fetch_add(1, Relaxed);
        if counted.is_multiple_of(64) && Instant::now().duration_since(self.state().window) > WINDOW {
            self.watching.store(false, Relaxed);
        }
    }

    #[cold]
    pub(crate) fn fail(&self, probed: bool, counters: &Counters) {
        let in_a_row = self.in_a_row.fetch_add(1, Relaxed).saturating_add(1);
        if !self.settings.enabled {
            return;
        }
        let mut state = self.state();
        let now = Instant::now();
        if probed {
            state.next_probe = now + self.pause();
            return;
        }
        if now.duration_since(state.window) > WINDOW {
            state.window = now;
            state.successes = self.successes.load(Relaxed);
            state.failures = 0;
        }
        state.failures += 1;
        self.watching.store(true, Relaxed);
        let calls = state.failures + self.successes.load(Relaxed).wrapping_sub(state.successes);
        let many = calls >= self.settings.calls_in_window && state.failures.saturating_mul(2) >= calls;
        if (many || in_a_row >= self.settings.failures_in_a_row) && !self.is_open() {
            state.next_probe = now + self.pause();
            self.open.store(1, Relaxed);
            counters.note_opening();
        }
    }

    /// Returns a random time between half of the interval and the whole, so that processes do not look all at once.
    fn pause(&self) -> Duration {
        jittered(self.settings.probe_interval)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RedisBackend;
    use crate::jitter::assert_jittered;

    #[test]
    fn what_nobody_told_is_as_documented() {
        const PAGE: &str = include_str!("../../../docs/redis.md");
        let settings = BreakerSettings::default();
        assert!(settings.enabled);
        let row = format!(
            "| `breaker` | {} in a row, half of {} in {} s, {} ms |",
            settings.failures_in_a_row,
            settings.calls_in_window,
            WINDOW.as_secs(),
            settings.probe_interval.as_millis()
        );
        assert!(PAGE.contains(&row), "docs/redis.md does not say {row}");
    }

    fn breaker() -> (Breaker, Counters) {
        (Breaker::new(&BreakerSettings::default()), Counters::default())
    }

    fn call(breaker: &Breaker, counters: &Counters, succeeds: bool) {
        let admission = breaker.admit(counters).unwrap();
        if !succeeds {
            admission.note_failure();
        }
        admission.end();
    }

    #[tokio::test(start_paused = true)]
    async fn five_failures_in_a_row_open_it() {
        let (breaker, counters) = breaker();
        for _ in 0..5 {
            assert!(!breaker.is_open());
            call(&breaker, &counters, false);
        }
        assert!(breaker.is_open() && breaker.admit(&counters).is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_had_too_little_time_does_not_close_it() {
        let (breaker, counters) = breaker();
        for _ in 0..5 {
            call(&breaker, &counters, false);
        }
        tokio::time::advance(breaker.settings.probe_interval).await;
        let probe = breaker.admit(&counters).unwrap();
        probe.note_unsure();
        probe.end();
        assert!(breaker.is_open());
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_had_too_little_time_counts_as_neither() {
        let (breaker, counters) = breaker();
        for _ in 0..4 {
            call(&breaker, &counters, false);
            let admission = breaker.admit(&counters).unwrap();
            admission.note_unsure();
            admission.end();
        }
        assert!(!breaker.is_open());
        call(&breaker, &counters, false);
        assert!(breaker.is_open());
    }

    #[cfg(feature = "cluster")]
    #[tokio::test(start_paused = true)]
    async fn a_call_that_began_before_it_forgot_counts_as_neither() {
        let (breaker, counters) = breaker();
        let old: Vec<_> = (0..5).map(|_| breaker.admit(&counters).unwrap()).collect();
        breaker.reset();
        for admission in old {
            admission.note_failure();
            admission.end();
        }
        assert!(!breaker.is_open());
        for _ in 0..4 {
            call(&breaker, &counters, false);
        }
        let old = breaker.admit(&counters).unwrap();
        breaker.reset();
        for _ in 0..4 {
            call(&breaker, &counters, false);
        }
        old.end();
        call(&breaker, &counters, false);
        assert!(breaker.is_open(), "an old success counted");
    }

    #[tokio::test(start_paused = true)]
    async fn a_success_between_failures_keeps_it_closed() {
        let (breaker, counters) = breaker();
        for _ in 0..4 {
            for succeeds in [false, false, true, true, true, true] {
                call(&breaker, &counters, succeeds);
            }
        }
        assert!(!breaker.is_open());
    }

    #[tokio::test(start_paused = true)]
    async fn half_of_twenty_calls_open_it() {
        let (breaker, counters) = breaker();
        call(&breaker, &counters, false);
        for _ in 0..9 {
            call(&breaker, &counters, true);
            call(&breaker, &counters, false);
        }
        assert!(!breaker.is_open());
        call(&breaker, &counters, true);
        call(&breaker, &counters, false);
        assert!(breaker.is_open());
    }

    #[tokio::test(start_paused = true)]
    async fn failures_of_another_second_do_not_count() {
        let (breaker, counters) = breaker();
        for _ in 0..20 {
            call(&breaker, &counters, false);
            call(&breaker, &counters, true);
            tokio::time::advance(Duration::from_millis(300)).await;
        }
        assert!(!breaker.is_open());
    }

    #[tokio::test(start_paused = true)]
    async fn one_call_per_interval_looks_and_a_success_closes_it() {
        let (breaker, counters) = breaker();
        for _ in 0..5 {
            call(&breaker, &counters, false);
        }
        for _ in 0..3 {
            tokio::time::advance(Duration::from_millis(500)).await;
            let probe = breaker.admit(&counters).unwrap();
            assert!(probe.is_probe() && breaker.admit(&counters).is_err());
            probe.note_failure();
            probe.end();
            assert!(breaker.admit(&counters).is_err());
        }
        tokio::time::advance(Duration::from_millis(500)).await;
        breaker.admit(&counters).unwrap().end();
        assert!(!breaker.is_open() && !breaker.admit(&counters).unwrap().is_probe());
    }

    #[test]
    fn pauses_are_of_chance_between_half_of_the_interval_and_the_whole() {
        let (breaker, _) = breaker();
        assert_jittered(breaker.settings.probe_interval, || breaker.pause());
    }

    /// Even if an attempt to connect has just begun when the server is well again.
    #[test]
    fn by_default_the_next_look_comes_within_a_second() {
        let connect = RedisBackend::builder().connect_timeout;
        let looks = BreakerSettings::default().probe_interval;
        assert!(connect + looks <= Duration::from_millis(900));
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_was_given_up_is_repeated() {
        let (breaker, counters) = breaker();
        for _ in 0..5 {
            call(&breaker, &counters, false);
        }
        tokio::time::advance(Duration::from_millis(500)).await;
        let given_up = breaker.admit(&counters).unwrap();
        assert!(given_up.is_probe());
        assert!(breaker.admit(&counters).is_err());
        tokio::time::advance(Duration::from_millis(500)).await;
        assert!(breaker.admit(&counters).unwrap().is_probe());
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_off_stays_closed() {
        let breaker = Breaker::new(&BreakerSettings::off());
        for _ in 0..100 {
            call(&breaker, &Counters::default(), false);
        }
        assert!(!breaker.is_open());
    }
}
