//! What a thread remembers of the entries that it reads again and again is never older than the cache, and holds
//! nothing in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cache_core::{Cache, Value};
use cache_memory::EvictionPolicy;

use crate::support::{setup, setup_without_thread};

/// Reads a key until this thread remembers it.
async fn read_again_and_again(cache: &Cache, key: &str) -> Arc<u64> {
    for _ in 0..100 {
        cache.get::<u64>(key).shared().await.unwrap().unwrap();
    }
    cache.get::<u64>(key).shared().await.unwrap().unwrap()
}

#[tokio::test]
async fn a_set_is_read_at_once() {
    let cache = setup_without_thread(|builder| builder).cache;
    for value in 0..10_u64 {
        cache.set("key", value).await.unwrap();
        assert_eq!(*read_again_and_again(&cache, "key").await, value);
    }
}

#[tokio::test]
async fn a_deleted_value_is_not_read_though_somebody_holds_it() {
    let cache = setup_without_thread(|builder| builder).cache;
    cache.set("key", 1_u64).await.unwrap();
    let _held = read_again_and_again(&cache, "key").await;
    assert!(cache.delete("key").await.unwrap());
    assert_eq!(cache.get::<u64>("key").await.unwrap(), None);
}

#[tokio::test]
async fn a_cleared_value_is_not_read_though_somebody_holds_it() {
    let cache = setup_without_thread(|builder| builder).cache;
    cache.set("key", 1_u64).await.unwrap();
    let _held = read_again_and_again(&cache, "key").await;
    cache.clear().await.unwrap();
    assert_eq!(cache.get::<u64>("key").await.unwrap(), None);
}

#[tokio::test]
async fn a_value_whose_time_has_ended_is_not_read_though_somebody_holds_it() {
    let setup = setup_without_thread(|builder| builder);
    setup.cache.set("key", 1_u64).await.unwrap();
    let _held = read_again_and_again(&setup.cache, "key").await;
    setup.clock.advance(Duration::from_secs(60));
    assert_eq!(setup.cache.get::<u64>("key").await.unwrap(), None);
}

#[tokio::test]
async fn an_evicted_value_is_not_read_though_somebody_holds_it() {
    let cache = setup_without_thread(|builder| builder.max_items(64)).cache;
    cache.set("key", 1_u64).await.unwrap();
    let _held = read_again_and_again(&cache, "key").await;
    for n in 0..64 {
        cache.set(&n.to_string(), n).await.unwrap();
    }
    assert_eq!(cache.get::<u64>("key").await.unwrap(), None);
}

#[tokio::test]
async fn reading_it_keeps_an_idle_entry_alive() {
    let setup = setup_without_thread(|builder| builder.time_to_idle(Duration::from_secs(10)));
    setup.cache.set("key", 1_u64).await.unwrap();
    read_again_and_again(&setup.cache, "key").await;
    for _ in 0..5 {
        setup.clock.advance(Duration::from_millis(9_999));
        assert_eq!(setup.cache.get::<u64>("key").await.unwrap(), Some(1));
    }
}

#[tokio::test]
async fn a_closed_cache_answers_nothing_from_memory_of_threads() {
    let cache = setup_without_thread(|builder| builder).cache;
    cache.set("key", 1_u64).await.unwrap();
    let _held = read_again_and_again(&cache, "key").await;
    cache.close().await.unwrap();
    cache.get::<u64>("key").await.unwrap_err();
}

/// Moka drops what is removed when no thread can be reading it any more.
#[tokio::test]
async fn what_is_removed_is_dropped_though_it_is_remembered() {
    let cache = setup(|builder| builder).cache;
    let value = Arc::new(1_u64);
    let weak = Arc::downgrade(&value);
    cache.set("key", Value::shared(value)).await.unwrap();
    drop(read_again_and_again(&cache, "key").await);
    cache.delete("key").await.unwrap();
    cache_testkit::eventually("the value is dropped", || weak.strong_count() == 0).await;
}

#[tokio::test]
async fn caches_that_live_one_after_the_other_do_not_share_what_is_remembered() {
    for round in 0..5_u64 {
        let cache = setup_without_thread(|builder| builder).cache;
        assert_eq!(cache.get::<u64>("key").await.unwrap(), None);
        cache.set("key", round).await.unwrap();
        let held = read_again_and_again(&cache, "key").await;
        assert_eq!(*held, round);
        drop(cache);
        std::mem::forget(held);
    }
}

#[tokio::test]
async fn caches_that_live_together_do_not_share_what_is_remembered() {
    let caches: Vec<_> = (0..5)
        .map(|_| setup_without_thread(|builder| builder).cache)
        .collect();
    for (value, cache) in (0_u64..).zip(&caches) {
        cache.set("key", value).await.unwrap();
    }
    for (value, cache) in (0_u64..).zip(&caches) {
        assert_eq!(*read_again_and_again(cache, "key").await, value);
    }
}

#[tokio::test]
async fn long_keys_that_begin_alike_are_told_apart() {
    let cache = setup_without_thread(|builder| builder).cache;
    let keys: Vec<_> = (0..20_u64).map(|n| format!("{}{n}", "k".repeat(100))).collect();
    for (value, key) in (0_u64..).zip(&keys) {
        cache.set(key, value).await.unwrap();
    }
    for (value, key) in (0_u64..).zip(&keys) {
        assert_eq!(*read_again_and_again(&cache, key).await, value);
    }
}

