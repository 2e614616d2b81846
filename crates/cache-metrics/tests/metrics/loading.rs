//! What moves when values are loaded.

use std::sync::Arc;
use std::time::Duration;

use cache_core::{Cache, ErrorKind, LoadContext, LoadOptions, Loaded, Operation};
use cache_testkit::{FailingBackend, ManualClock, SlowBackend, eventually};
use tokio::sync::Semaphore;

use crate::support::{Watched, memory};

const SECOND: Duration = Duration::from_secs(1);

fn options() -> LoadOptions {
    LoadOptions::new().ttl(10 * SECOND).jitter(0.0)
}

/// A cache that loads with these options, and its clock.
fn cache(watched: &Watched, options: LoadOptions) -> (Cache, Arc<ManualClock>) {
    let clock = ManualClock::new();
    let builder = Cache::builder(memory(&clock).build().unwrap()).name("users");
    let cache = builder.loading(options).layer(watched.metrics.layer()).build();
    (cache.unwrap(), clock)
}

async fn load(cache: &Cache, key: &str, answer: Result<i64, &'static str>) -> cache_core::Result<i64> {
    cache.get_or_load(key, move || async move { answer }).await
}

fn loads(watched: &Watched, result: &str) -> f64 {
    watched
        .value("gofr_cache_loads_total", &[("result", result)])
        .unwrap()
}

fn stale(watched: &Watched, reason: &str) -> f64 {
    watched
        .value("gofr_cache_stale_served_total", &[("reason", reason)])
        .unwrap()
}

#[tokio::test]
async fn each_caller_counts_a_miss_and_only_the_leader_a_load() {
    let watched = Watched::new(|builder| builder);
    let (cache, _) = cache(&watched, options());
    let gate = Arc::new(Semaphore::new(0));
    let callers: Vec<_> = (0..5)
        .map(|_| {
            let (cache, gate) = (cache.clone(), Arc::clone(&gate));
            tokio::spawn(async move {
                let load = || async move {
                    let _ = gate.acquire().await;
                    Ok::<i64, &str>(1)
                };
                cache.get_or_load("key", load).await.unwrap()
            })
        })
        .collect();
    eventually("four wait for the load of the fifth", || {
        watched.users("coalesced_waiting") == 4.0
    })
    .await;
    assert_eq!(
        [watched.users("loads_in_flight"), loads(&watched, "success")],
        [1.0, 0.0]
    );
    gate.close();
    for caller in callers {
        caller.await.unwrap();
    }
    load(&cache, "key", Ok(2)).await.unwrap();
    let counts = [
        "misses_total",
        "hits_total",
        "coalesced_total",
        "coalesced_waiting",
        "loads_in_flight",
    ];
    assert_eq!(counts.map(|name| watched.users(name)), [5.0, 1.0, 4.0, 0.0, 0.0]);
    assert_eq!(
        [
            loads(&watched, "success"),
            watched.users("load_duration_seconds_count")
        ],
        [1.0, 1.0]
    );
}

#[tokio::test]
async fn callers_that_go_wait_no_longer() {
    let watched = Watched::new(|builder| builder);
    let (cache, _) = cache(&watched, options());
    let gate = Arc::new(Semaphore::new(0));
    let ask = || {
        let (cache, gate) = (cache.clone(), Arc::clone(&gate));
        tokio::spawn(async move {
            let load = || async move {
                let _ = gate.acquire().await;
                Ok::<i64, &str>(1)
            };
            cache.get_or_load("key", load).await
        })
    };
    let leader = ask();
    eventually("the loader runs", || watched.users("loads_in_flight") == 1.0).await;
    let joined: Vec<_> = (0..5).map(|_| ask()).collect();
    eventually("five wait for the load of another", || {
        watched.users("coalesced_waiting") == 5.0
    })
    .await;
    let (go, stay) = joined.split_at(3);
    for caller in go {
        caller.abort();
    }
    eventually("two of them wait still", || {
        watched.users("coalesced_waiting") == 2.0
    })
    .await;
    // Who leads waits for a load of its own, also where it goes and others stay.
    leader.abort();
    stay[0].abort();
    eventually("one waits still", || watched.users("coalesced_waiting") == 1.0).await;
    assert_eq!(
        [watched.users("loads_in_flight"), loads(&watched, "cancelled")],
        [1.0, 0.0]
    );
    stay[1].abort();
    eventually("the load is given up", || watched.users("loads_in_flight") == 0.0).await;
    assert_eq!(
        [
            watched.users("coalesced_waiting"),
            watched.users("coalesced_total"),
            loads(&watched, "cancelled")
        ],
        [0.0, 5.0, 1.0]
    );
}

