//! A Redis Cluster of three primaries with a replica each.

use std::sync::OnceLock;

use crate::servers::reply::Reply;
use crate::servers::server::RedisServer;
use crate::servers::shared_tls::SharedTls;

const PRIMARIES: usize = 3;
const NODES: usize = 2 * PRIMARIES;
const SLOTS: u16 = 16_384;

/// Six nodes. Those that die are noticed after a second and replaced by their replica about a second later.
///
/// A slot that nobody serves fails alone; `CONFIG SET cluster-require-full-coverage yes` changes that.
#[derive(Debug)]
pub struct RedisCluster {
    nodes: Vec<RedisServer>,
    _tls: SharedTls,
}

impl RedisCluster {
    /// Starts the nodes and waits until all of them serve; it takes about three seconds.
    #[track_caller]
    pub fn start() -> Self {
        Self::start_with(SharedTls::none())
    }

    /// Starts nodes that speak TLS, with clients and with each other. Their certificates are valid for these hosts; each
    /// names the others by `127.0.0.1`.
    #[track_caller]
    pub fn start_with_tls(hosts: &[&str]) -> Self {
        Self::start_with(SharedTls::for_hosts(hosts))
    }

    /// Starts nodes that speak TLS with those only who show a certificate.
    #[track_caller]
    pub fn start_with_client_certificates(hosts: &[&str]) -> Self {
        Self::start_with(SharedTls::for_hosts(hosts).asking_clients())
    }

    #[track_caller]
    fn start_with(tls: SharedTls) -> Self {
        let node = || {
            tls.add_to(RedisServer::builder())
                .line("cluster-enabled yes")
                .line("cluster-node-timeout 1000")
                .line("cluster-replica-validity-factor 0")
                .line("cluster-require-full-coverage no")
                .start()
        };
        let cluster = Self {
            nodes: (0..NODES).map(|_| node()).collect(),
            _tls: tls,
        };
        cluster.meet();
        cluster.share_slots();
        cluster.add_replicas();
        cluster
    }

