//! The end of a backend.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "the suite fails by panicking"
)]

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cache_core::{ErrorKind, Result};
use tokio::task::{JoinSet, yield_now};

use super::probe::{Probe, cache, key};
use crate::eventually::eventually;
use crate::fixture::Fixture;

/// After close every operation fails with kind `Closed`; those on many keys as a whole.
pub async fn every_operation_fails_as_closed(fixture: &dyn Fixture) {
    let probe = Probe::new(fixture);
    let backend = &probe.backend;
    probe.set("key", "value").await;
    backend.close().await.unwrap();
    assert_closed("get", backend.get(key("key")).await);
    assert_closed("set", backend.set(key("key"), probe.entry("value")).await);
    assert_closed("delete", backend.delete(key("key")).await);
    assert_closed("exists", backend.exists(key("key")).await);
    assert_closed("get_many", backend.get_many(vec![key("key"), key("other")]).await);
    assert_closed(
        "set_many",
        backend.set_many(vec![(key("key"), probe.entry("value"))]).await,
    );
    assert_closed("delete_many", backend.delete_many(vec![key("key")]).await);
    assert_closed("clear", backend.clear().await);
    assert_closed("ping", backend.ping().await);
}

/// Closing a backend that was never used succeeds.
pub async fn an_unused_backend_closes(fixture: &dyn Fixture) {
    let backend = fixture.backend();
    backend.close().await.unwrap();
    assert_closed("get", backend.get(key("key")).await);
}

/// A second close succeeds and does nothing.
pub async fn a_second_close_succeeds(fixture: &dyn Fixture) {
    let backend = fixture.backend();
    backend.close().await.unwrap();
    backend.close().await.unwrap();
    backend.close().await.unwrap();
    assert_closed("get", backend.get(key("key")).await);
}

/// Two closes at once both succeed.
pub async fn two_closes_at_once_succeed(fixture: &dyn Fixture) {
    let (one, other) = (fixture.backend(), fixture.backend());
    let one = tokio::spawn(async move { one.close().await });
    let other = tokio::spawn(async move { other.close().await });
    one.await.unwrap().unwrap();
    other.await.unwrap().unwrap();
}

/// Kind, clock and stats answer after close too: whoever reports on caches need not know which are open.
pub async fn kind_clock_and_stats_work_after_close(fixture: &dyn Fixture) {
    let backend = fixture.backend();
    let (kind, before) = (backend.kind(), backend.clock().now());
    backend.close().await.unwrap();
    assert_eq!(backend.kind(), kind);
    assert!(backend.clock().now() >= before);
    let _ = backend.stats();
}

/// After close through one handle, every operation through its clones fails with kind `Closed`, and the error says
/// on which cache.
pub async fn clones_of_the_handle_are_closed(fixture: &dyn Fixture) {
    let closed = cache(fixture);
    let clone = closed.clone();
    clone.set("key", 1_i64).await.unwrap();
    closed.close().await.unwrap();
    assert_closed("get", clone.get::<i64>("key").await);
    assert_closed("set", clone.set("key", 2_i64).await);
    assert_closed("delete", clone.delete("key").await);
    assert_closed("exists", clone.exists("key").await);
    assert_closed("clear", clone.clear().await);
    assert_closed("ping", clone.ping().await);
    assert_each_closed("get_many", clone.get_many::<i64>(&["a", "b"]).await);
    assert_each_closed("set_many", clone.set_many([("a", 1_i64), ("b", 2)]).await);
    assert_each_closed("delete_many", clone.delete_many(&["a", "b"]).await);
    clone.close().await.unwrap();
    assert_eq!(
        clone.get::<i64>("key").await.unwrap_err().cache(),
        Some(closed.name())
    );
}

/// Operations that run while the backend closes end: with an answer or with kind `Closed`.
pub async fn operations_under_way_end(fixture: &dyn Fixture) {
    let rounds = Arc::new(AtomicUsize::new(0));
    let mut tasks = JoinSet::new();
    for task in 0..8 {
        let (cache, rounds) = (cache(fixture), Arc::clone(&rounds));
        tasks.spawn(async move {
            let key = format!("key {task}");
            loop {
                rounds.fetch_add(1, Ordering::Relaxed);
                if let Err(error) = cache.set(&key, task).await {
                    return error.kind();
                }
                if let Err(error) = cache.get::<i32>(&key).await {
                    return error.kind();
                }
                yield_now().await;
            }
        });
    }
    eventually("the operations are under way", || {
        rounds.load(Ordering::Relaxed) > 32
    })
    .await;
    fixture.backend().close().await.unwrap();
    assert_eq!(tasks.join_all().await, [ErrorKind::Closed; 8]);
}

#[track_caller]
fn assert_closed<T: Debug>(operation: &str, answer: Result<T>) {
    let error = answer.expect_err(operation);
    assert_eq!(error.kind(), ErrorKind::Closed, "{operation}: {error}");
}

#[track_caller]
fn assert_each_closed<T: Debug>(operation: &str, answers: Vec<Result<T>>) {
    assert_eq!(answers.len(), 2, "{operation}");
    for answer in answers {
        assert_closed(operation, answer);
    }
}
