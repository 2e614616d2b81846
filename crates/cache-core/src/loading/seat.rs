//! A caller in a flight, from when it comes to when it goes, however that happens.

use std::sync::Arc;

use tokio::runtime::Id;
use tokio::time::Instant;

use super::carried::AskedAt;
use super::event::LoadEvent;
use super::flight::Flight;
use crate::cache::Cache;

/// How a caller came to its flight.
pub(crate) enum Boarded {
    Joined,
    Leads { look_again: bool },
}

/// A caller's place in a flight. Dropping it lets the caller go.
pub(crate) struct Seat<'a> {
    cache: &'a Cache,
    pub(crate) flight: Arc<Flight>,
    pub(crate) joined: bool,
    /// The runtime that the caller came from.
    pub(crate) runtime: Id,
    /// When it took its place. The hard timeout counts from here.
    pub(crate) since: Instant,
    asked: AskedAt,
}

impl<'a> Seat<'a> {
    /// Takes the place of a caller that asked then.
    pub(crate) fn joined(cache: &'a Cache, flight: Arc<Flight>, asked: AskedAt, runtime: Id) -> Self {
        cache.tell(&flight.key, LoadEvent::Joined);
        Self {
            cache,
            flight,
            joined: true,
            runtime,
            since: Instant::now(),
            asked,
        }
    }

    pub(crate) fn leads(cache: &'a Cache, flight: Arc<Flight>, asked: AskedAt, runtime: Id) -> Self {
        Self {
            cache,
            flight,
            joined: false,
            runtime,
            since: Instant::now(),
            asked,
        }
    }

    /// Says whether this caller must not have what the flight brought: it joined a load that was invalidated before it asked.
    pub(crate) fn is_outdated(&self) -> bool {
        self.joined && self.flight.is_too_old_for(self.cache, self.asked)
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        if self.joined {
            self.cache.tell(&self.flight.key, LoadEvent::Left);
        }
        if self.flight.landed().is_none() {
            self.cache.loads().registry.leave(&self.flight);
        }
    }
}
