//! What a clear of many entries leaves to the thread of the cache, and that new entries do not suffer from it.

use cache_core::{Cache, CacheBackend, Entry, Key, Value};
use cache_memory::{EvictionPolicy, MemoryBackend, MemoryBuilder, Weigher};
use cache_testkit::ManualClock;

use crate::support::{evictions, setup_without_thread};

const ENTRIES: u64 = 20_000;

/// Fills a cache to its limit with entries that were used again and again.
async fn full(configure: impl FnOnce(MemoryBuilder) -> MemoryBuilder) -> Cache {
    let cache = setup_without_thread(|builder| configure(builder.policy(EvictionPolicy::TinyLfu))).cache;
    for n in 0..ENTRIES {
        cache.set(&format!("old-{n}"), n).await.unwrap();
    }
    for _ in 0..5 {
        for n in 0..ENTRIES {
            assert!(cache.get::<u64>(&format!("old-{n}")).await.unwrap().is_some());
        }
    }
    cache
}

/// Stores as many new entries as there is room for, and asserts that each is there.
async fn assert_takes_new_entries(cache: &Cache) {
    for n in 0..ENTRIES {
        let key = format!("new-{n}");
        cache.set(&key, n).await.unwrap();
        assert!(cache.exists(&key).await.unwrap(), "{key} was refused");
    }
    assert_eq!(
        (cache.stats().items, evictions(cache)),
        (Some(ENTRIES), [0, 0, 0])
    );
}

/// To the policy what is hidden looks as often used as it was, and it takes the place of no new entry.
#[tokio::test]
async fn after_a_clear_a_cache_by_frequency_takes_every_new_entry() {
    let cache = full(|builder| builder.max_items(ENTRIES)).await;
    cache.clear().await.unwrap();
    assert_takes_new_entries(&cache).await;
}

#[tokio::test]
async fn after_a_clear_a_cache_by_frequency_and_weight_takes_every_new_entry() {
    let weigher = Weigher::new(|_, _: &Value| 10);
    let cache = full(|builder| builder.max_weight(10 * ENTRIES, weigher)).await;
    cache.clear().await.unwrap();
    assert_takes_new_entries(&cache).await;
}

/// While a clear waits for the thread, what it cleared is gone, and whoever stores does not wait.
#[tokio::test]
async fn several_clears_at_once_end_and_so_do_those_that_a_close_meets() {
    let cache = full(|builder| builder.max_items(ENTRIES)).await;
    let (one, other) = tokio::join!(cache.clear(), cache.clear());
    assert_eq!(
        (one.is_ok(), other.is_ok(), cache.stats().items),
        (true, true, Some(0))
    );
    for n in 0..ENTRIES {
        cache.set(&n.to_string(), n).await.unwrap();
    }
    let (cleared, closed) = tokio::join!(cache.clear(), cache.close());
    assert_eq!(
        (cleared.is_ok(), closed.is_ok(), cache.stats().items),
        (true, true, Some(0))
    );
}

/// Its future is there at once all the same, and so is what it hides: what is cleared is a miss before anybody awaits it.
#[test]
fn only_a_clear_that_new_entries_have_to_wait_for_waits() {
    let is_ready = |configure: fn(MemoryBuilder) -> MemoryBuilder, entries: u64| {
        let backend = configure(MemoryBackend::builder().clock(ManualClock::new()))
            .build()
            .unwrap();
        for n in 0..entries {
            let entry = Entry::new(Value::new(n), backend.clock().now());
            let key = n.to_string();
            let set = backend.set(Key::new(&key).unwrap(), entry);
            set.into_ready().unwrap().unwrap();
        }
        let is_ready = backend.clear().into_ready().is_ok();
        let exists = backend.exists(Key::new("0").unwrap()).into_ready().unwrap();
        assert!(!exists.unwrap());
        is_ready
    };
    let by_frequency = |builder: MemoryBuilder| builder.policy(EvictionPolicy::TinyLfu);
    assert!(is_ready(|builder| builder.max_items(ENTRIES), ENTRIES));
    assert!(is_ready(by_frequency, ENTRIES));
    assert!(is_ready(
        |builder| builder.max_items(ENTRIES).policy(EvictionPolicy::TinyLfu),
        1_000
    ));
    assert!(!is_ready(
        |builder| builder.max_items(ENTRIES).policy(EvictionPolicy::TinyLfu),
        ENTRIES
    ));
}
