//! A caller of many keys: splits them into hits, flights to join, and one batch to lead, and waits for all.

use std::sync::Arc;

use futures_util::future::join_all;
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::answer::StaleReason;
use super::carried::AskedAt;
use super::error::{self, Fault};
use super::event::LoadEvent;
use super::flight::{Crew, Flight};
use super::landing::Landing;
use super::loader::Unread;
use super::options::{Abandon, LoadOptions};
use super::place::Place;
use super::run_many::{Part, PlanMany, WorkMany, start_many};
use super::seat::{Boarded, Seat};
use super::settle::{Ask, Settled, Waited};
use crate::cache::Cache;
use crate::clock::Timestamp;
use crate::entry::Entry;
use crate::error::{CacheError, ErrorKind, Result};
use crate::expiration::Expiration;
use crate::key::Key;
use crate::operation::Operation;

/// What a caller of many keys asks for.
#[derive(Clone, Copy)]
pub(crate) struct AskMany<'a> {
    pub(crate) cache: &'a Cache,
    pub(crate) options: &'a LoadOptions,
    pub(crate) ttl: Expiration,
    pub(crate) tags: &'a [&'a str],
}

/// Where a key stands.
enum Standing<'a> {
    Settled(Result<Settled>),
    Waits {
        ask: Ask<'a>,
        seat: Seat<'a>,
        stand_in: Option<Entry>,
    },
}

impl Standing<'_> {
    /// Waits for the answer.
    async fn end(self, start: Instant, unread: Unread) -> Result<Settled> {
        let (ask, seat, stand_in) = match self {
            Self::Settled(answer) => return answer,
            Self::Waits { ask, seat, stand_in } => (ask, seat, stand_in),
        };
        let error = match ask.wait(seat, stand_in.clone(), start, unread).await {
            Waited::Settled(answer) => return answer,
            // The loader is gone, so this caller cannot load for itself.
            Waited::Cancelled(error) => error,
            Waited::Outdated => error::outdated(),
        };
        ask.failed(Fault::Cancelled, error, stand_in, unread).await
    }
}

/// What one key needs.
enum Need {
    Nothing(Result<Settled>),
    /// An answer is here, but it is to be renewed.
    Refresh(Settled, Entry),
    Load(Option<Entry>),
}

impl<'a> AskMany<'a> {
    /// Gets the values of different keys.
    pub(crate) async fn settle(
        self,
        keys: Vec<Key<'a>>,
        work: WorkMany,
        unread: Unread,
    ) -> Vec<Result<Settled>> {
        let Self {
            cache, options, ttl, ..
        } = self;
        if keys.is_empty() {
            return Vec::new();
        }
        let start = Instant::now();
        let asks = self.asks(&keys);
        let asked = AskedAt::now(cache);
        let found = self.look(keys).await;
        let failed = found.iter().any(Result::is_err);
        let crew = Crew::new();
        // From here on each flight lands, even if an entry panics while it is read.
        let mut landing = Landing::new(cache);
        let mut parts = Vec::new();
        let mut refresh = true;
        let standings: Vec<Standing<'a>> = asks
            .into_iter()
            .zip(found)
            .map(|(mut ask, found)| {
                if found.is_err() {
                    // It is not asked again before the load, so that a slow failure costs its time once.
                    ask.failed = true;
                    ask.seen = cache.loads().registry.changes(ask.place);
                }
                (ask, found)
            })
            .map(|(ask, found)| match self.need(ask, found, unread) {
                Need::Nothing(answer) => Standing::Settled(answer),
                Need::Refresh(settled, entry) => {
                    if ask.may_refresh()
                        && let Some((flight, Boarded::Leads { look_again })) =
                            self.board(ask, &crew, asked, 0)
                    {
                        landing.add(&flight);
                        parts.push(Part {
                            flight,
                            older: Some(entry),
                            look_again,
                        });
                    }
                    Standing::Settled(Ok(settled))
                }
                Need::Load(older) => {
                    let standing = self.stand(ask, older, &crew, asked, &mut parts);
                    if let Standing::Waits { seat, .. } = &standing
                        && !seat.joined
                    {
                        landing.add(&seat.flight);
                        refresh = false;
                    }
                    standing
                }
            })
            .collect();
        if !parts.is_empty()
            && let Ok(runtime) = Handle::try_current()
        {
            let plan = PlanMany {
                work,
                parts,
                failed,
                refresh,
                options: *options,
                ttl,
                unread,
            };
            start_many(&runtime, landing, plan);
        }
        // At the same time, so that those that have to ask the backend once more do not do it one after the other.
        join_all(standings.into_iter().map(|standing| standing.end(start, unread))).await
    }

