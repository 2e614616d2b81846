//! Caches to load into, and loaders that a test holds at a gate.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cache_core::{Cache, CacheBackend, CacheBuilder};
pub(crate) use cache_testkit::{Ear, FixedRandom as Fixed, SourceDown as Down};
use cache_testkit::{ManualClock, MapBackend};
use tokio::sync::Semaphore;

/// A cache on a map, its clock, and what its observers hear.
pub(crate) struct Bench {
    pub(crate) cache: Cache,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) ear: Ear,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::with(|builder| builder)
    }

    /// Without jitter, which the tests of jitter turn on.
    pub(crate) fn with(change: impl FnOnce(CacheBuilder) -> CacheBuilder) -> Self {
        Self::on(|map| Arc::new(map), change)
    }

    pub(crate) fn on(
        wrap: impl FnOnce(MapBackend) -> Arc<dyn CacheBackend>,
        change: impl FnOnce(CacheBuilder) -> CacheBuilder,
    ) -> Self {
        let clock = ManualClock::new();
        let ear = Ear::default();
        let builder = Cache::builder(wrap(MapBackend::new(clock.clone())))
            .name("users")
            .random(Arc::new(Fixed(0.0)))
            .layer(ear.clone());
        Self {
            cache: change(builder).build().unwrap(),
            clock,
            ear,
        }
    }

    /// On a backend that the test keeps hold of.
    pub(crate) fn keeping<B: CacheBackend>(
        wrap: impl FnOnce(MapBackend) -> B,
        change: impl FnOnce(CacheBuilder) -> CacheBuilder,
    ) -> (Self, Arc<B>) {
        let mut kept = None;
        let bench = Self::on(
            |map| {
                let backend = Arc::new(wrap(map));
                kept = Some(Arc::clone(&backend));
                backend
            },
            change,
        );
        (bench, kept.unwrap())
    }
}

/// Counts its runs and holds them until it is opened.
#[derive(Clone)]
pub(crate) struct Gate {
    runs: Arc<AtomicUsize>,
    gate: Arc<Semaphore>,
}

impl Gate {
    pub(crate) fn shut() -> Self {
        Self {
            runs: Arc::default(),
            gate: Arc::new(Semaphore::new(0)),
        }
    }

    /// Counts, and holds nobody.
    pub(crate) fn open() -> Self {
        let gate = Self::shut();
        gate.let_all_through();
        gate
    }

    /// Comes to the gate and returns when it may go on. Returns how many came before.
    pub(crate) async fn pass(&self) -> usize {
        let before = self.runs.fetch_add(1, Ordering::SeqCst);
        // Closed means open for all.
        if let Ok(permit) = self.gate.acquire().await {
            permit.forget();
        }
        before
    }

    pub(crate) fn let_all_through(&self) {
        self.gate.close();
    }

    pub(crate) fn let_one_through(&self) {
        self.gate.add_permits(1);
    }

    pub(crate) fn runs(&self) -> usize {
        self.runs.load(Ordering::SeqCst)
    }

    /// Waits until so many have come.
    pub(crate) async fn reached(&self, runs: usize) {
        while self.runs() < runs {
            tokio::task::yield_now().await;
        }
    }
}

/// Lets all tasks of the runtime go as far as they can.
pub(crate) async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// A millisecond less, which is the last one before an end.
pub(crate) fn just_before(time: Duration) -> Duration {
    time.saturating_sub(Duration::from_millis(1))
}
