//! What an entry weighs, for caches that are limited by weight and not by items.

use std::fmt;
use std::sync::Arc;

use cache_core::{Key, Value};

type Weigh = dyn Fn(Key<'_>, &Value) -> u32 + Send + Sync;

/// Says what an entry weighs, in a unit of the caller's choice. It runs once for each write and must be quick.
///
/// ```
/// use cache_core::Value;
/// use cache_memory::{MemoryBackend, Weigher};
///
/// // The memory that pages take: the length of the text and of the key.
/// let bytes = Weigher::new(|key, value: &Value| {
///     let text = value.downcast_ref::<String>().map_or(64, String::len);
///     u32::try_from(key.as_str().len() + text).unwrap_or(u32::MAX)
/// });
/// let backend = MemoryBackend::builder().max_weight(64 * 1024 * 1024, bytes).build()?;
/// # Ok::<_, cache_core::CacheError>(())
/// ```
#[derive(Clone)]
pub struct Weigher(Arc<Weigh>);

impl Weigher {
    /// Makes a weigher from a function. An entry that weighs nothing never makes room necessary.
    pub fn new(weigh: impl Fn(Key<'_>, &Value) -> u32 + Send + Sync + 'static) -> Self {
        Self(Arc::new(weigh))
    }

    pub(crate) fn weigh(&self, key: Key<'_>, value: &Value) -> u32 {
        (self.0)(key, value)
    }
}

impl fmt::Debug for Weigher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Weigher")
    }
}
