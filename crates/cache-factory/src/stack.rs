//! What stands around a backend, and in which order.

use cache_core::{Cache, CacheBackend, CacheBuilder, CacheError, ErrorKind, Result};
#[cfg(feature = "tracing")]
use cache_tracing::{Keys, Tracing};

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
    /// 2. **Tags**, if they are on, so that to all that stands above a value whose tag was invalidated is a miss.
    /// 3. **Metrics**, next to it, so that they count and time what the backend does and nothing else.
    /// 4. **Spans and events**, around the metrics, so that a span covers all that an operation costs.
    /// 5. **The handle**, [`Cache`], which checks keys, decodes values and loads what is not there. It stands above the
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
        #[cfg_attr(
            not(any(feature = "metrics", feature = "tracing")),
            expect(unused_mut, reason = "there is no layer")
        )]
        let mut cache = plain(name, backend, config)?;
        #[cfg(feature = "metrics")]
        if config.metrics != Some(false) {
            cache = cache.layer(self.measuring()?.layer());
        }
        #[cfg(feature = "tracing")]
        if config.tracing != Some(false) {
            cache = cache.layer(told_of(self.telling(), config));
        }
        cache.build()
    }
}

/// Puts the handle together, without layers.
pub(crate) fn plain(name: &str, backend: impl CacheBackend, config: &CacheConfig) -> Result<CacheBuilder> {
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
    Ok(cache.tags(config.tags == Some(true)))
}

/// Returns the layer of spans and events as a cache wants it.
#[cfg(feature = "tracing")]
pub(crate) fn told_of(mut tracing: Tracing, config: &CacheConfig) -> Tracing {
    if let Some(keys) = config.keys_in_logs {
        tracing = tracing.keys(match keys {
            KeysInLogs::Redacted => Keys::Redacted,
            KeysInLogs::Shown => Keys::Shown,
        });
    }
    if let Some(interval) = config.failure_interval {
        tracing = tracing.failure_interval(interval.0);
    }
    tracing
}

#[cfg(all(test, feature = "tracing"))]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::setting::Span;

    #[test]
    fn what_a_cache_says_of_its_log_counts_before_the_factory() {
        let factory = Tracing::new().failure_interval(Duration::from_secs(60));
        let shown = |config: &CacheConfig| format!("{:?}", told_of(factory.clone(), config));
        let mut config = CacheConfig::default();
        assert_eq!(shown(&config), format!("{factory:?}"));
        config.failure_interval = Some(Span(Duration::ZERO));
        config.keys_in_logs = Some(KeysInLogs::Shown);
        let expected = Tracing::new().failure_interval(Duration::ZERO).keys(Keys::Shown);
        assert_eq!(shown(&config), format!("{expected:?}"));
    }
}