    /// Returns a cluster for all tests of a process that harm nobody: each takes a namespace of its own.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<RedisCluster> = OnceLock::new();
        SHARED.get_or_init(|| {
            let cluster = Self::start();
            for node in &cluster.nodes {
                // No test of it kills a node, so a machine that is slow for a moment must not look like one that did.
                node.command(["CONFIG", "SET", "cluster-node-timeout", "15000"]);
            }
            cluster
        })
    }

    /// Returns all nodes, also those that were killed.
    pub fn nodes(&self) -> &[RedisServer] {
        &self.nodes
    }

    /// Returns the URL of each node.
    pub fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(RedisServer::url).collect()
    }

    /// Returns the nodes that run and are primaries.
    pub fn primaries(&self) -> Vec<&RedisServer> {
        self.nodes.iter().filter(|node| node.is_primary()).collect()
    }

    /// Returns the slot of a key as it is stored, its namespace included.
    #[track_caller]
    pub fn slot(&self, key: &str) -> u16 {
        let slot = self.alive().command(["CLUSTER", "KEYSLOT", key]).integer();
        u16::try_from(slot).expect("a slot is below 16384")
    }

    /// Returns the primary of a slot, as those nodes see it that run.
    #[track_caller]
    pub fn primary(&self, slot: u16) -> &RedisServer {
        let mut port = None;
        self.alive()
            .wait_until("it knows no primary of the slot", |node| {
                port = primary_port(node, slot);
                port.is_some()
            });
        self.on_port(&port.unwrap_or_default().to_string())
    }

    /// Returns the replica of the primary of a slot, as those nodes see it that run.
    #[track_caller]
    pub fn replica(&self, slot: u16) -> &RedisServer {
        let replica_of = format!(" slave {} ", id(self.primary(slot)));
        // `CLUSTER SLOTS` leaves out replicas that have got nothing since they started.
        let nodes = self.alive().command(["CLUSTER", "NODES"]).text();
        let line = nodes
            .lines()
            .find(|line| line.replace("myself,", "").contains(&replica_of));
        let address = line.and_then(|line| line.split_once(':')?.1.split_once('@'));
        self.on_port(address.expect("every primary has a replica").0)
    }

    #[track_caller]
    fn on_port(&self, port: &str) -> &RedisServer {
        let node = self.nodes.iter().find(|node| node.port().to_string() == port);
        node.expect("it is one of the nodes")
    }

    /// Gives a slot and its keys to another node.
    #[track_caller]
    pub fn move_slot(&self, slot: u16, to: &RedisServer) {
        self.begin_move(slot, to);
        self.move_keys(slot, to);
        self.end_move(slot, to);
    }

    /// Begins to give a slot to another node: keys that the old one has not got are asked of the new one (`ASK`).
    #[track_caller]
    pub fn begin_move(&self, slot: u16, to: &RedisServer) {
        let from = self.primary(slot);
        let number = slot.to_string();
        ok(to, &["CLUSTER", "SETSLOT", &number, "IMPORTING", &id(from)]);
        ok(from, &["CLUSTER", "SETSLOT", &number, "MIGRATING", &id(to)]);
    }

    /// Moves the keys of a slot that is being given to another node.
    #[track_caller]
    pub fn move_keys(&self, slot: u16, to: &RedisServer) {
        let (from, port, number) = (self.primary(slot), to.port().to_string(), slot.to_string());
        loop {
            let keys = from.command(["CLUSTER", "GETKEYSINSLOT", &number, "100"]);
            if keys.items().is_empty() {
                return;
            }
            for key in keys.items() {
                ok(from, &["MIGRATE", "127.0.0.1", &port, &key.text(), "0", "5000"]);
            }
        }
    }

    /// Ends to give a slot to another node: clients that ask the old one are sent away (`MOVED`).
    #[track_caller]
    pub fn end_move(&self, slot: u16, to: &RedisServer) {
        let from = self.primary(slot);
        for node in [to, from].into_iter().chain(self.primaries()) {
            ok(node, &["CLUSTER", "SETSLOT", &slot.to_string(), "NODE", &id(to)]);
        }
        // The next move needs an epoch above this one, so the node that takes the slot then must know of it.
        for node in self.nodes.iter().filter(|node| node.is_running()) {
            node.wait_until("it does not learn who has the slot now", |node| {
                let knows = primary_port(node, slot) == Some(i64::from(to.port()));
                knows && epoch(node, "cluster_current_epoch") >= epoch(to, "cluster_my_epoch")
            });
        }
    }

    /// Kills the primary of a slot, waits until its replica has taken its place, and returns that. The other nodes may not
    /// have heard of it yet: [`wait_until_well`](Self::wait_until_well) waits for them.
    #[track_caller]
    pub fn failover(&self, slot: u16) -> &RedisServer {
        let (old, new) = (self.primary(slot), self.replica(slot));
        old.kill();
        new.wait_until("it does not become the primary", RedisServer::is_primary);
        new
    }

    /// Waits until every node that runs sees a cluster that serves all slots. A death that no node has noticed yet
    /// does not count.
    #[track_caller]
    pub fn wait_until_well(&self) {
        let well = |node: &RedisServer| {
            let Ok(Reply::Bytes(info)) = node.try_command(["CLUSTER", "INFO"]) else {
                return false;
            };
            let info = String::from_utf8_lossy(&info);
            info.contains("cluster_state:ok") && info.contains("cluster_slots_ok:16384")
        };
        for node in self.nodes.iter().filter(|node| node.is_running()) {
            node.wait_until("it does not see a cluster that serves all slots", well);
        }
    }

    /// Waits until every node runs, sees all others, and all replicas are in step.
    #[track_caller]
    pub fn wait_until_whole(&self) {
        self.wait_until_well();
        for node in &self.nodes {
            node.wait_until("it does not see all nodes well", |node| {
                let nodes = node.command(["CLUSTER", "NODES"]).text();
                let replicas = nodes.lines().filter(|line| line.contains("slave")).count();
                let link = node.info("replication").remove("master_link_status");
                replicas == NODES - PRIMARIES
                    && !nodes.contains("fail")
                    && link.is_none_or(|link| link == "up")
            });
        }
    }

    #[track_caller]
    fn alive(&self) -> &RedisServer {
        let alive = self.nodes.iter().find(|node| node.is_running());
        alive.expect("a node of the cluster runs")
    }

    #[track_caller]
    fn meet(&self) {
        for (n, node) in self.nodes.iter().enumerate() {
            ok(node, &["CLUSTER", "SET-CONFIG-EPOCH", &(n + 1).to_string()]);
        }
        for node in &self.nodes {
            for other in &self.nodes {
                ok(node, &["CLUSTER", "MEET", "127.0.0.1", &other.port().to_string()]);
            }
        }
        for node in &self.nodes {
            node.wait_until("it does not know all nodes", |node| {
                let text = node.command(["CLUSTER", "NODES"]).text();
                text.lines().count() == NODES && !text.contains("handshake")
            });
        }
    }

    #[track_caller]
    fn share_slots(&self) {
        for (n, node) in self.nodes.iter().enumerate().take(PRIMARIES) {
            let mine = (0..SLOTS).filter(|slot| usize::from(*slot) * PRIMARIES / usize::from(SLOTS) == n);
            let words = ["CLUSTER".to_owned(), "ADDSLOTS".to_owned()];
            let reply = node.command(words.into_iter().chain(mine.map(|slot| slot.to_string())));
            assert_eq!(reply.text(), "OK");
        }
    }

    #[track_caller]
    fn add_replicas(&self) {
        let (primaries, replicas) = self.nodes.split_at(PRIMARIES);
        for (primary, replica) in primaries.iter().zip(replicas) {
            ok(replica, &["CLUSTER", "REPLICATE", &id(primary)]);
        }
        self.wait_until_whole();
    }
}

#[track_caller]
fn ok(node: &RedisServer, command: &[&str]) {
    let reply = node.command(command);
    assert!(
        matches!(reply, Reply::Bytes(_)),
        "{command:?} on port {}: {reply:?}",
        node.port()
    );
}

/// Returns the port of the primary of a slot, as a node sees it.
#[track_caller]
fn primary_port(node: &RedisServer, slot: u16) -> Option<i64> {
    let reply = node.command(["CLUSTER", "SLOTS"]);
    let slot = i64::from(slot);
    let mut ranges = reply.items().iter().map(Reply::items);
    let range = ranges.find(|range| (range[0].integer()..=range[1].integer()).contains(&slot))?;
    Some(range[2].items()[1].integer())
}

#[track_caller]
fn epoch(node: &RedisServer, field: &str) -> Option<u64> {
    let info = node.command(["CLUSTER", "INFO"]).text();
    let mut lines = info.lines().filter_map(|line| line.split_once(':'));
    lines.find(|(name, _)| *name == field)?.1.parse().ok()
}

#[track_caller]
fn id(node: &RedisServer) -> String {
    node.command(["CLUSTER", "MYID"]).text()
}
