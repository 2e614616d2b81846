//! A caller whose key is not there, or not fresh: it joins a flight or leads one, waits, and gets a stale value where
//! that is allowed.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::time::timeout;

use super::answer::{Source, StaleReason};
use super::error::{self, Fault};
use super::event::LoadEvent;
use super::fences::Boarding;
use super::flight::{Crew, Flight, Landed};
use super::options::{Abandon, LoadOptions};
use super::registry::Place;
use super::run::{Plan, Work, start};
use super::waits::Wait;
use crate::cache::Cache;
use crate::entry::Entry;
use crate::error::{CacheError, Result};
use crate::expiration::Expiration;
use crate::key::Key;

/// What a caller asks for.
#[derive(Clone, Copy)]
pub(crate) struct Ask<'a> {
    pub(crate) cache: &'a Cache,
    pub(crate) place: Place<'a>,
    /// How many changes there were before the caller looked in the backend.
    pub(crate) seen: u64,
    pub(crate) options: &'a LoadOptions,
    pub(crate) ttl: Expiration,
}

/// What a caller gets.
#[derive(Clone, Debug)]
pub(crate) enum Settled {
    Found(Entry, Source),
    NotFound,
}

impl Ask<'_> {
    /// Gets the value. `older` is what the caller found, if that is stale.
    pub(crate) async fn settle(self, older: Option<Entry>, work: Work) -> Result<Settled> {
        let Self { cache, options, .. } = self;
        let loads = cache.loads();
        let stand_in = older
            .clone()
            .filter(|entry| options.may_stand_in(entry, cache.shared().clock.coarse()));
        if let Some(answer) = self.remembered(stand_in.as_ref()) {
            return answer;
        }
        if let Some(entry) = &stand_in
            && loads.is_full()
            && !loads.registry.is_open(self.place)
        {
            cache.tell(self.place.key, LoadEvent::Refused);
            return Ok(self.stale(entry.clone(), StaleReason::Overload));
        }
        let runtime = Handle::try_current().map_err(|_| error::no_runtime())?;
        let key: Arc<str> = self.place.key.into();
        let mut seen = self.seen;
        let mut work = Some(work);
        loop {
            let lead = || Flight::new(Arc::clone(&key), self.place.hash, Crew::new(), 1);
            let seat = match self.board(&key, seen, lead) {
                Some((flight, Boarded::Joined)) => Seat::joined(cache, flight),
                Some((flight, Boarded::Leads { look_again })) => {
                    if let Some(work) = work.take() {
                        start(
                            &runtime,
                            cache,
                            &flight,
                            self.plan(work, older.clone(), look_again, false),
                        );
                    }
                    Seat::leads(cache, flight)
                }
                None => return Err(CacheError::closed()),
            };
            if options.on_abandon == Abandon::Finish {
                seat.flight.keep_going();
            }
            let _wait = Wait::begin(seat.flight.crew().id()).map_err(|_| error::reentrant())?;
            let landed = match self.wait(&seat, stand_in.as_ref()).await {
                Ok(landed) => landed,
                Err(stale) => return Ok(stale),
            };
            match landed {
                Landed::Found { entry, loaded } => {
                    let source = match (loaded, seat.joined) {
                        (false, _) => Source::Hit,
                        (true, false) => Source::Loaded,
                        (true, true) => Source::Coalesced,
                    };
                    return Ok(Settled::Found(entry, source));
                }
                Landed::NotFound => return Ok(Settled::NotFound),
                Landed::Failed(Fault::Cancelled, _) if work.is_some() => {
                    // The runtime of its leader ended. This caller's lives, and nobody knows what changed meanwhile.
                    seen = u64::MAX;
                }
                Landed::Failed(fault, error) => return self.failed(fault, error, stand_in).await,
            }
        }
    }

    /// Loads a new value in the background, unless that is under way or failed a short time ago.
    ///
    /// # Errors
    /// Outside of a runtime.
    pub(crate) fn refresh(self, older: Entry, work: impl FnOnce() -> Work) -> Result<()> {
        let registry = &self.cache.loads().registry;
        let runtime = Handle::try_current().map_err(|_| error::no_runtime())?;
        let waits = registry
            .failure(self.place)
            .is_some_and(|failure| self.cache.now() < failure.retry_at);
        if waits || registry.is_open(self.place) {
            return Ok(());
        }
        let key: Arc<str> = self.place.key.into();
        let lead = || Flight::new(Arc::clone(&key), self.place.hash, Crew::new(), 0);
        match self.board(&key, self.seen, lead) {
            Some((flight, Boarded::Leads { look_again })) => {
                start(
                    &runtime,
                    self.cache,
                    &flight,
                    self.plan(work(), Some(older), look_again, true),
                );
            }
            Some((flight, Boarded::Joined)) => registry.leave(&flight),
            None => {}
        }
        Ok(())
    }

    /// Gives a stale value.
    pub(crate) fn stale(self, entry: Entry, reason: StaleReason) -> Settled {
        self.cache.tell(self.place.key, LoadEvent::StaleServed(reason));
        Settled::Found(entry, Source::Stale(reason))
    }

    /// Answers by a load that failed a short time ago.
    fn remembered(self, stand_in: Option<&Entry>) -> Option<Result<Settled>> {
        if stand_in.is_none() && self.options.error_memory.is_none() {
            return None;
        }
        let failure = self.cache.loads().registry.failure(self.place)?;
        let now = self.cache.now();
        if let Some(entry) = stand_in
            && now < failure.retry_at
        {
            return Some(Ok(self.stale(entry.clone(), reason(failure.fault))));
        }
        let remembers = self.options.error_memory.is_some() && now < failure.remembered_until;
        remembers.then_some(Err(failure.error))
    }

    fn board(
        self,
        key: &Arc<str>,
        seen: u64,
        lead: impl FnOnce() -> Arc<Flight>,
    ) -> Option<(Arc<Flight>, Boarded)> {
        let mut led = None;
        let boarding = self.cache.loads().registry.board(key, self.place.hash, seen, || {
            let flight = lead();
            led = Some(Arc::clone(&flight));
            flight
        });
        match boarding {
            Boarding::Joined(flight) => Some((flight, Boarded::Joined)),
            Boarding::Leads { look_again } => Some((led?, Boarded::Leads { look_again })),
            Boarding::Closed => None,
        }
    }

    fn plan(self, work: Work, older: Option<Entry>, look_again: bool, refresh: bool) -> Plan {
        Plan {
            work,
            older,
            look_again,
            refresh,
            options: *self.options,
            ttl: self.ttl,
        }
    }

    /// Waits for the flight, or up to the soft timeout if there is a stale value to give then.
    async fn wait(self, seat: &Seat<'_>, stand_in: Option<&Entry>) -> Result<Landed, Settled> {
        let flight = &seat.flight;
        if let (Some(soft), Some(entry)) = (self.options.soft_timeout, stand_in)
            && timeout(soft, flight.wait()).await.is_err()
            && let Some(entry) = self.still_stands(entry).await
        {
            flight.keep_going();
            return Err(self.stale(entry, StaleReason::Timeout));
        }
        Ok(flight.wait().await.clone())
    }

    /// Gives the stale value in the place of an error, where there is one.
    async fn failed(self, fault: Fault, error: CacheError, stand_in: Option<Entry>) -> Result<Settled> {
        if fault != Fault::Closed
            && let Some(entry) = stand_in
            && let Some(entry) = self.still_stands(&entry).await
        {
            return Ok(self.stale(entry, reason(fault)));
        }
        Err(error)
    }

    /// Returns the stale value if nobody has written the key since it was read, or what stands there now. What was
    /// invalidated is never given as stale.
    async fn still_stands(self, entry: &Entry) -> Option<Entry> {
        if self.cache.loads().registry.changes(self.place) == self.seen {
            return Some(entry.clone());
        }
        let found = self
            .cache
            .shared()
            .backend
            .get(Key::new(self.place.key).ok()?)
            .await;
        let now = self.cache.shared().clock.coarse();
        found.ok().flatten().filter(|entry| {
            !entry.value().is_not_found()
                && (!self.cache.is_stale(entry) || self.options.may_stand_in(entry, now))
        })
    }
}

enum Boarded {
    Joined,
    Leads { look_again: bool },
}

fn reason(fault: Fault) -> StaleReason {
    match fault {
        Fault::TimedOut => StaleReason::Timeout,
        Fault::Refused => StaleReason::Overload,
        Fault::Failed | Fault::Cancelled | Fault::Closed => StaleReason::Error,
    }
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
