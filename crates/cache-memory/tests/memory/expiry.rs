//! When entries that are over leave memory: without traffic, and before live ones.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cache_core::{Cache, Expiration, Value};
use cache_memory::{EvictionPolicy, MemoryBackend};
use cache_testkit::{ManualClock, eventually};

use crate::support::{evictions, held, setup, setup_without_thread};

#[tokio::test]
async fn entries_that_are_over_are_freed_without_traffic() {
    let setup = setup(|builder| builder);
    for n in 0..1_000 {
        setup
            .cache
            .set(&n.to_string(), n)
            .ttl(Duration::from_millis(100))
            .await
            .unwrap();
    }
    setup.clock.advance(Duration::from_secs(1));
    eventually("1,000 entries are freed", || setup.cache.stats().items == Some(0)).await;
    assert_eq!(
        (setup.cache.stats().expirations, evictions(&setup.cache)),
        (Some(1_000), [0, 0, 0])
    );
}

/// Whoever reads while entries are freed: a chart of what a scrape says has no gap.
#[tokio::test]
async fn an_entry_that_is_not_counted_any_more_is_counted_as_over() {
    const ENTRIES: u64 = 20_000;
    let setup = setup(|builder| builder);
    for n in 0..ENTRIES {
        let key = n.to_string();
        let set = setup.cache.set(&key, n).ttl(Duration::from_millis(100));
        set.await.unwrap();
    }
    setup.clock.advance(Duration::from_secs(1));
    let patience = Instant::now() + Duration::from_secs(60);
    loop {
        assert!(Instant::now() < patience, "they are not freed");
        let stats = setup.cache.stats();
        let (items, expirations) = (stats.items.unwrap(), stats.expirations.unwrap());
        assert!(
            items + expirations >= ENTRIES,
            "{items} are there and {expirations} were over"
        );
        if items == 0 {
            break;
        }
    }
}

/// At the defaults, and by the clock of the machine: the promise is one of time.
#[tokio::test]
async fn entries_that_are_over_are_freed_within_two_seconds() {
    let backend = MemoryBackend::builder().build().unwrap();
    let cache = Cache::builder(backend).build().unwrap();
    for n in 0..1_000 {
        let ttl = Duration::from_millis(100);
        cache.set(&n.to_string(), n).ttl(ttl).await.unwrap();
    }
    let ended = Instant::now() + Duration::from_millis(100);
    eventually("1,000 entries are freed", || cache.stats().items == Some(0)).await;
    let late = ended.elapsed();
    assert!(late < Duration::from_secs(2), "freed {late:?} after their end");
    assert_eq!(cache.stats().expirations, Some(1_000));
}

/// At the default interval, with all of one end: so many that the thread has slack where it is not optimized and not alone.
#[tokio::test]
async fn tens_of_thousands_that_end_at_once_are_freed_within_two_seconds() {
    const ENTRIES: u64 = if cfg!(debug_assertions) { 40_000 } else { 100_000 };
    let clock = ManualClock::new();
    let backend = MemoryBackend::builder().clock(clock.clone()).build().unwrap();
    let cache = Cache::builder(backend).build().unwrap();
    let value = Value::shared(Arc::new(1));
    for n in 0..ENTRIES {
        let key = n.to_string();
        let set = cache.set(&key, value.clone()).ttl(Duration::from_secs(60));
        set.await.unwrap();
    }
    assert_eq!(cache.stats().items, Some(ENTRIES));
    clock.advance(Duration::from_secs(60));
    let ended = Instant::now();
    eventually("all entries are freed", || cache.stats().items == Some(0)).await;
    let late = ended.elapsed();
    assert!(late < Duration::from_secs(2), "freed {late:?} after their end");
    assert_eq!(cache.stats().expirations, Some(ENTRIES));
}

