//! A Redis Cluster of three primaries with a replica each.

use std::sync::OnceLock;

use crate::servers::reply::Reply;
use crate::servers::server::RedisServer;

const PRIMARIES: usize = 3;
const NODES: usize = 2 * PRIMARIES;
const SLOTS: u16 = 16_384;

/// Six nodes. Those that die are noticed after a second and replaced by their replica about a second later.
///
/// A slot that nobody serves fails alone; `CONFIG SET cluster-require-full-coverage yes` changes that.
#[derive(Debug)]
pub struct RedisCluster {
    nodes: Vec<RedisServer>,
}

impl RedisCluster {
    /// Starts the nodes and waits until all of them serve; it takes about three seconds.
    #[track_caller]
    pub fn start() -> Self {
        let node = || {
            RedisServer::builder()
                .line("cluster-enabled yes")
                .line("cluster-node-timeout 1000")
                .line("cluster-replica-validity-factor 0")
                .line("cluster-require-full-coverage no")
                .start()
        };
        let cluster = Self {
            nodes: (0..NODES).map(|_| node()).collect(),
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
        self.server_of(slot, 0).expect("every slot has a primary")
    }

    /// Returns the replica of the primary of a slot, as those nodes see it that run.
    #[track_caller]
    pub fn replica(&self, slot: u16) -> &RedisServer {
        self.server_of(slot, 1).expect("every primary has a replica")
    }

    /// Returns the node at a place among those that serve a slot.
    #[track_caller]
    fn server_of(&self, slot: u16, place: usize) -> Option<&RedisServer> {
        let reply = self.alive().command(["CLUSTER", "SLOTS"]);
        let slot = i64::from(slot);
        let range = reply.items().iter().map(Reply::items).find(|range| {
            let (from, to) = (range[0].integer(), range[1].integer());
            (from..=to).contains(&slot)
        })?;
        // Two numbers, then the nodes, each with its address and port.
        let port = range.get(2 + place)?.items()[1].integer();
        self.nodes.iter().find(|node| i64::from(node.port()) == port)
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
    }

    /// Kills the primary of a slot, waits until its replica has taken its place, and returns that.
    #[track_caller]
    pub fn failover(&self, slot: u16) -> &RedisServer {
        let old = self.primary(slot);
        old.kill();
        self.alive()
            .wait_until("no replica takes the place of the primary", |_| {
                self.primary(slot).port() != old.port()
            });
        self.wait_until_well();
        self.primary(slot)
    }

    /// Waits until every node that runs sees a cluster that serves all slots. A death that no node has noticed yet
    /// does not count.
    #[track_caller]
    pub fn wait_until_well(&self) {
        let well = |node: &RedisServer| {
            let Ok(reply) = node.try_command(["CLUSTER", "INFO"]) else {
                return false;
            };
            let text = reply.text();
            text.contains("cluster_state:ok") && text.contains("cluster_slots_ok:16384")
        };
        for node in self.nodes.iter().filter(|node| node.is_running()) {
            node.wait_until("it does not see a cluster that serves all slots", well);
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
        self.wait_until_well();
        for replica in replicas {
            replica.wait_until("it is not in step with its primary", |replica| {
                replica
                    .info("replication")
                    .get("master_link_status")
                    .is_some_and(|status| status == "up")
            });
        }
        for node in &self.nodes {
            node.wait_until("it does not know all replicas", |node| {
                let text = node.command(["CLUSTER", "NODES"]).text();
                text.lines().filter(|line| line.contains("slave")).count() == NODES - PRIMARIES
            });
        }
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

#[track_caller]
fn id(node: &RedisServer) -> String {
    node.command(["CLUSTER", "MYID"]).text()
}
