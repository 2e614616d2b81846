//! Cluster and Sentinel under TLS: who must not be trusted, and nodes that die.

use std::path::Path;

use cache_core::{Cache, ErrorKind};
use cache_redis::{RedisBuilder, Tls};
use cache_testkit::servers::{RedisCluster, RedisSentinel, RedisServer};

use crate::bench::{cache_of, ends_clean_on, recovers, settings, tasks};
use crate::call::{BUDGET, Call};

/// How long it may take after a new primary is there.
const RECOVERY: std::time::Duration = std::time::Duration::from_secs(2);

/// Longer than any handshake takes.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(20);

const UNREADY: [ErrorKind; 2] = [ErrorKind::Unavailable, ErrorKind::Timeout];

/// The names by which the nodes are reached: the one that the cache is told, and the one by which servers name each other.
const HOSTS: [&str; 2] = ["localhost", "127.0.0.1"];

fn trusting(settings: RedisBuilder, file: &Path) -> RedisBuilder {
    settings.tls(Tls::new().ca_file(file))
}

/// Handshakes are work for the processor, without optimization much of it, so an attempt to connect has longer than a call.
fn on_cluster(cluster: &RedisCluster) -> RedisBuilder {
    settings().connect_timeout(10 * BUDGET).cluster(cluster.urls())
}

fn on_sentinel(all: &RedisSentinel) -> RedisBuilder {
    settings()
        .connect_timeout(10 * BUDGET)
        .sentinel(RedisSentinel::SERVICE, all.urls())
}

/// No command reaches servers that are not those that were meant.
async fn is_refused(cache: Cache, nodes: &[RedisServer], tasks: usize) {
    for call in [
        Call::Get,
        Call::Exists,
        Call::Set,
        Call::Delete,
        Call::Clear,
        Call::GetMany,
        Call::SetMany,
        Call::GetOrLoad,
    ] {
        call.run(&cache).await.fails_with(&UNREADY);
    }
    for node in nodes {
        let calls = node.calls();
        assert!(
            !calls.contains_key("get") && !calls.contains_key("set"),
            "{calls:?}"
        );
    }
    ends_clean_on(cache, nodes, tasks).await;
}

#[test]
fn a_cluster_with_certificates_of_another_authority() {
    crate::cell::run(async {
        let cluster = tokio::task::block_in_place(|| RedisCluster::start_with_tls(&HOSTS));
        let files = cluster.nodes()[0].certificates();
        let tasks = tasks();
        let cache = cache_of(trusting(on_cluster(&cluster), &files.other_ca));
        is_refused(cache, cluster.nodes(), tasks).await;
    });
}

#[test]
fn a_cluster_with_certificates_for_another_host() {
    crate::cell::run(async {
        let cluster = tokio::task::block_in_place(|| RedisCluster::start_with_tls(&["elsewhere.example"]));
        let files = cluster.nodes()[0].certificates();
        let tasks = tasks();
        let cache = cache_of(trusting(on_cluster(&cluster), &files.ca));
        is_refused(cache, cluster.nodes(), tasks).await;
    });
}

#[test]
fn a_cluster_that_wants_client_certificates() {
    crate::cell::run(async {
        let cluster = tokio::task::block_in_place(|| RedisCluster::start_with_client_certificates(&HOSTS));
        let files = cluster.nodes()[0].certificates();
        let tasks = tasks();
        let cache = cache_of(trusting(on_cluster(&cluster), &files.ca));
        is_refused(cache, cluster.nodes(), tasks).await;
        let tls = Tls::new().ca_file(&files.ca);
        let shown = tls.client_certificate(&files.client, &files.client_key);
        let cache = cache_of(on_cluster(&cluster).tls(shown));
        recovers(&cache, 5 * RECOVERY).await;
        ends_clean_on(cache, cluster.nodes(), tasks).await;
    });
}

#[test]
fn a_node_of_a_cluster_with_tls_that_was_killed_and_came_back() {
    crate::cell::run(async {
        let cluster = tokio::task::block_in_place(|| RedisCluster::start_with_tls(&HOSTS));
        let files = cluster.nodes()[0].certificates();
        let tasks = tasks();
        let cache = cache_of(trusting(on_cluster(&cluster), &files.ca));
        recovers(&cache, 5 * RECOVERY).await;
        for node in cluster.nodes() {
            // Its replica must not take its place.
            node.command(["CONFIG", "SET", "cluster-node-timeout", "15000"]);
        }
        let slot = cluster.slot("faults:a");
        let node = cluster.primary(slot);
        node.kill();
        for call in [Call::Get, Call::Set, Call::Delete, Call::Clear] {
            call.run(&cache).await.fails_with(&UNREADY);
        }
        for call in [Call::GetMany, Call::SetMany, Call::GetOrLoad] {
            call.run(&cache).await.fails_at_most_with(&UNREADY);
        }
        node.start();
        tokio::task::block_in_place(|| cluster.wait_until_well());
        recovers(&cache, RECOVERY).await;
        ends_clean_on(cache, cluster.nodes(), tasks).await;
    });
}

