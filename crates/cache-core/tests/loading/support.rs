//! Caches to load into, loaders that a test holds at a gate, and an ear for what the observers hear.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cache_core::{
    Cache, CacheBackend, CacheBuilder, CacheError, Key, Layer, LayerContext, LoadEvent, LoadResult, Observer,
    Operation, Random, Result,
};
use cache_testkit::{ManualClock, MapBackend};
use tokio::sync::Semaphore;

/// A cache on a map, its clock, and what its observers hear.
pub(crate) struct Bench {
    pub(crate) cache: Cache,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) ear: Arc<Ear>,
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
        let ear = Arc::new(Ear::default());
        let builder = Cache::builder(wrap(MapBackend::new(clock.clone())))
            .name("users")
            .random(Arc::new(Fixed(0.0)))
            .layer(Hearing(Arc::clone(&ear)));
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

/// Chance that is none.
#[derive(Debug)]
pub(crate) struct Fixed(pub(crate) f64);

impl Random for Fixed {
    fn fraction(&self) -> f64 {
        self.0
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

/// An error of a loader's own type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Down(pub(crate) u32);

impl fmt::Display for Down {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the database is down, code {}", self.0)
    }
}

impl std::error::Error for Down {}

/// Writes down what the observers hear.
#[derive(Debug, Default)]
pub(crate) struct Ear {
    events: Mutex<Vec<LoadEvent>>,
    failures: Mutex<Vec<Operation>>,
}

impl Ear {
    pub(crate) fn count(&self, matches: impl Fn(&LoadEvent) -> bool) -> usize {
        self.events
            .lock()
            .unwrap()
            .iter()
            .filter(|event| matches(event))
            .count()
    }

    pub(crate) fn results(&self) -> Vec<LoadResult> {
        let events = self.events.lock().unwrap();
        let results = events.iter().filter_map(|event| match event {
            LoadEvent::Ended { result, .. } => Some(*result),
            _ => None,
        });
        results.collect()
    }

    pub(crate) fn failures(&self) -> Vec<Operation> {
        self.failures.lock().unwrap().clone()
    }
}

impl Observer for Ear {
    fn failed(&self, operation: Operation, _: &CacheError) {
        self.failures.lock().unwrap().push(operation);
    }

    fn load(&self, _: Key<'_>, event: LoadEvent) {
        self.events.lock().unwrap().push(event);
    }
}

/// Lets an ear hear what the observers of a cache hear.
pub(crate) struct Hearing(pub(crate) Arc<Ear>);

impl Layer for Hearing {
    fn layer(
        &self,
        inner: Arc<dyn CacheBackend>,
        context: &mut LayerContext,
    ) -> Result<Arc<dyn CacheBackend>> {
        context.observe(Arc::clone(&self.0) as _);
        Ok(inner)
    }
}
