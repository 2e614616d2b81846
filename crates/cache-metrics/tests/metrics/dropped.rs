//! Calls that nobody waits for to the end: each is counted and timed all the same.

use std::future::{IntoFuture, poll_fn};
use std::pin::pin;
use std::task::Poll;

use cache_core::Operation;
use cache_testkit::{ManualClock, SlowBackend};

use crate::support::{Watched, memory};

fn slow() -> SlowBackend<cache_memory::MemoryBackend> {
    SlowBackend::new(memory(&ManualClock::new()).build().unwrap())
}

/// Polls a call so often, then drops it. Says whether it was answered by then.
async fn polled(call: impl IntoFuture, times: u32) -> bool {
    let mut call = pin!(call.into_future());
    for _ in 0..times {
        if poll_fn(|context| Poll::Ready(call.as_mut().poll(context)))
            .await
            .is_ready()
        {
            return true;
        }
    }
    false
}

fn cancelled(watched: &Watched, operation: Operation) -> Option<f64> {
    let labels = [("operation", operation.as_str()), ("kind", "cancelled")];
    watched.value("gofr_cache_errors_total", &labels)
}

#[tokio::test]
async fn a_call_of_any_kind_that_is_dropped_is_an_error_and_timed() {
    let watched = Watched::new(|builder| builder);
    let cache = watched.cache(slow());
    let answered = [
        polled(cache.get::<i32>("key"), 1).await,
        polled(cache.set("key", 1), 1).await,
        polled(cache.delete("key"), 1).await,
        polled(cache.exists("key"), 1).await,
        polled(cache.get_many::<i32>(&["a", "b"]), 1).await,
        polled(cache.set_many([("a", 1), ("b", 2)]), 1).await,
        polled(cache.delete_many(&["a", "b"]), 1).await,
        polled(cache.clear(), 1).await,
        polled(cache.ping(), 1).await,
    ];
    assert_eq!(answered, [false; 9]);
    for operation in &Operation::ALL[..9] {
        assert_eq!(cancelled(&watched, *operation), Some(1.0), "{operation}");
    }
    // A ping is not timed.
    for operation in &Operation::ALL[..8] {
        let labels = [("operation", operation.as_str())];
        let timed = watched.value("gofr_cache_operation_latency_seconds_count", &labels);
        assert_eq!(timed, Some(1.0), "{operation}");
    }
}

/// Wherever it was dropped: at the gate, with its answer on the way, or with the answer there.
#[tokio::test]
async fn each_get_is_a_hit_a_miss_or_an_error_also_if_it_is_dropped() {
    let watched = Watched::new(|builder| builder);
    let backend = slow();
    backend.open();
    let cache = watched.cache(backend);
    cache.set("there", 1).await.unwrap();
    let (mut answered, mut dropped) = (0.0, 0.0);
    for times in 1..10 {
        for key in ["there", "absent"] {
            if polled(cache.get::<i32>(key), times).await {
                answered += 1.0;
            } else {
                dropped += 1.0;
            }
        }
    }
    assert!(answered > 0.0 && dropped > 0.0, "{answered} and {dropped}");
    let [hits, misses] = ["hits_total", "misses_total"].map(|name| watched.users(name));
    assert_eq!([hits, misses], [answered / 2.0; 2]);
    assert_eq!(cancelled(&watched, Operation::Get), Some(dropped));
}

#[tokio::test]
async fn a_call_that_was_never_begun_is_none() {
    let watched = Watched::new(|builder| builder);
    let cache = watched.cache(slow());
    assert!(!polled(cache.get::<i32>("key"), 0).await);
    assert_eq!(cancelled(&watched, Operation::Get), None);
}
