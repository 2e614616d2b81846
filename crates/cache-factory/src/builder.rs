//! Setting up one cache in code, in the manner of the source system: a name, and options one after the other.

use cache_core::{Cache, Expiration, Result};

use crate::config::{CacheConfig, MemoryConfig};
use crate::factory::Factory;
use crate::setting::Ttl;

/// A cache that is being set up. Of a setting that is given twice the last counts. One that means nothing for the
/// backend is an error.
#[derive(Clone, Debug)]
#[must_use = "nothing is made until build is called"]
pub struct Setup {
    factory: Factory,
    name: String,
    config: CacheConfig,
}

/// Starts to set up a cache on the backend that a word names, `inmemory` or `redis`, with a factory of its own.
pub fn cache(backend: impl Into<String>, name: impl Into<String>) -> Setup {
    Factory::new().cache(backend, name)
}

/// Starts to set up a cache in memory, with a factory of its own.
#[cfg(feature = "memory")]
pub fn in_memory(name: impl Into<String>) -> Setup {
    Factory::new().in_memory(name)
}

impl Setup {
    pub(crate) fn new(factory: Factory, backend: String, name: String) -> Self {
        let config = CacheConfig {
            backend: Some(backend),
            ..CacheConfig::default()
        };
        Self {
            factory,
            name,
            config,
        }
    }

    /// Sets how long values live unless a write says otherwise, one minute unless it is told.
    pub fn ttl(mut self, ttl: impl Into<Expiration>) -> Self {
        self.config.ttl = Some(Ttl(ttl.into()));
        self
    }

    /// Sets the most entries of a cache in memory; 0, the default, is no limit.
    pub fn max_items(mut self, items: u64) -> Self {
        let memory = self.config.memory.get_or_insert_with(MemoryConfig::default);
        memory.max_items = Some(items);
        self
    }

    /// Changes any other setting.
    pub fn configure(mut self, change: impl FnOnce(&mut CacheConfig)) -> Self {
        change(&mut self.config);
        self
    }

    /// Checks the settings and makes the cache, without I/O.
    ///
    /// # Errors
    /// What is wrong with the settings.
    pub fn build(self) -> Result<Cache> {
        Ok(self.factory.make_alone(&self.name, &self.config)?)
    }
}
