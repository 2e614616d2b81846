//! The sockets that the client library opens, to the nodes of a Cluster and to Sentinels, are asked for a sign of life too.
//! The kernel says so: there is a timer.

use std::fs;

use cache_core::CacheBackend;
use cache_testkit::eventually;
use cache_testkit::servers::{RedisCluster, RedisSentinel};

use crate::support::patient;

/// The timer of a socket on which nothing is under way, and how many hundredths of a second it runs at most here.
const KEEPALIVE: &str = "02";
const LONGEST: u64 = 15 * 100;

/// Says whether this process has a connection to a port that will be asked for a sign of life.
fn is_kept_alive(port: u16) -> bool {
    let own: Vec<_> = fs::read_dir("/proc/self/fd")
        .unwrap()
        .filter_map(|entry| fs::read_link(entry.ok()?.path()).ok())
        .filter_map(|link| {
            Some(
                link.to_str()?
                    .strip_prefix("socket:[")?
                    .strip_suffix(']')?
                    .to_owned(),
            )
        })
        .collect();
    let port = format!(":{port:04X}");
    let sockets = fs::read_to_string("/proc/self/net/tcp").unwrap();
    sockets.lines().skip(1).any(|socket| {
        // Of each: its number, both addresses, state, queues, timer and when it ends, and the inode as the tenth word.
        let words: Vec<_> = socket.split_whitespace().collect();
        let (timer, ends) = words[5].split_once(':').unwrap();
        words[2].ends_with(&port)
            && own.iter().any(|inode| inode == words[9])
            && timer == KEEPALIVE
            && u64::from_str_radix(ends, 16).unwrap() <= LONGEST
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_to_the_nodes_of_a_cluster_are_asked_for_a_sign_of_life() {
    let cluster = RedisCluster::shared();
    let backend = patient().cluster(cluster.urls()).connect().await.unwrap();
    for node in cluster.primaries() {
        eventually("it is kept alive", || is_kept_alive(node.port())).await;
    }
    backend.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_to_sentinels_are_too() {
    let all = RedisSentinel::shared();
    let builder = patient().sentinel(RedisSentinel::SERVICE, all.urls());
    let backend = builder.connect().await.unwrap();
    let port = |url: String| url.rsplit(':').next().unwrap().parse().unwrap();
    let ports: Vec<u16> = all.urls().into_iter().map(port).collect();
    eventually("one of them is kept alive", || {
        ports.iter().any(|port| is_kept_alive(*port))
    })
    .await;
    backend.close().await.unwrap();
}
