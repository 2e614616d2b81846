//! When each counter and gauge moves.

use std::sync::Arc;
use std::time::Duration;

use cache_core::{CacheBackend, ErrorKind, EvictionCause, Operation};
use cache_memory::{MemoryBackend, Weigher};
use cache_testkit::{FailingBackend, ManualClock, eventually};

use crate::support::{Watched, evicting, memory};

fn plain() -> MemoryBackend {
    memory(&ManualClock::new()).build().unwrap()
}

/// Two of four values are too heavy, and one has to go for another: all four sets succeed. One with a TTL of zero is no set.
#[tokio::test]
async fn a_set_counts_whether_its_value_is_kept_or_not_and_as_a_delete_if_its_ttl_is_zero() {
    let watched = Watched::new(|builder| builder);
    let cache = evicting(&watched).await;
    assert_eq!(watched.users("sets_total"), 4.0);
    cache.set("b", 1).ttl(Duration::ZERO).await.unwrap();
    assert_eq!(
        (watched.users("sets_total"), watched.users("deletes_total")),
        (4.0, 1.0)
    );
}

#[tokio::test]
async fn a_get_is_a_hit_or_a_miss() {
    let watched = Watched::new(|builder| builder);
    let cache = watched.cache(plain());
    cache.set("key", 1).await.unwrap();
    cache.get::<i32>("key").await.unwrap();
    cache.get::<i32>("key").await.unwrap();
    cache.get::<i32>("other").await.unwrap();
    assert_eq!(
        [watched.users("hits_total"), watched.users("misses_total")],
        [2.0, 1.0]
    );
}

#[tokio::test]
async fn an_entry_that_is_over_is_a_miss() {
    let watched = Watched::new(|builder| builder);
    let clock = ManualClock::new();
    let cache = watched.cache(memory(&clock).build().unwrap());
    cache.set("key", 1).ttl(Duration::from_secs(1)).await.unwrap();
    clock.advance(Duration::from_secs(1));
    cache.get::<i32>("key").await.unwrap();
    assert_eq!(
        [watched.users("hits_total"), watched.users("misses_total")],
        [0.0, 1.0]
    );
}

#[tokio::test]
async fn each_key_of_many_counts() {
    let watched = Watched::new(|builder| builder);
    let cache = watched.cache(plain());
    cache.set_many([("a", 1), ("b", 2)]).await;
    cache.get_many::<i32>(&["a", "b", "c"]).await;
    cache.delete_many(&["a", "c"]).await;
    let counts =
        ["sets_total", "hits_total", "misses_total", "deletes_total"].map(|name| watched.users(name));
    assert_eq!(counts, [2.0, 2.0, 1.0, 1.0]);
}

#[tokio::test]
async fn asking_whether_a_key_exists_is_neither() {
    let watched = Watched::new(|builder| builder);
    let cache = watched.cache(plain());
    cache.set("key", 1).await.unwrap();
    cache.exists("key").await.unwrap();
    cache.exists("other").await.unwrap();
    assert_eq!(
        [watched.users("hits_total"), watched.users("misses_total")],
        [0.0, 0.0]
    );
}

#[tokio::test]
async fn a_delete_counts_only_if_something_went() {
    let watched = Watched::new(|builder| builder);
    let cache = watched.cache(plain());
    cache.set("key", 1).await.unwrap();
    cache.delete("key").await.unwrap();
    cache.delete("key").await.unwrap();
    assert_eq!(watched.users("deletes_total"), 1.0);
}

#[tokio::test]
async fn evictions_and_expirations_are_told_apart() {
    let watched = Watched::new(|builder| builder);
    let clock = ManualClock::new();
    let cache = watched.cache(memory(&clock).max_items(2).build().unwrap());
    for key in ["a", "b", "c"] {
        cache.set(key, 1).ttl(Duration::from_secs(1)).await.unwrap();
    }
    clock.advance(Duration::from_secs(2));
    cache.set("d", 1).await.unwrap();
    assert_eq!(
        [
            evictions(&watched, "items"),
            Some(watched.users("expirations_total"))
        ],
        [Some(1.0), Some(2.0)]
    );
}

fn evictions(watched: &Watched, cause: &str) -> Option<f64> {
    watched.value("gofr_cache_evictions_total", &[("cause", cause)])
}

#[tokio::test]
async fn evictions_are_counted_by_cause() {
    let watched = Watched::new(|builder| builder);
    let _cache = evicting(&watched).await;
    assert_eq!(
        ["items", "weight", "too_heavy"].map(|cause| evictions(&watched, cause)),
        [Some(0.0), Some(1.0), Some(2.0)]
    );
}

#[tokio::test]
async fn items_follow_the_cache_and_its_limit_is_shown() {
    let watched = Watched::new(|builder| builder);
    let cache = watched.cache(memory(&ManualClock::new()).max_items(10).build().unwrap());
    for n in 0..5 {
        cache.set(&n.to_string(), n).await.unwrap();
    }
    cache.delete("0").await.unwrap();
    assert_eq!(
        [watched.users("items_current"), watched.users("max_items")],
        [4.0, 10.0]
    );
}

