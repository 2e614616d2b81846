//! The two caches of the service and their settings. This is all that it takes to have a cache: a backend, a name, a
//! life, and a layer for the metrics.

use std::time::Duration;

use cache_core::{Cache, Result};
use cache_memory::{EvictionPolicy, MemoryBackend};
use cache_metrics::Metrics;
use cache_tracing::Tracing;

/// Searches are cached for so short a time that new products show up soon.
const SEARCH_TTL: Duration = Duration::from_secs(5);
/// What people search for is up to them, so this limit keeps them from filling the memory.
const MAX_SEARCHES: u64 = 1_000;

/// What can be set about the cache of products.
#[derive(Clone, Copy, Debug)]
pub struct CacheSettings {
    /// The most entries, 0 for no limit.
    pub max_items: u64,
    /// How long an entry lives.
    pub ttl: Duration,
    /// Which entry goes when room is needed.
    pub policy: EvictionPolicy,
}

/// The caches, each with a name of its own in the metrics. Clones are handles on the same caches.
#[derive(Clone, Debug)]
pub struct Caches {
    /// From the id of a product to the product, or to `None` if there is none.
    pub products: Cache,
    /// From a search term to the ids that it finds.
    pub searches: Cache,
}

impl Caches {
    /// Builds the caches.
    ///
    /// # Errors
    /// If a setting is out of its range.
    pub fn build(settings: &CacheSettings, metrics: &Metrics) -> Result<Self> {
        let backend = MemoryBackend::builder()
            .max_items(settings.max_items)
            .policy(settings.policy)
            .build()?;
        let products = Cache::builder(backend)
            .name("products")
            .ttl(settings.ttl)
            .layer(metrics.layer())
            .layer(Tracing::new())
            .build()?;

        let backend = MemoryBackend::builder().max_items(MAX_SEARCHES).build()?;
        let searches = Cache::builder(backend)
            .name("searches")
            .ttl(SEARCH_TTL)
            .layer(metrics.layer())
            .layer(Tracing::new())
            .build()?;

        Ok(Self { products, searches })
    }

    /// Returns each cache.
    pub fn all(&self) -> [&Cache; 2] {
        [&self.products, &self.searches]
    }

    /// Ends the caches and their background work, and sends their last numbers to the metrics.
    ///
    /// # Errors
    /// What the backends report.
    pub async fn close(&self) -> Result<()> {
        for cache in self.all() {
            cache.close().await?;
        }
        Ok(())
    }
}
