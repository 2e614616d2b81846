//! Which commands reach the server: one for each operation and no other, proved by the server's own count.

use std::collections::BTreeMap;

use cache_core::Cache;
use cache_testkit::servers::RedisServer;

use crate::support::patient;

/// A cache that is connected, on a server that nobody else uses.
async fn alone() -> (RedisServer, Cache) {
    let server = RedisServer::builder().start();
    let backend = patient().url(server.url()).connect().await.unwrap();
    let cache = Cache::builder(backend).build().unwrap();
    server.reset_calls();
    (server, cache)
}

/// Returns what was called but for what the test itself asks.
fn calls(server: &RedisServer) -> BTreeMap<String, u64> {
    let mut calls = server.calls();
    calls.retain(|name, _| !name.starts_with("info") && !name.starts_with("config"));
    calls
}

fn only(name: &str, count: u64) -> BTreeMap<String, u64> {
    BTreeMap::from([(name.to_owned(), count)])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_gets_are_a_thousand_gets_and_nothing_else() {
    let (server, cache) = alone().await;
    let tasks = (0..10).map(|_| {
        let cache = cache.clone();
        tokio::spawn(async move {
            for n in 0..100 {
                cache.get::<i64>(&format!("key {n}")).await.unwrap();
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    assert_eq!(calls(&server), only("get", 1_000));
}

#[tokio::test]
async fn a_set_is_one_set() {
    let (server, cache) = alone().await;
    for n in 0..100 {
        cache.set(&format!("key {n}"), n).await.unwrap();
    }
    assert_eq!(calls(&server), only("set", 100));
}

#[tokio::test]
async fn a_delete_is_one_unlink() {
    let (server, cache) = alone().await;
    for n in 0..100 {
        cache.delete(&format!("key {n}")).await.unwrap();
    }
    assert_eq!(calls(&server), only("unlink", 100));
}

#[tokio::test]
async fn an_exists_is_one_look_at_the_head() {
    let (server, cache) = alone().await;
    for n in 0..100 {
        cache.exists(&format!("key {n}")).await.unwrap();
    }
    assert_eq!(calls(&server), only("getrange", 100));
}

#[tokio::test]
async fn a_get_of_many_is_one_mget() {
    let (server, cache) = alone().await;
    let keys: Vec<_> = (0..1_000).map(|n| format!("key {n}")).collect();
    assert!(
        cache
            .get_many::<i64>(&keys)
            .await
            .into_iter()
            .all(|answer| answer.unwrap().is_none())
    );
    assert_eq!(calls(&server), only("mget", 1));
}

#[tokio::test]
async fn many_sets_and_deletes_are_as_many_commands_and_no_transaction() {
    let (server, cache) = alone().await;
    let keys: Vec<_> = (0..1_500).map(|n| format!("key {n}")).collect();
    let stored = cache.set_many(keys.iter().map(|key| (key.as_str(), 1_i64))).await;
    assert!(stored.into_iter().all(|answer| answer.is_ok()));
    assert_eq!(calls(&server), only("set", 1_500));
    server.reset_calls();
    assert!(
        cache
            .delete_many(&keys)
            .await
            .into_iter()
            .all(|went| went.unwrap())
    );
    assert_eq!(calls(&server), only("unlink", 1_500));
}

#[tokio::test]
async fn a_clear_scans_and_unlinks_and_flushes_nothing() {
    let (server, cache) = alone().await;
    let keys: Vec<_> = (0..3_000).map(|n| format!("key {n}")).collect();
    cache.set_many(keys.iter().map(|key| (key.as_str(), 1_i64))).await;
    server.reset_calls();
    cache.clear().await.unwrap();
    let calls = calls(&server);
    assert_eq!(calls["unlink"], 3_000);
    let words: Vec<_> = calls
        .keys()
        .map(String::as_str)
        .filter(|name| !name.starts_with("client"))
        .collect();
    assert_eq!(words, ["scan", "unlink"]);
}

/// A second clear finds the connection of the first.
#[tokio::test]
async fn clears_share_a_connection_of_their_own() {
    let (server, cache) = alone().await;
    for _ in 0..5 {
        cache.clear().await.unwrap();
    }
    assert_eq!(
        server.info("clients")["connected_clients"],
        "4",
        "reads, writes, clears and this question"
    );
    let connections = cache.stats().connections.unwrap();
    assert_eq!((connections.open, connections.connects), (3, 3));
}

#[tokio::test]
async fn raw_mode_asks_whether_a_key_exists() {
    let server = RedisServer::shared();
    let backend = patient().url(server.url()).raw(true).build().unwrap();
    let cache = Cache::builder(backend).build().unwrap();
    assert!(!cache.exists("key").await.unwrap());
    cache.set("key", String::new()).await.unwrap();
    assert!(cache.exists("key").await.unwrap());
    cache.close().await.unwrap();
}

/// One thread, so that the task which writes is always run next after the caller that woke it.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn requests_of_callers_at_the_same_time_travel_together() {
    const CALLERS: u64 = 64;
    const ROUNDS: u64 = 20;
    let (server, cache) = alone().await;
    let reads = || {
        server.info("stats")["total_reads_processed"]
            .parse::<u64>()
            .unwrap()
    };
    let before = reads();
    let callers = (0..CALLERS).map(|_| {
        let cache = cache.clone();
        tokio::spawn(async move {
            for _ in 0..ROUNDS {
                cache.get::<i64>("key").await.unwrap();
            }
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await.unwrap();
    }
    let reads = reads() - before;
    let requests = CALLERS * ROUNDS;
    assert_eq!(calls(&server), only("get", requests));
    assert!(
        reads < requests / 4,
        "the server read {reads} times for {requests} requests"
    );
}