#[test]
fn after_a_primary_of_a_cluster_with_tls_has_died_calls_succeed_as_soon_as_there_is_a_new_one() {
    crate::cell::run(async {
        let cluster = tokio::task::block_in_place(|| RedisCluster::start_with_tls(&HOSTS));
        let files = cluster.nodes()[0].certificates();
        let tasks = tasks();
        let cache = cache_of(trusting(on_cluster(&cluster), &files.ca));
        recovers(&cache, 5 * RECOVERY).await;
        let slot = cluster.slot("faults:a");
        tokio::task::block_in_place(|| cluster.failover(slot));
        recovers(&cache, RECOVERY).await;
        ends_clean_on(cache, cluster.nodes(), tasks).await;
    });
}

#[test]
fn sentinels_with_certificates_of_another_authority() {
    crate::cell::run(async {
        let all = tokio::task::block_in_place(|| RedisSentinel::start_with_tls(&HOSTS));
        let files = all.nodes()[0].certificates();
        let tasks = tasks();
        let cache = cache_of(trusting(on_sentinel(&all), &files.other_ca));
        is_refused(cache, all.nodes(), tasks).await;
    });
}

/// The Sentinels are who they say, and the primary that they name is not.
#[test]
fn a_primary_behind_sentinels_with_a_certificate_for_another_host() {
    crate::cell::run(async {
        let all = tokio::task::block_in_place(|| RedisSentinel::start_with_tls(&["localhost"]));
        let files = all.nodes()[0].certificates();
        let tasks = tasks();
        let cache = cache_of(trusting(on_sentinel(&all), &files.ca));
        is_refused(cache, all.nodes(), tasks).await;
    });
}

/// A cache that shows no certificate gets through to nobody; one that shows its own does, also to a new primary.
async fn wants_client_certificates(all: RedisSentinel) {
    let files = all.nodes()[0].certificates();
    let tasks = tasks();
    let bare = || trusting(on_sentinel(&all), &files.ca);
    is_refused(cache_of(bare()), all.nodes(), tasks).await;
    // A start that is verified says so at once, however long it may take.
    let error = bare().connect_timeout(PATIENCE).connect().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    let tls = Tls::new().ca_file(&files.ca);
    let shown = tls.client_certificate(&files.client, &files.client_key);
    let cache = cache_of(on_sentinel(&all).tls(shown));
    recovers(&cache, 5 * RECOVERY).await;
    tokio::task::block_in_place(|| all.failover());
    recovers(&cache, RECOVERY).await;
    Call::Set.run(&cache).await.is_well();
    Call::Get.run(&cache).await.is_well();
    assert!(all.primary().command(["DBSIZE"]).integer() > 0);
    ends_clean_on(cache, all.nodes(), tasks).await;
}

#[test]
fn sentinels_that_want_client_certificates() {
    crate::cell::run(async {
        let all = tokio::task::block_in_place(|| RedisSentinel::start_with_client_certificates(&HOSTS));
        wants_client_certificates(all).await;
    });
}

/// The Sentinels name the primary to anybody, and the primary does not let everybody in.
#[test]
fn a_primary_behind_sentinels_that_wants_client_certificates() {
    crate::cell::run(async {
        let all = tokio::task::block_in_place(|| RedisSentinel::start_with_tls(&HOSTS));
        for node in all.nodes() {
            assert_eq!(
                node.command(["CONFIG", "SET", "tls-auth-clients", "yes"]).text(),
                "OK"
            );
        }
        wants_client_certificates(all).await;
    });
}

#[test]
fn after_a_primary_behind_sentinels_with_tls_has_died_calls_succeed_as_soon_as_there_is_a_new_one() {
    crate::cell::run(async {
        let all = tokio::task::block_in_place(|| RedisSentinel::start_with_tls(&HOSTS));
        let files = all.nodes()[0].certificates();
        let tasks = tasks();
        let cache = cache_of(trusting(on_sentinel(&all), &files.ca));
        recovers(&cache, 5 * RECOVERY).await;
        tokio::task::block_in_place(|| all.failover());
        recovers(&cache, RECOVERY).await;
        Call::Set.run(&cache).await.is_well();
        assert!(all.primary().command(["DBSIZE"]).integer() > 0);
        ends_clean_on(cache, all.nodes(), tasks).await;
    });
}
