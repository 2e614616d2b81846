//! The pool: what makes, bounds and checks connections. Commands do not pass through it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use cache_core::CacheError;
use deadpool::managed::{
    self, Metrics, Object, PoolConfig, PoolError, QueueMode, RecycleError, RecycleResult, TimeoutType,
};
#[cfg(feature = "sentinel")]
use deadpool_redis::redis::sentinel::SentinelClient;
use deadpool_redis::redis::{ConnectionInfo, RedisError};
#[cfg(feature = "sentinel")]
use futures_util::stream::{FuturesUnordered, StreamExt};

#[cfg(feature = "cluster")]
use crate::cluster::Cluster;
use crate::command;
use crate::counters::Counters;
use crate::error;
use crate::failure;
use crate::link::{Ask, Link, within};
use crate::shards::Shards;
use crate::transport::{self, Security};
use crate::wire::Wire;

pub(crate) type Pool = managed::Pool<Connector>;
pub(crate) type Pooled = Object<Connector>;

/// At rest a connection is held three times: by the pool's object, where calls find it, and by the task that writes while it runs.
const AT_REST: usize = 3;

/// Nothing on the way ends a connection that was used so lately.
const IDLE: Duration = Duration::from_secs(15);

/// A new connection to a Cluster asks for this part of its time who serves what: a node that is silent must not cost it.
#[cfg(feature = "cluster")]
const LEARNING: u32 = 8;

/// What makes connections, and for how long it may try.
pub(crate) struct Connector {
    target: Target,
    limit: Duration,
    /// After so long without use a connection is asked for a sign of life before it is handed out.
    idle: Duration,
    /// How many bytes a stored value has at most.
    longest: usize,
    counters: Arc<Counters>,
    shards: Arc<Shards>,
}

/// Where connections go.
pub(crate) enum Target {
    /// One server.
    Node(Box<ConnectionInfo>, Security),
    /// The nodes of a Cluster.
    #[cfg(feature = "cluster")]
    Cluster(Arc<Cluster>),
    /// The master that one of the Sentinels names at the time. Each has a client of its own: one client for all waits for
    /// the first, and keeps others waiting as long.
    #[cfg(feature = "sentinel")]
    Sentinel(Vec<tokio::sync::Mutex<SentinelClient>>, Security),
}

impl Connector {
    pub(crate) fn new(target: Target, limit: Duration, longest: usize, shards: Arc<Shards>) -> Self {
        Self {
            target,
            limit,
            idle: IDLE,
            longest,
            counters: Arc::default(),
            shards,
        }
    }

    /// Returns how long making a connection may take.
    pub(crate) fn limit(&self) -> Duration {
        self.limit
    }

    /// Returns where everything about the connections is counted.
    pub(crate) fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.counters)
    }

    /// Returns what is known of the shards, which a new connection to a Cluster refreshes.
    pub(crate) fn shards(&self) -> Arc<Shards> {
        Arc::clone(&self.shards)
    }

    async fn connect(&self) -> Result<Link, RedisError> {
        match &self.target {
            Target::Node(info, security) => connect(info, security, self.longest).await.map(Link::Node),
            #[cfg(feature = "cluster")]
            Target::Cluster(cluster) => {
                let mut cluster = cluster.connect().await?;
                self.shards.learn(&mut cluster, self.limit / LEARNING).await;
                Ok(Link::Cluster(cluster))
            }
            #[cfg(feature = "sentinel")]
            Target::Sentinel(clients, security) => by_sentinels(clients, security, self.longest)
                .await
                .map(Link::Node),
        }
    }
}

async fn connect(info: &ConnectionInfo, security: &Security, longest: usize) -> Result<Wire, RedisError> {
    let stream = transport::open(info.addr(), security).await?;
    Wire::new(stream, info.redis_settings(), longest, AT_REST, Arc::default()).await
}

/// Asks all Sentinels at once and takes the first connection to a master. The library sees whether it is one.
#[cfg(feature = "sentinel")]
async fn by_sentinels(
    clients: &[tokio::sync::Mutex<SentinelClient>],
    security: &Security,
    longest: usize,
) -> Result<Wire, RedisError> {
    let asked = clients.iter().map(|client| async {
        let master = client.lock().await.async_get_client().await?;
        connect(master.get_connection_info(), security, longest).await
    });
    let mut asked: FuturesUnordered<_> = asked.collect();
    let mut failure: Option<RedisError> = None;
    while let Some(connected) = asked.next().await {
        match connected {
            Ok(connection) => return Ok(connection),
            // A refusal says more than that a Sentinel cannot be reached.
            Err(cause) if failure.as_ref().is_none_or(RedisError::is_io_error) => failure = Some(cause),
            Err(_) => {}
        }
    }
    Err(failure.unwrap_or_else(|| std::io::Error::from(std::io::ErrorKind::NotConnected).into()))
}