#[tokio::test]
async fn each_end_of_a_load_has_its_word() {
    let watched = Watched::new(|builder| builder);
    let (cache, clock) = cache(
        &watched,
        options()
            .stale_if_error(100 * SECOND)
            .hard_timeout(Duration::from_millis(1)),
    );
    load(&cache, "a", Ok(1)).await.unwrap();
    load(&cache, "b", Err("down")).await.unwrap_err();
    let panics = || async {
        if true {
            panic!("a test says so")
        } else {
            Ok::<i64, &str>(1)
        }
    };
    cache.get_or_load("c", panics).await.unwrap_err();
    let hangs = || async {
        std::future::pending::<()>().await;
        Ok::<i64, &str>(1)
    };
    cache.get_or_load("d", hangs).await.unwrap_err();
    let choose = async |key: &str, answer: Loaded<i64>| {
        cache
            .get_or_load(key, |_: LoadContext<i64>| async { Ok::<_, &str>(answer) })
            .await
            .unwrap()
    };
    choose("e", Loaded::not_found()).await;
    choose("f", Loaded::do_not_store(1)).await;
    clock.advance(11 * SECOND);
    choose("a", Loaded::not_modified()).await;
    for word in [
        "success",
        "error",
        "panic",
        "timeout",
        "not_found",
        "not_stored",
        "not_modified",
    ] {
        assert_eq!(loads(&watched, word), 1.0, "{word}");
    }
    assert_eq!(
        [
            loads(&watched, "cancelled"),
            watched.users("load_duration_seconds_count")
        ],
        [0.0, 7.0]
    );
}

#[tokio::test]
async fn a_stale_value_is_a_miss_and_counted_by_reason() {
    let watched = Watched::new(|builder| builder);
    let options = options()
        .stale_while_revalidate(20 * SECOND)
        .stale_if_error(100 * SECOND);
    let (cache, clock) = cache(&watched, options);
    load(&cache, "key", Ok(1)).await.unwrap();
    clock.advance(10 * SECOND);
    load(&cache, "key", Ok(2)).await.unwrap();
    eventually("the value is renewed", || {
        watched.value("gofr_cache_refreshes_total", &[("result", "success")]) == Some(1.0)
    })
    .await;
    clock.advance(30 * SECOND);
    load(&cache, "key", Err("down")).await.unwrap();
    assert_eq!(
        [stale(&watched, "revalidate"), stale(&watched, "error")],
        [1.0, 1.0]
    );
    assert_eq!(
        [watched.users("hits_total"), watched.users("misses_total")],
        [0.0, 3.0]
    );
    assert_eq!([loads(&watched, "success"), loads(&watched, "error")], [2.0, 1.0]);
}

/// A write came in between, so the backend was asked twice for the one caller.
#[tokio::test]
async fn a_second_look_is_no_second_miss() {
    let watched = Watched::new(|builder| builder);
    let slow = Arc::new(SlowBackend::new(memory(&ManualClock::new()).build().unwrap()));
    let cache = watched.cache(Arc::clone(&slow));
    let write = tokio::spawn({
        let cache = cache.clone();
        async move { cache.delete("key").await }
    });
    slow.arrived(1).await;
    let caller = tokio::spawn({
        let cache = cache.clone();
        async move { load(&cache, "key", Ok(1)).await }
    });
    slow.arrived(2).await;
    slow.release(1);
    assert!(!write.await.unwrap().unwrap());
    slow.release(1);
    // It looks again, then it stores.
    slow.arrived(3).await;
    slow.release(2);
    assert_eq!(caller.await.unwrap().unwrap(), 1);
    assert_eq!(
        [
            watched.users("misses_total"),
            watched.users("hits_total"),
            loads(&watched, "success")
        ],
        [1.0, 0.0, 1.0]
    );
}

#[tokio::test]
async fn a_value_whose_tag_was_invalidated_is_a_miss_and_the_tag_is_counted() {
    let watched = Watched::new(|builder| builder);
    let backend = memory(&ManualClock::new()).build().unwrap();
    let builder = Cache::builder(backend).name("users").tags(true);
    let cache = builder.layer(watched.metrics.layer()).build().unwrap();
    cache.set("key", 1_i64).tags(&["a", "b"]).await.unwrap();
    assert_eq!(cache.get("key").await.unwrap(), Some(1_i64));
    cache.invalidate_tags(&["a", "c"]).await.unwrap();
    assert_eq!(cache.get::<i64>("key").await.unwrap(), None);
    let counted = [
        "tag_invalidations_total",
        "hits_total",
        "misses_total",
        "sets_total",
        "deletes_total",
    ];
    assert_eq!(counted.map(|name| watched.users(name)), [2.0, 1.0, 1.0, 1.0, 0.0]);
}

