//! The path of a request: breaker, lane, one deadline over everything, one retry if the connection broke.

use std::sync::Arc;
use std::time::Duration;

use cache_core::{CacheError, ErrorKind, RejectReason, Result};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};

use crate::admission::Admission;
use crate::budget::Budget;
use crate::counters::Counters;
use crate::error;
use crate::failure::{self, Damage};
use crate::given_up::UnderWay;
use crate::held::Leased;
use crate::lane::Lane;
use crate::link::Ask;
#[cfg(feature = "cluster")]
use crate::link::Link;
use crate::origin::Origin;
use crate::pool::{self, Pool};
use crate::shards::Shards;
use crate::side::Side;

/// How long a close waits for an attempt to connect that was told to end, which takes no time where its runtime is run.
const STOP_LIMIT: Duration = Duration::from_secs(1);

/// What a request does, which decides its connection and its breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Read,
    Write,
}

/// Runs requests.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) pool: Pool,
    pub(crate) counters: Arc<Counters>,
    pub(crate) shards: Arc<Shards>,
    reading: Side,
    writing: Side,
}

/// An operation that a breaker let through.
pub(crate) struct Turn<'a> {
    side: &'a Side,
    group: usize,
    pub(crate) admission: Admission<'a>,
}

impl Turn<'_> {
    /// Returns the lane for the next request.
    pub(crate) fn lane(&self) -> &Arc<Lane> {
        self.side.lane()
    }
}

/// The reply to a request, and the connection that brought it.
pub(crate) struct Answer<'a, R> {
    pub(crate) reply: R,
    pub(crate) origin: Origin<'a>,
}

impl Caller {
    /// Makes what runs requests: so many lanes for reads, and one for writes, which take effect in the order in which
    /// they were sent.
    pub(crate) fn new(pool: Pool, readers: usize) -> Self {
        let shards = pool.manager().shards();
        Self {
            reading: Side::new(&pool, shards.groups(), readers),
            writing: Side::new(&pool, shards.groups(), 1),
            counters: pool.manager().counters(),
            shards,
            pool,
        }
    }

    fn sides(&self) -> impl Iterator<Item = &Side> {
        [&self.reading, &self.writing].into_iter()
    }

