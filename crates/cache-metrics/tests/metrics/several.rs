//! Several caches in one process.

use cache_core::{Cache, ErrorKind};
use cache_memory::{MemoryBackend, Weigher};
use cache_testkit::ManualClock;

use crate::support::{Watched, evicting, memory};

fn plain() -> MemoryBackend {
    memory(&ManualClock::new()).max_items(10).build().unwrap()
}

fn sets(watched: &Watched, cache: &str) -> Option<f64> {
    watched.value("gofr_cache_sets_total", &[("cache_name", cache)])
}

#[tokio::test]
async fn two_caches_of_one_kind_have_their_own_series() {
    let watched = Watched::new(|builder| builder);
    let (one, two) = (watched.named("one", plain()), watched.named("two", plain()));
    one.set("key", 1).await.unwrap();
    two.set("key", 1).await.unwrap();
    two.set("key", 1).await.unwrap();
    assert_eq!(
        (sets(&watched, "one"), sets(&watched, "two")),
        (Some(1.0), Some(2.0))
    );
}

#[tokio::test]
async fn two_caches_of_one_name_add_up() {
    let watched = Watched::new(|builder| builder);
    let (one, two) = (watched.cache(plain()), watched.cache(plain()));
    one.set("key", 1).await.unwrap();
    two.set("key", 1).await.unwrap();
    assert_eq!(
        [watched.users("sets_total"), watched.users("items_current")],
        [2.0, 2.0]
    );
    assert_eq!(watched.users("max_items"), 20.0);
    drop(one);
    assert_eq!(
        [watched.users("sets_total"), watched.users("items_current")],
        [2.0, 1.0]
    );
}

#[tokio::test]
async fn a_cache_that_takes_the_place_of_another_counts_on() {
    let watched = Watched::new(|builder| builder);
    for _ in 0..3 {
        let cache = watched.cache(plain());
        cache.set("key", 1).await.unwrap();
        cache.close().await.unwrap();
    }
    assert_eq!(watched.users("sets_total"), 3.0);
}

/// Two subsystems that go to one recorder.
fn near_and_far() -> (Watched, Watched) {
    let near = Watched::new(|builder| builder.subsystem("near"));
    let far = near.beside(|builder| builder.subsystem("far"));
    (near, far)
}

async fn set_many(cache: &Cache, many: i32) {
    for n in 0..many {
        cache.set(&n.to_string(), n).await.unwrap();
    }
}

#[tokio::test]
async fn equal_names_in_different_subsystems_keep_apart() {
    let (near, far) = near_and_far();
    near.cache(plain()).set("key", 1).await.unwrap();
    let cache = far.cache(plain());
    cache
        .get::<i32>("")
        .await
        .map_err(|error| error.kind())
        .unwrap_err();
    assert_eq!(
        cache.get::<i32>("").await.unwrap_err().kind(),
        ErrorKind::EmptyKey
    );
    let users = [("cache_name", "users"), ("backend", "memory")];
    assert_eq!(near.value("gofr_near_sets_total", &users), Some(1.0));
    assert_eq!(far.value("gofr_far_sets_total", &users), Some(0.0));
}

/// Collects on all handles, and returns gauges by their full names.
fn gauges<const N: usize>(watched: [&Watched; 2], names: [&str; N]) -> [f64; N] {
    for watched in watched {
        watched.metrics.collect();
    }
    names.map(|name| watched[0].value(name, &[("cache_name", "users")]).unwrap())
}

#[tokio::test]
async fn equal_names_in_different_subsystems_have_their_own_gauges_and_add_up_in_the_alias() {
    let (near, far) = near_and_far();
    let (one, two) = (near.cache(plain()), far.cache(plain()));
    set_many(&one, 3).await;
    set_many(&two, 4).await;
    let names = [
        "gofr_near_items_current",
        "gofr_far_items_current",
        "gofr_inmemory_cache_items_current",
        "gofr_inmemory_cache_sets_total",
    ];
    assert_eq!(gauges([&near, &far], names), [3.0, 4.0, 7.0, 7.0]);
    assert_eq!(gauges([&far, &near], names), [3.0, 4.0, 7.0, 7.0]);
    // Nobody collects for the one that stays, which would mend what the other has left.
    drop(one);
    assert_eq!(gauges([&near, &near], names), [0.0, 4.0, 4.0, 7.0]);
    drop(two);
    assert_eq!(gauges([&near, &near], names), [0.0, 0.0, 0.0, 7.0]);
}

