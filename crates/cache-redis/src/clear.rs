//! Removing everything of a namespace and nothing else: a scan for its keys on a connection of its own.

use std::time::Duration;

use cache_core::{ErrorKind, Result};
use deadpool::managed::{Object, PoolError, TimeoutType, Timeouts};
use deadpool_redis::redis::{FromRedisValue, RedisError, RedisResult, Value};
use tokio::time::{Instant, timeout_at};

use crate::backend::RedisBackend;
use crate::budget::Budget;
use crate::call::{Turn, Way, is_failure};
use crate::clear_failure::{Failed, Failure};
use crate::command::{self, Commands};
use crate::failure::{self, Damage};
use crate::link::{Ask, Link};
use crate::pool::{Pooled, of_pool};
use crate::reply::removed;
use crate::scalar::garbage;
use crate::shards::WHOLE;

/// A scan tells where it goes on, and what it has found.
type Page = (u64, Vec<Vec<u8>>);

/// A connection out of the pool. Unless it is given back it ends, with what it has not sent: a clear that was given up must
/// not remove what somebody sets after it.
pub(crate) struct Lent {
    pub(crate) link: Link,
    pooled: Option<Pooled>,
}

impl Lent {
    pub(crate) fn new(pooled: Pooled) -> Self {
        Self {
            link: pooled.clone(),
            pooled: Some(pooled),
        }
    }

    pub(crate) fn give_back(mut self) {
        self.pooled = None;
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(pooled) = self.pooled.take() {
            Object::take(pooled).cut();
        }
    }
}

impl RedisBackend {
    pub(crate) async fn clear_all(&self) -> Result<()> {
        let budget = self.budgets.clearing();
        let turn = self.caller.begin(Way::Write, WHOLE, budget)?;
        let outcome = self.clear_in(&turn, budget).await;
        if let Err(failure) = &outcome
            && failure.of_server
            && is_failure(&failure.error)
        {
            turn.admission.note_failure();
        }
        turn.admission.end();
        outcome.map_err(|failure| failure.error)
    }

    async fn clear_in(&self, turn: &Turn<'_>, budget: Budget) -> std::result::Result<(), Failure> {
        let deadline = Instant::now() + budget.left;
        self.settle_writes(turn).await;
        let mut first: Option<Failed> = None;
        loop {
            let mut lent = match self.checkout(turn, deadline).await {
                Ok(lent) => lent,
                Err(failure) => return Err(first.filter(Failed::names_nodes).map_or(failure, Failure::from)),
            };
            let cleared = self.clear_over(&mut lent.link, deadline).await;
            let damage = cleared.as_ref().map_or_else(Failed::damage, |()| Damage::None);
            if damage == Damage::None {
                lent.give_back();
            } else {
                drop(lent);
            }
            self.check_open()?;
            let Err(failed) = cleared else { return Ok(()) };
            if let Some(first) = first {
                // Which nodes it was says more than that there was too little time for another pass.
                let named = first.names_nodes() && !failed.names_nodes();
                return Err(if named { first } else { failed }.into());
            }
            if damage != Damage::Broken || Instant::now() >= deadline {
                return Err(failed.into());
            }
            // Those that wait in the pool went the same way, most likely.
            self.caller.pool.retain(|_, _| false);
            self.caller.counters.note_retry();
            first = Some(failed);
        }
    }

    /// Waits until the writes that were sent are done, or ends their connection: one that its caller has given up must not be done
    /// after what is removed here, over another connection.
    async fn settle_writes(&self, turn: &Turn<'_>) {
        let limit = self.budgets.write.min(self.budgets.clear / 4);
        if let Some(leased) = turn.lane().ready()
            && !leased.link.settle(limit).await
        {
            turn.lane().note_broken(leased.number);
        }
    }

    async fn clear_over(&self, link: &mut Link, deadline: Instant) -> std::result::Result<(), Failed> {
        match link {
            Link::Node(_) => match timeout_at(deadline, self.clear_node(link)).await {
                Ok(cleared) => Ok(cleared?),
                Err(_) => Err(Failed::from_timeout()),
            },
            #[cfg(feature = "cluster")]
            Link::Cluster(cluster) => self.clear_cluster(cluster, deadline).await,
        }
    }

