//! A connection to a Cluster. The client library decides which node a request goes to, and opens a connection to each when it needs
//! one; those connections are ours, as to a single server: values that are too long are thrown away as they come, requests of several
//! callers go out together, one that a silent node leaves without an answer can be ended, and what a node says of a greeting, which
//! may quote a password, is not logged. The library notices late that a caller has gone: what it has handed over is sent all the same.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use deadpool_redis::redis::aio::ConnectionLike as _;
use deadpool_redis::redis::cluster::ClusterClientBuilder;
use deadpool_redis::redis::cluster_async::ClusterConnection as Routes;
use deadpool_redis::redis::cluster_routing::{RoutingInfo, SingleNodeRoutingInfo};
use deadpool_redis::redis::{
    Cmd, ConnectionAddr, IntoConnectionInfo, Pipeline, RedisConnectionInfo, RedisResult, Value,
};
use futures_util::future::join_all;

use crate::cluster_node::{self, NodeConnection, Registration};
use crate::transport::Security;
use crate::wire::Wire;

/// A request is sent so often before its error is reported, as far as its deadline allows.
const RETRIES: u32 = 4;
/// The pauses in between, in milliseconds.
const SHORTEST_PAUSE: u64 = 5;
const LONGEST_PAUSE: u64 = 50;

/// A Cluster that can be connected to.
pub(crate) struct Cluster {
    /// Where the nodes are that somebody named. These know the others.
    pub(crate) named: Vec<ConnectionAddr>,
    /// Who asks.
    pub(crate) redis: RedisConnectionInfo,
    pub(crate) security: Security,
    /// How long making a connection to one node may take.
    pub(crate) connect_limit: Duration,
    /// How long a request waits at one node.
    pub(crate) limit: Duration,
    /// A node that owes an answer for so long is silent.
    pub(crate) patience: Duration,
    /// How many bytes a stored value has at most.
    pub(crate) longest: usize,
    /// Whether no node may be connected to any more.
    pub(crate) closed: AtomicBool,
}

impl Cluster {
    /// Connects to the nodes.
    pub(crate) async fn connect(self: &Arc<Self>) -> RedisResult<ClusterConnection> {
        let registration = Arc::new(Registration::of(Arc::clone(self)));
        let number = RedisConnectionInfo::default().set_username(registration.number.to_string());
        let named = self.named.iter().cloned();
        let named = named.map(|node| Ok(node.into_connection_info()?.set_redis_settings(number.clone())));
        let client = ClusterClientBuilder::new(named.collect::<RedisResult<Vec<_>>>()?)
            .retries(RETRIES)
            .min_retry_wait(SHORTEST_PAUSE)
            .max_retry_wait(LONGEST_PAUSE)
            .build()?;
        let routes = client.get_async_generic_connection().await?;
        Ok(ClusterConnection { routes, registration })
    }

    /// Ends the connections to the nodes for good, whoever has them: the client library, which tries again for callers that are
    /// still there, gets no other ones.
    pub(crate) fn close(self: &Arc<Self>) {
        self.closed.store(true, Relaxed);
        cluster_node::cut_all_of(self);
    }
}

/// A connection to all nodes of a Cluster. Clones share it.
#[derive(Clone)]
pub(crate) struct ClusterConnection {
    routes: Routes<NodeConnection>,
    registration: Arc<Registration>,
}

impl ClusterConnection {
    /// Sends a command to the nodes that are named by its routing.
    pub(crate) async fn route_command(&mut self, command: Cmd, routing: RoutingInfo) -> RedisResult<Value> {
        self.routes.route_command(command, routing).await
    }

    /// Sends so many commands to the node that is named by its routing.
    pub(crate) async fn route_pipeline(
        &mut self,
        commands: Pipeline,
        count: usize,
        node: SingleNodeRoutingInfo,
    ) -> RedisResult<Vec<Value>> {
        self.routes.route_pipeline(commands, 0, count, node).await
    }

    /// Sends a command where its key is.
    pub(crate) async fn send(&mut self, command: &Cmd) -> RedisResult<Value> {
        self.routes.req_packed_command(command).await
    }

    /// Sends so many commands where their keys are, which have one slot.
    pub(crate) async fn send_all(&mut self, commands: &Pipeline, count: usize) -> RedisResult<Vec<Value>> {
        self.routes.req_packed_commands(commands, 0, count).await
    }

    /// Ends the connections to the nodes for all who use them, now: when this returns, nothing more is sent over them. For callers that
    /// are still there the client library tries again, over new ones; for those that have gone it does not.
    pub(crate) fn cut(&self) {
        self.registration.nodes.wires().for_each(|wire| wire.cut());
    }

    /// Ends those to the nodes that say nothing. The others may have answers on their way.
    pub(crate) fn cut_silent(&self) {
        self.registration.nodes.cut_silent();
    }

    /// Waits until all that was sent is answered, for so long, and ends the connections to the nodes that do not answer.
    pub(crate) async fn settle(&self, limit: Duration) {
        let settle = |wire: Wire| async move {
            if !wire.settled(limit).await {
                wire.cut();
            }
        };
        join_all(self.registration.nodes.wires().map(settle)).await;
    }

    /// Looks at each connection to a node, as [`Wire::check_step`].
    pub(crate) fn check_step(&self, limit: Duration) {
        self.registration
            .nodes
            .wires()
            .for_each(|wire| wire.check_step(limit));
    }

    /// Returns how often something has come from any node.
    #[inline]
    pub(crate) fn heard(&self) -> u64 {
        self.registration.nodes.heard.load(Relaxed)
    }
}
