//! Removing everything of a namespace and nothing else: a scan for its keys on a connection of its own, on every master
//! of a Cluster.

use std::time::Duration;

use cache_core::{CacheError, ErrorKind, Result};
use deadpool::managed::{Object, PoolError, TimeoutType, Timeouts};
#[cfg(feature = "cluster")]
use deadpool_redis::redis::Value;
use deadpool_redis::redis::{FromRedisValue, Pipeline, RedisError, RedisResult};
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout_at};

use crate::backend::RedisBackend;
use crate::command;
use crate::error;
use crate::failure::{self, Damage};
use crate::link::{Ask, Link};
use crate::pool::{Pooled, of_pool};

/// A scan tells where it goes on, and what it has found.
type Page = (u64, Vec<Vec<u8>>);

/// What ended a clear.
struct Failed {
    cause: RedisError,
    /// The node of a Cluster that could not be cleared.
    #[cfg(feature = "cluster")]
    node: Option<String>,
}

impl Failed {
    fn from_timeout() -> Self {
        RedisError::from(std::io::Error::from(std::io::ErrorKind::TimedOut)).into()
    }
}

impl From<RedisError> for Failed {
    fn from(cause: RedisError) -> Self {
        Self {
            cause,
            #[cfg(feature = "cluster")]
            node: None,
        }
    }
}

impl From<Failed> for CacheError {
    fn from(failed: Failed) -> Self {
        #[cfg(feature = "cluster")]
        if let Some(node) = &failed.node {
            return failure::not_cleared(node, &failed.cause);
        }
        failure::of(&failed.cause)
    }
}

impl RedisBackend {
    pub(crate) async fn clear_all(&self) -> Result<()> {
        // Timers panic without one.
        Handle::try_current().map_err(|_| error::no_runtime())?;
        let deadline = Instant::now() + self.budgets.clear;
        let mut retried = false;
        loop {
            let mut pooled = match self.checkout(deadline).await {
                Err(error) if error.kind() == ErrorKind::Unavailable && !retried => {
                    retried = true;
                    continue;
                }
                pooled => pooled?,
            };
            let cleared = timeout_at(deadline, self.clear_over(&mut pooled)).await;
            let cleared = cleared.unwrap_or_else(|_| Err(Failed::from_timeout()));
            self.check_open()?;
            let Err(failed) = cleared else { return Ok(()) };
            let damage = failure::damage(&failed.cause);
            if damage != Damage::None {
                drop(Object::take(pooled));
            }
            if damage != Damage::Broken || retried || Instant::now() >= deadline {
                return Err(failed.into());
            }
            // Those that wait in the pool went the same way, most likely.
            self.caller.pool.retain(|_, _| false);
            self.caller.counters.note_retry();
            retried = true;
        }
    }

    async fn clear_over(&self, link: &mut Link) -> std::result::Result<(), Failed> {
        match link {
            Link::Node(_) => Ok(self.clear_node(link).await?),
            #[cfg(feature = "cluster")]
            Link::Cluster(cluster) => self.clear_cluster(cluster).await,
        }
    }

    async fn clear_node(&self, link: &mut Link) -> RedisResult<()> {
        let limit = self.budgets.write;
        let mut cursor = 0;
        loop {
            let page = command::scan(cursor, self.form.namespace.prefix())
                .send(link, limit)
                .await?;
            let (next, keys) = Page::from_redis_value(page)?;
            if !keys.is_empty() {
                let removal = removal(&keys);
                for reply in removal.send(link, limit).await? {
                    reply.extract_error()?;
                }
            }
            if next == 0 || self.check_open().is_err() {
                return Ok(());
            }
            cursor = next;
        }
    }

    /// Takes a connection out of the pool for as long as it is needed. Waiting for one and connecting are one step.
    async fn checkout(&self, deadline: Instant) -> Result<Pooled> {
        let deadline = deadline.min(Instant::now() + self.budgets.write);
        let found = timeout_at(deadline, self.wait_for_pooled(deadline)).await;
        let found = found.unwrap_or_else(|_| Err(failure::no_connection_in_time()));
        found.inspect_err(|error| {
            if matches!(error.kind(), ErrorKind::Exhausted | ErrorKind::Timeout) {
                self.caller.counters.note_wait_timeout();
            }
        })
    }

    async fn wait_for_pooled(&self, deadline: Instant) -> Result<Pooled> {
        let pool = &self.caller.pool;
        let mut timeouts = Timeouts {
            wait: Some(Duration::ZERO),
            ..pool.timeouts()
        };
        let found = match pool.timeout_get(&timeouts).await {
            Err(PoolError::Timeout(TimeoutType::Wait)) => {
                let _waiting = self.caller.counters.wait();
                // A little less than the time left, so that the error is the one that says what was missing.
                let left = deadline.saturating_duration_since(Instant::now());
                timeouts.wait = Some(left.mul_f64(0.98));
                pool.timeout_get(&timeouts).await
            }
            found => found,
        };
        found.map_err(|cause| of_pool(&cause))
    }
}

