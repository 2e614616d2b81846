//! A caller in a flight, from when it comes to when it goes, however that happens.

use std::sync::Arc;

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
}

impl<'a> Seat<'a> {
    pub(crate) fn joined(cache: &'a Cache, flight: Arc<Flight>) -> Self {
        cache.tell(&flight.key, LoadEvent::Joined);
        Self {
            cache,
            flight,
            joined: true,
        }
    }

    pub(crate) fn leads(cache: &'a Cache, flight: Arc<Flight>) -> Self {
        Self {
            cache,
            flight,
            joined: false,
        }
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
