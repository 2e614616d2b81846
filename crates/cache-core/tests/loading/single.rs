//! One load for all who ask at the same time, and what comes of its end.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use cache_core::{
    CacheError, ErrorKind, LoadContext, LoadEvent, LoadOptions, LoadResult, Loaded, Operation, Source,
};
use cache_testkit::{FailingBackend, SlowBackend};
use tokio::task::JoinSet;

use crate::support::{Bench, Down, Gate, SECOND, settle};

#[tokio::test]
async fn a_missing_value_is_loaded_and_stored() {
    let bench = Bench::new();
    let loaded: String = bench
        .cache
        .get_or_load("key", || async { Ok::<_, Down>("value".to_owned()) })
        .await
        .unwrap();
    assert_eq!(loaded, "value");
    assert_eq!(bench.cache.get::<String>("key").await.unwrap().unwrap(), "value");
}

#[tokio::test]
async fn a_value_that_is_there_is_not_loaded() {
    let bench = Bench::new();
    bench.cache.set("key", 1_i64).await.unwrap();
    let gate = Gate::open();
    let run = gate.clone();
    let found: i64 = bench
        .cache
        .get_or_load("key", || async move {
            run.pass().await;
            Ok::<_, Down>(2)
        })
        .await
        .unwrap();
    assert_eq!((found, gate.runs()), (1, 0));
}

#[tokio::test]
async fn an_answer_says_where_it_came_from() {
    let bench = Bench::new();
    let ask = || {
        bench
            .cache
            .get_or_load("key", || async { Ok::<i64, Down>(1) })
            .detailed()
    };
    assert_eq!(ask().await.unwrap().source, Source::Loaded);
    bench.clock.advance(3 * SECOND);
    let hit = ask().await.unwrap();
    assert_eq!(
        (hit.source, hit.age, hit.is_stale()),
        (Source::Hit, 3 * SECOND, false)
    );
}

#[tokio::test]
async fn an_answer_says_which_backend_held_it_or_that_none_did() {
    let bench = Bench::new();
    let ask = async || {
        let load = || async { Ok::<i64, Down>(1) };
        bench
            .cache
            .get_or_load("key", load)
            .detailed()
            .await
            .unwrap()
            .tier
    };
    assert_eq!([ask().await, ask().await], [None, Some("map")]);
    let none =
        |_: Vec<String>| async { Ok::<Vec<(String, Result<cache_core::Loaded<i64>, Down>)>, Down>(vec![]) };
    let many = bench.cache.get_or_load_many(&["key"], none).detailed().await;
    assert_eq!(many[0].clone().unwrap().unwrap().tier, Some("map"));
}

