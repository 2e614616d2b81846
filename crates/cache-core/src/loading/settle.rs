//! A caller whose key is not there, or not fresh: it joins a flight or leads one, waits, and gets a stale value where
//! that is allowed.

use tokio::runtime::Handle;
use tokio::time::Instant;

use super::answer::{Source, StaleReason};
use super::carried::AskedAt;
use super::crew::Crew;
use super::error::{self, Fault};
use super::flight::Landed;
use super::loader::Unread;
use super::options::{Abandon, LoadOptions};
use super::patience;
use super::place::Place;
use super::run::{self, Plan, Work};
use super::seat::{Boarded, Seat};
use super::waits::Wait;
use crate::cache::Cache;
use crate::entry::Entry;
use crate::error::{CacheError, Result};
use crate::expiration::Expiration;

/// What a caller asks for.
#[derive(Clone, Copy)]
pub(crate) struct Ask<'a> {
    pub(crate) cache: &'a Cache,
    pub(crate) place: Place<'a>,
    /// How many changes there were before the caller looked in the backend.
    pub(crate) seen: u64,
    pub(crate) options: &'a LoadOptions,
    pub(crate) ttl: Expiration,
    pub(crate) tags: &'a [&'a str],
    /// Whether the backend did not answer the look. It is not asked again before the load, so that a slow failure costs its time
    /// once. One that says what is wrong with a value has answered.
    pub(crate) failed: bool,
}

/// What a caller gets.
#[derive(Clone, Debug)]
pub(crate) enum Settled {
    Found(Entry, Source),
    NotFound,
}

impl Settled {
    pub(crate) fn hit(entry: Entry) -> Self {
        Self::Found(entry, Source::Hit)
    }
}

/// How a wait for a flight ended.
pub(crate) enum Waited {
    Settled(Result<Settled>),
    /// The flight was given up, though somebody waited.
    Cancelled(CacheError),
    /// It brought what is no answer for this caller: it was invalidated by a tag before, or the one that led was strict.
    Outdated,
}

impl<'a> Ask<'a> {
    /// Gets the value. `older` is what the caller found, if that is stale; `work` makes the loader ready where this caller leads.
    pub(crate) async fn settle(
        mut self,
        older: Option<Entry>,
        work: impl FnOnce() -> Work,
        unread: Unread,
    ) -> Result<Settled> {
        let Self { cache, options, .. } = self;
        let stand_in = self.stand_in(older.as_ref());
        if let Some(answer) = self.without_load(stand_in.as_ref()) {
            return answer;
        }
        let (asked, start) = (AskedAt::now(cache), Instant::now());
        let mut work = Some(work);
        loop {
            let runtime = Handle::try_current().map_err(|_| error::no_runtime())?;
            let lead = || self.flight(Crew::new(), 1);
            let Some((flight, boarded)) = self.board(asked, lead) else {
                return Err(CacheError::closed());
            };
            if options.on_abandon == Abandon::Finish {
                flight.keep_going();
            }
            let seat = match boarded {
                Boarded::Joined => Seat::joined(cache, flight, asked, runtime.id()),
                Boarded::Leads { look_again } => {
                    if let Some(work) = work.take() {
                        run::start(
                            &runtime,
                            cache,
                            &flight,
                            self.plan(work(), older.clone(), look_again, false, unread),
                        );
                    }
                    Seat::leads(cache, flight, asked, runtime.id())
                }
            };
            // A thousand callers that give it back when they are woken would get in each other's way.
            drop(runtime);
            match self.wait(seat, stand_in.as_ref(), start, unread).await {
                Waited::Settled(answer) => return answer,
                // The runtime of the leader ended. This caller's lives.
                Waited::Cancelled(_) if work.is_some() => self.start_over(),
                Waited::Cancelled(error) => {
                    return self
                        .failed(Fault::Cancelled, error, stand_in.as_ref(), unread)
                        .await;
                }
                // The one that joined has its loader still.
                Waited::Outdated => self.start_over(),
            }
        }
    }

    /// Loads a new value in the background, unless that is under way or failed a short time ago.
    ///
    /// # Errors
    /// Outside of a runtime.
    pub(crate) fn refresh(self, older: Entry, work: impl FnOnce() -> Work, unread: Unread) -> Result<()> {
        let runtime = Handle::try_current().map_err(|_| error::no_runtime())?;
        if !self.may_refresh() {
            return Ok(());
        }
        let lead = || self.flight(Crew::new(), 0);
        match self.board(AskedAt::now(self.cache), lead) {
            Some((flight, Boarded::Leads { look_again })) => {
                run::start(
                    &runtime,
                    self.cache,
                    &flight,
                    self.plan(work(), Some(older), look_again, true, unread),
                );
            }
            Some((flight, Boarded::Joined)) => self.cache.loads().registry.leave(&flight),
            None => {}
        }
        Ok(())
    }

