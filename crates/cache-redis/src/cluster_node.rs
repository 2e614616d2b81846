//! The connections of one to a Cluster to its nodes. The client library makes them by a function of a type ([`Connect`]), which is
//! told an address and nothing of the cache that it is made for. So it is told a number in the place of the user, by which that is
//! found here. Neither user nor password ever reach it.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use deadpool_redis::redis::aio::ConnectionLike;
use deadpool_redis::redis::cluster_async::Connect;
use deadpool_redis::redis::{
    AsyncConnectionConfig, Cmd, ConnectionAddr, IntoConnectionInfo, Pipeline, RedisError, RedisFuture,
    RedisResult, Value,
};

use crate::cause;
use crate::cluster::Cluster;
use crate::link::within;
use crate::transport;
use crate::wire::{WeakWire, Wire};

/// At rest a connection to a node is held twice: where the client library finds it, and by the task that writes while it runs.
const AT_REST: usize = 2;

/// What a connection to a Cluster has of those to its nodes, and the number by which that is found as long as this is there.
pub(crate) struct Registration {
    pub(crate) number: u64,
    pub(crate) nodes: Arc<NodeWires>,
}

/// What connections to the nodes there are, for one connection to a Cluster.
pub(crate) struct NodeWires {
    cluster: Arc<Cluster>,
    /// How often something has come over any of them.
    pub(crate) heard: Arc<AtomicU64>,
    wires: Mutex<Vec<WeakWire>>,
}

/// Those of this process, and the last number.
struct Registry {
    last: u64,
    all: BTreeMap<u64, Arc<NodeWires>>,
}

static REGISTRY: Mutex<Registry> = Mutex::new(Registry {
    last: 0,
    all: BTreeMap::new(),
});

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns what has this number.
fn find(number: Option<&str>) -> Option<Arc<NodeWires>> {
    let number = number?.parse().ok()?;
    locked(&REGISTRY).all.get(&number).cloned()
}

/// Ends all connections to nodes of this Cluster.
pub(crate) fn cut_all_of(cluster: &Arc<Cluster>) {
    let all: Vec<_> = locked(&REGISTRY).all.values().cloned().collect();
    let its = all.iter().filter(|nodes| Arc::ptr_eq(&nodes.cluster, cluster));
    its.flat_map(|nodes| nodes.wires()).for_each(|wire| wire.cut());
}

impl Registration {
    pub(crate) fn of(cluster: Arc<Cluster>) -> Self {
        let nodes = Arc::new(NodeWires {
            cluster,
            heard: Arc::default(),
            wires: Mutex::default(),
        });
        let mut registry = locked(&REGISTRY);
        registry.last += 1;
        let number = registry.last;
        registry.all.insert(number, Arc::clone(&nodes));
        Self { number, nodes }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        locked(&REGISTRY).all.remove(&self.number);
    }
}

impl NodeWires {
    /// Returns those that are used.
    pub(crate) fn wires(&self) -> impl Iterator<Item = Wire> + use<> {
        let wires: Vec<_> = locked(&self.wires).iter().filter_map(WeakWire::upgrade).collect();
        wires.into_iter()
    }

    /// Notes one that was made. Says no if it came after the close: one that came before is among those that are cut.
    fn keep(&self, wire: &Wire) -> bool {
        let mut wires = locked(&self.wires);
        wires.retain(WeakWire::is_there);
        wires.push(wire.downgrade());
        !self.cluster.closed.load(Relaxed)
    }

    pub(crate) fn cut_silent(&self) {
        let patience = self.cluster.patience;
        let silent = self.wires().filter(|wire| wire.is_silent(patience));
        silent.for_each(|wire| wire.cut());
    }

    async fn connect(&self, address: &ConnectionAddr) -> RedisResult<NodeConnection> {
        let closed = || RedisError::from(io::Error::from(io::ErrorKind::NotConnected));
        if self.cluster.closed.load(Relaxed) {
            return Err(closed());
        }
        let cluster = &self.cluster;
        let connect = async {
            let stream = transport::open(address, &cluster.security).await?;
            Wire::new(
                stream,
                &cluster.redis,
                cluster.longest,
                AT_REST,
                Arc::clone(&self.heard),
            )
            .await
        };
        let wire = within(cluster.connect_limit, Box::pin(connect)).await;
        let wire = wire.map_err(cause::without_words)?;
        if !self.keep(&wire) {
            wire.cut();
            return Err(closed());
        }
        let limit = cluster.limit;
        Ok(NodeConnection { wire, limit })
    }
}

/// A connection to one node. Clones share it.
#[derive(Clone)]
pub(crate) struct NodeConnection {
    wire: Wire,
    limit: Duration,
}

