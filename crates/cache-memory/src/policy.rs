//! Which entry goes when room is needed.

use std::fmt;
use std::str::FromStr;

use cache_core::{CacheError, ErrorKind};

/// How the entry is chosen that makes room for another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum EvictionPolicy {
    /// The least recently used one. A new entry is always stored. The default: it is what the source system promises,
    /// and on traces of databases and mappers it keeps 1 to 15 points more than [`TinyLfu`](Self::TinyLfu).
    #[default]
    Lru,
    /// The least frequently used one, which may be the new entry itself: a set can succeed and store nothing. Better
    /// on scans, loops and searches. A clear of more than 1,000 entries hides them at once and ends when the thread of the cache
    /// has freed them, some microseconds for each, since none that is gone may keep out a new one.
    TinyLfu,
}

impl EvictionPolicy {
    /// Returns the name in configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Lru => "lru",
            Self::TinyLfu => "tinylfu",
        }
    }

    pub(crate) fn to_moka(self) -> moka::policy::EvictionPolicy {
        match self {
            Self::Lru => moka::policy::EvictionPolicy::lru(),
            Self::TinyLfu => moka::policy::EvictionPolicy::tiny_lfu(),
        }
    }
}

impl fmt::Display for EvictionPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Reads the name, in any case.
impl FromStr for EvictionPolicy {
    type Err = CacheError;

    fn from_str(name: &str) -> Result<Self, CacheError> {
        [Self::Lru, Self::TinyLfu]
            .into_iter()
            .find(|policy| policy.as_str().eq_ignore_ascii_case(name))
            .ok_or_else(|| {
                let message = format!("no eviction policy is named {name:?}; there are `lru` and `tinylfu`");
                CacheError::new(ErrorKind::UnknownPolicy, message)
            })
    }
}
