//! What the doubles do beyond the contract.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use cache_core::{CacheBackend, Codec, Entry, ErrorKind, Key, Operation, Value};
use cache_testkit::{
    CountingBackend, FailingBackend, ManualClock, MapBackend, NullBackend, SlowBackend, eventually,
};

fn map() -> MapBackend {
    MapBackend::new(ManualClock::new())
}

fn key(key: &str) -> Key<'_> {
    Key::new(key).unwrap()
}

fn entry(text: &str) -> Entry {
    Entry::new(Value::new(text.to_owned()), ManualClock::START)
}

#[tokio::test]
async fn map_keeps_objects_or_bytes() {
    let (objects, bytes) = (map(), map().encoding(Codec::json()));
    for (backend, len) in [(&objects, None), (&bytes, Some(7))] {
        backend.set(key("key"), entry("value")).await.unwrap();
        let found = backend
            .get(key("key"))
            .into_ready()
            .expect("it answers at once")
            .unwrap();
        assert_eq!(found.unwrap().value().encoded_len(), len);
    }
}

#[tokio::test]
async fn map_frees_what_is_over_before_it_evicts() {
    let clock = ManualClock::new();
    let backend = MapBackend::new(clock.clone()).max_items(2);
    backend.set(key("live"), entry("value")).await.unwrap();
    let end = ManualClock::START + std::time::Duration::from_secs(1);
    backend
        .set(key("over"), entry("value").with_expires_at(end))
        .await
        .unwrap();
    clock.advance(std::time::Duration::from_secs(1));
    backend.set(key("new"), entry("value")).await.unwrap();
    assert!(backend.exists(key("live")).await.unwrap());
    assert_eq!(
        (backend.stats().items, backend.stats().max_items),
        (Some(2), Some(2))
    );
}

#[tokio::test]
async fn counting_counts_calls_that_nobody_awaits() {
    let backend = CountingBackend::new(NullBackend::new(ManualClock::new()));
    drop(backend.get(key("key")));
    backend.get_many(vec![key("a"), key("b")]).await.unwrap();
    assert_eq!(
        (backend.count(Operation::Get), backend.count(Operation::GetMany)),
        (1, 1)
    );
    assert_eq!((backend.count(Operation::Set), backend.total()), (0, 2));
}

#[tokio::test]
async fn failing_fails_what_it_was_told_to_and_keeps_it_from_the_backend() {
    let backend = FailingBackend::new(CountingBackend::new(map()));
    backend.fail(Operation::Set, ErrorKind::Full);
    assert_eq!(
        backend.set(key("key"), entry("value")).await.unwrap_err().kind(),
        ErrorKind::Full
    );
    assert!(backend.get(key("key")).await.unwrap().is_none());
    backend.fail_all(ErrorKind::Unavailable);
    for answer in [backend.clear().await, backend.ping().await, backend.close().await] {
        assert_eq!(answer.unwrap_err().kind(), ErrorKind::Unavailable);
    }
    backend.heal();
    backend.fail_key("key", ErrorKind::Timeout);
    assert_eq!(
        backend.get(key("key")).await.unwrap_err().kind(),
        ErrorKind::Timeout
    );
    backend.set(key("other"), entry("value")).await.unwrap();
    let answers = backend.get_many(vec![key("key"), key("other")]).await.unwrap();
    assert!(answers[0].is_err() && answers[1].as_ref().unwrap().is_some());
}

#[tokio::test]
async fn slow_holds_calls_until_they_are_released() {
    let backend = Arc::new(SlowBackend::new(map()));
    let tasks = ["a", "b"].map(|name| {
        let backend = Arc::clone(&backend);
        tokio::spawn(async move { backend.set(key(name), entry(name)).await })
    });
    backend.arrived(2).await;
    assert_eq!(backend.stats().items, Some(0));
    backend.release(1);
    eventually("one call is through", || backend.stats().items == Some(1)).await;
    backend.open();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(backend.stats().items, Some(2));
    assert!(
        backend.get(key("a")).into_ready().is_err(),
        "it never answers at once"
    );
}