impl Connect for NodeConnection {
    fn connect_with_config<'a, T>(info: T, _: AsyncConnectionConfig) -> RedisFuture<'a, Self>
    where
        T: IntoConnectionInfo + Send + 'a,
    {
        Box::pin(async move {
            let info = info.into_connection_info()?;
            // The library may still look for nodes when nobody uses the connection any more.
            let nobody = || RedisError::from(io::Error::from(io::ErrorKind::NotConnected));
            let nodes = find(info.redis_settings().username()).ok_or_else(nobody)?;
            nodes.connect(info.addr()).await
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
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use std::sync::atomic::AtomicBool;

    use deadpool_redis::redis::RedisConnectionInfo;
    use futures_util::future::join_all;

    use super::*;
    #[cfg(not(feature = "tls"))]
    use crate::transport::Security;

    fn cluster() -> Arc<Cluster> {
        Arc::new(Cluster {
            named: Vec::new(),
            redis: RedisConnectionInfo::default().set_skip_set_lib_name(),
            #[cfg(feature = "tls")]
            security: None,
            #[cfg(not(feature = "tls"))]
            security: Security,
            connect_limit: Duration::from_secs(20),
            limit: Duration::from_secs(20),
            patience: Duration::ZERO,
            longest: 0,
            closed: AtomicBool::new(false),
        })
    }

    #[test]
    fn what_was_made_is_found_by_its_number_as_long_as_somebody_uses_it() {
        let (one, other) = (Registration::of(cluster()), Registration::of(cluster()));
        let (first, second) = (one.number.to_string(), other.number.to_string());
        assert!(find(Some(&first)).is_some());
        drop(one);
        assert!(find(Some(&first)).is_none());
        assert!(find(Some(&second)).is_some());
    }

    #[test]
    fn what_is_no_number_finds_nothing() {
        assert!(find(None).is_none() && find(Some("user")).is_none());
    }

    #[tokio::test]
    async fn a_close_ends_the_connections_of_a_cluster_and_of_no_other() {
        let (closed, other) = (cluster(), cluster());
        // One in the place of which another one is used may have callers still.
        let all = [&closed, &closed, &other].map(|cluster| Registration::of(Arc::clone(cluster)));
        let mut nodes = Vec::new();
        for registration in &all {
            nodes.push(connected(registration).await);
        }
        let command = deadpool_redis::redis::cmd("PING");
        let asked = nodes.iter_mut().map(|(node, _)| {
            let asked = node.req_packed_command(&command);
            tokio::time::timeout(Duration::from_millis(50), asked)
        });
        let close = async {
            tokio::task::yield_now().await;
            closed.close();
        };
        let (answers, ()) = tokio::join!(join_all(asked), close);
        let ended: Vec<bool> = answers.iter().map(Result::is_ok).collect();
        assert_eq!(ended, [true, true, false]);
    }

    #[tokio::test]
    async fn after_a_close_no_node_is_connected_to() {
        let cluster = cluster();
        let registration = Registration::of(Arc::clone(&cluster));
        let (mut node, _peer) = connected(&registration).await;
        cluster.close();
        let sent = node.req_packed_command(&deadpool_redis::redis::cmd("PING")).await;
        assert!(sent.unwrap_err().is_connection_dropped());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let address = ConnectionAddr::Tcp("127.0.0.1".to_owned(), port);
        assert!(registration.nodes.connect(&address).await.is_err());
        let came = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;
        assert!(came.is_err(), "somebody connected");
    }

    async fn connected(registration: &Registration) -> (NodeConnection, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let address = ConnectionAddr::Tcp("127.0.0.1".to_owned(), port);
        let node = registration.nodes.connect(&address).await.unwrap();
        (node, listener.accept().await.unwrap().0)
    }

    #[tokio::test]
    async fn who_waits_for_a_node_that_is_silent_learns_of_its_end_and_another_goes_on() {
        let registration = Registration::of(cluster());
        let command = deadpool_redis::redis::cmd("PING");
        let (mut silent, _peer) = connected(&registration).await;
        let (mut well, mut other) = connected(&registration).await;
        let cut = async {
            tokio::task::yield_now().await;
            registration.nodes.cut_silent();
        };
        let (answer, ()) = tokio::join!(silent.req_packed_command(&command), cut);
        assert!(answer.unwrap_err().is_connection_dropped());
        let answers = async {
            let mut said = [0; 512];
            assert!(other.read(&mut said).await.unwrap() > 0);
            other.write_all(b"+PONG\r\n").await.unwrap();
        };
        let (answer, ()) = tokio::join!(well.req_packed_command(&command), answers);
        assert_eq!(answer.unwrap(), Value::SimpleString("PONG".to_owned()));
    }

    /// Leaves a request without an answer, has it checked what comes, and says whether the connection is used on: the peer says this
    /// before it answers the check.
    async fn goes_on(before: &str) -> bool {
        let registration = Registration::of(cluster());
        let (node, mut peer) = connected(&registration).await;
        let ask = || deadpool_redis::redis::cmd("PING").get_packed_command();
        let lost = node.wire.send(ask(), Duration::from_millis(10)).await;
        assert!(lost.unwrap_err().is_timeout());
        node.wire.check_step(Duration::from_secs(20));
        let mut said = String::new();
        while said.matches("PING").count() < 3 || !said.ends_with("\r\n") {
            let mut buffer = [0; 512];
            let read = peer.read(&mut buffer).await.unwrap();
            said += std::str::from_utf8(&buffer[..read]).unwrap();
        }
        let words: Vec<&str> = said.split("\r\n").collect();
        let mut answers = before.to_owned();
        for ping in words.windows(3) {
            if let ["PING", len, token] = ping
                && len.starts_with('$')
            {
                answers.extend([len, "\r\n", token, "\r\n"]);
            }
        }
        peer.write_all(answers.as_bytes()).await.unwrap();
        let after = node.wire.send(ask(), Duration::from_millis(200)).await;
        after.unwrap_err().is_timeout()
    }

    #[tokio::test]
    async fn a_connection_that_lost_an_answer_is_ended() {
        assert!(!goes_on("").await);
    }

    #[tokio::test]
    async fn one_whose_answer_was_late_is_not() {
        assert!(goes_on("+PONG\r\n").await);
    }
}
