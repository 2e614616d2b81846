//! The backend `memory` out of its section.

use std::sync::Arc;

use cache_core::{CacheBackend, CacheError, Codec, ErrorKind, Key, Result, Value};
use cache_memory::{EvictionPolicy, MemoryBackend, MemoryBuilder, Weigher};

use crate::kind::BackendContext;
use crate::word::Policy;

/// What a value weighs that does not encode, in bytes. It is not known how long it is, so it is a guess.
const UNKNOWN: usize = 64;

/// Makes the backend.
pub(crate) fn make(context: &BackendContext<'_>) -> Result<Arc<dyn CacheBackend>> {
    Ok(Arc::new(builder(context)?.build()?))
}

/// Says whether it could be made.
pub(crate) fn check(context: &BackendContext<'_>) -> Result<()> {
    builder(context)?.check()
}

pub(crate) fn builder(context: &BackendContext<'_>) -> Result<MemoryBuilder> {
    let config = context.config().memory.clone().unwrap_or_default();
    let mut builder = MemoryBackend::builder();
    if let Some(items) = config.max_items {
        builder = builder.max_items(items);
    }
    if let Some(bytes) = config.max_bytes {
        // In the words of the configuration, before the builder says it in its own.
        if config.max_items.is_some_and(|items| items > 0) {
            return Err(bad_limit(
                "max_items and max_bytes are both set; a cache in memory has one limit, so drop one",
            ));
        }
        if bytes.0 == 0 {
            return Err(bad_limit(
                "max_bytes is 0, so nothing would fit; give a size above zero or leave it out",
            ));
        }
        builder = builder.max_weight(bytes.0, in_bytes(context.codec()));
    }
    if let Some(policy) = config.policy {
        builder = builder.policy(match policy {
            Policy::Lru => EvictionPolicy::Lru,
            Policy::TinyLfu => EvictionPolicy::TinyLfu,
        });
    }
    if let Some(idle) = config.time_to_idle {
        builder = builder.time_to_idle(idle.0);
    }
    if let Some(interval) = config.maintenance_interval {
        builder = builder.maintenance_interval(interval.0);
    }
    Ok(builder)
}

fn bad_limit(message: &'static str) -> CacheError {
    CacheError::new(ErrorKind::InvalidLimit, message)
}

/// Weighs entries by the bytes of the key and of the encoded value.
fn in_bytes(codec: Codec) -> Weigher {
    Weigher::new(move |key: Key<'_>, value: &Value| {
        let value = value
            .payload(&codec)
            .map_or(UNKNOWN, |payload| payload.bytes.len());
        u32::try_from(key.as_str().len() + value).unwrap_or(u32::MAX)
    })
}