#[tokio::test]
async fn a_stale_value_is_counted_as_timeout_and_as_overload_too() {
    let watched = Watched::new(|builder| builder);
    let clock = ManualClock::new();
    let options = options()
        .stale_if_error(100 * SECOND)
        .soft_timeout(Duration::from_millis(1));
    let cache = Cache::builder(memory(&clock).build().unwrap())
        .name("users")
        .loading(options)
        .max_concurrent_loads(1)
        .layer(watched.metrics.layer())
        .build()
        .unwrap();
    for key in ["slow", "refused"] {
        load(&cache, key, Ok(1)).await.unwrap();
    }
    clock.advance(10 * SECOND);
    let gate = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&gate);
    let slow = || async move {
        let _ = held.acquire().await;
        Ok::<i64, &str>(2)
    };
    let counts = || [stale(&watched, "timeout"), stale(&watched, "overload")];
    // The load goes on and holds the only permit.
    assert_eq!(cache.get_or_load("slow", slow).await.unwrap(), 1);
    assert_eq!(counts(), [1.0, 0.0]);
    assert_eq!(load(&cache, "refused", Ok(2)).await.unwrap(), 1);
    assert_eq!(counts(), [1.0, 1.0]);
    assert_eq!(watched.users("loads_refused_total"), 1.0);
    gate.close();
    eventually("the slow load ends", || loads(&watched, "success") == 3.0).await;
}

#[tokio::test]
async fn a_renewal_that_fails_is_counted_as_an_error() {
    let watched = Watched::new(|builder| builder);
    let (cache, clock) = cache(&watched, options().stale_while_revalidate(20 * SECOND));
    load(&cache, "key", Ok(1)).await.unwrap();
    clock.advance(10 * SECOND);
    assert_eq!(load(&cache, "key", Err("down")).await.unwrap(), 1);
    let refreshes = |result| watched.value("gofr_cache_refreshes_total", &[("result", result)]);
    eventually("the renewal fails", || refreshes("error") == Some(1.0)).await;
    assert_eq!(refreshes("success"), Some(0.0));
    assert_eq!(
        [loads(&watched, "error"), stale(&watched, "revalidate")],
        [1.0, 1.0]
    );
}

#[tokio::test]
async fn nothing_that_is_remembered_is_a_negative_hit() {
    let watched = Watched::new(|builder| builder);
    let (cache, _) = cache(&watched, options());
    for _ in 0..3 {
        let load = |_: LoadContext<i64>| async { Ok::<_, &str>(Loaded::not_found()) };
        assert_eq!(cache.get_or_load("key", load).await.unwrap(), None);
    }
    assert_eq!(
        [watched.users("negative_hits_total"), watched.users("hits_total")],
        [2.0, 2.0]
    );
}

#[tokio::test]
async fn a_store_that_fails_is_counted_and_the_value_given() {
    let watched = Watched::new(|builder| builder);
    let failing = FailingBackend::new(memory(&ManualClock::new()).build().unwrap());
    failing.fail(Operation::Set, ErrorKind::Full);
    let cache = watched.cache(failing);
    assert_eq!(load(&cache, "key", Ok(1)).await.unwrap(), 1);
    assert_eq!(watched.users("load_store_failures_total"), 1.0);
}

#[tokio::test]
async fn a_load_over_the_limit_is_counted() {
    let watched = Watched::new(|builder| builder);
    let backend = memory(&ManualClock::new()).build().unwrap();
    let builder = Cache::builder(backend).name("users").max_concurrent_loads(1);
    let cache = builder
        .load_wait(Duration::ZERO)
        .layer(watched.metrics.layer())
        .build()
        .unwrap();
    let inner = cache.clone();
    let nested = || async move { inner.get_or_load("b", || async { Ok::<i64, &str>(1) }).await };
    cache.get_or_load("a", nested).await.unwrap_err();
    assert_eq!(watched.users("loads_refused_total"), 1.0);
}

#[tokio::test]
async fn gauges_of_two_caches_of_one_name_add_up() {
    let watched = Watched::new(|builder| builder);
    let gate = Arc::new(Semaphore::new(0));
    let caches = [(); 2].map(|()| cache(&watched, options()).0);
    for cache in &caches {
        let (cache, gate) = (cache.clone(), Arc::clone(&gate));
        tokio::spawn(async move {
            let load = || async move {
                let _ = gate.acquire().await;
                Ok::<i64, &str>(1)
            };
            cache.get_or_load("key", load).await.unwrap()
        });
    }
    eventually("both load", || watched.users("loads_in_flight") == 2.0).await;
    gate.close();
    eventually("both have loaded", || watched.users("loads_in_flight") == 0.0).await;
}
