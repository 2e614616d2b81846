//! Futures that are dropped before they are done: callers give up all the time.

#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "the suite fails by panicking"
)]

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Waker};
use std::time::Duration;

use cache_core::Operation;
use tokio::task::{JoinSet, yield_now};

use super::probe::{Probe, all, cache, counted, key};
use crate::eventually::eventually;
use crate::fixture::Fixture;

/// Futures that are dropped unpolled leave the backend working.
pub async fn futures_dropped_unpolled_leave_nothing_behind(fixture: &dyn Fixture) {
    assert_survives_drops(fixture, 0).await;
}

/// Futures that are dropped after one poll leave the backend working.
pub async fn futures_dropped_after_one_poll_leave_nothing_behind(fixture: &dyn Fixture) {
    assert_survives_drops(fixture, 1).await;
}

/// Futures that are dropped later, their work perhaps done and the answer under way, leave the backend working.
pub async fn futures_dropped_after_some_polls_leave_nothing_behind(fixture: &dyn Fixture) {
    for polls in 2..=4 {
        assert_survives_drops(fixture, polls).await;
    }
}

/// Drops a future of every operation but close, and looks whether the backend goes on.
async fn assert_survives_drops(fixture: &dyn Fixture, polls: usize) {
    let probe = Probe::new(fixture);
    let backend = &probe.backend;
    for _ in 0..5 {
        drop_after(polls, backend.get(key("dropped")));
        drop_after(polls, backend.set(key("dropped"), probe.entry("value")));
        drop_after(polls, backend.delete(key("dropped")));
        drop_after(polls, backend.exists(key("dropped")));
        drop_after(polls, backend.get_many(vec![key("dropped"), key("absent")]));
        drop_after(
            polls,
            backend.set_many(vec![(key("dropped"), probe.entry("value"))]),
        );
        drop_after(polls, backend.delete_many(vec![key("dropped")]));
        drop_after(polls, backend.ping());
    }
    assert_works(&probe).await;
    drop_after(polls, backend.clear());
    // A clear that was given up may still be under way at a server; this one comes after it.
    backend.clear().await.unwrap();
    assert_works(&probe).await;
}

/// A write whose future is dropped has happened or not: the key holds the old value or the new one, whole.
pub async fn a_dropped_write_has_happened_or_not(fixture: &dyn Fixture) {
    let probe = Probe::new(fixture);
    for polls in 0..=4 {
        let name = format!("key {polls}");
        probe.set(&name, "old").await;
        drop_after(polls, probe.backend.set(key(&name), probe.entry("new")));
        let found = probe.get(&name).await;
        let allowed = found.is_none() && !fixture.keeps_every_set();
        assert!(
            allowed || matches!(found.as_deref(), Some("old" | "new")),
            "{polls} polls: {found:?}"
        );
    }
}

/// A thousand reads that were given up, each at some point, use up nothing: a hundred at once run well after them.
pub async fn reads_given_up_exhaust_nothing(fixture: &dyn Fixture) {
    let probe = Probe::new(fixture);
    for round in 0..1_000 {
        drop_after(round % 5, probe.backend.get(key("key")));
        if round % 100 == 0 {
            yield_now().await;
        }
    }
    let mut readers = JoinSet::new();
    for _ in 0..100 {
        let backend = fixture.backend();
        readers.spawn(async move { backend.get(key("key")).await.unwrap().is_none() });
    }
    assert!(readers.join_all().await.into_iter().all(|absent| absent));
    assert_works(&probe).await;
}

/// Tasks that are aborted in the midst of their work leave the backend working.
pub async fn aborted_tasks_leave_nothing_behind(fixture: &dyn Fixture) {
    let rounds = Arc::new(AtomicUsize::new(0));
    let mut tasks = JoinSet::new();
    for task in 0..16 {
        let (cache, rounds) = (cache(fixture), Arc::clone(&rounds));
        tasks.spawn(async move {
            let key = format!("of task {task}");
            loop {
                rounds.fetch_add(1, Ordering::Relaxed);
                cache.set(&key, task).await.unwrap();
                all(cache.get_many::<i32>(&[&key, &key]).await);
                cache.delete(&key).await.unwrap();
                yield_now().await;
            }
        });
    }
    eventually("the tasks are in the midst of their work", || {
        rounds.load(Ordering::Relaxed) > 64
    })
    .await;
    tasks.shutdown().await;
    assert_works(&Probe::new(fixture)).await;
}

/// A close that is given up can be repeated, and then the backend is closed.
pub async fn a_dropped_close_can_be_repeated(fixture: &dyn Fixture) {
    let backend = fixture.backend();
    drop_after(1, backend.close());
    backend.close().await.unwrap();
    assert!(backend.get(key("key")).await.is_err());
}

/// Calls that were only made ready make none on the backend.
pub async fn a_call_made_ready_and_not_awaited_makes_none(fixture: &dyn Fixture) {
    let (cache, calls) = counted(fixture);
    drop(cache.get::<i64>("key"));
    drop(cache.set("key", 1_i64).ttl(Duration::from_secs(1)));
    drop(cache.get_many::<i64>(&["key"]));
    drop(cache.set_many([("key", 1_i64)]));
    drop(cache.delete_many(&["key"]));
    assert_eq!(calls.total(), 0);
    cache.set("key", 1_i64).await.unwrap();
    assert_eq!((calls.count(Operation::Set), calls.total()), (1, 1));
}

/// Polls a future so many times, without waiting for it, and drops it.
fn drop_after(polls: usize, future: impl Future) {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..polls {
        if future.as_mut().poll(&mut context).is_ready() {
            return;
        }
    }
}

/// Asserts that every operation works, on keys that no dropped future has touched.
async fn assert_works(probe: &Probe<'_>) {
    probe.set("a", "of a").await;
    probe.set_many(&[("b", "of b"), ("c", "of c")]).await;
    for (name, text) in [("a", "of a"), ("b", "of b"), ("c", "of c")] {
        probe.assert_holds(name, text).await;
    }
    probe.assert_went(probe.delete("a").await);
    probe.assert_went(probe.delete_many(&["b"]).await == [true]);
    probe.assert_absent("a").await;
    probe.backend.ping().await.unwrap();
    probe.backend.clear().await.unwrap();
    probe.assert_absent("c").await;
}
