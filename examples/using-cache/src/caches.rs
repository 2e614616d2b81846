//! The two caches of the service. This is all that it takes to have them: a configuration, and what they are measured
//! and told of with.

use std::time::Duration;

use cache_core::{Cache, Expiration, Result};
use cache_factory::{Config, Factory, Health, Registry};
use tracing::info;

/// The caches, each with a name of its own in the metrics. Clones are handles on the same caches.
#[derive(Clone, Debug)]
pub struct Caches {
    /// From the id of a product to the product, or to the answer that there is none.
    pub products: Cache,
    /// From a search term to the ids that it finds.
    pub searches: Cache,
    registry: Registry,
    health: Health,
}

impl Caches {
    /// Opens the caches that the configuration describes.
    ///
    /// # Errors
    /// What is wrong with the configuration, or a required cache that does not answer.
    pub async fn open(factory: &Factory, config: &Config) -> Result<Self> {
        let registry = factory.open(config).await?;
        Ok(Self {
            products: registry.get("products")?,
            searches: registry.get("searches")?,
            health: Health::new(registry.clone()),
            registry,
        })
    }

    /// Returns each cache.
    pub fn all(&self) -> [&Cache; 2] {
        [&self.products, &self.searches]
    }

    /// Returns how they do.
    pub fn health(&self) -> &Health {
        &self.health
    }

    /// Ends the caches and their background work, and sends their last numbers to the metrics.
    ///
    /// # Errors
    /// What the backends report.
    pub async fn close(&self) -> Result<()> {
        self.registry.close_all().await?;
        info!("caches closed");
        Ok(())
    }
}

/// Returns how long the values of a cache live by the configuration, unless they live for ever.
pub(crate) fn life(config: &Config, name: &str) -> Option<Duration> {
    let ttl = config.caches.get(name).and_then(|cache| cache.ttl);
    match ttl?.0 {
        Expiration::After(ttl) => Some(ttl),
        _ => None,
    }
}

#[cfg(test)]
pub(crate) async fn in_memory(max_items: u64) -> Caches {
    let mut draft = cache_factory::Draft::default();
    draft.set("defaults.backend", "memory");
    draft.set("caches.products.memory.max_items", max_items);
    draft.set("caches.products.loading.stale_if_error", "11m");
    draft.set("caches.searches.ttl", "5s");
    let factory = Factory::new();
    Caches::open(&factory, &factory.read(&draft).unwrap())
        .await
        .unwrap()
}
