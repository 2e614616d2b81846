//! The nodes of a Cluster, one by one: what is asked of each of them goes neither where the client library would send it nor to all
//! that it happens to have a connection to.

use std::time::Duration;

use deadpool_redis::redis::cluster_routing::{RoutingInfo, SingleNodeRoutingInfo};
use deadpool_redis::redis::{FromRedisValue, RedisResult, Value};

use crate::cluster::ClusterConnection;
use crate::command::{self, Command};
use crate::link::within;

/// Where a node is.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Node {
    host: String,
    port: u16,
}

impl Node {
    #[cfg(test)]
    pub(crate) fn new(host: &str, port: u16) -> Self {
        let host = host.to_owned();
        Self { host, port }
    }

    pub(crate) fn route(&self) -> SingleNodeRoutingInfo {
        SingleNodeRoutingInfo::ByAddress {
            host: self.host.clone(),
            port: self.port,
        }
    }

    pub(crate) fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

/// Asks a node who the masters are.
pub(crate) async fn masters(cluster: &ClusterConnection, limit: Duration) -> RedisResult<Vec<Node>> {
    let ask = || {
        send(
            cluster,
            command::cluster_slots(),
            SingleNodeRoutingInfo::Random,
            limit,
        )
    };
    let ranges = match ask().await {
        // It is a random one, and another may be well.
        Err(cause) if cause.is_timeout() || cause.is_io_error() => ask().await?,
        asked => asked?,
    };
    // Each range is its first and last slot and its nodes, the master first; a node is its host and its port.
    let ranges: Vec<Vec<Value>> = FromRedisValue::from_redis_value(ranges)?;
    let mut masters = Vec::new();
    for range in ranges {
        let Some(Value::Array(master)) = range.into_iter().nth(2) else {
            continue;
        };
        let mut master = master.into_iter();
        if let (Some(host), Some(port)) = (master.next(), master.next()) {
            masters.push(Node {
                host: String::from_redis_value(host)?,
                port: u16::from_redis_value(port)?,
            });
        }
    }
    masters.sort();
    masters.dedup();
    Ok(masters)
}

/// Sends a command to one node.
pub(crate) async fn send(
    cluster: &ClusterConnection,
    command: Command<'_>,
    node: SingleNodeRoutingInfo,
    limit: Duration,
) -> RedisResult<Value> {
    let mut cluster = cluster.clone();
    let asked = cluster.route_command(command.routed(), RoutingInfo::SingleNode(node));
    within(limit, asked).await?.extract_error()
}
