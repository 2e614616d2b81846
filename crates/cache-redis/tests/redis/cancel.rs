//! Callers that give up: whatever they leave behind, no answer reaches the wrong caller.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cache_core::Cache;
use cache_redis::RedisBuilder;
use cache_testkit::servers::{RedisCluster, RedisServer};

use crate::support::patient;

const KEYS: u64 = 64;

fn key(n: u64) -> String {
    format!("key {}", n % KEYS)
}

/// Gives up thousands of calls at random times and looks at the others: each value names its key.
async fn assert_no_answer_is_foreign(builder: RedisBuilder) {
    let cache = Cache::builder(builder.connect().await.unwrap()).build().unwrap();
    for n in 0..KEYS {
        cache.set(&key(n), key(n)).await.unwrap();
    }
    let given_up = Arc::new(AtomicU64::new(0));
    let tasks = (0..32_u64).map(|task| {
        let (cache, given_up) = (cache.clone(), Arc::clone(&given_up));
        tokio::spawn(async move {
            for round in 0..150_u64 {
                let name = key(task * 7 + round);
                let patience = Duration::from_micros((task * 37 + round * 113) % 1_500);
                match tokio::time::timeout(patience, cache.get::<String>(&name)).await {
                    Ok(found) => assert_eq!(found.unwrap(), Some(name)),
                    Err(_) => drop(given_up.fetch_add(1, Ordering::Relaxed)),
                }
                if round % 10 == 0 {
                    let name = key(round);
                    let _ = tokio::time::timeout(patience, cache.set(&name, name.clone())).await;
                    let _ = tokio::time::timeout(patience, cache.get_many::<String>(&[&name])).await;
                }
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    assert!(given_up.load(Ordering::Relaxed) > 100, "nothing was given up");
    for n in 0..KEYS {
        assert_eq!(cache.get::<String>(&key(n)).await.unwrap(), Some(key(n)));
    }
    let stats = cache.stats();
    let connections = stats.connections.unwrap();
    assert_eq!(
        (connections.connects, connections.open, connections.waiting),
        (2, 2, 0)
    );
    assert_eq!(stats.rejected.unwrap().total(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_thousands_of_calls_that_are_given_up_none_confuses_another() {
    assert_no_answer_is_foreign(patient().url(RedisServer::shared().url())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nor_does_one_in_a_cluster() {
    assert_no_answer_is_foreign(patient().cluster(RedisCluster::shared().urls())).await;
}
