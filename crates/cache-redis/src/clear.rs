//! Removing everything of a namespace and nothing else: a scan for its keys on a connection of its own, on every master
//! of a Cluster.

use std::time::Duration;

use cache_core::{ErrorKind, Result};
use deadpool::managed::{Object, PoolError, TimeoutType, Timeouts};
#[cfg(feature = "cluster")]
use deadpool_redis::redis::Value;
use deadpool_redis::redis::{FromRedisValue, Pipeline, RedisResult};
use tokio::time::{Instant, timeout_at};

use crate::backend::RedisBackend;
use crate::command;
use crate::error::{self, Damage};
use crate::lane::of_pool;
use crate::link::{Ask, Link};
use crate::pool::Pooled;

/// A scan tells where it goes on, and what it has found.
type Page = (u64, Vec<Vec<u8>>);

impl RedisBackend {
    pub(crate) async fn clear_all(&self) -> Result<()> {
        let deadline = Instant::now() + self.budgets.clear;
        let mut pooled = self.checkout(deadline).await?;
        let cleared = timeout_at(deadline, self.clear_over(&mut pooled)).await;
        let cleared =
            cleared.unwrap_or_else(|_| Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()));
        if let Err(cause) = &cleared
            && error::damage(cause) != Damage::None
        {
            drop(Object::take(pooled));
        }
        self.check_open()?;
        cleared.map_err(|cause| error::of(&cause))
    }

    async fn clear_over(&self, link: &mut Link) -> RedisResult<()> {
        match link {
            Link::Node(_) => self.clear_node(link).await,
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

    /// Takes a connection out of the pool for as long as it is needed.
    async fn checkout(&self, deadline: Instant) -> Result<Pooled> {
        let pool = &self.caller.pool;
        let mut timeouts = Timeouts {
            wait: Some(Duration::ZERO),
            ..pool.timeouts()
        };
        let found = match pool.timeout_get(&timeouts).await {
            Err(PoolError::Timeout(TimeoutType::Wait)) => {
                let _waiting = self.caller.counters.wait();
                let left = deadline.saturating_duration_since(Instant::now());
                timeouts.wait = Some(left.min(self.budgets.write));
                pool.timeout_get(&timeouts).await
            }
            found => found,
        };
        found.map_err(|cause| {
            let error = of_pool(&cause);
            if error.kind() == ErrorKind::Exhausted {
                self.caller.counters.note_wait_timeout();
            }
            error
        })
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

    use deadpool_redis::redis::cluster_async::ClusterConnection;
    use deadpool_redis::redis::cluster_routing::{
        MultipleNodeRoutingInfo, RoutingInfo, SingleNodeRoutingInfo,
    };
    use futures_util::future::try_join_all;

    use super::{FromRedisValue, Page, RedisBackend, RedisResult, Value, command, removal};
    use crate::link::within;

    /// How often the masters are scanned again because they were others afterwards.
    const ROUNDS: usize = 3;

    /// The address of a node.
    type Node = (String, u16);

    impl RedisBackend {
        pub(super) async fn clear_cluster(&self, cluster: &mut ClusterConnection) -> RedisResult<()> {
            let mut masters = self.masters(cluster).await?;
            for _ in 0..ROUNDS {
                let cleared = masters
                    .iter()
                    .map(|master| self.clear_master(cluster.clone(), master));
                try_join_all(cleared).await?;
                // A failover in between may have hidden keys from the scan.
                let now = self.masters(cluster).await?;
                if now == masters {
                    break;
                }
                masters = now;
            }
            Ok(())
        }

        /// Asks all masters for a sign of life, to learn their addresses.
        async fn masters(&self, cluster: &mut ClusterConnection) -> RedisResult<BTreeSet<Node>> {
            let everybody = RoutingInfo::MultiNode((MultipleNodeRoutingInfo::AllMasters, None));
            let asked = cluster.route_command(command::ping(), everybody);
            let Value::Map(answers) = within(self.budgets.write, asked).await? else {
                return Ok(BTreeSet::new());
            };
            let mut masters = BTreeSet::new();
            for (address, answer) in answers {
                answer.extract_error()?;
                let address = String::from_redis_value(address)?;
                if let Some((host, port)) = address.rsplit_once(':')
                    && let Ok(port) = port.parse()
                {
                    masters.insert((host.to_owned(), port));
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
                    let removed = cluster.route_pipeline(removal(&keys), 0, keys.len(), master());
                    for reply in within(limit, removed).await? {
                        reply.extract_error()?;
                    }
                }
                if next == 0 || self.check_open().is_err() {
                    return Ok(());
                }
                cursor = next;
            }
        }
    }
}