/// Makes the removal of keys as a scan has found them. Each has a command of its own: those of a Cluster's node have
/// many slots.
fn removal(keys: &[Vec<u8>]) -> Pipeline {
    let mut removal = Pipeline::with_capacity(keys.len());
    for key in keys {
        removal.add_command(command::unlink_found(key));
    }
    removal
}

#[cfg(feature = "cluster")]
mod cluster {
    //! The masters of a Cluster are scanned one by one: a scan that goes where the client library sends it sees one.

    use std::collections::BTreeSet;

    use deadpool_redis::redis::aio::ConnectionLike;
    use deadpool_redis::redis::cluster_async::ClusterConnection;
    use deadpool_redis::redis::cluster_routing::{RoutingInfo, SingleNodeRoutingInfo};
    use deadpool_redis::redis::{ErrorKind, RedisError, ServerErrorKind};
    use futures_util::future::join_all;

    use super::{Failed, FromRedisValue, Page, RedisBackend, RedisResult, Value, command, removal};
    use crate::link::within;

    /// How often the masters are scanned again because they were others afterwards.
    const ROUNDS: usize = 3;

    /// The address of a node.
    type Node = (String, u16);

    impl RedisBackend {
        pub(super) async fn clear_cluster(
            &self,
            cluster: &mut ClusterConnection,
        ) -> std::result::Result<(), Failed> {
            let mut masters = self.masters(cluster).await?;
            for _ in 0..ROUNDS {
                let cleared = masters.iter().map(|master| async {
                    let cleared = self.clear_master(cluster.clone(), master).await;
                    cleared.map_err(|cause| Failed {
                        cause,
                        node: Some(format!("{}:{}", master.0, master.1)),
                    })
                });
                // One that fails does not spare the others.
                let cleared: std::result::Result<(), Failed> = join_all(cleared).await.into_iter().collect();
                cleared?;
                // A failover in between may have hidden keys from the scan.
                let now = self.masters(cluster).await?;
                if now == masters {
                    break;
                }
                masters = now;
            }
            Ok(())
        }

        /// Asks a node who the masters are. To send something to all of them would leave out, without a word, those
        /// that there is no connection to.
        async fn masters(&self, cluster: &mut ClusterConnection) -> RedisResult<BTreeSet<Node>> {
            let anybody = RoutingInfo::SingleNode(SingleNodeRoutingInfo::Random);
            let asked = cluster.route_command(command::cluster_slots(), anybody);
            let ranges = within(self.budgets.write, asked).await?.extract_error()?;
            // Each range is its first and last slot and its nodes, the master first; a node is its host and its port.
            let ranges: Vec<Vec<Value>> = FromRedisValue::from_redis_value(ranges)?;
            let mut masters = BTreeSet::new();
            for range in ranges {
                let Some(Value::Array(master)) = range.into_iter().nth(2) else {
                    continue;
                };
                let mut master = master.into_iter();
                if let (Some(host), Some(port)) = (master.next(), master.next()) {
                    masters.insert((String::from_redis_value(host)?, u16::from_redis_value(port)?));
                }
            }
            Ok(masters)
        }

        async fn clear_master(&self, mut cluster: ClusterConnection, (host, port): &Node) -> RedisResult<()> {
            let limit = self.budgets.write;
            let master = || SingleNodeRoutingInfo::ByAddress {
                host: host.clone(),
                port: *port,
            };
            let mut cursor = 0;
            loop {
                let scan = command::scan(cursor, self.form.namespace.prefix());
                let asked = cluster.route_command(scan, RoutingInfo::SingleNode(master()));
                let page = within(limit, asked).await?.extract_error()?;
                let (next, keys) = Page::from_redis_value(page)?;
                if !keys.is_empty() {
                    self.remove(&mut cluster, keys, master()).await?;
                }
                if next == 0 || self.check_open().is_err() {
                    return Ok(());
                }
                cursor = next;
            }
        }

        /// Removes keys that were found on a node.
        async fn remove(
            &self,
            cluster: &mut ClusterConnection,
            keys: Vec<Vec<u8>>,
            node: SingleNodeRoutingInfo,
        ) -> RedisResult<()> {
            let limit = self.budgets.write;
            let removed = cluster.route_pipeline(removal(&keys), 0, keys.len(), node);
            let removed = within(limit, removed).await.and_then(|replies| {
                let replies = replies.into_iter().map(Value::extract_error);
                replies.collect::<RedisResult<Vec<_>>>()
            });
            match removed {
                // The slot of a key is on its way to this node or from it; the client library asks the right one.
                Err(cause) if is_redirect(&cause) => {
                    for key in keys {
                        let removal = command::unlink_found(&key);
                        let removed = cluster.req_packed_command(&removal);
                        within(limit, removed).await?.extract_error()?;
                    }
                    Ok(())
                }
                removed => removed.map(drop),
            }
        }
    }

    fn is_redirect(cause: &RedisError) -> bool {
        matches!(
            cause.kind(),
            ErrorKind::Server(ServerErrorKind::Moved | ServerErrorKind::Ask)
        )
    }
}
