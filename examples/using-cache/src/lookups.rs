//! Whether answers came from a cache: said with each answer, and added up for the overview and the last log line.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use cache_core::{Cache, Source};
use serde::Serialize;

/// Whether the cache had the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheStatus {
    /// It had.
    Hit,
    /// The source was asked.
    Miss,
    /// It had an older one, and the source did not answer.
    Stale,
}

impl CacheStatus {
    /// Returns the word for the header `x-cache`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
            Self::Stale => "stale",
        }
    }

    /// Says what the source of an answer of the cache is called here.
    pub(crate) const fn of(source: Source) -> Self {
        match source {
            Source::Hit => Self::Hit,
            Source::Stale(_) => Self::Stale,
            _ => Self::Miss,
        }
    }
}

/// The lookups in one cache.
#[derive(Debug, Default)]
pub(crate) struct Lookups {
    hits: AtomicU64,
    misses: AtomicU64,
}

impl Lookups {
    /// Counts a lookup. A stale answer is none that the cache should have, so it counts as a miss, as in the metrics.
    pub(crate) fn count(&self, status: CacheStatus) {
        let counter = match status {
            CacheStatus::Hit => &self.hits,
            CacheStatus::Miss | CacheStatus::Stale => &self.misses,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Puts together what is known about a cache now.
    pub(crate) fn report(&self, cache: &Cache) -> CacheReport {
        let (hits, misses) = (
            self.hits.load(Ordering::Relaxed),
            self.misses.load(Ordering::Relaxed),
        );
        let lookups = hits + misses;
        let stats = cache.stats();
        CacheReport {
            name: cache.name().to_owned(),
            hits,
            misses,
            hit_ratio: (lookups > 0).then(|| hits as f64 / lookups as f64),
            items: stats.items,
            max_items: stats.max_items,
            evictions: stats.evictions.map(|evicted| evicted.total()),
            expirations: stats.expirations,
        }
    }
}

/// What is known about a cache. `None` is what does not exist, such as the ratio before the first lookup.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CacheReport {
    /// Its name.
    pub name: String,
    /// Lookups that it answered.
    pub hits: u64,
    /// Lookups that the source had to answer, or a stale value in its place.
    pub misses: u64,
    /// The share of hits in the lookups.
    pub hit_ratio: Option<f64>,
    /// Entries held now.
    pub items: Option<u64>,
    /// The limit of `items`.
    pub max_items: Option<u64>,
    /// Entries that were taken for room.
    pub evictions: Option<u64>,
    /// Entries whose time ended.
    pub expirations: Option<u64>,
}

impl fmt::Display for CacheReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} hits, {} misses", self.name, self.hits, self.misses)?;
        if let Some(ratio) = self.hit_ratio {
            write!(f, ", hit ratio {ratio:.3}")?;
        }
        Ok(())
    }
}