/// Starts so many callers of one key, and waits until all of them wait.
async fn callers(
    bench: &Bench,
    gate: &Gate,
    count: usize,
    answer: Result<i64, Down>,
) -> JoinSet<Result<i64, CacheError>> {
    let mut callers = JoinSet::new();
    for _ in 0..count {
        let (cache, gate, answer) = (bench.cache.clone(), gate.clone(), answer.clone());
        callers.spawn(async move {
            cache
                .get_or_load("key", || async move {
                    gate.pass().await;
                    answer
                })
                .await
        });
    }
    let waits = |event: &LoadEvent| *event == LoadEvent::Joined;
    while bench.ear.count(waits) + 1 < count {
        tokio::task::yield_now().await;
    }
    callers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_callers_share_one_load() {
    let bench = Bench::new();
    let gate = Gate::shut();
    let callers = callers(&bench, &gate, 1_000, Ok(7)).await;
    gate.let_all_through();
    let answers = callers.join_all().await;
    assert!(answers.into_iter().all(|answer| answer.unwrap() == 7));
    assert_eq!((gate.runs(), bench.cache.loads_in_flight()), (1, 0));
    assert_eq!(bench.ear.results(), [LoadResult::Success]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_error_of_the_loader_reaches_all_intact_and_is_not_retried() {
    let bench = Bench::new();
    let gate = Gate::shut();
    let callers = callers(&bench, &gate, 100, Err(Down(7))).await;
    gate.let_all_through();
    for answer in callers.join_all().await {
        let error = answer.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Load);
        assert_eq!(error.downcast_ref::<Down>(), Some(&Down(7)));
    }
    assert_eq!(gate.runs(), 1);
}

#[tokio::test]
async fn the_error_of_a_load_says_where_it_happened() {
    let bench = Bench::new();
    let error = bench
        .cache
        .get_or_load("user:7", || async { Err::<i64, _>(Down(1)) })
        .await
        .unwrap_err();
    let expected = r#"get_or_load on cache "users", key "user:7": the loader failed; its error is the cause"#;
    assert_eq!(error.to_string(), expected);
    assert_eq!(bench.ear.failed(), [Operation::GetOrLoad]);
}

#[tokio::test]
async fn after_an_error_the_next_call_loads_again() {
    let bench = Bench::new();
    let error = bench
        .cache
        .get_or_load("key", || async { Err::<i64, _>(Down(1)) })
        .await;
    assert!(error.is_err());
    let value: i64 = bench
        .cache
        .get_or_load("key", || async { Ok::<_, Down>(2) })
        .await
        .unwrap();
    assert_eq!((value, bench.cache.loads_in_flight()), (2, 0));
}

#[tokio::test]
async fn errors_of_any_form_are_taken() {
    let cache = Bench::new().cache;
    let text = cache
        .get_or_load("a", || async { Err::<i64, _>("text") })
        .await
        .unwrap_err();
    let owned = cache
        .get_or_load("b", || async { Err::<i64, _>("owned".to_owned()) })
        .await
        .unwrap_err();
    let boxed = cache
        .get_or_load("c", || async {
            Err::<i64, Box<dyn std::error::Error + Send + Sync>>(Down(3).into())
        })
        .await
        .unwrap_err();
    let source = |error: &CacheError| std::error::Error::source(error).unwrap().to_string();
    assert_eq!(
        (source(&text), source(&owned)),
        ("text".to_owned(), "owned".to_owned())
    );
    assert_eq!(boxed.downcast_ref::<Down>(), Some(&Down(3)));
}

#[tokio::test]
async fn a_panic_is_an_error_to_all_and_the_next_call_loads_again() {
    let bench = Bench::new();
    let gate = Gate::shut();
    let mut callers = JoinSet::new();
    for _ in 0..10 {
        let (cache, gate) = (bench.cache.clone(), gate.clone());
        callers.spawn(async move {
            cache
                .get_or_load::<i64, _, _>("key", || async move {
                    gate.pass().await;
                    assert_eq!(gate.runs(), 0, "a test says so");
                    Ok::<_, Down>(1)
                })
                .await
        });
    }
    settle().await;
    gate.let_all_through();
    for answer in callers.join_all().await {
        assert_eq!(answer.unwrap_err().kind(), ErrorKind::Panic);
    }
    assert_eq!((gate.runs(), bench.cache.loads_in_flight()), (1, 0));
    assert_eq!(bench.ear.results(), [LoadResult::Panic]);
    let value: i64 = bench
        .cache
        .get_or_load("key", || async { Ok::<_, Down>(2) })
        .await
        .unwrap();
    assert_eq!(value, 2);
}

#[tokio::test]
async fn a_loader_that_panics_before_its_first_await_is_an_error_too() {
    fn panics() -> std::future::Ready<Result<i64, Down>> {
        panic!("a test says so")
    }
    let bench = Bench::new();
    let error = bench.cache.get_or_load("key", panics).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Panic);
}

#[tokio::test]
async fn a_value_that_is_not_to_be_stored_is_given_and_not_stored() {
    let bench = Bench::new();
    let found = bench
        .cache
        .get_or_load("key", |_: LoadContext<i64>| async {
            Ok::<_, Down>(Loaded::do_not_store(1))
        })
        .await
        .unwrap();
    assert_eq!(
        (found, bench.cache.get::<i64>("key").await.unwrap()),
        (Some(1), None)
    );
    assert_eq!(bench.ear.results(), [LoadResult::NotStored]);
}

#[tokio::test]
async fn the_ttl_of_the_loader_counts_more_than_that_of_the_call() {
    let bench = Bench::new();
    bench
        .cache
        .get_or_load("key", |_: LoadContext<i64>| async {
            Ok::<_, Down>(Loaded::store(1).ttl(SECOND))
        })
        .ttl(100 * SECOND)
        .await
        .unwrap();
    bench.clock.advance(SECOND);
    assert_eq!(bench.cache.get::<i64>("key").await.unwrap(), None);
}

#[tokio::test]
async fn the_ttl_of_the_call_counts_more_than_that_of_the_options() {
    let bench = Bench::with(|builder| builder.loading(LoadOptions::new().ttl(100 * SECOND)));
    let load = || async { Ok::<i64, Down>(1) };
    bench.cache.get_or_load("key", load).ttl(SECOND).await.unwrap();
    bench.cache.get_or_load("other", load).await.unwrap();
    bench.clock.advance(99 * SECOND);
    let found = (
        bench.cache.exists("key").await.unwrap(),
        bench.cache.exists("other").await.unwrap(),
    );
    assert_eq!(found, (false, true));
}

#[tokio::test]
async fn a_ttl_of_zero_gives_the_value_and_stores_nothing() {
    let bench = Bench::new();
    let value: i64 = bench
        .cache
        .get_or_load("key", || async { Ok::<_, Down>(1) })
        .ttl(std::time::Duration::ZERO)
        .await
        .unwrap();
    assert_eq!((value, bench.cache.get::<i64>("key").await.unwrap()), (1, None));
}

#[tokio::test]
async fn a_value_that_does_not_read_is_loaded_and_written_over() {
    let bench = Bench::new();
    bench.cache.set("key", "text".to_owned()).await.unwrap();
    let value: i64 = bench
        .cache
        .get_or_load("key", || async { Ok::<_, Down>(5) })
        .await
        .unwrap();
    assert_eq!(
        (value, bench.cache.get::<i64>("key").await.unwrap()),
        (5, Some(5))
    );
    assert_eq!(bench.ear.failed(), [Operation::GetOrLoad]);
}

#[tokio::test]
async fn a_backend_that_fails_does_not_make_a_load_fail() {
    let failing = Arc::new(std::sync::OnceLock::new());
    let kept = Arc::clone(&failing);
    let bench = Bench::on(
        move |map| {
            let backend = Arc::new(FailingBackend::new(map));
            kept.set(Arc::clone(&backend)).ok().unwrap();
            backend
        },
        |builder| builder,
    );
    failing.get().unwrap().fail_all(ErrorKind::Unavailable);
    let value: i64 = bench
        .cache
        .get_or_load("key", || async { Ok::<_, Down>(5) })
        .await
        .unwrap();
    assert_eq!(value, 5);
    assert_eq!(bench.ear.count(|event| *event == LoadEvent::StoreFailed), 1);
    let strict = LoadOptions::new().strict(true);
    let error = bench
        .cache
        .get_or_load("key", || async { Ok::<i64, Down>(5) })
        .options(&strict)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
}

/// Other keys were written since the caller looked, so the load looks again.
#[tokio::test]
async fn a_backend_that_fails_the_second_look_is_an_error_to_who_is_strict() {
    let options = LoadOptions::new().strict(true).error_memory(SECOND);
    let (bench, failing) = Bench::keeping(FailingBackend::new, |builder| builder.loading(options));
    let gate = Gate::open();
    let run = gate.clone();
    let load = || async move { Ok::<_, Down>(run.pass().await) };
    let asked = bench.cache.get_or_load("key", load).into_future();
    for other in 0..1_000 {
        bench.cache.set(&other.to_string(), 1_i64).await.unwrap();
    }
    failing.fail_all(ErrorKind::Unavailable);
    assert_eq!(asked.await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!((gate.runs(), bench.cache.loads_in_flight()), (0, 0));
    // It says nothing about the source, so it is not remembered.
    failing.heal();
    let again = bench
        .cache
        .get_or_load("key", || async { Ok::<_, Down>(7_usize) });
    assert_eq!(again.await.unwrap(), 7);
}

/// The one that leads is strict and looks again in vain. The other has a loader of its own.
#[tokio::test]
async fn a_caller_that_is_not_strict_and_joined_one_that_is_gets_what_it_loads() {
    let (bench, failing) = Bench::keeping(FailingBackend::new, |builder| builder);
    let strict = LoadOptions::new().strict(true);
    let asks = |answer: i64| {
        bench
            .cache
            .get_or_load("key", move || async move { Ok::<_, Down>(answer) })
    };
    let leads = asks(1).options(&strict).into_future();
    for other in 0..1_000 {
        bench.cache.set(&other.to_string(), 1_i64).await.unwrap();
    }
    let joins = asks(2).into_future();
    failing.fail_all(ErrorKind::Unavailable);
    let (led, joined) = tokio::join!(leads, joins);
    assert_eq!(led.unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(joined.unwrap(), 2);
    assert_eq!(bench.ear.count(|event| *event == LoadEvent::Joined), 1);
}

#[tokio::test]
async fn a_closed_cache_is_an_error_and_loads_nothing() {
    let bench = Bench::new();
    bench.cache.close().await.unwrap();
    let gate = Gate::open();
    let run = gate.clone();
    let answer = bench
        .cache
        .get_or_load("key", || async move {
            run.pass().await;
            Ok::<i64, Down>(1)
        })
        .await;
    assert_eq!((answer.unwrap_err().kind(), gate.runs()), (ErrorKind::Closed, 0));
}

#[tokio::test]
async fn bad_keys_are_refused_before_anything_runs() {
    let bench = Bench::new();
    let error = bench
        .cache
        .get_or_load("", || async { Ok::<i64, Down>(1) })
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::EmptyKey);
    assert_eq!(bench.ear.failed(), [Operation::GetOrLoad]);
}

/// A caller that looked before another one's load was stored does not load again.
#[tokio::test]
async fn a_caller_that_looked_too_early_looks_again() {
    let slow = Arc::new(std::sync::OnceLock::new());
    let kept = Arc::clone(&slow);
    let bench = Bench::on(
        move |map| {
            let backend = Arc::new(SlowBackend::new(map));
            kept.set(Arc::clone(&backend)).ok().unwrap();
            backend
        },
        |builder| builder,
    );
    slow.get().unwrap().open();
    let gate = Gate::open();
    let ask = || {
        let gate = gate.clone();
        let load = || async move { Ok::<_, Down>(gate.pass().await) };
        bench.cache.get_or_load("key", load).detailed().into_future()
    };
    let mut early = pin!(ask());
    // It comes to the backend with the first poll, and looks with the second. Its answer is on the way.
    for _ in 0..2 {
        let polled = early.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending());
    }
    assert_eq!(ask().await.unwrap().source, Source::Loaded);
    assert_eq!((early.await.unwrap().source, gate.runs()), (Source::Hit, 1));
}

#[test]
fn outside_of_a_runtime_a_hit_works_and_a_load_is_a_typed_error() {
    let bench = Bench::new();
    let wait = |future: std::pin::Pin<Box<dyn Future<Output = cache_core::Result<i64>> + '_>>| {
        let mut future = future;
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match future.as_mut().poll(&mut context) {
            std::task::Poll::Ready(answer) => answer,
            std::task::Poll::Pending => panic!("it is ready"),
        }
    };
    let ask = || bench.cache.get_or_load("key", || async { Ok::<i64, Down>(1) });
    let error = wait(Box::pin(ask().into_future())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoRuntime);
    let mut set = Box::pin(bench.cache.set("key", 3_i64).into_future());
    let _ = set
        .as_mut()
        .poll(&mut std::task::Context::from_waker(std::task::Waker::noop()));
    assert_eq!(wait(Box::pin(ask().into_future())).unwrap(), 3);
}