    /// Asks the server and returns its answer, at the latest when what is left of the budget has passed.
    ///
    /// The request may be sent twice, so it must be one that can be, or [say](Ask::is_sent_once) that it is not.
    pub(crate) async fn call<A: Ask>(
        &self,
        way: Way,
        group: usize,
        ask: &A,
        budget: impl Into<Budget>,
    ) -> Result<Answer<'_, A::Reply>> {
        let budget = budget.into();
        let turn = self.begin(way, group, budget)?;
        let outcome = self.ask(&turn, ask, budget).await;
        turn.admission.end();
        outcome
    }

    /// Begins an operation, of one request or of many.
    ///
    /// # Errors
    /// If the breaker is open, there is no runtime, or nothing is left of the budget, of which the breaker does not learn.
    pub(crate) fn begin(&self, way: Way, group: usize, budget: Budget) -> Result<Turn<'_>> {
        if budget.left.is_zero() {
            return Err(failure::too_late());
        }
        // Timers panic without one.
        Handle::try_current().map_err(|_| error::no_runtime())?;
        let side = match way {
            Way::Read => &self.reading,
            Way::Write => &self.writing,
        };
        let admission = self.shards.breaker(way, group).admit(&self.counters)?;
        Ok(Turn {
            side,
            group,
            admission,
        })
    }

    /// Sends a request of an operation, as [`call`](Self::call).
    pub(crate) async fn ask<'a, A: Ask>(
        &'a self,
        turn: &Turn<'a>,
        ask: &A,
        budget: Budget,
    ) -> Result<Answer<'a, A::Reply>> {
        let lane = turn.side.lane();
        let outcome = self
            .attempts(lane, &turn.admission, turn.group, ask, budget)
            .await;
        if let Err(error) = &outcome
            && is_failure(error)
        {
            // On a Cluster the client library tries again over connections that have ended, until it is too late.
            if lane.is_closed() {
                return Err(CacheError::closed());
            }
            if budget.is_told_of(error) {
                turn.admission.note_failure();
            } else {
                turn.admission.note_unsure();
            }
            #[cfg(feature = "cluster")]
            if let Some(Leased {
                link: Link::Cluster(cluster),
                ..
            }) = lane.ready()
            {
                self.shards.learn_again(cluster, budget.whole);
            }
        }
        outcome
    }

    async fn attempts<'a, A: Ask>(
        &'a self,
        lane: &'a Arc<Lane>,
        admission: &Admission<'_>,
        group: usize,
        ask: &A,
        budget: Budget,
    ) -> Result<Answer<'a, A::Reply>> {
        let deadline = Instant::now() + budget.left;
        let mut limit = budget.left;
        let mut retried = false;
        loop {
            let old = match lane.ready() {
                // It may have lost its way, and a new one is being made.
                Some(leased) if lane.is_silent(group) => Err(leased.number),
                Some(leased) => Ok(leased),
                None => Err(0),
            };
            let mut leased = match old {
                Ok(leased) => leased,
                Err(old) => {
                    let connected = self
                        .connected(lane, admission.is_probe(), old, deadline, budget)
                        .await;
                    limit = deadline.saturating_duration_since(Instant::now());
                    match connected {
                        Ok(leased) => leased,
                        // Where no other connection can be made, the old one may answer again: the server was slow.
                        Err(error) => match lane.still_ready(old) {
                            Some(leased) if !limit.is_zero() => leased,
                            _ => return Err(error),
                        },
                    }
                }
            };
            let under_way = UnderWay::new(lane, admission, group, budget.whole, &leased, deadline - limit);
            let sent = ask.send(&mut leased.link, limit).await;
            let wait = under_way.over();
            let cause = match sent {
                Ok(reply) => {
                    lane.note_answer(group);
                    self.counters.note_up(true);
                    let origin = Origin {
                        lane,
                        number: leased.number,
                        group,
                        deadline,
                    };
                    return Ok(Answer { reply, origin });
                }
                Err(cause) => cause,
            };
            match leased.link.damage(&cause) {
                Damage::None => {
                    lane.note_answer(group);
                    self.counters.note_up(true);
                    return Err(failure::of(&cause));
                }
                Damage::Silent => {
                    let in_vain = || lane.has_waited_in_vain(wait, budget.whole);
                    if budget.is_enough_to_tell() || in_vain() {
                        lane.note_silence(group, leased.number);
                        admission.note_failure();
                        self.counters.note_up(false);
                    }
                    leased.link.check_step(budget.whole);
                    return Err(failure::of(&cause));
                }
                #[cfg(feature = "cluster")]
                Damage::Away => {
                    self.counters.note_up(false);
                    return Err(failure::of(&cause));
                }
                Damage::Broken => {
                    lane.note_broken(leased.number);
                    limit = deadline.saturating_duration_since(Instant::now());
                    if retried || limit.is_zero() || ask.is_sent_once() {
                        self.counters.note_up(false);
                        return Err(failure::of(&cause));
                    }
                }
            }
            retried = true;
            self.counters.note_retry();
        }
    }

    /// Waits for a connection of a lane newer than number `old` until the deadline.
    #[cold]
    async fn connected(
        &self,
        lane: &Arc<Lane>,
        urgent: bool,
        old: u64,
        deadline: Instant,
        budget: Budget,
    ) -> Result<Leased> {
        let _waiting = self.counters.wait();
        let leased = timeout_at(deadline, lane.connected(urgent, old)).await;
        let leased = leased.unwrap_or_else(|_| {
            self.counters.note_wait_timeout();
            Err(failure::no_connection_in_time())
        });
        if let Err(error) = &leased
            && (is_failure(error) || error.kind() == ErrorKind::Denied)
            && budget.is_told_of(error)
        {
            self.counters.note_up(false);
        }
        leased
    }

    pub(crate) fn reject(&self, reason: RejectReason) {
        self.counters.note_rejected(reason);
    }

    /// Ends the connections and returns when the attempts to make some have ended, and a task that was told to end.
    pub(crate) async fn close(&self, other: Option<JoinHandle<()>>) {
        for task in self.stop().into_iter().chain(other) {
            // It was aborted, and it has nothing to say. If the runtime that it is in is not run, it does not end.
            drop(timeout(STOP_LIMIT, task).await);
        }
    }

    /// Ends the connections and tells the attempts to make some to end.
    pub(crate) fn stop(&self) -> Vec<JoinHandle<()>> {
        let lanes = self.sides().flat_map(Side::lanes);
        let tasks = lanes.filter_map(|lane| lane.close());
        let tasks = tasks.chain(self.shards.close()).collect();
        // After the lanes: who gets no other connection has to find its own closed.
        pool::close(&self.pool);
        tasks
    }
}

/// Says whether an error speaks against the server, so that others had better not ask it for a while.
pub(crate) fn is_failure(error: &CacheError) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Unavailable | ErrorKind::Timeout | ErrorKind::Exhausted
    )
}
