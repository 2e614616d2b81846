//! Our cache, as the benchmarks build it.

#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a benchmark ends when its cache cannot be built"
)]

use std::time::Duration;

use cache_core::{Cache, Expiration, LoadOptions};
use cache_memory::{EvictionPolicy, MemoryBackend, MemoryBuilder};
use cache_metrics::Metrics;
use cache_tracing::Tracing;

/// One hour, longer than any benchmark.
pub const HOUR: Duration = Duration::from_hours(1);

/// Begins a backend for as many entries. Its thread sleeps all the time, so that it is not measured by chance.
pub fn backend(max_items: u64) -> MemoryBuilder {
    MemoryBackend::builder()
        .max_items(max_items)
        .maintenance_interval(HOUR)
}

/// Builds a cache without layers.
pub fn bare(max_items: u64, expiration: impl Into<Expiration>) -> Cache {
    let backend = backend(max_items).build().expect("the backend starts");
    Cache::builder(backend)
        .ttl(expiration)
        .build()
        .expect("the cache is built")
}

/// Builds a cache of a policy without layers, whose entries do not end.
pub fn of_policy(max_items: u64, policy: EvictionPolicy) -> Cache {
    let backend = backend(max_items)
        .policy(policy)
        .build()
        .expect("the backend starts");
    Cache::builder(backend)
        .ttl(Expiration::Never)
        .build()
        .expect("the cache is built")
}

/// Builds a cache without layers whose calls that may load have these options.
pub fn loading(max_items: u64, expiration: impl Into<Expiration>, options: LoadOptions) -> Cache {
    let backend = backend(max_items).build().expect("the backend starts");
    Cache::builder(backend)
        .ttl(expiration)
        .loading(options)
        .build()
        .expect("the cache is built")
}

/// Builds a cache with the metrics layer on it.
pub fn measured(max_items: u64, expiration: impl Into<Expiration>, metrics: &Metrics) -> Cache {
    let backend = backend(max_items).build().expect("the backend starts");
    let cache = Cache::builder(backend)
        .name("bench")
        .ttl(expiration)
        .layer(metrics.layer());
    cache.build().expect("the cache is built")
}

/// Builds a cache with the tracing layer on it.
pub fn traced(max_items: u64, expiration: impl Into<Expiration>) -> Cache {
    let backend = backend(max_items).build().expect("the backend starts");
    let cache = Cache::builder(backend)
        .name("bench")
        .ttl(expiration)
        .layer(Tracing::new());
    cache.build().expect("the cache is built")
}