#[tokio::test]
async fn the_weight_is_the_sum_of_the_entries_and_its_limit_is_shown() {
    let watched = Watched::new(|builder| builder);
    let weigher = Weigher::new(|_, value| value.downcast_ref::<u32>().copied().unwrap());
    let backend = memory(&ManualClock::new())
        .max_weight(1_000, weigher)
        .build()
        .unwrap();
    let cache = watched.cache(backend);
    let weights = || [watched.users("weight_current"), watched.users("max_weight")];
    assert_eq!(weights(), [0.0, 1_000.0]);
    for (key, weight) in [("a", 300_u32), ("b", 20), ("c", 1), ("b", 50)] {
        cache.set(key, weight).await.unwrap();
    }
    assert_eq!(weights(), [351.0, 1_000.0]);
    cache.delete("a").await.unwrap();
    assert_eq!(weights(), [51.0, 1_000.0]);
    drop(cache);
    assert_eq!(weights(), [0.0, 0.0]);
}

#[tokio::test]
async fn items_fall_without_traffic_when_entries_end() {
    let watched = Watched::new(|builder| builder);
    let clock = ManualClock::new();
    let builder = memory(&clock).maintenance_interval(Duration::from_millis(5));
    let cache = watched.cache(builder.build().unwrap());
    cache.set("key", 1).ttl(Duration::from_secs(1)).await.unwrap();
    assert_eq!(watched.users("items_current"), 1.0);
    clock.advance(Duration::from_secs(2));
    eventually("the gauge falls", || watched.users("items_current") == 0.0).await;
}

#[tokio::test]
async fn a_failure_of_the_backend_is_counted_by_operation_and_kind() {
    let watched = Watched::new(|builder| builder);
    let failing = FailingBackend::new(Arc::new(plain()));
    failing.fail(Operation::Get, ErrorKind::Timeout);
    let cache = watched.cache(failing);
    cache.get::<i32>("key").await.unwrap_err();
    cache.set("key", 1).await.unwrap();
    let errors = |operation, kind| {
        watched.value(
            "gofr_cache_errors_total",
            &[("operation", operation), ("kind", kind)],
        )
    };
    assert_eq!(
        (errors("get", "timeout"), errors("set", "timeout")),
        (Some(1.0), None)
    );
    assert_eq!(
        [watched.users("hits_total"), watched.users("misses_total")],
        [0.0, 0.0]
    );
}

#[tokio::test]
async fn a_failure_that_no_layer_sees_is_counted_too() {
    let watched = Watched::new(|builder| builder);
    let cache = watched.cache(plain());
    cache.set("key", "text".to_owned()).await.unwrap();
    cache.get::<i32>("key").await.unwrap_err();
    cache.get::<i32>("").await.unwrap_err();
    let errors = |kind| watched.value("gofr_cache_errors_total", &[("operation", "get"), ("kind", kind)]);
    assert_eq!(
        (errors("type_mismatch"), errors("empty_key")),
        (Some(1.0), Some(1.0))
    );
}

#[tokio::test]
async fn series_start_at_zero() {
    let watched = Watched::new(|builder| builder);
    let _cache = watched.cache(memory(&ManualClock::new()).max_items(10).build().unwrap());
    for name in [
        "hits_total",
        "misses_total",
        "sets_total",
        "deletes_total",
        "expirations_total",
    ] {
        assert_eq!(watched.users(name), 0.0, "{name}");
    }
    for cause in EvictionCause::ALL {
        assert_eq!(evictions(&watched, cause.as_str()), Some(0.0), "{cause:?}");
    }
    let closed = [("operation", "get"), ("kind", "closed")];
    assert_eq!(watched.value("gofr_cache_errors_total", &closed), Some(0.0));
}

#[tokio::test]
async fn the_last_numbers_survive_the_cache_and_its_gauges_do_not() {
    let watched = Watched::new(|builder| builder);
    let cache = watched.cache(plain());
    cache.set("key", 1).await.unwrap();
    assert_eq!(watched.users("items_current"), 1.0);
    drop(cache);
    assert_eq!(
        [watched.users("sets_total"), watched.users("items_current")],
        [1.0, 0.0]
    );
}

/// Hits and misses are exactly the lookups, also with more threads than have a stripe of their own.
#[test]
fn hits_and_misses_are_the_lookups() {
    const THREADS: u32 = 100;
    const LOOKUPS: u32 = 2_000;
    let watched = Watched::new(|builder| builder);
    let cache = watched.cache(plain());
    let start = std::sync::Barrier::new(THREADS as usize);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (cache, start) = (&cache, &start);
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                runtime.block_on(async {
                    cache.set(&thread.to_string(), thread).await.unwrap();
                    // All threads live at once, so some must share a stripe.
                    start.wait();
                    for n in 0..LOOKUPS {
                        cache.get::<u32>(&(n % 200).to_string()).shared().await.unwrap();
                    }
                });
            });
        }
    });
    assert_eq!(
        watched.users("hits_total") + watched.users("misses_total"),
        f64::from(THREADS * LOOKUPS)
    );
    assert_eq!(watched.users("hits_total"), f64::from(THREADS * LOOKUPS / 2));
    assert_eq!(watched.users("sets_total"), f64::from(THREADS));
}

#[tokio::test]
async fn the_layer_shows_the_backend_below_it() {
    let watched = Watched::new(|builder| builder);
    let cache = watched.cache(plain());
    assert_eq!(cache.backend_kind(), "memory");
    assert!(
        format!("{cache:?}").contains("Metrics(MemoryBackend"),
        "{cache:?}"
    );
    assert_eq!(cache.stats(), CacheBackend::stats(&plain()));
}