    async fn clear_node(&self, link: &mut Link) -> RedisResult<()> {
        let limit = self.budgets.write;
        let mut cursor = 0;
        loop {
            let page = command::scan(cursor, self.form.namespace.prefix())
                .send(link, limit)
                .await?
                .extract_error()?;
            let (next, keys) = found(page, self.form.namespace.prefix())?;
            if !keys.is_empty() {
                let replies = removal(keys).send(link, limit).await?;
                replies.into_iter().try_for_each(removed)?;
            }
            if next == 0 || self.check_open().is_err() {
                return Ok(());
            }
            cursor = next;
        }
    }

    /// Takes a connection out of the pool for as long as it is needed. Waiting for one and connecting are one step. What
    /// could not connect just before, for a write or for a clear, is not tried again at once.
    async fn checkout(&self, turn: &Turn<'_>, deadline: Instant) -> std::result::Result<Lent, Failure> {
        if !turn.admission.is_probe()
            && let Some(error) = turn.lane().recent_failure()
        {
            return Err(error.into());
        }
        let deadline = deadline.min(Instant::now() + self.budgets.write);
        let mut found = self.wait_for_pooled(deadline).await;
        if found.as_ref().is_err_and(broke) {
            self.caller.counters.note_retry();
            found = self.wait_for_pooled(deadline).await;
        }
        let is_full = matches!(found, Err(PoolError::Timeout(TimeoutType::Wait)));
        let found = found.map_err(|cause| of_pool(&cause));
        if !is_full {
            turn.lane().note_connect_elsewhere(found.as_ref().err());
        }
        found.map(Lent::new).map_err(|error| {
            if matches!(error.kind(), ErrorKind::Exhausted | ErrorKind::Timeout) {
                self.caller.counters.note_wait_timeout();
            }
            Failure {
                error,
                of_server: !is_full,
            }
        })
    }

    async fn wait_for_pooled(&self, deadline: Instant) -> std::result::Result<Pooled, PoolError<RedisError>> {
        let pool = &self.caller.pool;
        let mut timeouts = Timeouts {
            wait: Some(Duration::ZERO),
            ..pool.timeouts()
        };
        let found = async {
            match pool.timeout_get(&timeouts).await {
                Err(PoolError::Timeout(TimeoutType::Wait)) => {
                    let _waiting = self.caller.counters.wait();
                    // A little less than the time left, so that the error is the one that says what was missing.
                    let left = deadline.saturating_duration_since(Instant::now());
                    timeouts.wait = Some(left.mul_f64(0.98));
                    pool.timeout_get(&timeouts).await
                }
                found => found,
            }
        };
        let found = timeout_at(deadline, found).await;
        found.unwrap_or(Err(PoolError::Timeout(TimeoutType::Create)))
    }
}

/// Says whether a connection broke while it was made, as it may break later: the next one may be well. One that is refused
/// or not answered is not.
fn broke(cause: &PoolError<RedisError>) -> bool {
    matches!(cause, PoolError::Backend(cause)
        if !cause.is_connection_refusal() && failure::of(cause).kind() == ErrorKind::Unavailable)
}

/// Takes the reply to a scan apart. A key that does not begin with the prefix is not ours to remove, so nothing of such a reply
/// is: it was changed on its way, or the server has another notion of patterns.
pub(crate) fn found(page: Value, prefix: &str) -> RedisResult<Page> {
    let (next, keys) = Page::from_redis_value(page)?;
    if keys.iter().all(|key| key.starts_with(prefix.as_bytes())) {
        Ok((next, keys))
    } else {
        Err(garbage("a scan names a key of others"))
    }
}

/// Makes the removal of keys as a scan has found them. Each has a command of its own: those of a Cluster's node have
/// many slots.
pub(crate) fn removal(keys: impl IntoIterator<Item = Vec<u8>>) -> Commands<'static> {
    keys.into_iter().map(command::unlink_found).collect()
}
