//! A cluster: six nodes that know each other, slots that move, primaries that die.

use cache_testkit::servers::{RedisCluster, Reply};

/// A slot of another node tells where a client has to go.
#[test]
fn clients_are_sent_to_the_ports_that_the_primaries_announce() {
    let cluster = RedisCluster::start();
    let primaries = cluster.primaries();
    let ports = [65_001, 65_002, 65_003];
    cluster.announce(&ports);
    assert_eq!(cluster.primaries().len(), 3);
    let slot = cluster.slot("key");
    let at = usize::from(slot) * 3 / 16_384;
    let sent = format!("MOVED {slot} 127.0.0.1:{}", ports[at]);
    for (n, node) in primaries.into_iter().enumerate() {
        let reply = node.command(["GET", "key"]);
        assert!(n == at || is_error(&reply, &sent), "{reply:?}");
    }
}

fn is_error(reply: &Reply, word: &str) -> bool {
    matches!(reply, Reply::Error(error) if error.starts_with(word))
}

/// One test, because a cluster takes seconds to start.
#[test]
fn it_serves_all_slots_moves_one_and_replaces_a_primary_that_dies() {
    let cluster = RedisCluster::start();
    assert_eq!(cluster.primaries().len(), 3);
    assert_eq!(cluster.urls().len(), 6);

    let slot = cluster.slot("key");
    let old = cluster.primary(slot);
    assert_eq!(old.command(["SET", "key", "value"]).text(), "OK");
    let new = cluster
        .primaries()
        .into_iter()
        .find(|node| node.port() != old.port())
        .unwrap();
    cluster.begin_move(slot, new);
    cluster.move_keys(slot, new);
    assert!(is_error(&old.command(["GET", "key"]), "ASK"));
    cluster.end_move(slot, new);
    assert!(is_error(&old.command(["GET", "key"]), "MOVED"));
    assert_eq!(new.command(["GET", "key"]).text(), "value");
    assert_eq!(cluster.primary(slot).port(), new.port());

    let newest = cluster.failover(slot);
    assert!(newest.is_primary());
    assert_ne!(newest.port(), new.port());
    cluster.wait_until_well();
    assert_eq!(cluster.primaries().len(), 3);
    assert_eq!(cluster.primary(slot).port(), newest.port());
    assert_eq!(newest.command(["SET", "key", "value"]).text(), "OK");
}
