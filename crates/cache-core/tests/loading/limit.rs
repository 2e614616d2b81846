//! The limit of concurrent loads, which protects the source.

use std::time::Duration;

use cache_core::{CacheBuilder, ErrorKind, LoadEvent, LoadOptions, Loaded, Source, StaleReason};
use cache_testkit::FailingBackend;
use tokio::task::JoinSet;

use crate::support::{Bench, Down, Gate, SECOND, settle};

fn limited(most: usize) -> Bench {
    Bench::with(limit(most))
}

fn limit(most: usize) -> impl FnOnce(CacheBuilder) -> CacheBuilder {
    let options = LoadOptions::new().ttl(10 * SECOND).stale_if_error(60 * SECOND);
    move |builder| {
        builder
            .loading(options)
            .max_concurrent_loads(most)
            .load_wait(SECOND)
    }
}

/// Starts a load of this key that waits at the gate.
fn ask(bench: &Bench, gate: &Gate, key: String) -> tokio::task::JoinHandle<cache_core::Result<usize>> {
    let (cache, gate) = (bench.cache.clone(), gate.clone());
    tokio::spawn(async move {
        cache
            .get_or_load(&key, || async move { Ok::<_, Down>(gate.pass().await) })
            .await
    })
}

#[tokio::test]
async fn no_more_loads_run_at_once_than_allowed() {
    let bench = limited(2);
    let gate = Gate::shut();
    let mut callers = JoinSet::new();
    for key in 0..10 {
        let caller = ask(&bench, &gate, key.to_string());
        callers.spawn(async move { caller.await.unwrap() });
    }
    settle().await;
    assert_eq!(gate.runs(), 2);
    gate.let_one_through();
    settle().await;
    assert_eq!(gate.runs(), 3);
    gate.let_all_through();
    assert!(callers.join_all().await.iter().all(Result::is_ok));
}

#[tokio::test(start_paused = true)]
async fn who_waits_too_long_for_a_permit_gets_a_typed_error() {
    let bench = limited(1);
    let gate = Gate::shut();
    let _runs = ask(&bench, &gate, "a".to_owned());
    gate.reached(1).await;
    let start = tokio::time::Instant::now();
    let error = ask(&bench, &gate, "b".to_owned()).await.unwrap().unwrap_err();
    assert_eq!((error.kind(), start.elapsed()), (ErrorKind::Exhausted, SECOND));
    assert!(error.to_string().contains("1 loads run already"), "{error}");
    assert_eq!(bench.ear.count(|event| *event == LoadEvent::Refused), 1);
}

#[tokio::test(start_paused = true)]
async fn over_the_limit_a_stale_value_is_given_at_once() {
    let bench = limited(1);
    bench
        .cache
        .get_or_load("key", || async { Ok::<usize, Down>(7) })
        .await
        .unwrap();
    bench.clock.advance(11 * SECOND);
    let gate = Gate::shut();
    let _runs = ask(&bench, &gate, "a".to_owned());
    gate.reached(1).await;
    let load = || async { Ok::<usize, Down>(8) };
    let start = tokio::time::Instant::now();
    let old = bench.cache.get_or_load("key", load).detailed().await.unwrap();
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!((old.value, old.source), (7, Source::Stale(StaleReason::Overload)));
}

/// It has no permit either, so it may take as long as any other.
#[tokio::test(start_paused = true)]
async fn over_the_limit_a_stale_value_is_given_at_once_also_where_the_key_waits_to_be_loaded() {
    let bench = limited(1);
    ask(&bench, &Gate::open(), "key".to_owned())
        .await
        .unwrap()
        .unwrap();
    bench.clock.advance(11 * SECOND);
    let gate = Gate::shut();
    let _runs = ask(&bench, &gate, "a".to_owned());
    gate.reached(1).await;
    let patient = LoadOptions::new();
    let load = || async { Ok::<usize, Down>(8) };
    let cache = bench.cache.clone();
    let _queued = tokio::spawn(async move { cache.get_or_load("key", load).options(&patient).await });
    settle().await;
    assert_eq!(bench.cache.loads_in_flight(), 2);
    let start = tokio::time::Instant::now();
    let old = bench.cache.get_or_load("key", load).detailed().await.unwrap();
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!((old.value, old.source), (0, Source::Stale(StaleReason::Overload)));
}

