//! What a backend can say about itself without asking anybody.

use crate::envelope::Rejection;
use crate::evictions::EvictedEntries;
use crate::value_sizes::ValueSizes;
use crate::wait_times::WaitTimes;

/// Numbers of a backend. What it does not know, or what does not exist for it, is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BackendStats {
    /// Entries held now, those that are over but not freed yet included. A backend that has to look for them gives its last count.
    pub items: Option<u64>,
    /// Counts of `items` that failed since the start, of a backend that has to look for them. The last one that ended well stands.
    pub item_count_failures: Option<u64>,
    /// The limit of `items`.
    pub max_items: Option<u64>,
    /// The weight of all entries, in the unit of the weigher.
    pub weight: Option<u64>,
    /// The limit of `weight`.
    pub max_weight: Option<u64>,
    /// Entries taken for room since the start, live ones only, by cause.
    pub evictions: Option<EvictedEntries>,
    /// Entries freed since the start because their time had ended.
    pub expirations: Option<u64>,
    /// Whether the backend was alive the last time that it was asked for anything: a server that answered, a memory
    /// that is open. `None` before the first time.
    pub up: Option<bool>,
    /// The connections of a backend on a server.
    pub connections: Option<ConnectionStats>,
    /// Stored values that were not what they had to be.
    pub rejected: Option<RejectedEntries>,
    /// How long the stored forms of values were that were stored: what is kept as bytes, with its header and compressed if it
    /// was. A backend that keeps objects has none, and does not encode them for this.
    pub value_sizes: Option<ValueSizes>,
}

/// Numbers of the connections to a server. Counts run since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionStats {
    /// Connections that exist now.
    pub open: u64,
    /// The limit of `open`.
    pub max: u64,
    /// Callers that wait for a connection now.
    pub waiting: u64,
    /// How long callers waited that had to wait for a connection, in vain or not.
    pub waits: WaitTimes,
    /// Times that a caller waited for a connection until its deadline.
    pub wait_timeouts: u64,
    /// Connections that were made.
    pub connects: u64,
    /// Attempts to connect that failed.
    pub connect_failures: u64,
    /// Whether a breaker is open, so that some calls are answered without asking the server.
    pub breaker_open: bool,
    /// Times that a breaker opened.
    pub breaker_openings: u64,
    /// Commands that were sent again because their connection broke.
    pub retries: u64,
}

/// Why a stored value was not taken for an entry. Such a value is a miss.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RejectReason {
    /// A newer library wrote it.
    UnknownVersion,
    /// It uses a part of the format that this library, as it was built, does not know.
    UnknownFlags,
    /// It ends before it says it does, or goes on behind it.
    WrongLength,
    /// It is not what was stored.
    WrongChecksum,
    /// It was stored for another key.
    WrongKey,
    /// It is no text but another kind of value of the server, such as a list.
    WrongType,
    /// It does not decompress, or not to what is allowed.
    Compression,
    /// It says that it has tags, and these are none.
    WrongTags,
}

impl RejectReason {
    /// Every reason, in the order of the declaration.
    pub const ALL: [Self; 8] = [
        Self::UnknownVersion,
        Self::UnknownFlags,
        Self::WrongLength,
        Self::WrongChecksum,
        Self::WrongKey,
        Self::WrongType,
        Self::Compression,
        Self::WrongTags,
    ];

    /// Returns the word for metrics, in snake case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UnknownVersion => "unknown_version",
            Self::UnknownFlags => "unknown_flags",
            Self::WrongLength => "wrong_length",
            Self::WrongChecksum => "wrong_checksum",
            Self::WrongKey => "wrong_key",
            Self::WrongType => "wrong_type",
            Self::Compression => "compression",
            Self::WrongTags => "wrong_tags",
        }
    }
}

impl From<Rejection> for RejectReason {
    fn from(rejection: Rejection) -> Self {
        match rejection {
            Rejection::UnknownVersion(_) => Self::UnknownVersion,
            Rejection::UnknownFlags(_) => Self::UnknownFlags,
            Rejection::WrongLength => Self::WrongLength,
            Rejection::WrongChecksum => Self::WrongChecksum,
            Rejection::WrongKey => Self::WrongKey,
            Rejection::WrongTags => Self::WrongTags,
        }
    }
}

/// How many stored values were rejected, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RejectedEntries([u64; RejectReason::ALL.len()]);

impl RejectedEntries {
    /// Sets the number for a reason.
    pub fn set(&mut self, reason: RejectReason, count: u64) {
        self.0[reason as usize] = count;
    }

    /// Returns the number for a reason.
    pub fn get(&self, reason: RejectReason) -> u64 {
        self.0[reason as usize]
    }

    /// Returns the number for all reasons.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_its_own_place_and_word() {
        let mut rejected = RejectedEntries::default();
        for (count, reason) in (1..).zip(RejectReason::ALL) {
            rejected.set(reason, count);
        }
        for (count, reason) in (1..).zip(RejectReason::ALL) {
            assert_eq!(rejected.get(reason), count, "{reason:?}");
        }
        assert_eq!(rejected.total(), 36);
    }

    #[test]
    fn the_words_are_those_of_the_rejections() {
        for rejection in [
            Rejection::UnknownVersion(9),
            Rejection::UnknownFlags(9),
            Rejection::WrongLength,
            Rejection::WrongChecksum,
            Rejection::WrongKey,
            Rejection::WrongTags,
        ] {
            assert_eq!(RejectReason::from(rejection).as_str(), rejection.as_str());
        }
    }
}