#[tokio::test]
async fn a_loader_that_asks_for_its_own_key_gets_an_error() {
    let bench = Bench::new();
    let cache = bench.cache.clone();
    let error = bench
        .cache
        .get_or_load("key", || async move {
            cache.get_or_load("key", || async { Ok::<i64, Down>(1) }).await
        })
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Load);
    assert_eq!(
        error.downcast_ref::<CacheError>().unwrap().kind(),
        ErrorKind::Reentrant
    );
}

#[tokio::test]
async fn a_loader_that_asks_for_its_own_key_through_others_gets_an_error() {
    let (one, two) = (Bench::new().cache, Bench::new().cache);
    let (inner, outer) = (two.clone(), one.clone());
    let error = one
        .get_or_load("a", || async move {
            inner
                .get_or_load("b", || async move {
                    outer.get_or_load("a", || async { Ok::<i64, Down>(1) }).await
                })
                .await
        })
        .await
        .unwrap_err();
    let mut kinds = Vec::new();
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(error) = cause {
        kinds.extend(error.downcast_ref::<CacheError>().map(CacheError::kind));
        cause = error.source();
    }
    assert_eq!(kinds, [ErrorKind::Load, ErrorKind::Load, ErrorKind::Reentrant]);
}

/// Two callers, each of which leads one key and waits for the other: no chain of one task shows it.
#[tokio::test]
async fn two_loads_that_wait_for_each_other_do_not_hang() {
    let bench = Bench::new();
    let gate = Gate::shut();
    let ask = |key: &'static str, other: &'static str| {
        let (cache, gate) = (bench.cache.clone(), gate.clone());
        tokio::spawn(async move {
            let inner = cache.clone();
            cache
                .get_or_load(key, move || async move {
                    gate.pass().await;
                    inner.get_or_load(other, || async { Ok::<i64, Down>(1) }).await
                })
                .await
        })
    };
    let (first, second) = (ask("a", "b"), ask("b", "a"));
    gate.reached(2).await;
    gate.let_all_through();
    let (first, second) = (first.await.unwrap(), second.await.unwrap());
    assert!(first.is_err() || second.is_err(), "{first:?} {second:?}");
    assert_eq!(bench.cache.loads_in_flight(), 0);
}