    /// Says whether nobody loads the key, and no load failed a short time ago.
    pub(crate) fn may_refresh(self) -> bool {
        let registry = &self.cache.loads().registry;
        let failed = registry.failure(self.place);
        failed.is_none_or(|failure| self.cache.now() >= failure.retry_at) && !registry.is_open(self.place)
    }

    /// Waits for the flight, or up to the soft timeout, counted from `start`, if there is a stale value to give then. The hard
    /// timeout counts from when the caller took its seat: one that starts over may have waited for long.
    pub(crate) async fn wait(
        &self,
        seat: Seat<'a>,
        stand_in: Option<&Entry>,
        start: Instant,
        unread: Unread,
    ) -> Waited {
        let flight = &seat.flight;
        let Ok(_wait) = Wait::begin(flight.crew().id()) else {
            return Waited::Settled(Err(error::reentrant()));
        };
        if let (Some(soft), Some(entry)) = (self.options.soft_timeout, stand_in)
            && patience::wait_until(patience::after(start, soft), flight.wait())
                .await
                .is_none()
            && let Some(entry) = self.still_stands(entry, unread).await
        {
            flight.keep_going();
            return Waited::Settled(Ok(self.given(entry, StaleReason::Timeout)));
        }
        let landed = match self.landed(&seat).await {
            Ok(landed) => landed,
            Err(error) => {
                return Waited::Settled(self.failed(Fault::TimedOut, error, stand_in, unread).await);
            }
        };
        match landed {
            Landed::Found { .. } | Landed::NotFound if seat.is_outdated() => Waited::Outdated,
            Landed::Found { entry, loaded: false } => Waited::Settled(Ok(Settled::hit(entry))),
            Landed::Found { entry, loaded: true } => {
                let source = if seat.joined {
                    Source::Coalesced
                } else {
                    Source::Loaded
                };
                Waited::Settled(Ok(Settled::Found(entry, source)))
            }
            Landed::NotFound => Waited::Settled(Ok(Settled::NotFound)),
            Landed::Failed(Fault::Cancelled, error) => Waited::Cancelled(error),
            // Only the one that led was strict.
            Landed::Failed(Fault::Backend, _) if seat.joined && !self.options.strict => Waited::Outdated,
            Landed::Failed(fault, error) => {
                Waited::Settled(self.failed(fault, error, stand_in, unread).await)
            }
        }
    }

    /// Waits for what the flight brings, but no longer than this caller may.
    async fn landed(&self, seat: &Seat<'_>) -> Result<Landed> {
        let (flight, start) = (&seat.flight, seat.since);
        let Some(limit) = self.options.hard_timeout else {
            return Ok(flight.wait().await.clone());
        };
        let patience = limit.saturating_add(patience::GRACE);
        let mut looked = false;
        let mut until = patience::after(start, self.cache.loads().longest_wait().saturating_add(patience));
        if let (true, Some(until)) = (seat.joined, until)
            && let Some(landed) = flight.wait_together(seat.runtime, until).await
        {
            return Ok(landed.clone());
        }
        while patience::wait_until(until, flight.wait()).await.is_none() {
            // The value is here; only that it is stored takes so long.
            if let Some(brought) = flight.brought() {
                return Ok(brought.clone());
            }
            let has_passed = |end: Option<Instant>| end.is_some_and(|end| end <= Instant::now());
            let begun = flight.crew().begun();
            if begun.is_none() && flight.crew().looks() && !looked {
                // It asks the backend, which may be slow without making the load fail.
                looked = true;
                until = patience::after(Instant::now(), patience::LONGEST_ASKED.saturating_add(patience));
                continue;
            }
            if let Some((begun, _)) = begun {
                until = patience::after(begun.max(start), patience);
                if !has_passed(until) {
                    // It began late, since it waited for others.
                    continue;
                }
            }
            let error = error::overdue(limit);
            let is_overdue = begun.is_none_or(|(begun, its_own)| {
                has_passed(
                    its_own
                        .and_then(|its_own| patience::after(begun, its_own.saturating_add(patience::GRACE))),
                )
            });
            if is_overdue {
                // Nobody else is to wait for it: who comes now loads anew.
                if !self.cache.loads().registry.abandon(flight) {
                    // It stores, so what it brought is here by now.
                    continue;
                }
                let shared = self.cache.load_context(&flight.key, error.clone());
                flight.land(Landed::Failed(Fault::TimedOut, shared));
                flight.give_up();
            }
            return Err(error);
        }
        Ok(flight.wait().await.clone())
    }

    fn plan(self, work: Work, older: Option<Entry>, look_again: bool, refresh: bool, unread: Unread) -> Plan {
        Plan {
            work,
            older,
            look_again,
            failed: self.failed,
            refresh,
            options: *self.options,
            ttl: self.ttl,
            unread,
        }
    }
}
