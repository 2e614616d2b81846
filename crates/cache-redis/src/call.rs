//! The path of a request: breaker, lane, one deadline over everything, one retry if the connection broke.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use cache_core::{CacheError, ErrorKind, RejectReason, Result};
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout_at};

use crate::breaker::{Admission, Breaker, BreakerSettings};
use crate::counters::Counters;
use crate::error::{self, Damage};
use crate::lane::{Lane, Leased};
use crate::link::Ask;
use crate::pool::Pool;

/// What a request does, which decides its budget and its breaker.
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
    lanes: Box<[Arc<Lane>]>,
    next: AtomicUsize,
    reading: Box<[Breaker]>,
    writing: Box<[Breaker]>,
}

/// The reply to a request, and the connection that brought it.
pub(crate) struct Answer<R> {
    pub(crate) reply: R,
    pub(crate) origin: Origin,
}

/// Where a reply came from.
#[derive(Clone)]
pub(crate) struct Origin {
    lane: Arc<Lane>,
    number: u64,
}

impl Origin {
    /// Gives up the connection: it may be out of step and answer each question with the answer to another one.
    pub(crate) fn distrust(&self) {
        self.lane.note_broken(self.number);
    }
}

impl Caller {
    pub(crate) fn new(pool: Pool, lanes: usize, groups: usize, breaker: &BreakerSettings) -> Self {
        let breakers = || (0..groups).map(|_| Breaker::new(breaker)).collect();
        Self {
            lanes: (0..lanes).map(|_| Lane::new(pool.clone(), groups)).collect(),
            counters: pool.manager().counters(),
            pool,
            next: AtomicUsize::new(0),
            reading: breakers(),
            writing: breakers(),
        }
    }

    /// Says whether any breaker is open.
    pub(crate) fn is_open(&self) -> bool {
        self.reading.iter().chain(&self.writing).any(Breaker::is_open)
    }

    /// Asks the server and returns its answer, at the latest when `budget` has passed.
    ///
    /// The request may be sent twice, so it must be one that can be.
    pub(crate) async fn call<A: Ask>(
        &self,
        way: Way,
        group: usize,
        ask: &A,
        budget: Duration,
    ) -> Result<Answer<A::Reply>> {
        let breakers = match way {
            Way::Read => &self.reading,
            Way::Write => &self.writing,
        };
        let admission = breakers[group].admit(&self.counters)?;
        let outcome = self.attempts(&admission, group, ask, budget).await;
        match &outcome {
            Err(error) if is_failure(error) => admission.fail(),
            _ => admission.succeed(),
        }
        outcome
    }

    async fn attempts<A: Ask>(
        &self,
        admission: &Admission<'_>,
        group: usize,
        ask: &A,
        budget: Duration,
    ) -> Result<Answer<A::Reply>> {
        let deadline = Instant::now() + budget;
        let lane = self.lane();
        let mut limit = budget;
        let mut retried = false;
        loop {
            let mut leased = match lane.ready() {
                Some(leased) => leased,
                None => self.connected(lane, admission.is_probe(), deadline).await?,
            };
            let cause = match ask.send(&mut leased.link, limit).await {
                Ok(reply) => {
                    lane.note_answer(group);
                    self.counters.note_up(true);
                    let origin = Origin {
                        lane: Arc::clone(lane),
                        number: leased.number,
                    };
                    return Ok(Answer { reply, origin });
                }
                Err(cause) => cause,
            };
            match error::damage(&cause) {
                Damage::None => {
                    lane.note_answer(group);
                    self.counters.note_up(true);
                    return Err(error::of(&cause));
                }
                Damage::Silent => {
                    lane.note_silence(group, leased.number);
                    self.counters.note_up(false);
                    return Err(error::of(&cause));
                }
                Damage::Broken => {
                    lane.note_broken(leased.number);
                    limit = deadline.saturating_duration_since(Instant::now());
                    if retried || limit.is_zero() {
                        self.counters.note_up(false);
                        return Err(error::of(&cause));
                    }
                }
            }
            retried = true;
            self.counters.note_retry();
        }
    }

    /// Waits for the connection of a lane until the deadline.
    #[cold]
    async fn connected(&self, lane: &Arc<Lane>, urgent: bool, deadline: Instant) -> Result<Leased> {
        // The timer would panic.
        Handle::try_current().map_err(|_| error::no_runtime())?;
        let _waiting = self.counters.wait();
        let leased = timeout_at(deadline, lane.connected(urgent)).await;
        let leased = leased.unwrap_or_else(|_| {
            self.counters.note_wait_timeout();
            Err(error::no_connection_in_time())
        });
        if let Err(error) = &leased
            && is_failure(error)
        {
            self.counters.note_up(false);
        }
        leased
    }

    /// Returns the lanes in turn.
    fn lane(&self) -> &Arc<Lane> {
        match &*self.lanes {
            [only] => only,
            lanes => &lanes[self.next.fetch_add(1, Relaxed) % lanes.len()],
        }
    }

    pub(crate) fn reject(&self, reason: RejectReason) {
        self.counters.note_rejected(reason);
    }

    /// Ends the connections and returns when the attempts to make some have ended.
    pub(crate) async fn close(&self) {
        self.pool.close();
        for task in self.stop() {
            // It was aborted, and it has nothing to say.
            drop(task.await);
        }
    }

    /// Ends the connections and tells the attempts to make some to end.
    pub(crate) fn stop(&self) -> Vec<tokio::task::JoinHandle<()>> {
        self.lanes.iter().filter_map(|lane| lane.close()).collect()
    }
}

/// Says whether an error speaks against the server, so that others had better not ask it for a while.
fn is_failure(error: &CacheError) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Unavailable | ErrorKind::Timeout | ErrorKind::Exhausted
    )
}
