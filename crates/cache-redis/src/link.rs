//! A connection as commands see it: to one server, or to all nodes of a Cluster. Clones share it.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use cache_core::ErrorKind;
#[cfg(feature = "cluster")]
use deadpool_redis::redis::cluster_routing::{Route, RoutingInfo, SingleNodeRoutingInfo, SlotAddr};
use deadpool_redis::redis::{RedisError, RedisResult, Value};

#[cfg(feature = "cluster")]
use crate::cluster::ClusterConnection;
use crate::command::{self, Command, Commands};
use crate::failure::{self, Damage};
use crate::wire::Wire;

/// A connection that carries the requests of many callers at once.
#[derive(Clone)]
pub(crate) enum Link {
    /// To one server.
    Node(Wire),
    /// To the nodes of a Cluster.
    #[cfg(feature = "cluster")]
    Cluster(ClusterConnection),
}

impl Link {
    /// Says whether a question that nobody else asks gets its own answer. In a Cluster it goes where the slot is.
    pub(crate) async fn is_in_step(&mut self, slot: u16, limit: Duration) -> RedisResult<bool> {
        #[cfg(not(feature = "cluster"))]
        let _ = slot;
        let token = fastrand::u64(..).to_string();
        let ask = command::ping_with(token.clone());
        let reply = match self {
            Self::Node(_) => ask.send(self, limit).await?,
            #[cfg(feature = "cluster")]
            Self::Cluster(cluster) => {
                let home = SingleNodeRoutingInfo::SpecificNode(Route::new(slot, SlotAddr::Master));
                within(
                    limit,
                    cluster.route_command(ask.routed(), RoutingInfo::SingleNode(home)),
                )
                .await?
            }
        };
        Ok(reply == Value::BulkString(token.into_bytes()))
    }

    /// Ends the connection for all who use it, with what it has not sent.
    pub(crate) fn cut(&self) {
        match self {
            Self::Node(node) => node.cut(),
            #[cfg(feature = "cluster")]
            Self::Cluster(cluster) => cluster.cut(),
        }
    }

    /// Ends the connection that did not answer, which others use too. On a Cluster those to the nodes that are silent: who waits for
    /// another node gets its answer.
    pub(crate) fn give_up(&self) {
        match self {
            Self::Node(node) => node.cut(),
            #[cfg(feature = "cluster")]
            Self::Cluster(cluster) => cluster.cut_silent(),
        }
    }

    /// Returns how often something has come over it, from any node of a Cluster.
    pub(crate) fn heard(&self) -> u64 {
        match self {
            Self::Node(node) => node.heard(),
            #[cfg(feature = "cluster")]
            Self::Cluster(cluster) => cluster.heard(),
        }
    }

    /// Waits until all that was sent is answered, for so long. Says no if it is to be given up: in a Cluster only the connections to
    /// nodes that do not answer are ended.
    pub(crate) async fn settle(&self, limit: Duration) -> bool {
        match self {
            Self::Node(node) => node.settled(limit).await,
            #[cfg(feature = "cluster")]
            Self::Cluster(cluster) => {
                cluster.settle(limit).await;
                true
            }
        }
    }

    /// Looks in the background whether the answers that come are those to what was asked, after one did not come.
    pub(crate) fn check_step(&self, limit: Duration) {
        match self {
            Self::Node(node) => node.check_step(limit),
            #[cfg(feature = "cluster")]
            Self::Cluster(cluster) => cluster.check_step(limit),
        }
    }

    /// Says what a failure of a request means for this connection.
    pub(crate) fn damage(&self, cause: &RedisError) -> Damage {
        match self {
            Self::Node(_) => failure::damage(cause),
            #[cfg(feature = "cluster")]
            Self::Cluster(_) => failure::damage_to_cluster(cause),
        }
    }
}

/// What can be sent over a link.
pub(crate) trait Ask: Sync {
    /// What comes back.
    type Reply: Send;

    /// Says whether it must not be sent again where it is not known whether the server has done it.
    fn is_sent_once(&self) -> bool {
        false
    }

    /// Sends it and waits for the reply, for so long.
    fn send(&self, link: &mut Link, limit: Duration)
    -> impl Future<Output = RedisResult<Self::Reply>> + Send;
}

/// A command that this library sends once. The marker of a tag is written with such ones: done twice, it would undo an
/// invalidation that came in between. On a Cluster the client library may send it again when a connection breaks: it cannot be
/// told not to for one command.
pub(crate) struct Once<'a>(pub(crate) Command<'a>);

impl Ask for Once<'_> {
    type Reply = Value;

    fn is_sent_once(&self) -> bool {
        true
    }

    async fn send(&self, link: &mut Link, limit: Duration) -> RedisResult<Value> {
        self.0.send(link, limit).await
    }
}

/// One command.
impl Ask for Command<'_> {
    type Reply = Value;

    async fn send(&self, link: &mut Link, limit: Duration) -> RedisResult<Value> {
        let reply = match link {
            Link::Node(node) => node.send(self.packed(), limit).await,
            #[cfg(feature = "cluster")]
            Link::Cluster(cluster) => within(limit, cluster.send(&self.routed())).await,
        }?;
        match reply {
            Value::ServerError(refusal) => Err(refusal.into()),
            // An error in an array is that of one key.
            reply => Ok(reply),
        }
    }
}

/// Some commands that are sent together; each has its own answer. In a Cluster all their keys have one slot.
impl Ask for Commands<'_> {
    type Reply = Vec<Value>;

    async fn send(&self, link: &mut Link, limit: Duration) -> RedisResult<Vec<Value>> {
        let replies = match link {
            Link::Node(node) => node.send_all(self.packed(), self.count(), limit).await,
            #[cfg(feature = "cluster")]
            Link::Cluster(cluster) => within(limit, cluster.send_all(&self.routed(), self.count())).await,
        }?;
        // A server that is not ready refuses each command for the same reason, which is that of the whole.
        match replies.first() {
            Some(Value::ServerError(refusal)) => {
                let refusal = RedisError::from(refusal.clone());
                let refuses_all = || replies.iter().all(|reply| matches!(reply, Value::ServerError(_)));
                let is_unready = || failure::of(&refusal).kind() == ErrorKind::Unavailable;
                if failure::damage(&refusal) != Damage::None || (refuses_all() && is_unready()) {
                    Err(refusal)
                } else {
                    Ok(replies)
                }
            }
            _ => Ok(replies),
        }
    }
}

/// Waits for a request, for so long.
pub(crate) async fn within<T>(
    limit: Duration,
    request: impl Future<Output = RedisResult<T>>,
) -> RedisResult<T> {
    tokio::time::timeout(limit, request)
        .await
        .unwrap_or_else(|_| Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()))
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Link")
    }
}
