//! A Cluster that is reached by proxies: clients connect to where its nodes say that they are.

use crate::servers::cluster::RedisCluster;
use crate::servers::server::RedisServer;

impl RedisCluster {
    /// Lets the primaries say that they are at other ports of this machine, where proxies listen, in the order of
    /// [`primaries`](Self::primaries), and waits until every one of them knows of all. The replicas die: they would copy by
    /// the proxies too.
    #[track_caller]
    pub fn announce(&self, ports: &[u16]) {
        let primaries = self.primaries();
        for node in self.nodes().iter().filter(|node| !node.is_primary()) {
            node.kill();
        }
        for (node, port) in primaries.iter().zip(ports) {
            let reply = node.command(["CONFIG", "SET", "cluster-announce-port", &port.to_string()]);
            assert_eq!(reply.text(), "OK");
        }
        for node in primaries {
            node.wait_until("it names other ports than those that are announced", |node| {
                let told = told(node);
                told.iter().all(|port| ports.contains(port))
            });
        }
    }
}

/// Returns the ports that a node tells to clients.
#[track_caller]
fn told(node: &RedisServer) -> Vec<u16> {
    let ranges = node.command(["CLUSTER", "SLOTS"]);
    let nodes = ranges.items().iter().flat_map(|range| &range.items()[2..]);
    let ports = nodes.map(|node| node.items()[1].integer());
    ports.filter_map(|port| port.try_into().ok()).collect()
}