    /// Makes what is asked of each key, before the backend is.
    fn asks(self, keys: &[Key<'a>]) -> Vec<Ask<'a>> {
        let Self {
            cache,
            options,
            ttl,
            tags,
        } = self;
        let ask = |key: &Key<'a>| {
            let place = Place::of(key.as_str());
            Ask {
                cache,
                place,
                seen: cache.loads().registry.changes(place),
                options,
                ttl,
                tags,
                failed: false,
            }
        };
        keys.iter().map(ask).collect()
    }

    /// Looks in the backend, once for all keys. There is one answer for each.
    async fn look(self, keys: Vec<Key<'a>>) -> Vec<Result<Option<Entry>>> {
        let count = keys.len();
        let mut found = match self.cache.shared().backend.get_many(keys).await {
            Ok(found) => found,
            Err(error) => vec![Err(error); count],
        };
        // A backend that gave too few answers has nothing.
        found.resize_with(count, || Ok(None));
        found
    }

    fn need(self, ask: Ask<'a>, found: Result<Option<Entry>>, unread: Unread) -> Need {
        let Self { cache, options, .. } = self;
        let entry = match found {
            Ok(Some(entry)) => entry,
            Err(error) if options.strict || error.kind() == ErrorKind::Closed => {
                return Need::Nothing(Err(error));
            }
            // Observers hear of it also where a load makes good for it.
            Err(error) => {
                drop(cache.context(Operation::GetOrLoadMany, Key::new(ask.place.key).ok(), error));
                return Need::Load(None);
            }
            Ok(None) => return Need::Load(None),
        };
        let now = cache.shared().clock.coarse();
        let is_stale = entry.stale_at() != Timestamp::MAX && now >= entry.stale_at();
        let has_runtime = Handle::try_current().is_ok();
        match unread(&entry, cache) {
            Some(error) if error.kind() == ErrorKind::NotFound => {
                cache.tell(ask.place.key, LoadEvent::NegativeHit);
                Need::Nothing(Ok(Settled::NotFound))
            }
            Some(error) => {
                // A stale entry is a miss already.
                if !is_stale {
                    cache.tell(ask.place.key, LoadEvent::Unreadable);
                }
                cache.report(Operation::GetOrLoadMany, Key::new(ask.place.key).ok(), error);
                Need::Load(None)
            }
            None if is_stale && options.may_revalidate(&entry, now) && has_runtime => {
                Need::Refresh(ask.stale(entry.clone(), StaleReason::Revalidate), entry)
            }
            None if is_stale => Need::Load(Some(entry)),
            None if has_runtime && options.is_due(&entry, now, &*cache.loads().random) => {
                Need::Refresh(Settled::hit(entry.clone()), entry)
            }
            None => Need::Nothing(Ok(Settled::hit(entry))),
        }
    }

    /// Joins the flight of a key, or adds it to the batch.
    fn stand(
        self,
        ask: Ask<'a>,
        older: Option<Entry>,
        crew: &Arc<Crew>,
        asked: AskedAt,
        parts: &mut Vec<Part>,
    ) -> Standing<'a> {
        let stand_in = ask.stand_in(older.as_ref());
        if let Some(answer) = ask.without_load(stand_in.as_ref()) {
            return Standing::Settled(answer);
        }
        if Handle::try_current().is_err() {
            return Standing::Settled(Err(error::no_runtime()));
        }
        let Some((flight, boarded)) = self.board(ask, crew, asked, 1) else {
            return Standing::Settled(Err(CacheError::closed()));
        };
        if self.options.on_abandon == Abandon::Finish {
            flight.keep_going();
        }
        let seat = match boarded {
            Boarded::Joined => Seat::joined(self.cache, flight, asked),
            Boarded::Leads { look_again } => {
                parts.push(Part {
                    flight: Arc::clone(&flight),
                    older,
                    look_again,
                });
                Seat::leads(self.cache, flight, asked)
            }
        };
        Standing::Waits { ask, seat, stand_in }
    }

    fn board(
        self,
        ask: Ask<'a>,
        crew: &Arc<Crew>,
        asked: AskedAt,
        waiting: usize,
    ) -> Option<(Arc<Flight>, Boarded)> {
        let key: Arc<str> = ask.place.key.into();
        let lead = || ask.flight(&key, Arc::clone(crew), waiting);
        let boarded = ask.board(&key, ask.seen, asked, lead);
        if waiting == 0
            && let Some((flight, Boarded::Joined)) = &boarded
        {
            self.cache.loads().registry.leave(flight);
        }
        boarded
    }
}
