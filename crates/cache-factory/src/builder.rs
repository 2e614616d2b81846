//! Setting up one cache in code, in the manner of the source system: a name, and options one after the other.

use cache_core::{Cache, Expiration, Result};
use serde_json::Value;

use crate::config::{CacheConfig, RedisConfig};
use crate::factory::Factory;
use crate::registry::first_sign;
use crate::setting::{Secret, Ttl};

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

/// Starts to set up a cache on a Redis server, with a factory of its own.
#[cfg(feature = "redis")]
pub fn redis(name: impl Into<String>) -> Setup {
    Factory::new().redis(name)
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
        let memory = self.config.memory.get_or_insert_default();
        memory.max_items = Some(items);
        self
    }

    /// Sets where a server is, as `host:port`; `127.0.0.1:6379` unless it is told.
    pub fn address(mut self, address: impl Into<String>) -> Self {
        self.on_redis().address = Some(address.into());
        self
    }

    /// Sets where a server is by a URL, instead of an address: `redis://user:password@host:6379/0`.
    pub fn url(mut self, url: impl Into<String>) -> Self {
        self.on_redis().url = Some(Secret(url.into()));
        self
    }

    /// Sets the password for a server.
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.on_redis().password = Some(Secret(password.into()));
        self
    }

    /// Sets the number of the database of a server, 0 unless it is told.
    pub fn db(mut self, db: i64) -> Self {
        self.on_redis().db = Some(db);
        self
    }

    /// Sets an option of a backend that was registered.
    pub fn option(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        let options = self.config.options.get_or_insert_default();
        options.values.insert(name.into(), value.into());
        self
    }

    /// Says whether the cache must answer when it is opened. Off unless it is told.
    pub fn required(mut self, required: bool) -> Self {
        self.config.required = Some(required);
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

    /// Checks the settings, makes the cache, and asks it for a sign of life if it is required.
    ///
    /// # Errors
    /// What is wrong with the settings, and what a required cache answers if it is not well.
    pub async fn open(self) -> Result<Cache> {
        let required = self.config.required.unwrap_or_default();
        let cache = self.build()?;
        if required && let Err(error) = first_sign(&cache).await {
            // The first error is what is to be told; a cache that does not even close adds nothing to it.
            let _ = cache.close().await;
            return Err(error);
        }
        Ok(cache)
    }

    fn on_redis(&mut self) -> &mut RedisConfig {
        self.config.redis.get_or_insert_default()
    }
}
