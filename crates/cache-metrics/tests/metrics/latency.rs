//! What is timed: answers from memory now and then, everything slower each time.

use cache_memory::MemoryBackend;
use cache_testkit::{ManualClock, SlowBackend};

use crate::support::{Watched, memory};

const COUNT: &str = "gofr_cache_operation_latency_seconds_count";

fn plain() -> MemoryBackend {
    memory(&ManualClock::new()).build().unwrap()
}

async fn timed_gets(one_in: u32, gets: u32) -> Option<f64> {
    let watched = Watched::new(|builder| builder.latency_sampling(one_in));
    let cache = watched.cache(plain());
    for _ in 0..gets {
        cache.get::<i32>("key").await.unwrap();
    }
    watched.value(COUNT, &[("operation", "get")])
}

#[tokio::test]
async fn one_get_of_so_many_is_timed() {
    assert_eq!(timed_gets(64, 640).await, Some(10.0));
}

#[tokio::test]
async fn every_get_is_timed_if_so_told() {
    assert_eq!(timed_gets(1, 100).await, Some(100.0));
}

#[tokio::test]
async fn every_write_is_timed() {
    let watched = Watched::new(|builder| builder);
    let cache = watched.cache(plain());
    for _ in 0..10 {
        cache.set("key", 1).await.unwrap();
        cache.delete("key").await.unwrap();
    }
    cache.clear().await.unwrap();
    let count = |operation| watched.value(COUNT, &[("operation", operation)]);
    assert_eq!(
        [count("set"), count("delete"), count("clear")],
        [Some(10.0), Some(10.0), Some(1.0)]
    );
}

#[tokio::test]
async fn every_answer_that_comes_later_is_timed() {
    let watched = Watched::new(|builder| builder);
    let slow = SlowBackend::new(plain());
    slow.open();
    let cache = watched.cache(slow);
    for _ in 0..100 {
        cache.get::<i32>("key").await.unwrap();
    }
    assert_eq!(watched.value(COUNT, &[("operation", "get")]), Some(100.0));
    assert_eq!(watched.users("misses_total"), 100.0);
}

#[tokio::test]
async fn a_failure_is_timed_too() {
    let watched = Watched::new(|builder| builder);
    let cache = watched.cache(plain());
    cache.close().await.unwrap();
    cache.set("key", 1).await.unwrap_err();
    assert_eq!(watched.value(COUNT, &[("operation", "set")]), Some(1.0));
}

#[tokio::test]
async fn the_buckets_are_those_of_the_builder() {
    let watched = Watched::new(|builder| builder.latency_buckets([1e-3, 1.0]));
    let cache = watched.cache(plain());
    cache.set("key", 1).await.unwrap();
    let rendered = watched.render();
    let of_set = |line: &&str| {
        line.starts_with("gofr_cache_operation_latency_seconds_bucket") && line.contains("\"set\"")
    };
    assert_eq!(
        rendered.lines().filter(of_set).count(),
        3,
        "two bounds and infinity"
    );
}

#[tokio::test]
async fn asking_whether_keys_exist_is_sampled_like_gets() {
    let watched = Watched::new(|builder| builder.latency_sampling(64));
    let cache = watched.cache(plain());
    for _ in 0..640 {
        cache.exists("key").await.unwrap();
    }
    assert_eq!(watched.value(COUNT, &[("operation", "exists")]), Some(10.0));
}
