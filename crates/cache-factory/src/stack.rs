//! What stands around a backend, and in which order.

use cache_core::{Cache, CacheBackend, CacheError, ErrorKind, Result};

use crate::codec::codec;
use crate::config::CacheConfig;
use crate::factory::Factory;
use crate::loading;
#[cfg(feature = "tracing")]
use crate::word::KeysInLogs;

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
    /// [`InvalidConfig`](cache_core::ErrorKind::InvalidConfig) for a codec that is not compiled in,
    /// [`Exhausted`](cache_core::ErrorKind::Exhausted) if no thread can be started.
    pub fn stack(&self, name: &str, backend: impl CacheBackend, config: &CacheConfig) -> Result<Cache> {
        let codec = codec(config).map_err(|message| CacheError::new(ErrorKind::InvalidConfig, message))?;
        let mut cache = Cache::builder(backend).name(name).codec(codec);
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
            let mut tracing = self.telling();
            if let Some(keys) = config.keys_in_logs {
                tracing = tracing.keys(match keys {
                    KeysInLogs::Redacted => cache_tracing::Keys::Redacted,
                    KeysInLogs::Shown => cache_tracing::Keys::Shown,
                });
            }
            if let Some(interval) = config.failure_interval {
                tracing = tracing.failure_interval(interval.0);
            }
            cache = cache.layer(tracing);
        }
        cache.build()
    }
}
