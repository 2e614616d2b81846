//! Callers that give up: whatever they leave behind, no answer reaches the wrong caller.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cache_core::Cache;
use cache_redis::RedisBuilder;
use cache_testkit::servers::{RedisCluster, RedisServer};
use tokio::time::timeout;

use crate::support::patient;

const KEYS: u64 = 64;

/// So many gets are given up, however many it takes.
const GIVEN_UP: u64 = 2_000;

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
            let mut round = 0;
            while given_up.load(Ordering::Relaxed) < GIVEN_UP {
                round += 1;
                let name = key(task * 7 + round);
                let patience = Duration::from_micros((task * 37 + round * 113) % 1_500);
                match timeout(patience, cache.get::<String>(&name)).await {
                    Ok(found) => assert_eq!(found.unwrap(), Some(name)),
                    Err(_) => drop(given_up.fetch_add(1, Ordering::Relaxed)),
                }
                if round % 5 == 0 {
                    let (name, gone) = (key(round), format!("gone {}", round % KEYS));
                    let _ = timeout(patience, cache.set(&name, name.clone())).await;
                    let _ = timeout(patience, cache.set_many([(&*name, name.clone())])).await;
                    let _ = timeout(patience, cache.ping()).await;
                    let _ = timeout(patience, cache.get_many::<String>(&[&name])).await;
                    let _ = timeout(patience, cache.exists(&name)).await;
                    let _ = timeout(patience, cache.delete(&gone)).await;
                    let _ = timeout(patience, cache.delete_many(&[&gone])).await;
                    let value = gone.clone();
                    let loader = || async move { Ok::<_, std::io::Error>(value) };
                    let load = cache.get_or_load::<String, _, _>(&gone, loader);
                    if let Ok(loaded) = timeout(patience, load).await {
                        assert_eq!(loaded.unwrap(), gone);
                    }
                }
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
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

/// Gives up clears at random times, each of which has a connection for itself. As many as there is room for find one afterwards.
async fn assert_all_places_are_free(builder: RedisBuilder) {
    let cache = Cache::builder(builder.connect().await.unwrap()).build().unwrap();
    let given_up = Arc::new(AtomicU64::new(0));
    let tasks = (0..16_u64).map(|task| {
        let (cache, given_up) = (cache.clone(), Arc::clone(&given_up));
        tokio::spawn(async move {
            let mut round = 0;
            while given_up.load(Ordering::Relaxed) < GIVEN_UP / 4 {
                round += 1;
                let patience = Duration::from_micros((task * 37 + round * 113) % 3_000);
                match timeout(patience, cache.clear()).await {
                    Ok(cleared) => cleared.unwrap(),
                    Err(_) => drop(given_up.fetch_add(1, Ordering::Relaxed)),
                }
                let connections = cache.stats().connections.unwrap();
                assert!(connections.open <= connections.max, "{connections:?}");
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    let connections = cache.stats().connections.unwrap();
    assert_eq!(connections.waiting, 0);
    let clears = (0..connections.max - 2).map(|_| {
        let cache = cache.clone();
        tokio::spawn(async move { cache.clear().await })
    });
    for clear in clears.collect::<Vec<_>>() {
        clear.await.unwrap().unwrap();
    }
    assert!(cache.stats().connections.unwrap().open <= connections.max);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clears_that_are_given_up_leave_their_places_to_others() {
    assert_all_places_are_free(patient().url(RedisServer::shared().url())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn so_do_those_of_a_cluster() {
    assert_all_places_are_free(patient().cluster(RedisCluster::shared().urls())).await;
}
