//! All flights and writes of one cache: the [fences](super::fences) in shards, each behind its lock. No lock is held
//! across an await or a call of foreign code.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::failures::{Failure, Failures};
use super::fences::{Boarding, Fences, Flying};
use super::flight::Flight;
use super::place::{Place, SHARDS};
use crate::clock::Timestamp;

pub(crate) struct Registry {
    shards: Box<[Mutex<Shard>]>,
    /// A copy of each shard's count of changes, which a hit reads without its lock.
    changes: Box<[AtomicU64]>,
}

#[derive(Default)]
struct Shard {
    fences: Fences<Arc<Flight>>,
    failures: Failures,
    /// Those that have a task, also where a write has taken them off the table.
    flying: HashMap<u64, Arc<Flight>>,
}

impl Registry {
    pub(crate) fn new() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            changes: (0..SHARDS).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// Returns how many changes there were where this key belongs. Read it before looking in the backend.
    #[inline]
    pub(crate) fn changes(&self, place: Place<'_>) -> u64 {
        self.changes[place.shard()].load(Ordering::Acquire)
    }

    /// Joins the flight of a key if the caller `joins` it, or takes the lead with the one that `lead` makes.
    pub(crate) fn board(
        &self,
        place: Place<'_>,
        seen: u64,
        joins: impl FnOnce(&Arc<Flight>) -> bool,
        lead: impl FnOnce() -> Arc<Flight>,
    ) -> Boarding<Arc<Flight>> {
        self.with(place, |shard| {
            let boarding = shard.fences.board(place.key, seen, joins, lead);
            if let Boarding::Joined(flight) = &boarding {
                flight.join();
            }
            boarding
        })
    }

    /// Says whether a flight is under way that a caller would join.
    pub(crate) fn is_open(&self, place: Place<'_>) -> bool {
        self.with(place, |shard| shard.fences.open(place.key).is_some())
    }

    /// Says whether a flight is under way that a caller would join and that does not wait for a permit.
    pub(crate) fn is_running(&self, place: Place<'_>) -> bool {
        self.with(place, |shard| {
            let open = shard.fences.open(place.key);
            open.is_some_and(|flight| flight.crew().begun().is_some() || flight.crew().looks())
        })
    }

    /// Lets a caller go, and gives the flight up if it was the last one.
    pub(crate) fn leave(&self, flight: &Arc<Flight>) {
        if !flight.leave() {
            return;
        }
        let given_up = self.with(place(flight), |shard| {
            // Somebody may have joined before the lock was there.
            flight.is_unwanted() && shard.fences.abandon(&flight.key, flight.id())
        });
        if given_up {
            flight.give_up();
        }
    }

    /// Takes a flight off the table that somebody cannot wait for any longer. Says no if it stores: what is on its way to the
    /// backend cannot be called back, so those who write wait for it.
    pub(crate) fn abandon(&self, flight: &Arc<Flight>) -> bool {
        self.with(place(flight), |shard| {
            shard.fences.abandon(&flight.key, flight.id())
        })
    }

    /// Notes a flight that has a task now. Returns `false` if the cache is closed.
    pub(crate) fn take_off(&self, flight: &Arc<Flight>) -> bool {
        self.with(place(flight), |shard| {
            shard.flying.insert(flight.id(), Arc::clone(flight));
            !shard.fences.is_closed()
        })
    }

    /// Forgets a flight whose task has ended.
    pub(crate) fn touch_down(&self, flight: &Arc<Flight>) {
        let _gone = self.with(place(flight), |shard| shard.flying.remove(&flight.id()));
    }

    /// Says whether a flight may store what it loaded. If so, a [`Storing`] ends that.
    pub(crate) fn begin_store<'a>(&'a self, flight: &'a Arc<Flight>, now: Timestamp) -> Option<Storing<'a>> {
        let (_forgotten, may) = self.with(place(flight), |shard| {
            let may = shard.fences.begin_store(&flight.key, flight.hash, flight.id());
            (shard.failures.forget_at(&flight.key, now), may)
        });
        may.then_some(Storing {
            registry: self,
            flight,
        })
    }

    /// Takes a flight that did not store off the table, and remembers how it failed.
    pub(crate) fn end(&self, flight: &Arc<Flight>, failure: Option<Failure>, now: Timestamp) {
        let _forgotten = self.with(place(flight), |shard| {
            // What was fenced says nothing about the key any more.
            let is_open = shard
                .fences
                .open(&flight.key)
                .is_some_and(|open| open.id() == flight.id());
            shard.fences.end(&flight.key, flight.id());
            match failure {
                Some(failure) if is_open => shard.failures.remember(&flight.key, failure, now),
                other => other.into_iter().collect(),
            }
        });
    }

    /// Takes a flight off the table that brought an answer and has nothing to store.
    pub(crate) fn end_well(&self, flight: &Arc<Flight>, now: Timestamp) {
        let _forgotten = self.with(place(flight), |shard| {
            shard.fences.end(&flight.key, flight.id());
            shard.failures.forget_at(&flight.key, now)
        });
    }

    /// Returns the failure that is remembered of a key.
    pub(crate) fn failure(&self, place: Place<'_>) -> Option<Failure> {
        self.with(place, |shard| shard.failures.get(place.key).cloned())
    }

