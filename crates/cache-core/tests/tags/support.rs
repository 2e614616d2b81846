//! Caches with tags, and a loader that a test holds at a gate.

use std::fmt;
use std::sync::{Arc, Mutex};

use cache_core::{
    Cache, CacheBackend, CacheBuilder, CacheError, Key, Layer, LayerContext, LoadContext, LoadEvent, Loaded,
    Observer, Operation, Random, Result,
};
use cache_testkit::{ManualClock, MapBackend};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// Chance that is none, so that lives are as they were given.
#[derive(Debug)]
struct Never;

impl Random for Never {
    fn fraction(&self) -> f64 {
        0.0
    }
}

pub(crate) fn builder(backend: impl CacheBackend) -> CacheBuilder {
    Cache::builder(backend)
        .name("users")
        .random(Arc::new(Never))
        .tags(true)
}

pub(crate) fn cache_on(backend: impl CacheBackend) -> Cache {
    builder(backend).build().unwrap()
}

pub(crate) fn map() -> (Arc<MapBackend>, Arc<ManualClock>) {
    let clock = ManualClock::new();
    (Arc::new(MapBackend::new(clock.clone())), clock)
}

/// Writes down what the observers hear.
#[derive(Debug, Default)]
pub(crate) struct Ear {
    pub(crate) failed: Mutex<Vec<Operation>>,
    pub(crate) returned: Mutex<Vec<Operation>>,
    pub(crate) invalidated: Mutex<Vec<usize>>,
    pub(crate) loads: Mutex<Vec<LoadEvent>>,
}

impl Observer for Ear {
    fn failed(&self, operation: Operation, _: &CacheError) {
        self.failed.lock().unwrap().push(operation);
    }

    fn returned(&self, operation: Operation, _: &CacheError) {
        self.returned.lock().unwrap().push(operation);
    }

    fn invalidated(&self, tags: usize) {
        self.invalidated.lock().unwrap().push(tags);
    }

    fn load(&self, _: Key<'_>, event: LoadEvent) {
        self.loads.lock().unwrap().push(event);
    }
}

/// Makes an ear part of a cache.
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

/// An answer of a loader that waits until it is let go.
#[derive(Clone)]
pub(crate) struct Held {
    began: Arc<Notify>,
    goes_on: Arc<Notify>,
}

impl Held {
    pub(crate) fn new() -> Self {
        Self {
            began: Arc::default(),
            goes_on: Arc::default(),
        }
    }

    /// Asks for the key, and returns when the loader runs.
    pub(crate) async fn under_way(
        &self,
        cache: &Cache,
        tags: &'static [&'static str],
        answer: impl FnOnce() -> Loaded<u64> + Send + 'static,
    ) -> JoinHandle<Result<Option<u64>>> {
        let (cache, held) = (cache.clone(), self.clone());
        let caller = tokio::spawn(async move {
            let load = move |_: LoadContext<u64>| async move {
                held.began.notify_one();
                held.goes_on.notified().await;
                Ok::<_, Down>(answer())
            };
            cache.get_or_load("key", load).tags(tags).await
        });
        self.began.notified().await;
        caller
    }

    pub(crate) fn let_go(&self) {
        self.goes_on.notify_one();
    }
}

/// Asks for the key with a loader that answers this at once.
pub(crate) async fn load(cache: &Cache, tags: &[&str], value: u64) -> Result<u64> {
    cache
        .get_or_load("key", move || async move { Ok::<_, Down>(value) })
        .tags(tags)
        .await
}

/// The error of a loader.
#[derive(Debug)]
pub(crate) struct Down;

impl fmt::Display for Down {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the database is down")
    }
}

impl std::error::Error for Down {}

/// Lets all tasks of the runtime go as far as they can.
pub(crate) async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}
