//! What happens to loads, in the words that stand in metrics and logs.

use std::time::Duration;

use super::answer::StaleReason;

/// Something that happened while callers asked with [`get_or_load`](crate::Cache::get_or_load).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoadEvent {
    /// A loader began to run.
    Started,
    /// A loader that had started ended.
    Ended {
        /// How.
        result: LoadResult,
        /// How long it ran, without what came before and after it.
        elapsed: Duration,
        /// Whether it ran in the background, to renew a value that callers still got.
        refresh: bool,
    },
    /// A caller began to wait for a load that another one leads.
    Joined,
    /// A caller that had joined waits no longer.
    Left,
    /// A caller got a stale value.
    StaleServed(StaleReason),
    /// A caller got the remembered answer that there is nothing.
    NegativeHit,
    /// A caller found a fresh entry that does not read as what it asked for. Layers took it for a hit; it is loaded as
    /// if nothing were there, so it counts as a miss.
    Unreadable,
    /// The backend was asked once more for a caller that had counted before, since something changed meanwhile. Layers
    /// counted that as well, so whoever counts callers takes it off.
    LookedAgain {
        /// Whether layers took it for a hit, and not for a miss.
        hit: bool,
    },
    /// A loaded value could not be stored. Its callers got it even so.
    StoreFailed,
    /// The limit of concurrent loads refused a load.
    Refused,
}

/// How a load ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LoadResult {
    /// With a value to store.
    Success,
    /// With the answer that there is nothing.
    NotFound,
    /// With a value that is not to be stored.
    NotStored,
    /// With the answer that the older value still holds.
    NotModified,
    /// With an error of the loader.
    Error,
    /// By the hard timeout.
    Timeout,
    /// With a panic of the loader.
    Panic,
    /// By being given up: no caller was left, or the cache or the runtime ended.
    Cancelled,
}

impl LoadResult {
    /// Every result, in the order of the declaration.
    pub const ALL: [Self; 8] = [
        Self::Success,
        Self::NotFound,
        Self::NotStored,
        Self::NotModified,
        Self::Error,
        Self::Timeout,
        Self::Panic,
        Self::Cancelled,
    ];

    /// Returns the word for metrics and logs, in snake case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::NotFound => "not_found",
            Self::NotStored => "not_stored",
            Self::NotModified => "not_modified",
            Self::Error => "error",
            Self::Timeout => "timeout",
            Self::Panic => "panic",
            Self::Cancelled => "cancelled",
        }
    }
}
