//! A caller in a flight, from when it comes to when it goes, however that happens.

use std::sync::Arc;

use tokio::runtime::Id;
use tokio::time::Instant;

use super::carried::{AskedAt, Carried};
use super::crew::Crew;
use super::event::LoadEvent;
use super::fences::Boarding;
use super::flight::Flight;
use super::settle::Ask;
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

impl Ask<'_> {
    /// Asks the backend anew in any case: nobody knows what changed meanwhile.
    pub(crate) fn start_over(&mut self) {
        (self.seen, self.failed) = (u64::MAX, false);
    }

    /// Makes a flight of the key.
    pub(crate) fn flight(self, crew: Arc<Crew>, waiting: usize) -> Arc<Flight> {
        let carried = Carried::begin(self.cache, self.tags);
        Flight::new(self.place.key.into(), self.place.hash, crew, waiting, carried)
    }

    /// Joins the flight of the key, or leads the one that `lead` makes. Returns nothing if the cache is closed.
    pub(crate) fn board(
        self,
        asked: AskedAt,
        lead: impl FnOnce() -> Arc<Flight>,
    ) -> Option<(Arc<Flight>, Boarded)> {
        let mut own = None;
        let registry = &self.cache.loads().registry;
        let joins =
            |flight: &Arc<Flight>| !flight.is_closed_to(self.cache, asked) && !flight.is_given_unconfirmed();
        let boarding = registry.board(self.place, self.seen, joins, || {
            let flight = lead();
            own = Some(Arc::clone(&flight));
            flight
        });
        match boarding {
            Boarding::Joined(flight) => Some((flight, Boarded::Joined)),
            Boarding::Leads { look_again } => {
                let look_again = look_again && !self.failed;
                Some((own?, Boarded::Leads { look_again }))
            }
            Boarding::Closed => None,
        }
    }
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
