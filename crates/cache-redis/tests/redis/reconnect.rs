//! Connections that break: nobody notices but the counters.

use cache_core::Cache;
use cache_testkit::servers::RedisServer;

use crate::support::patient;

async fn alone() -> (RedisServer, Cache) {
    let server = RedisServer::builder().start();
    let backend = patient().url(server.url()).connect().await.unwrap();
    (server, Cache::builder(backend).build().unwrap())
}

#[tokio::test]
async fn a_killed_connection_costs_one_retry_and_no_error() {
    let (server, cache) = alone().await;
    cache.set("key", 1_i64).await.unwrap();
    for round in 1..=5 {
        server.command(["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
        assert_eq!(cache.get::<i64>("key").await.unwrap(), Some(1));
        let connections = cache.stats().connections.unwrap();
        assert_eq!(
            (connections.connects, connections.retries, connections.open),
            (round + 2, round, 2)
        );
    }
}

#[tokio::test]
async fn writes_are_repeated_too() {
    let (server, cache) = alone().await;
    server.command(["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    cache.set("key", 1_i64).await.unwrap();
    server.command(["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    assert!(cache.delete("key").await.unwrap());
    server.command(["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    assert!(
        cache
            .set_many([("a", 1_i64), ("b", 2)])
            .await
            .into_iter()
            .all(|answer| answer.is_ok())
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_at_once_share_one_new_connection() {
    let (server, cache) = alone().await;
    for _ in 0..10 {
        server.command(["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
        let gets = (0..100).map(|_| {
            let cache = cache.clone();
            tokio::spawn(async move { cache.get::<i64>("key").await })
        });
        for get in gets.collect::<Vec<_>>() {
            get.await.unwrap().unwrap();
        }
    }
    let connections = cache.stats().connections.unwrap();
    assert_eq!((connections.connects, connections.open), (12, 2));
}

#[tokio::test]
async fn a_restarted_server_is_found_again() {
    let (server, cache) = alone().await;
    server.restart();
    cache.set("key", 1_i64).await.unwrap();
    assert_eq!(cache.get::<i64>("key").await.unwrap(), Some(1));
}

/// A test runtime ends with its test, and so do the tasks that connections live in. The next one makes its own.
#[test]
fn a_backend_outlives_the_runtime_that_it_connected_in() {
    let server = RedisServer::builder().start();
    let cache = Cache::builder(patient().url(server.url()).build().unwrap())
        .build()
        .unwrap();
    for round in 0..3_i64 {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            cache.set("key", round).await.unwrap();
            assert_eq!(cache.get::<i64>("key").await.unwrap(), Some(round));
        });
    }
}