/// A read never goes back behind one that came before it, on whatever thread, and never behind a write that has returned.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_value_that_counts_up_is_never_read_to_count_down() {
    let cache = setup(|builder| builder.max_items(16)).cache;
    let seen = Arc::new(AtomicU64::new(0));
    cache.set("key", 0_u64).await.unwrap();
    let readers: Vec<_> = (0..3)
        .map(|_| {
            let (cache, seen) = (cache.clone(), Arc::clone(&seen));
            tokio::spawn(async move {
                while seen.load(Ordering::SeqCst) < 20_000 {
                    tokio::task::yield_now().await;
                    for _ in 0..10 {
                        let oldest = seen.load(Ordering::SeqCst);
                        let read = cache.get::<u64>("key").await.unwrap().unwrap();
                        assert!(read >= oldest, "read {read} after {oldest}");
                        seen.fetch_max(read, Ordering::SeqCst);
                    }
                }
            })
        })
        .collect();
    for value in 1..=20_000_u64 {
        cache.set("key", value).await.unwrap();
        seen.fetch_max(value, Ordering::SeqCst);
    }
    for reader in readers {
        reader.await.unwrap();
    }
}

/// Reads and writes without a runtime, for tests that say which thread calls.
#[derive(Clone, Copy)]
struct OnThread<'a>(&'a Cache);

impl OnThread<'_> {
    fn set(self, number: u64) {
        let key = number.to_string();
        let set = self.0.set(&key, number).into_future();
        set.into_ready().unwrap().unwrap();
    }

    fn read(self, number: u64) {
        let key = number.to_string();
        let found = self.0.get::<u64>(&key).into_future();
        assert_eq!(found.into_ready().unwrap().unwrap(), Some(number));
    }

    /// Reads a key until this thread remembers it.
    fn read_again_and_again(self, number: u64) {
        (0..100).for_each(|_| self.read(number));
    }
}

/// A use by one thread counts although others store without end.
#[test]
fn an_entry_that_one_thread_reads_is_not_evicted_by_the_entries_of_another() {
    let cache = setup_without_thread(|builder| builder.max_items(640)).cache;
    let cache = OnThread(&cache);
    cache.set(0);
    cache.read_again_and_again(0);
    for round in 0..100 {
        std::thread::scope(|scope| {
            scope.spawn(|| (1..=300).for_each(|n| cache.set(round * 300 + n)));
        });
        cache.read(0);
    }
}

/// Says whether a use counts of an entry that the thread remembers, after it has read so many others.
fn counts_after_others(others: u64) -> bool {
    let cache = setup_without_thread(|builder| builder.max_items(64)).cache;
    let on_thread = OnThread(&cache);
    (0..64).for_each(|n| on_thread.set(n));
    on_thread.read_again_and_again(0);
    // So that the last read of it that was told is a known one.
    on_thread.set(0);
    (0..2).for_each(|_| on_thread.read(0));
    (1..=others).for_each(|n| on_thread.read(n));
    on_thread.read(0);
    (others + 1..64).for_each(|n| on_thread.read(n));
    on_thread.set(64);
    cache.exists("0").into_ready().unwrap().unwrap()
}

#[test]
fn the_policy_hears_of_an_entry_anew_once_it_has_heard_of_a_16th_of_the_limit_of_others() {
    assert!(counts_after_others(4));
}

#[test]
fn until_then_it_does_not_hear_of_what_the_thread_remembers() {
    assert!(!counts_after_others(3));
}

/// What another thread reads this one does not know of, so it tells its own uses after so many of them at the latest.
#[test]
fn an_entry_that_one_thread_reads_as_often_as_the_limit_stays_though_another_reads_all_others() {
    let cache = setup_without_thread(|builder| builder.max_items(64)).cache;
    let cache = OnThread(&cache);
    (0..64).for_each(|n| cache.set(n));
    cache.read_again_and_again(0);
    // It is told anew when the thread has read it again, so that the next time is a known one.
    cache.set(0);
    cache.read(0);
    std::thread::scope(|scope| {
        scope.spawn(|| (1..64).for_each(|n| cache.read(n)));
    });
    (0..=64).for_each(|_| cache.read(0));
    cache.set(64);
    cache.read(0);
}

/// The policy that counts uses hears of each.
#[tokio::test]
async fn a_policy_by_frequency_hears_of_every_use() {
    let cache =
        setup_without_thread(|builder| builder.max_items(1_000).policy(EvictionPolicy::TinyLfu)).cache;
    for n in 0..1_000_u64 {
        cache.set(&n.to_string(), n).await.unwrap();
    }
    for n in 0..100 {
        read_again_and_again(&cache, &n.to_string()).await;
    }
    for n in 1_000..5_000_u64 {
        cache.set(&n.to_string(), n).await.unwrap();
    }
    for n in 0..100_u64 {
        assert_eq!(cache.get::<u64>(&n.to_string()).await.unwrap(), Some(n));
    }
}
