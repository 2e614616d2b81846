//! What the tests have in common.

use std::sync::Arc;
use std::time::Duration;

use cache_core::{Cache, CacheBackend, EvictionCause, Expiration};
use cache_memory::{MemoryBackend, MemoryBuilder};
use cache_testkit::ManualClock;

/// A cache by a manual clock whose thread works often enough to be waited for.
pub(crate) struct Setup {
    pub(crate) cache: Cache,
    pub(crate) clock: Arc<ManualClock>,
}

/// Builds a cache whose entries live for a minute.
pub(crate) fn setup(configure: impl FnOnce(MemoryBuilder) -> MemoryBuilder) -> Setup {
    let clock = ManualClock::new();
    let builder = MemoryBackend::builder()
        .clock(clock.clone())
        .maintenance_interval(Duration::from_millis(5));
    let backend = configure(builder).build().unwrap();
    Setup {
        cache: cache_on(backend),
        clock,
    }
}

/// Builds a cache whose thread does nothing for an hour, for tests that look at what callers do themselves.
pub(crate) fn setup_without_thread(configure: impl FnOnce(MemoryBuilder) -> MemoryBuilder) -> Setup {
    setup(|builder| configure(builder).maintenance_interval(Duration::from_secs(3_600)))
}

fn cache_on(backend: impl CacheBackend) -> Cache {
    Cache::builder(backend)
        .ttl(Expiration::After(Duration::from_secs(60)))
        .build()
        .unwrap()
}

/// Returns which of the keys the cache holds, without using them.
pub(crate) async fn held<'a>(cache: &Cache, keys: &[&'a str]) -> Vec<&'a str> {
    let mut held = Vec::new();
    for key in keys {
        if cache.exists(key).await.unwrap() {
            held.push(*key);
        }
    }
    held
}

/// Returns how many entries were taken for room by each cause: items, weight, too heavy.
pub(crate) fn evictions(cache: &Cache) -> [u64; 3] {
    let evictions = cache.stats().evictions.unwrap();
    EvictionCause::ALL.map(|cause| evictions.get(cause))
}