#[tokio::test]
async fn a_load_that_is_given_up_gives_its_permit_back() {
    let bench = limited(1);
    let gate = Gate::shut();
    let goes = ask(&bench, &gate, "a".to_owned());
    gate.reached(1).await;
    goes.abort();
    settle().await;
    let stays = ask(&bench, &gate, "b".to_owned());
    settle().await;
    assert_eq!(gate.runs(), 2);
    gate.let_all_through();
    tokio::time::timeout(Duration::from_secs(5), stays)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
}

type Answers = Vec<cache_core::Result<Option<cache_core::Answer<usize>>>>;

/// Starts a batch whose loader waits at the gate.
fn ask_many(bench: &Bench, gate: &Gate, keys: &'static [&'static str]) -> tokio::task::JoinHandle<Answers> {
    let (cache, gate) = (bench.cache.clone(), gate.clone());
    tokio::spawn(async move {
        let load = |keys: Vec<String>| async move {
            let run = gate.pass().await;
            let pairs = keys.into_iter().map(|key| (key, Ok(Loaded::store(run))));
            Ok::<Vec<_>, Down>(pairs.collect())
        };
        cache.get_or_load_many(keys, load).detailed().await
    })
}

#[tokio::test]
async fn a_batch_takes_one_permit() {
    let bench = limited(2);
    let gate = Gate::shut();
    let batch = ask_many(&bench, &gate, &["a", "b", "c", "d"]);
    gate.reached(1).await;
    let single = ask(&bench, &gate, "e".to_owned());
    let third = ask(&bench, &gate, "f".to_owned());
    settle().await;
    assert_eq!(gate.runs(), 2);
    gate.let_all_through();
    assert!(batch.await.unwrap().iter().all(Result::is_ok));
    single.await.unwrap().unwrap();
    third.await.unwrap().unwrap();
    let again = ask_many(&bench, &gate, &["g", "h"]);
    assert!(again.await.unwrap().iter().all(Result::is_ok));
}

#[tokio::test(start_paused = true)]
async fn of_a_batch_over_the_limit_stale_keys_are_given_and_the_others_fail_after_the_wait() {
    let bench = limited(1);
    let loaded = ask_many(&bench, &Gate::open(), &["a", "c"]).await.unwrap();
    assert!(loaded.iter().all(Result::is_ok));
    bench.clock.advance(11 * SECOND);
    let gate = Gate::shut();
    let _runs = ask(&bench, &gate, "busy".to_owned());
    gate.reached(1).await;
    let start = tokio::time::Instant::now();
    let answers = ask_many(&bench, &gate, &["a", "b", "c", "d"]).await.unwrap();
    assert_eq!((start.elapsed(), gate.runs()), (SECOND, 1));
    for (at, answer) in answers.into_iter().enumerate() {
        if at % 2 == 0 {
            let answer = answer.unwrap().unwrap();
            assert_eq!(
                (answer.value, answer.source),
                (0, Source::Stale(StaleReason::Overload))
            );
        } else {
            assert_eq!(answer.unwrap_err().kind(), ErrorKind::Exhausted);
        }
    }
}

/// What the limit is for: nothing is found, so each call asks the source.
#[tokio::test(start_paused = true)]
async fn where_the_backend_is_down_the_source_gets_no_more_loads_at_once_than_allowed() {
    let (bench, down) = Bench::keeping(FailingBackend::new, limit(2));
    down.fail_all(ErrorKind::Unavailable);
    let gate = Gate::shut();
    let runs = [
        ask(&bench, &gate, "a".to_owned()),
        ask(&bench, &gate, "b".to_owned()),
    ];
    gate.reached(2).await;
    let start = tokio::time::Instant::now();
    let (single, batch) = (
        ask(&bench, &gate, "c".to_owned()),
        ask_many(&bench, &gate, &["d", "e"]),
    );
    assert_eq!(single.await.unwrap().unwrap_err().kind(), ErrorKind::Exhausted);
    for answer in batch.await.unwrap() {
        assert_eq!(answer.unwrap_err().kind(), ErrorKind::Exhausted);
    }
    assert_eq!((start.elapsed(), gate.runs()), (SECOND, 2));
    gate.let_all_through();
    for one in runs {
        one.await.unwrap().unwrap();
    }
    let batch = ask_many(&bench, &gate, &["d", "e"]).await.unwrap();
    assert!(batch.iter().all(Result::is_ok), "{batch:?}");
}
