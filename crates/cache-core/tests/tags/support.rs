//! Caches with tags, and a loader that a test holds at a gate.

use std::sync::Arc;

use cache_core::{Cache, CacheBackend, CacheBuilder, LoadContext, Loaded, Result};
pub(crate) use cache_testkit::{Ear, SourceDown as Down};
use cache_testkit::{FixedRandom, ManualClock, MapBackend};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

pub(crate) fn builder(backend: impl CacheBackend) -> CacheBuilder {
    Cache::builder(backend)
        .name("users")
        .random(Arc::new(FixedRandom(0.0)))
        .tags(true)
}

pub(crate) fn cache_on(backend: impl CacheBackend) -> Cache {
    builder(backend).build().unwrap()
}

pub(crate) fn map() -> (Arc<MapBackend>, Arc<ManualClock>) {
    let clock = ManualClock::new();
    (Arc::new(MapBackend::new(clock.clone())), clock)
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

/// Begins such a call, and lets it go as far as it can.
pub(crate) async fn begin_load(
    cache: &Cache,
    tags: &'static [&'static str],
    value: u64,
) -> JoinHandle<Result<u64>> {
    let cache = cache.clone();
    let call = tokio::spawn(async move { load(&cache, tags, value).await });
    settle().await;
    call
}

/// Lets all tasks of the runtime go as far as they can.
pub(crate) async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}
