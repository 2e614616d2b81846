//! A caller of many keys: splits them into hits, flights to join, and one batch to lead, and waits for all.

use std::sync::Arc;

use futures_util::future::join_all;
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::batch_loader::WorkMany;
use super::carried::AskedAt;
use super::crew::Crew;
use super::error::{self, Fault};
use super::flight::Flight;
use super::landing::Landing;
use super::loader::Unread;
use super::needs::{Need, Needs};
use super::options::{Abandon, LoadOptions};
use super::run_many::{Part, PlanMany, start_many};
use super::seat::{Boarded, Seat};
use super::settle::{Ask, Settled, Waited};
use crate::cache::Cache;
use crate::entry::Entry;
use crate::error::{CacheError, Result};
use crate::expiration::Expiration;
use crate::key::Key;

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
        older: Option<Entry>,
        stand_in: Option<Entry>,
    },
}

/// How it ended.
enum End<'a> {
    Settled(Result<Settled>),
    /// What it joined gave it nothing, so this caller loads for itself.
    Again(Ask<'a>, Option<Entry>),
}

impl<'a> Standing<'a> {
    fn joined(&self) -> bool {
        matches!(self, Self::Waits { seat, .. } if seat.joined)
    }

    /// Waits for the end.
    async fn end(self, start: Instant, unread: Unread) -> End<'a> {
        let (mut ask, seat, older, stand_in) = match self {
            Self::Settled(answer) => return End::Settled(answer),
            Self::Waits {
                ask,
                seat,
                older,
                stand_in,
            } => (ask, seat, older, stand_in),
        };
        let joined = seat.joined;
        match ask.wait(seat, stand_in.as_ref(), start, unread).await {
            Waited::Settled(answer) => End::Settled(answer),
            Waited::Cancelled(error) if !joined => End::Settled(
                ask.failed(Fault::Cancelled, error, stand_in.as_ref(), unread)
                    .await,
            ),
            Waited::Cancelled(_) | Waited::Outdated => {
                ask.start_over();
                End::Again(ask, older)
            }
        }
    }
}

/// What a batch is about to load.
struct Batch {
    crew: Arc<Crew>,
    landing: Landing,
    parts: Vec<Part>,
    /// Whether nobody waits for it.
    refresh: bool,
}

impl<'a> AskMany<'a> {
    /// Gets the values of different keys.
    pub(crate) async fn settle(
        self,
        keys: Vec<Key<'a>>,
        mut work: Box<dyn WorkMany>,
        unread: Unread,
    ) -> Vec<Result<Settled>> {
        let mut answers = vec![Err(error::no_answer()); keys.len()];
        if keys.is_empty() {
            return answers;
        }
        let (start, asked) = (Instant::now(), AskedAt::now(self.cache));
        let Needs { keys, mut failed } = self.needs(keys, unread).await;
        let mut open: Vec<_> = keys.into_iter().enumerate().collect();
        loop {
            let mut batch = Batch {
                crew: Crew::new(),
                // From here on each flight lands, even if what follows panics.
                landing: Landing::new(self.cache),
                parts: Vec::new(),
                refresh: true,
            };
            let standings = open
                .drain(..)
                .map(|(at, (ask, need))| (at, self.stand(ask, need, asked, &mut batch)));
            let standings: Vec<_> = standings.collect();
            // Keys that join a load may have to be loaded here in the end.
            let joins = standings.iter().any(|(_, standing)| standing.joined());
            let another = joins.then(|| work.another());
            self.start(batch, work, failed, unread);
            // At the same time, so that those that have to ask the backend once more do not do it one after the other.
            let ends = standings
                .into_iter()
                .map(|(at, standing)| async move { (at, standing.end(start, unread).await) });
            for (at, end) in join_all(ends).await {
                match end {
                    End::Settled(answer) => answers[at] = answer,
                    End::Again(ask, older) => open.push((at, (ask, Need::Load(older)))),
                }
            }
            match another {
                Some(another) if !open.is_empty() => (work, failed) = (another, false),
                _ => return answers,
            }
        }
    }

    fn stand(self, ask: Ask<'a>, need: Need, asked: AskedAt, batch: &mut Batch) -> Standing<'a> {
        match need {
            Need::Nothing(answer) => Standing::Settled(answer),
            Need::Refresh(settled, entry) => {
                if ask.may_refresh()
                    && let Some((flight, Boarded::Leads { look_again })) =
                        self.board(ask, &batch.crew, asked, 0)
                {
                    batch.lead(flight, Some(entry), look_again);
                }
                Standing::Settled(Ok(settled))
            }
            Need::Load(older) => self.load(ask, older, asked, batch),
        }
    }

    /// Joins the flight of a key, or adds it to the batch.
    fn load(self, ask: Ask<'a>, older: Option<Entry>, asked: AskedAt, batch: &mut Batch) -> Standing<'a> {
        let stand_in = ask.stand_in(older.as_ref());
        // Who starts over has found something that may be invalidated by now, so it is not given without a look.
        if ask.seen != u64::MAX
            && let Some(answer) = ask.without_load(stand_in.as_ref())
        {
            return Standing::Settled(answer);
        }
        let Ok(runtime) = Handle::try_current().map(|handle| handle.id()) else {
            return Standing::Settled(Err(error::no_runtime()));
        };
        let Some((flight, boarded)) = self.board(ask, &batch.crew, asked, 1) else {
            return Standing::Settled(Err(CacheError::closed()));
        };
        if self.options.on_abandon == Abandon::Finish {
            flight.keep_going();
        }
        let seat = match boarded {
            Boarded::Joined => Seat::joined(self.cache, flight, asked, runtime),
            Boarded::Leads { look_again } => {
                batch.refresh = false;
                batch.lead(Arc::clone(&flight), older.clone(), look_again);
                Seat::leads(self.cache, flight, asked, runtime)
            }
        };
        Standing::Waits {
            ask,
            seat,
            older,
            stand_in,
        }
    }

    /// Starts the task of a batch, if it leads any flight.
    fn start(self, batch: Batch, work: Box<dyn WorkMany>, failed: bool, unread: Unread) {
        if let Ok(runtime) = Handle::try_current()
            && !batch.parts.is_empty()
        {
            let plan = PlanMany {
                work,
                parts: batch.parts,
                failed,
                refresh: batch.refresh,
                options: *self.options,
                ttl: self.ttl,
                unread,
            };
            start_many(&runtime, batch.landing, plan);
        }
    }

    fn board(
        self,
        ask: Ask<'a>,
        crew: &Arc<Crew>,
        asked: AskedAt,
        waiting: usize,
    ) -> Option<(Arc<Flight>, Boarded)> {
        let lead = || ask.flight(Arc::clone(crew), waiting);
        let boarded = ask.board(asked, lead);
        if waiting == 0
            && let Some((flight, Boarded::Joined)) = &boarded
        {
            self.cache.loads().registry.leave(flight);
        }
        boarded
    }
}

impl Batch {
    fn lead(&mut self, flight: Arc<Flight>, older: Option<Entry>, look_again: bool) {
        self.landing.add(&flight);
        self.parts.push(Part {
            flight,
            older,
            look_again,
        });
    }
}
