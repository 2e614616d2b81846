//! What the backend says of itself.

use cache_core::{Cache, CacheBackend, ErrorKind};
use cache_testkit::servers::RedisServer;

use crate::support::{patient, single};

#[tokio::test]
async fn nothing_is_connected_before_the_first_use() {
    let backend = single();
    let stats = backend.stats();
    let connections = stats.connections.unwrap();
    assert_eq!((stats.up, connections.open, connections.connects), (None, 0, 0));
    assert_eq!((connections.max, stats.items), (8, None));
}

#[tokio::test]
async fn the_first_use_connects_once_whoever_asks() {
    let cache = Cache::builder(single()).build().unwrap();
    let gets = (0..100).map(|_| async { cache.get::<i64>("key").await });
    for answer in futures_util::future::join_all(gets).await {
        answer.unwrap();
    }
    let stats = cache.stats();
    let connections = stats.connections.unwrap();
    assert_eq!(
        (stats.up, connections.open, connections.connects),
        (Some(true), 1, 1)
    );
    assert_eq!((connections.waiting, connections.waits.count()), (0, 100));
    assert!(!connections.waits.total().is_zero());
}

#[tokio::test]
async fn held_connections_are_made_one_for_each_lane() {
    let backend = patient()
        .url(RedisServer::shared().url())
        .connections(3)
        .build()
        .unwrap();
    let cache = Cache::builder(backend).build().unwrap();
    for _ in 0..12 {
        cache.get::<i64>("key").await.unwrap();
    }
    assert_eq!(cache.stats().connections.unwrap().open, 3);
    for _ in 0..12 {
        cache.set("key", 1).await.unwrap();
    }
    assert_eq!(cache.stats().connections.unwrap().open, 4, "and one for writes");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_down_and_the_breaker_opens() {
    let cache = Cache::builder(patient().port(1).build().unwrap())
        .build()
        .unwrap();
    for _ in 0..20 {
        let error = cache.get::<i64>("key").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(error.is_transient());
    }
    let stats = cache.stats();
    let connections = stats.connections.unwrap();
    assert_eq!((stats.up, connections.open), (Some(false), 0));
    assert!(connections.breaker_open && connections.breaker_openings == 1);
    assert!((1..=5).contains(&connections.connect_failures), "{connections:?}");
}

/// What a full pool means: a clear waits for its turn, and the wait is counted.
#[tokio::test]
async fn clears_that_wait_for_a_connection_are_counted() {
    let backend = patient()
        .url(RedisServer::shared().url())
        .max_connections(3)
        .build()
        .unwrap();
    let cache = Cache::builder(backend).build().unwrap();
    cache.ping().await.unwrap();
    cache.set("key", 1).await.unwrap();
    let before = cache.stats().connections.unwrap().waits.count();
    for cleared in futures_util::future::join_all((0..5).map(|_| cache.clear())).await {
        cleared.unwrap();
    }
    let connections = cache.stats().connections.unwrap();
    assert!(connections.waits.count() > before, "{connections:?}");
    assert_eq!((connections.open, connections.waiting), (3, 0));
}

#[tokio::test]
async fn a_closed_backend_is_down_and_has_no_connections() {
    let backend = single();
    backend.ping().await.unwrap();
    backend.close().await.unwrap();
    let stats = backend.stats();
    assert_eq!((stats.up, stats.connections.unwrap().open), (Some(false), 0));
}
