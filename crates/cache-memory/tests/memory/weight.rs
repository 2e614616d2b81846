//! Limits by weight.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use cache_core::Value;
use cache_memory::Weigher;

use crate::support::{evictions, held, setup_without_thread};

/// The length of a text.
fn length() -> Weigher {
    Weigher::new(|_, value: &Value| {
        value
            .downcast_ref::<String>()
            .map_or(1, |text| u32::try_from(text.len()).unwrap())
    })
}

#[tokio::test]
async fn heavy_entries_push_out_the_least_recently_used() {
    let cache = setup_without_thread(|builder| builder.max_weight(100, length())).cache;
    for key in ["a", "b"] {
        cache.set(key, "x".repeat(40)).await.unwrap();
    }
    cache.set("c", "x".repeat(30)).await.unwrap();
    assert_eq!(held(&cache, &["a", "b", "c"]).await, ["b", "c"]);
    assert_eq!(evictions(&cache), [0, 1, 0]);
    assert_eq!(
        (cache.stats().weight, cache.stats().max_weight),
        (Some(70), Some(100))
    );
}

#[tokio::test]
async fn an_entry_heavier_than_the_limit_is_not_stored_and_evicts_nothing_else() {
    let cache = setup_without_thread(|builder| builder.max_weight(100, length())).cache;
    cache.set("light", "x".to_owned()).await.unwrap();
    cache.set("heavy", "x".repeat(101)).await.unwrap();
    assert_eq!(held(&cache, &["light", "heavy"]).await, ["light"]);
    assert_eq!(evictions(&cache), [0, 0, 1]);
}

#[tokio::test]
async fn a_heavier_value_of_an_old_key_makes_room() {
    let cache = setup_without_thread(|builder| builder.max_weight(100, length())).cache;
    cache.set("a", "x".repeat(40)).await.unwrap();
    cache.set("b", "x".repeat(40)).await.unwrap();
    cache.set("b", "x".repeat(90)).await.unwrap();
    assert_eq!(held(&cache, &["a", "b"]).await, ["b"]);
}

#[tokio::test]
async fn the_weigher_sees_the_key() {
    let by_key = Weigher::new(|key, _: &Value| u32::try_from(key.as_str().len()).unwrap());
    let cache = setup_without_thread(|builder| builder.max_weight(10, by_key)).cache;
    cache.set("four", 1).await.unwrap();
    cache.set("seven77", 1).await.unwrap();
    assert_eq!(held(&cache, &["four", "seven77"]).await, ["seven77"]);
}

#[tokio::test]
async fn an_old_key_that_becomes_too_heavy_goes_alone() {
    let cache = setup_without_thread(|builder| builder.max_weight(100, length())).cache;
    for key in ["a", "b", "c"] {
        cache.set(key, "x".repeat(10)).await.unwrap();
    }
    cache.set("b", "x".repeat(101)).await.unwrap();
    assert_eq!(held(&cache, &["a", "b", "c"]).await, ["a", "c"]);
    assert_eq!(evictions(&cache), [0, 0, 1]);
}

#[tokio::test]
async fn what_is_over_goes_before_what_lives_by_weight_too() {
    let setup = setup_without_thread(|builder| builder.max_weight(100, length()));
    setup.cache.set("live", "x".repeat(40)).await.unwrap();
    setup
        .cache
        .set("over", "x".repeat(40))
        .ttl(Duration::from_secs(1))
        .await
        .unwrap();
    setup.clock.advance(Duration::from_secs(2));
    setup.cache.set("new", "x".repeat(40)).await.unwrap();
    assert_eq!(
        held(&setup.cache, &["live", "over", "new"]).await,
        ["live", "new"]
    );
}

/// More of them than a write frees before it looks whether there is room.
#[tokio::test]
async fn as_many_entries_that_are_over_go_as_a_heavy_one_needs() {
    let setup = setup_without_thread(|builder| builder.max_weight(1_000, length()));
    setup.cache.set("live", "x".repeat(700)).await.unwrap();
    for n in 0..300 {
        let (key, ttl) = (format!("over-{n}"), Duration::from_secs(1));
        setup.cache.set(&key, "x".to_owned()).ttl(ttl).await.unwrap();
    }
    setup.clock.advance(Duration::from_secs(2));
    setup.cache.set("new", "x".repeat(200)).await.unwrap();
    assert_eq!(held(&setup.cache, &["live", "new"]).await, ["live", "new"]);
    assert_eq!(evictions(&setup.cache), [0, 0, 0]);
    // In slices of 32: what is not needed is left to later writes and to the thread.
    assert_eq!(setup.cache.stats().expirations, Some(224));
}

#[tokio::test]
async fn a_loaded_entry_heavier_than_the_limit_is_given_and_not_stored() {
    let cache = setup_without_thread(|builder| builder.max_weight(100, length())).cache;
    cache.set("light", "x".to_owned()).await.unwrap();
    let load = || async { Ok::<_, std::io::Error>("x".repeat(101)) };
    let loaded: String = cache.get_or_load("heavy", load).await.unwrap();
    assert_eq!(loaded.len(), 101);
    assert_eq!(held(&cache, &["light", "heavy"]).await, ["light"]);
    assert_eq!(evictions(&cache), [0, 0, 1]);
}

/// The weigher is the caller's code; a panic in it is the caller's and leaves nothing behind.
#[tokio::test]
async fn a_weigher_that_panics_leaves_the_old_entry_and_the_count() {
    let picky = Weigher::new(|_, value: &Value| {
        assert!(value.downcast_ref::<i32>() != Some(&13), "not this one");
        1
    });
    let cache = setup_without_thread(|builder| builder.max_weight(100, picky)).cache;
    cache.set("key", 1).await.unwrap();
    let theirs = cache.clone();
    tokio::spawn(async move { theirs.set("key", 13).await })
        .await
        .unwrap_err();
    assert_eq!(cache.get::<i32>("key").await.unwrap(), Some(1));
    assert_eq!(cache.stats().items, Some(1));
}

#[tokio::test]
async fn the_weigher_runs_once_for_each_write() {
    let runs = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&runs);
    let weigher = Weigher::new(move |_, _: &Value| {
        counted.fetch_add(1, Ordering::Relaxed);
        1
    });
    let cache = setup_without_thread(|builder| builder.max_weight(100, weigher)).cache;
    for n in 0..10 {
        cache.set("key", n).await.unwrap();
    }
    assert_eq!(runs.load(Ordering::Relaxed), 10);
}

/// A few heavy entries fill a cache of many light ones, so each use of one of those must be heard of.
#[tokio::test]
async fn a_light_entry_that_is_read_before_every_heavy_one_stays() {
    let weigher = Weigher::new(|key, _: &Value| {
        if key.as_str().starts_with("heavy") {
            1_000
        } else {
            1
        }
    });
    let cache = setup_without_thread(|builder| builder.max_weight(10_000, weigher)).cache;
    for n in 0..6_400 {
        cache.set(&format!("light-{n}"), n).await.unwrap();
    }
    for n in 0..100 {
        for _ in 0..3 {
            assert!(cache.get::<i32>("light-7").await.unwrap().is_some(), "round {n}");
        }
        cache.set(&format!("heavy-{n}"), n).await.unwrap();
    }
}
