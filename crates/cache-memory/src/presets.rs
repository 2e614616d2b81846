//! Settings that fit most caches, under the names of the source system. Each returns a builder, so that layers can be
//! added before it is built.
//!
//! | preset | TTL | entries |
//! |---|---|---|
//! | [`default_cache`] | 5 minutes | 1,000 |
//! | [`debug_cache`] | 1 minute | 100 |
//! | [`production_cache`] | as given | as given |

use std::time::Duration;

use cache_core::{Cache, CacheBuilder, Expiration, Result};

use crate::backend::MemoryBackend;

/// How long entries of the default preset live.
pub const DEFAULT_TTL: Duration = Duration::from_secs(5 * 60);
/// How many entries the default preset holds.
pub const DEFAULT_MAX_ITEMS: u64 = 1_000;
/// How long entries of the debug preset live.
pub const DEBUG_TTL: Duration = Duration::from_secs(60);
/// How many entries the debug preset holds.
pub const DEBUG_MAX_ITEMS: u64 = 100;

/// A cache for most uses.
///
/// # Errors
/// As [`MemoryBuilder::build`](crate::MemoryBuilder::build).
pub fn default_cache(name: impl Into<String>) -> Result<CacheBuilder> {
    production_cache(name, DEFAULT_TTL, DEFAULT_MAX_ITEMS)
}

/// A cache that is small enough to see evictions and short-lived enough to see expirations.
///
/// # Errors
/// As [`MemoryBuilder::build`](crate::MemoryBuilder::build).
pub fn debug_cache(name: impl Into<String>) -> Result<CacheBuilder> {
    production_cache(name, DEBUG_TTL, DEBUG_MAX_ITEMS)
}

/// A cache whose TTL and limit somebody has thought about. 0 items is no limit.
///
/// # Errors
/// As [`MemoryBuilder::build`](crate::MemoryBuilder::build).
pub fn production_cache(
    name: impl Into<String>,
    ttl: impl Into<Expiration>,
    max_items: u64,
) -> Result<CacheBuilder> {
    let backend = MemoryBackend::builder().max_items(max_items).build()?;
    Ok(Cache::builder(backend).name(name).ttl(ttl))
}