#[tokio::test]
async fn equal_names_of_two_handles_on_one_recorder_add_up() {
    let one = Watched::new(|builder| builder);
    let two = one.beside(|builder| builder);
    let caches = (one.cache(plain()), two.cache(plain()));
    set_many(&caches.0, 3).await;
    set_many(&caches.1, 4).await;
    let names = [
        "gofr_cache_items_current",
        "gofr_cache_max_items",
        "gofr_cache_backend_up",
        "gofr_inmemory_cache_items_current",
    ];
    assert_eq!(gauges([&one, &two], names), [7.0, 20.0, 1.0, 7.0]);
    caches.0.close().await.unwrap();
    assert_eq!(gauges([&one, &two], names), [4.0, 20.0, 0.0, 4.0]);
    drop(caches.0);
    assert_eq!(gauges([&one, &two], names), [4.0, 10.0, 1.0, 4.0]);
}

#[tokio::test]
async fn equal_names_on_different_recorders_do_not_add_up() {
    let (one, two) = (Watched::new(|builder| builder), Watched::new(|builder| builder));
    let caches = (one.cache(plain()), two.cache(plain()));
    set_many(&caches.0, 3).await;
    assert_eq!(
        [one.users("items_current"), two.users("items_current")],
        [3.0, 0.0]
    );
}

#[tokio::test]
async fn the_aliases_of_the_source_system_say_the_same() {
    let watched = Watched::new(|builder| builder.latency_sampling(1));
    let cache = watched.cache(memory(&ManualClock::new()).max_items(1).build().unwrap());
    for key in ["a", "b"] {
        cache.set(key, 1).await.unwrap();
        cache.get::<i32>(key).await.unwrap();
        cache.get::<i32>("none").await.unwrap();
    }
    cache.delete("b").await.unwrap();
    let suffixes = [
        "hits_total",
        "misses_total",
        "sets_total",
        "deletes_total",
        "items_current",
        "operation_latency_seconds_count",
    ];
    for suffix in suffixes {
        let get = if suffix.ends_with("_count") {
            &[("operation", "get")][..]
        } else {
            &[]
        };
        let alias = watched.value(&format!("gofr_inmemory_cache_{suffix}"), get);
        assert_eq!(
            alias,
            watched.value(&format!("gofr_cache_{suffix}"), get),
            "{suffix}"
        );
        assert!(alias.is_some(), "{suffix}");
    }
    assert_eq!(watched.value("gofr_inmemory_cache_expirations_total", &[]), None);
}

/// Who knows the source system's name expects one number, that of all causes.
#[tokio::test]
async fn the_alias_of_evictions_adds_up_the_causes() {
    let watched = Watched::new(|builder| builder);
    let _cache = evicting(&watched).await;
    let alias = "gofr_inmemory_cache_evictions_total";
    assert_eq!(watched.value(alias, &[]), Some(3.0));
    assert!(
        watched
            .render()
            .contains(&format!("{alias}{{cache_name=\"users\"}} 3\n"))
    );
}

#[tokio::test]
async fn the_aliases_can_be_switched_off() {
    let watched = Watched::new(|builder| builder.aliases(false));
    let cache = watched.cache(plain());
    cache.set("key", 1).await.unwrap();
    assert!(!watched.render().contains("inmemory"));
}

#[tokio::test]
async fn constant_labels_are_on_every_series() {
    let watched = Watched::new(|builder| builder.label("region", "us").label("region", "eu"));
    let cache = watched.cache(plain());
    cache.set("key", 1).await.unwrap();
    for line in watched.render().lines().filter(|line| line.starts_with("gofr_")) {
        assert!(line.contains("region=\"eu\""), "{line}");
    }
}

#[tokio::test]
async fn limits_beyond_all_numbers_add_up_to_the_largest() {
    let watched = Watched::new(|builder| builder);
    let vast = || {
        let weigher = Weigher::new(|_, _| 1);
        MemoryBackend::builder()
            .max_weight(u64::MAX, weigher)
            .build()
            .unwrap()
    };
    let _caches = [watched.cache(vast()), watched.cache(vast())];
    assert_eq!(watched.users("max_weight"), u64::MAX as f64);
}
