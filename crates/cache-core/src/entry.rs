//! One stored value with its life.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::tags::Tag;
use crate::value::Value;

/// A value, when it was made, when it ends, and what it cost to load.
///
/// All points in time are absolute, so an entry that moves from one backend to another keeps what remains of its life.
#[derive(Clone, Debug)]
pub struct Entry {
    value: Value,
    created: Timestamp,
    expires_at: Timestamp,
    stale_at: Timestamp,
    load_cost_micros: u32,
}

impl Entry {
    /// Makes an entry that was made at `created`, does not end and never becomes stale.
    #[inline]
    pub fn new(value: Value, created: Timestamp) -> Self {
        Self {
            value,
            created,
            expires_at: Timestamp::MAX,
            stale_at: Timestamp::MAX,
            load_cost_micros: 0,
        }
    }

    /// Sets the point from which the entry is no longer there.
    #[inline]
    #[must_use]
    pub fn with_expires_at(mut self, at: Timestamp) -> Self {
        self.expires_at = at;
        self
    }

    /// Sets the point from which the entry is stale: still readable, but due for a new load.
    #[inline]
    #[must_use]
    pub fn with_stale_at(mut self, at: Timestamp) -> Self {
        self.stale_at = at;
        self
    }

    /// Sets what it cost to load the value: whole microseconds, at most some 71 minutes.
    #[inline]
    #[must_use]
    pub fn with_load_cost(mut self, cost: Duration) -> Self {
        self.load_cost_micros = u32::try_from(cost.as_micros()).unwrap_or(u32::MAX);
        self
    }

    /// Sets the tags, in the place of others.
    #[must_use]
    pub fn with_tags(mut self, tags: impl Into<Box<[Tag]>>) -> Self {
        self.value = self.value.with_tags(tags.into());
        self
    }

    /// Returns the tags. A backend keeps them with the entry.
    #[inline]
    pub fn tags(&self) -> &[Tag] {
        self.value.tags()
    }

    /// Returns the value.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// Returns the value and drops the rest.
    #[inline]
    pub fn into_value(self) -> Value {
        self.value
    }

    /// Returns when the value was made.
    #[inline]
    pub fn created(&self) -> Timestamp {
        self.created
    }

    /// Returns the point from which the entry is no longer there, [`Timestamp::MAX`] for never.
    #[inline]
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// Returns the point from which the entry is stale, [`Timestamp::MAX`] for never.
    #[inline]
    pub fn stale_at(&self) -> Timestamp {
        self.stale_at
    }

    /// Returns what it cost to load the value, zero if it was not loaded.
    #[inline]
    pub fn load_cost(&self) -> Duration {
        Duration::from_micros(u64::from(self.load_cost_micros))
    }

    /// Returns how much of its life remains at `now`, `None` if it has no end.
    pub fn remaining(&self, now: Timestamp) -> Option<Duration> {
        (self.expires_at != Timestamp::MAX).then(|| self.expires_at.since(now))
    }

    /// Says whether the entry is over at `now`. At the very point of its expiry it is.
    #[inline]
    pub fn is_expired(&self, now: Timestamp) -> bool {
        now >= self.expires_at
    }
}