impl managed::Manager for Connector {
    type Type = Link;
    type Error = RedisError;

    async fn create(&self) -> Result<Link, RedisError> {
        // The limits of the client library are one per stage. Boxed, since it is large with TLS.
        let connected = within(self.limit, Box::pin(self.connect())).await;
        self.counters.note_connect(connected.is_ok());
        connected
    }

    /// Checks a connection that was given back. One that was used lately is well: those that broke do not come back.
    /// The manager of deadpool-redis would send two commands each time.
    async fn recycle(&self, link: &mut Link, metrics: &Metrics) -> RecycleResult<RedisError> {
        if metrics.last_used() < self.idle {
            return Ok(());
        }
        command::ping()
            .send(link, self.limit)
            .await
            .map(drop)
            .map_err(RecycleError::Backend)
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.target {
            Target::Node(..) => "node",
            #[cfg(feature = "cluster")]
            Target::Cluster(_) => "cluster",
            #[cfg(feature = "sentinel")]
            Target::Sentinel(..) => "sentinel",
        })
    }
}

/// Ends the connections that nobody holds, and on a Cluster all, which the client library would make anew for those who still wait.
pub(crate) fn close(pool: &Pool) {
    pool.close();
    #[cfg(feature = "cluster")]
    if let Target::Cluster(cluster) = &pool.manager().target {
        cluster.close();
    }
}

/// Makes the pool. Nothing is connected yet.
pub(crate) fn build(connector: Connector, most: usize) -> cache_core::Result<Pool> {
    let mut config = PoolConfig::new(most);
    config.timeouts.wait = Some(connector.limit);
    // Connections that are used stay well; those beyond need can age.
    config.queue_mode = QueueMode::Lifo;
    Pool::builder(connector)
        .config(config)
        .runtime(deadpool::Runtime::Tokio1)
        .build()
        .map_err(|_| error::no_runtime())
}

/// Makes the error of a pool that gave no connection.
pub(crate) fn of_pool(cause: &PoolError<RedisError>) -> CacheError {
    match cause {
        PoolError::Backend(cause) if cause.is_timeout() => failure::no_connection_in_time(),
        PoolError::Backend(cause) => failure::of(cause),
        PoolError::Timeout(TimeoutType::Wait) => failure::no_connection_free(),
        PoolError::Timeout(_) => failure::no_connection_in_time(),
        PoolError::Closed => CacheError::closed(),
        PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_) => error::no_runtime(),
    }
}

#[cfg(test)]
mod tests {
    use cache_testkit::servers::RedisServer;
    use deadpool_redis::redis::IntoConnectionInfo;

    use super::*;
    use crate::breaker::BreakerSettings;

    /// Makes a pool whose connections are asked for a sign of life after so long.
    fn pool(server: &RedisServer, idle: Duration) -> Pool {
        #[cfg(feature = "tls")]
        let security = None;
        #[cfg(not(feature = "tls"))]
        let security = Security;
        let info = server.url().into_connection_info().unwrap();
        let target = Target::Node(Box::new(info), security);
        let shards = Shards::one(&BreakerSettings::default());
        let mut connector = Connector::new(target, Duration::from_secs(20), 0, shards);
        connector.idle = idle;
        build(connector, 3).unwrap()
    }

    fn pings(server: &RedisServer) -> u64 {
        server.calls().get("ping").copied().unwrap_or_default()
    }

    #[tokio::test]
    async fn a_connection_that_was_idle_is_asked_once_for_a_sign_of_life() {
        let server = RedisServer::builder().start();
        let pool = pool(&server, Duration::ZERO);
        drop(pool.get().await.unwrap());
        let before = pings(&server);
        drop(pool.get().await.unwrap());
        assert_eq!(pings(&server) - before, 1);
    }

    #[tokio::test]
    async fn one_that_was_used_lately_is_not() {
        let server = RedisServer::builder().start();
        let pool = pool(&server, IDLE);
        drop(pool.get().await.unwrap());
        let before = pings(&server);
        drop(pool.get().await.unwrap());
        assert_eq!(pings(&server), before);
    }

    #[tokio::test]
    async fn a_dead_connection_is_not_handed_out() {
        let server = RedisServer::builder().start();
        let pool = pool(&server, Duration::ZERO);
        drop(pool.get().await.unwrap());
        server.restart();
        let mut pooled = pool.get().await.unwrap();
        let limit = Duration::from_secs(20);
        command::ping().send(&mut pooled, limit).await.unwrap();
        assert_eq!(pool.status().size, 1);
    }
}
