//! Sentinels: they agree on a primary and replace it.

use cache_testkit::servers::RedisSentinel;

#[test]
fn the_replica_takes_the_place_of_a_primary_that_dies() {
    let all = RedisSentinel::start();
    let (old, new) = (all.primary().port(), all.replica().port());
    assert_ne!(old, new);
    assert_eq!(all.failover().port(), new);
    assert_eq!(all.primary().port(), new);
    assert_eq!(all.primary().command(["SET", "key", "value"]).text(), "OK");
}

#[test]
fn the_roles_change_while_both_run() {
    let all = RedisSentinel::start();
    let old = all.primary();
    let new = all.switch();
    assert_eq!(new.command(["SET", "key", "value"]).text(), "OK");
    assert!(!old.is_primary());
}
