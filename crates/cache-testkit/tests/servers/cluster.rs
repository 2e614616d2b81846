//! A cluster: six nodes that know each other, slots that move, primaries that die.

use cache_testkit::servers::{RedisCluster, Reply};

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
