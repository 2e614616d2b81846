//! The end of a cache.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use cache_core::{CacheBackend, Entry, ErrorKind, Expiration, Key, Value};
use cache_memory::MemoryBackend;
use cache_testkit::eventually;

use crate::support::setup;

#[tokio::test]
async fn close_frees_the_values() {
    let cache = setup(|builder| builder).cache;
    let value = Arc::new("x".repeat(100));
    for n in 0..1_000 {
        cache
            .set(&n.to_string(), Value::shared(Arc::clone(&value)))
            .await
            .unwrap();
    }
    cache.close().await.unwrap();
    assert_eq!(cache.stats().items, Some(0));
    drop(cache);
    // What moka removed is freed once no thread of the process looks at it any more, and that is noticed by whoever
    // works with any cache next.
    let other = MemoryBackend::builder().build().unwrap();
    let key = Key::new("key").unwrap();
    eventually("the values are freed", || {
        let entry = Entry::new(Value::new(1), other.clock().now());
        other.set(key, entry).into_ready().unwrap().unwrap();
        Arc::strong_count(&value) == 1
    })
    .await;
}

/// In one pass over them, in the thread of the cache: the only thread of this runtime does something else meanwhile.
#[tokio::test]
async fn a_close_of_a_hundred_thousand_entries_ends_and_holds_up_no_task() {
    const ENTRIES: u64 = 100_000;
    let cache = setup(|builder| builder).cache;
    let value = Value::shared(Arc::new(1));
    for n in 0..ENTRIES {
        let key = n.to_string();
        let set = cache.set(&key, value.clone()).expiration(Expiration::Never);
        set.await.unwrap();
    }
    assert_eq!(cache.stats().items, Some(ENTRIES));
    let mut close = pin!(cache.close());
    assert!(poll_fn(|context| Poll::Ready(close.as_mut().poll(context).is_pending())).await);
    loop {
        tokio::select! {
            biased;
            closed = &mut close => break closed.unwrap(),
            () = tokio::task::yield_now() => {}
        }
        // Whoever comes meanwhile is refused at once and adds nothing.
        assert_eq!(cache.set("late", 1).await.unwrap_err().kind(), ErrorKind::Closed);
    }
    assert_eq!(cache.stats().items, Some(0));
}

#[tokio::test]
async fn every_operation_after_close_says_that_it_is_closed() {
    let cache = setup(|builder| builder).cache;
    cache.set("key", 1).await.unwrap();
    cache.close().await.unwrap();
    let closed = |kind: ErrorKind| assert_eq!(kind, ErrorKind::Closed);
    closed(cache.get::<i32>("key").await.unwrap_err().kind());
    closed(cache.set("key", 1).await.unwrap_err().kind());
    closed(cache.set("key", 1).ttl(Duration::ZERO).await.unwrap_err().kind());
    closed(cache.delete("key").await.unwrap_err().kind());
    closed(cache.exists("key").await.unwrap_err().kind());
    closed(cache.clear().await.unwrap_err().kind());
    closed(cache.ping().await.unwrap_err().kind());
    closed(
        cache.get_many::<i32>(&["key"]).await[0]
            .as_ref()
            .unwrap_err()
            .kind(),
    );
}

#[tokio::test]
async fn two_closes_at_once_both_wait_and_succeed() {
    let cache = setup(|builder| builder).cache;
    let (one, two) = tokio::join!(cache.close(), cache.close());
    assert!(one.is_ok() && two.is_ok());
}

#[tokio::test]
async fn a_close_that_is_dropped_leaves_a_closed_cache_that_can_be_closed() {
    let cache = setup(|builder| builder).cache;
    drop(cache.close());
    assert_eq!(cache.exists("key").await.unwrap_err().kind(), ErrorKind::Closed);
    cache.close().await.unwrap();
}

/// A set that runs while the cache is closed either says that it is closed or is freed with the rest.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_left_behind_by_writers_during_close() {
    for _ in 0..20 {
        let cache = setup(|builder| builder).cache;
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let cache = cache.clone();
                tokio::spawn(async move {
                    for n in 0.. {
                        let key = format!("{writer}-{n}");
                        if cache.set(&key, n).expiration(Expiration::Never).await.is_err() {
                            return;
                        }
                    }
                })
            })
            .collect();
        tokio::task::yield_now().await;
        cache.close().await.unwrap();
        for writer in writers {
            writer.await.unwrap();
        }
        assert_eq!(cache.stats().items, Some(0));
    }
}
