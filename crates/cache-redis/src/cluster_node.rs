//! The connections to the nodes of a Cluster. The client library decides which node a request goes to, and opens a connection to
//! each when it needs one; those connections are ours, as to a single server: values that are too long are thrown away as they come,
//! what a caller has given up is not sent, and what a node says of a greeting, which may quote a password, is not logged.
//!
//! The library makes a connection by a function of a type ([`Connect`]), which is told an address and nothing of the cache that it is
//! made for. So it is told a number in the place of the user, by which that is found here. Neither user nor password ever reach it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use deadpool_redis::redis::aio::ConnectionLike;
use deadpool_redis::redis::cluster::{ClusterClient, ClusterClientBuilder};
use deadpool_redis::redis::cluster_async::{self, Connect};
use deadpool_redis::redis::{
    AsyncConnectionConfig, Cmd, ConnectionAddr, IntoConnectionInfo, Pipeline, RedisConnectionInfo,
    RedisError, RedisFuture, RedisResult, Value,
};

use crate::failure;
use crate::link::within;
use crate::transport::{self, Security};
use crate::wire::Wire;

/// A connection to all nodes.
pub(crate) type ClusterConnection = cluster_async::ClusterConnection<NodeConnection>;

/// What the connections to the nodes of one Cluster have in common.
pub(crate) struct Access {
    /// Who asks.
    pub(crate) redis: RedisConnectionInfo,
    pub(crate) security: Security,
    /// How long making a connection to one node may take.
    pub(crate) connect_limit: Duration,
    /// How long a request waits at one node.
    pub(crate) limit: Duration,
    /// How many bytes a stored value has at most.
    pub(crate) longest: usize,
}

/// At rest a connection is held twice: where the client library finds it, and by the task that writes while it runs.
const AT_REST: usize = 2;

/// The accesses of this process, by number.
static ACCESSES: Mutex<Accesses> = Mutex::new(Accesses {
    last: 0,
    all: BTreeMap::new(),
});

struct Accesses {
    last: u64,
    all: BTreeMap<u64, Arc<Access>>,
}

fn accesses() -> MutexGuard<'static, Accesses> {
    ACCESSES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The number of an access, which is found by it for as long as this is there.
struct Number(u64);

impl Number {
    fn of(access: Access) -> Self {
        let mut accesses = accesses();
        accesses.last += 1;
        let number = accesses.last;
        accesses.all.insert(number, Arc::new(access));
        Self(number)
    }
}

impl Drop for Number {
    fn drop(&mut self) {
        accesses().all.remove(&self.0);
    }
}

/// Returns the access of this number.
fn access(number: Option<&str>) -> Option<Arc<Access>> {
    let number = number?.parse().ok()?;
    accesses().all.get(&number).cloned()
}

/// A Cluster that can be connected to.
pub(crate) struct Cluster {
    client: ClusterClient,
    /// Kept for as long as the client may make connections.
    _number: Number,
}

impl Cluster {
    /// Makes a Cluster of which these nodes are known.
    pub(crate) fn new(
        nodes: impl IntoIterator<Item = ConnectionAddr>,
        access: Access,
        settings: impl FnOnce(ClusterClientBuilder) -> ClusterClientBuilder,
    ) -> RedisResult<Self> {
        let number = Number::of(access);
        let in_place_of_user = RedisConnectionInfo::default().set_username(number.0.to_string());
        let nodes = nodes
            .into_iter()
            .map(|node| {
                Ok(node
                    .into_connection_info()?
                    .set_redis_settings(in_place_of_user.clone()))
            })
            .collect::<RedisResult<Vec<_>>>()?;
        let client = settings(ClusterClientBuilder::new(nodes)).build()?;
        Ok(Self {
            client,
            _number: number,
        })
    }

    /// Connects to the nodes.
    pub(crate) async fn connect(&self) -> RedisResult<ClusterConnection> {
        self.client.get_async_generic_connection().await
    }
}

/// A connection to one node. Clones share it.
#[derive(Clone)]
pub(crate) struct NodeConnection {
    wire: Wire,
    limit: Duration,
}

impl NodeConnection {
    async fn open(address: &ConnectionAddr, access: &Access) -> RedisResult<Self> {
        let connect = async {
            let stream = transport::open(address, &access.security).await?;
            Wire::new(stream, &access.redis, access.longest, AT_REST).await
        };
        let wire = within(access.connect_limit, Box::pin(connect))
            .await
            .map_err(failure::without_words)?;
        let limit = access.limit;
        Ok(Self { wire, limit })
    }
}

impl Connect for NodeConnection {
    fn connect_with_config<'a, T>(info: T, _: AsyncConnectionConfig) -> RedisFuture<'a, Self>
    where
        T: IntoConnectionInfo + Send + 'a,
    {
        Box::pin(async move {
            let info = info.into_connection_info()?;
            // A connection whose cache has ended may still look for its nodes.
            let access = access(info.redis_settings().username())
                .ok_or_else(|| RedisError::from(std::io::Error::from(std::io::ErrorKind::NotConnected)))?;
            Self::open(info.addr(), &access).await
        })
    }
}

impl ConnectionLike for NodeConnection {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        Box::pin(self.wire.send(command.get_packed_command(), self.limit))
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        commands: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        Box::pin(async move {
            let commands = commands.get_packed_pipeline();
            let mut replies = self.wire.send_all(commands, offset + count, self.limit).await?;
            replies.drain(..offset);
            Ok(replies)
        })
    }

    fn get_db(&self) -> i64 {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some() -> Access {
        Access {
            redis: RedisConnectionInfo::default(),
            #[cfg(feature = "tls")]
            security: None,
            #[cfg(not(feature = "tls"))]
            security: Security,
            connect_limit: Duration::from_secs(20),
            limit: Duration::from_secs(20),
            longest: 0,
        }
    }

    #[test]
    fn an_access_is_found_by_its_number_as_long_as_it_is_there() {
        let (one, other) = (Number::of(some()), Number::of(some()));
        let (first, second) = (one.0.to_string(), other.0.to_string());
        assert!(access(Some(&first)).is_some());
        drop(one);
        assert!(access(Some(&first)).is_none());
        assert!(access(Some(&second)).is_some());
    }

    #[test]
    fn what_is_no_number_finds_nothing() {
        assert!(access(None).is_none() && access(Some("user")).is_none());
    }
}