#[tokio::test]
async fn entries_that_live_stay_when_others_are_freed() {
    let setup = setup(|builder| builder);
    setup
        .cache
        .set("short", 1)
        .ttl(Duration::from_millis(100))
        .await
        .unwrap();
    setup
        .cache
        .set("long", 1)
        .ttl(Duration::from_secs(100))
        .await
        .unwrap();
    setup
        .cache
        .set("never", 1)
        .expiration(Expiration::Never)
        .await
        .unwrap();
    setup.clock.advance(Duration::from_secs(1));
    eventually("the short one is freed", || setup.cache.stats().items == Some(2)).await;
    assert_eq!(
        held(&setup.cache, &["short", "long", "never"]).await,
        ["long", "never"]
    );
}

/// With either policy, however often it was read while it lived.
#[tokio::test]
async fn an_entry_that_is_over_goes_before_a_live_one_that_is_older() {
    for policy in [EvictionPolicy::Lru, EvictionPolicy::TinyLfu] {
        let setup = setup_without_thread(|builder| builder.max_items(2).policy(policy));
        let brief = Duration::from_millis(100);
        setup.cache.set("old", 1).await.unwrap();
        setup.cache.set("over", 1).ttl(brief).await.unwrap();
        for _ in 0..10 {
            assert!(setup.cache.get::<i32>("over").await.unwrap().is_some());
        }
        setup.clock.advance(Duration::from_millis(150));
        setup.cache.set("new", 1).await.unwrap();
        assert_eq!(
            held(&setup.cache, &["old", "over", "new"]).await,
            ["old", "new"],
            "{policy:?}"
        );
        assert_eq!(
            (evictions(&setup.cache), setup.cache.stats().expirations),
            ([0, 0, 0], Some(1)),
            "{policy:?}"
        );
    }
}

/// From the very millisecond of its end on.
#[tokio::test]
async fn an_entry_that_has_just_ended_goes_before_a_live_one() {
    for late in [0, 1, 15] {
        let setup = setup_without_thread(|builder| builder.max_items(3));
        let brief = Duration::from_millis(100);
        setup.cache.set("old", 1).await.unwrap();
        setup.cache.set("over", 1).ttl(brief).await.unwrap();
        let longer = brief + Duration::from_millis(late + 1);
        setup.cache.set("soon", 1).ttl(longer).await.unwrap();
        setup.clock.advance(brief + Duration::from_millis(late));
        setup.cache.set("new", 1).await.unwrap();
        assert_eq!(
            held(&setup.cache, &["old", "over", "soon", "new"]).await,
            ["old", "soon", "new"],
            "{late} ms after the end"
        );
    }
}

#[tokio::test]
async fn a_rewritten_entry_lives_as_long_as_the_last_write_says() {
    let setup = setup(|builder| builder);
    setup
        .cache
        .set("key", 1)
        .ttl(Duration::from_millis(100))
        .await
        .unwrap();
    setup
        .cache
        .set("key", 2)
        .ttl(Duration::from_secs(100))
        .await
        .unwrap();
    setup
        .cache
        .set("mark", 1)
        .ttl(Duration::from_millis(100))
        .await
        .unwrap();
    setup.clock.advance(Duration::from_secs(1));
    eventually("the thread has swept", || setup.cache.stats().items == Some(1)).await;
    assert_eq!(setup.cache.get::<i32>("key").await.unwrap(), Some(2));
}

#[tokio::test]
async fn deleting_an_entry_that_is_over_counts_it_as_expired() {
    let setup = setup_without_thread(|builder| builder);
    setup
        .cache
        .set("key", 1)
        .ttl(Duration::from_millis(100))
        .await
        .unwrap();
    setup.clock.advance(Duration::from_millis(100));
    assert!(!setup.cache.delete("key").await.unwrap());
    assert_eq!(setup.cache.stats().expirations, Some(1));
}

/// A write at the limit frees a bounded number of entries that are over, however many there are.
#[tokio::test]
async fn a_write_frees_a_bounded_number() {
    let setup = setup_without_thread(|builder| builder.max_items(1_000));
    for n in 0..1_000 {
        setup
            .cache
            .set(&n.to_string(), n)
            .ttl(Duration::from_millis(100))
            .await
            .unwrap();
    }
    setup.clock.advance(Duration::from_secs(1));
    setup.cache.set("new", 1).await.unwrap();
    assert_eq!(setup.cache.stats().expirations, Some(32));
}