#[tokio::test]
async fn a_loader_may_load_other_keys() {
    let bench = Bench::new();
    let cache = bench.cache.clone();
    let value: i64 = bench
        .cache
        .get_or_load("sum", || async move {
            let a: i64 = cache.get_or_load("a", || async { Ok::<_, Down>(1) }).await?;
            let b: i64 = cache.get_or_load("b", || async { Ok::<_, Down>(2) }).await?;
            Ok::<_, CacheError>(a + b)
        })
        .await
        .unwrap();
    assert_eq!(value, 3);
}

/// In a task of its own the call does not know whose loader it is part of, so only time ends it.
#[tokio::test(start_paused = true)]
async fn a_loader_that_asks_for_its_own_key_from_another_task_ends_by_the_hard_timeout() {
    let bench = Bench::with(|builder| builder.loading(LoadOptions::new().hard_timeout(SECOND)));
    let start = tokio::time::Instant::now();
    let inner = bench.cache.clone();
    let load = || async move {
        let again = async move { inner.get_or_load("key", || async { Ok::<i64, Down>(1) }).await };
        tokio::spawn(again).await.unwrap()
    };
    let error = bench.cache.get_or_load("key", load).await.unwrap_err();
    assert_eq!((error.kind(), start.elapsed()), (ErrorKind::Timeout, SECOND));
    settle().await;
    assert_eq!(
        (bench.ear.results(), bench.cache.loads_in_flight()),
        (vec![LoadResult::Timeout], 0)
    );
    let joined = (
        bench.ear.count(|event| *event == LoadEvent::Joined),
        bench.ear.count(|event| *event == LoadEvent::Left),
    );
    assert_eq!(joined, (1, 1));
}