    /// Begins a write. Who writes waits for the flight that comes with the ticket, and acts then.
    pub(crate) fn begin_write<'a>(&'a self, key: &'a str) -> (Ticket<'a>, Option<Arc<Flight>>) {
        let place = Place::of(key);
        let (_forgotten, storing) = self.with(place, |shard| {
            let forgotten = shard.failures.forget(key);
            (forgotten, shard.fences.begin_write(key, place.hash))
        });
        let ticket = Ticket {
            registry: self,
            place,
        };
        (ticket, storing)
    }

    /// Notes that entries of any key may have changed without a write of theirs: tags were invalidated. Returns the flights
    /// that store what carries one of them.
    pub(crate) fn note_invalidation(&self, names: &[&str]) -> Vec<Arc<Flight>> {
        let mut storing = Vec::new();
        for at in 0..SHARDS {
            self.at(at, |shard| {
                storing.extend(
                    shard
                        .fences
                        .note_change()
                        .filter(|flight| flight.carries(names))
                        .cloned(),
                );
            });
        }
        storing
    }

    /// Begins to clear. Who clears waits for the flights that come with the ticket, and acts then.
    pub(crate) fn begin_clear(&self) -> (ClearTicket<'_>, Vec<Arc<Flight>>) {
        let mut storing = Vec::new();
        for at in 0..SHARDS {
            let _forgotten = self.at(at, |shard| {
                storing.extend(shard.fences.begin_clear());
                shard.failures.forget_all()
            });
        }
        (ClearTicket { registry: self }, storing)
    }

    /// Ends all flights and takes no new ones. Returns those that store: they end by themselves.
    pub(crate) fn close(&self) -> Vec<Arc<Flight>> {
        let mut storing = Vec::new();
        for at in 0..SHARDS {
            let given_up = self.at(at, |shard| {
                let (mut given_up, still_storing) = shard.fences.close();
                let is_storing =
                    |flight: &Arc<Flight>| still_storing.iter().any(|one| one.id() == flight.id());
                let fenced = shard.flying.values().filter(|flight| !is_storing(flight));
                given_up.extend(fenced.cloned());
                storing.extend(still_storing);
                given_up
            });
            for flight in given_up {
                flight.end_closed();
            }
        }
        storing
    }

    /// Returns how many keys have a flight.
    pub(crate) fn flights(&self) -> usize {
        (0..SHARDS)
            .map(|at| self.at(at, |shard| shard.fences.flights()))
            .sum()
    }

    fn with<R>(&self, place: Place<'_>, act: impl FnOnce(&mut Shard) -> R) -> R {
        self.at(place.shard(), act)
    }

    fn at<R>(&self, at: usize, act: impl FnOnce(&mut Shard) -> R) -> R {
        let mut shard: MutexGuard<'_, Shard> = self.shards[at].lock().unwrap_or_else(PoisonError::into_inner);
        let answer = act(&mut shard);
        let changes = shard.fences.changes();
        if self.changes[at].load(Ordering::Relaxed) != changes {
            self.changes[at].store(changes, Ordering::Release);
        }
        answer
    }
}

fn place(flight: &Arc<Flight>) -> Place<'_> {
    Place {
        key: &flight.key,
        hash: flight.hash,
    }
}

/// A store that is under way. Dropping it ends it.
pub(crate) struct Storing<'a> {
    registry: &'a Registry,
    flight: &'a Arc<Flight>,
}

impl Drop for Storing<'_> {
    fn drop(&mut self) {
        self.registry.with(place(self.flight), |shard| {
            shard.fences.end_store(&self.flight.key, self.flight.id());
        });
        self.flight.end_store();
    }
}

/// A write that is under way. Dropping it ends it, whether it was done or given up.
pub(crate) struct Ticket<'a> {
    registry: &'a Registry,
    place: Place<'a>,
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        let place = self.place;
        // A load that failed while the write was under way says nothing about what it wrote.
        let _forgotten = self.registry.with(place, |shard| {
            shard.fences.end_write(place.key, place.hash);
            shard.failures.forget(place.key)
        });
    }
}

/// A clear that is under way. Dropping it ends it, whether it was done or given up.
pub(crate) struct ClearTicket<'a> {
    registry: &'a Registry,
}

impl Drop for ClearTicket<'_> {
    fn drop(&mut self) {
        for at in 0..SHARDS {
            let _forgotten = self.registry.at(at, |shard| {
                shard.fences.end_clear();
                shard.failures.forget_all()
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::crew::Crew;
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(0);

    fn flight(registry: &Registry) -> Arc<Flight> {
        let place = Place::of("key");
        let flight = Flight::new(place.key.into(), place.hash, Crew::new(), 1, None);
        let lead = || Arc::clone(&flight);
        assert!(matches!(
            registry.board(place, 0, |_| true, lead),
            Boarding::Leads { .. }
        ));
        flight
    }

    /// Who writes waits for it, and would go on before what is on its way has arrived.
    #[test]
    fn a_flight_that_stores_is_not_given_up() {
        let registry = Registry::new();
        let flight = flight(&registry);
        let storing = registry.begin_store(&flight, NOW);
        assert!(!registry.abandon(&flight));
        drop(storing);
        assert!(registry.abandon(&flight));
    }

    #[test]
    fn a_flight_that_is_given_up_does_not_store() {
        let registry = Registry::new();
        let flight = flight(&registry);
        assert!(registry.abandon(&flight));
        assert!(registry.begin_store(&flight, NOW).is_none());
    }

    #[test]
    fn a_flight_whose_task_has_ended_is_kept_by_nobody() {
        let registry = Registry::new();
        let flight = flight(&registry);
        assert!(registry.take_off(&flight));
        registry.end_well(&flight, NOW);
        registry.touch_down(&flight);
        assert_eq!(Arc::strong_count(&flight), 1);
    }
}
