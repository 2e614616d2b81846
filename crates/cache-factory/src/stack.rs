//! What stands around a backend, and in which order.

use cache_core::{Cache, CacheBackend, Result};

use crate::config::CacheConfig;
use crate::factory::Factory;
use crate::loading;

impl Factory {
    /// Makes a cache of a backend with all that this factory puts around it. From the inside out:
    ///
    /// 1. **The backend**, where entries live.
    /// 2. **Metrics**, next to it, so that they count and time exactly what the backend does and nothing else.
    /// 3. **Spans and events**, around the metrics, so that a span covers all that an operation costs.
    /// 4. **The handle**, [`Cache`], which checks keys, decodes values and loads what is not there. It stands above the
    ///    layers, so each caller counts and is told of, and the load that they share once.
    ///
    /// `Debug` of the cache prints the stack in this order, the outermost first:
    /// `Cache { name: "users", backend: Tracing(Metrics(MemoryBackend { .. })), .. }`.
    ///
    /// # Errors
    /// [`InvalidName`](cache_core::ErrorKind::InvalidName) for a name that no cache may have,
    /// [`InvalidLimit`](cache_core::ErrorKind::InvalidLimit) for keys that may have no length,
    /// [`Exhausted`](cache_core::ErrorKind::Exhausted) if no thread can be started.
    pub fn stack(&self, name: &str, backend: impl CacheBackend, config: &CacheConfig) -> Result<Cache> {
        let mut cache = Cache::builder(backend).name(name);
        if let Some(ttl) = config.ttl {
            cache = cache.ttl(ttl.0);
        }
        if let Some(max) = config.max_key_len {
            cache = cache.max_key_len(usize::try_from(max.0).unwrap_or(usize::MAX));
        }
        if let Some(loading) = &config.loading {
            cache = loading::configure(cache, loading);
        }
        #[cfg(feature = "metrics")]
        if config.metrics != Some(false) {
            cache = cache.layer(self.measuring()?.layer());
        }
        #[cfg(feature = "tracing")]
        if config.tracing != Some(false) {
            let keys = match config.keys_in_logs {
                None => None,
                Some(crate::config::KeysInLogs::Redacted) => Some(cache_tracing::Keys::Redacted),
                Some(crate::config::KeysInLogs::Shown) => Some(cache_tracing::Keys::Shown),
            };
            let tracing = self.telling();
            cache = cache.layer(match keys {
                Some(keys) => tracing.keys(keys),
                None => tracing,
            });
        }
        cache.build()
    }
}
