//! Counting the keys of a namespace in the background.

use std::time::Duration;

use cache_core::{Cache, ErrorKind};
use cache_redis::RedisBuilder;
use cache_testkit::eventually;
use cache_testkit::servers::{RedisCluster, RedisServer};
use tokio::runtime::{Builder, Handle};

use crate::support::{RIGHTS, namespace, patient};

const OFTEN: Duration = Duration::from_millis(10);

fn counting(builder: RedisBuilder) -> Cache {
    let backend = builder.count_interval(OFTEN).build().unwrap();
    Cache::builder(backend).build().unwrap()
}

fn on(server: &RedisServer) -> Cache {
    counting(patient().url(server.url()))
}

async fn fill(cache: &Cache, items: u64) {
    let keys: Vec<_> = (0..items).map(|n| (n.to_string(), n)).collect();
    let entries = keys.iter().map(|(key, n)| (key.as_str(), *n));
    assert!(cache.set_many(entries).await.iter().all(Result::is_ok));
}

async fn counts(cache: &Cache, items: u64) {
    eventually("the keys are counted", || cache.stats().items == Some(items)).await;
}

#[tokio::test]
async fn the_keys_of_the_namespace_are_counted_and_no_others() {
    let server = RedisServer::builder().start();
    // More than one step of a scan looks at.
    for n in 0..3_000 {
        server.command(["SET", &format!("foreign:{n}"), "1"]);
    }
    let name = namespace();
    // A scan takes this for a pattern unless the name is escaped.
    server.command(["SET", &format!("{name}x:1"), "1"]);
    let cache = counting(patient().url(server.url()).namespace(&name));
    fill(&cache, 50).await;
    counts(&cache, 50).await;
}

#[tokio::test]
async fn the_count_follows_sets_deletes_and_clears() {
    let server = RedisServer::builder().start();
    let cache = on(&server);
    cache.set("a", 1).await.unwrap();
    cache.set("b", 1).await.unwrap();
    counts(&cache, 2).await;
    cache.delete("a").await.unwrap();
    counts(&cache, 1).await;
    cache.clear().await.unwrap();
    counts(&cache, 0).await;
}

#[tokio::test]
async fn it_falls_without_traffic_when_entries_end() {
    let server = RedisServer::builder().start();
    let cache = on(&server);
    cache.set("a", 1).ttl(Duration::from_millis(500)).await.unwrap();
    counts(&cache, 1).await;
    counts(&cache, 0).await;
}

#[tokio::test]
async fn on_a_cluster_the_keys_of_all_masters_are_counted() {
    let cluster = RedisCluster::shared();
    let cache = counting(patient().cluster(cluster.urls()));
    fill(&cache, 300).await;
    counts(&cache, 300).await;
}

/// What a count costs is a scan at intervals, however much is written.
#[tokio::test]
async fn a_write_asks_nothing_more() {
    let server = RedisServer::builder().start();
    let backend = patient()
        .url(server.url())
        .count_interval(Duration::from_secs(3_600));
    let cache = Cache::builder(backend.build().unwrap()).build().unwrap();
    cache.ping().await.unwrap();
    counts(&cache, 0).await;
    server.reset_calls();
    for n in 0..100 {
        cache.set(&n.to_string(), n).await.unwrap();
        cache.delete(&n.to_string()).await.unwrap();
    }
    let mut calls = server.calls();
    calls.retain(|name, _| !name.starts_with("info") && !name.starts_with("config"));
    let expected = [("set".to_owned(), 100), ("unlink".to_owned(), 100)];
    assert_eq!(calls, expected.into());
}

#[tokio::test]
async fn nothing_is_counted_unless_it_is_told() {
    let server = RedisServer::builder().start();
    let backend = patient().url(server.url()).connect().await.unwrap();
    let cache = Cache::builder(backend).build().unwrap();
    cache.set("a", 1).await.unwrap();
    assert!(!server.calls().contains_key("scan"));
    let stats = cache.stats();
    assert_eq!((stats.items, stats.item_count_failures), (None, None));
}

#[tokio::test]
async fn a_count_that_fails_is_counted_and_the_last_one_stands() {
    let server = RedisServer::builder().start();
    let cache = on(&server);
    cache.set("a", 1).await.unwrap();
    counts(&cache, 1).await;
    server.kill();
    let failures = || cache.stats().item_count_failures.unwrap();
    eventually("a count fails", || failures() > 0).await;
    assert_eq!(cache.stats().items, Some(1));
    server.start();
    counts(&cache, 0).await;
}

/// Whether a server is well again is found out by the calls that the breaker lets through.
#[tokio::test]
async fn nobody_connects_for_a_count_while_the_breaker_is_open() {
    let cache = counting(patient().port(1));
    for _ in 0..20 {
        cache.get::<i64>("key").await.unwrap_err();
    }
    let attempts = || cache.stats().connections.unwrap().connect_failures;
    assert!(cache.stats().connections.unwrap().breaker_open);
    let (before, failures) = (attempts(), cache.stats().item_count_failures.unwrap());
    eventually("counts fail", || {
        cache.stats().item_count_failures.unwrap() > failures + 5
    })
    .await;
    // One may have begun before.
    assert!(attempts() <= before + 1, "{} after {before}", attempts());
}

#[tokio::test]
async fn a_count_does_not_make_a_silent_server_look_up() {
    let server = RedisServer::builder().start();
    let short = Duration::from_millis(100);
    let cache = counting(patient().url(server.url()).read_budget(short));
    cache.ping().await.unwrap();
    server.freeze();
    let up = || cache.stats().up;
    assert_eq!(cache.ping().await.unwrap_err().kind(), ErrorKind::Timeout);
    for _ in 0..300 {
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert_eq!(up(), Some(false));
    }
    server.thaw();
}

#[tokio::test]
async fn a_user_who_may_not_scan_hears_of_it_at_the_start() {
    let name = namespace();
    let rights = RIGHTS.replace("+scan", "");
    let server = RedisServer::builder()
        .user(format!("app on >of-the-app ~{name}:* -@all {rights}"))
        .start();
    let builder = patient().url(server.url()).namespace(name);
    let builder = builder.user("app").password("of-the-app");
    builder.clone().connect().await.unwrap();
    let error = builder.count_interval(OFTEN).connect().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
}

fn tasks() -> usize {
    Handle::current().metrics().num_alive_tasks()
}

#[tokio::test]
async fn the_task_that_counts_ends_with_the_cache() {
    let server = RedisServer::builder().start();
    let before = tasks();
    let cache = on(&server);
    cache.set("a", 1).await.unwrap();
    counts(&cache, 1).await;
    cache.close().await.unwrap();
    eventually("the tasks of a closed one have ended", || tasks() == before).await;
    let cache = on(&server);
    cache.set("a", 1).await.unwrap();
    counts(&cache, 1).await;
    drop(cache);
    eventually("the tasks of one that is gone have ended", || tasks() == before).await;
}

#[test]
fn who_uses_the_cache_in_another_runtime_has_it_counted_there() {
    let server = RedisServer::builder().start();
    let cache = on(&server);
    for n in 1..3 {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            cache.set(&n.to_string(), n).await.unwrap();
            counts(&cache, n).await;
        });
    }
}
