//! The limit of concurrent loads, which protects the source.

use std::time::Duration;

use cache_core::{ErrorKind, LoadEvent, LoadOptions, Source, StaleReason};
use tokio::task::JoinSet;

use crate::support::{Bench, Down, Gate, SECOND, settle};

fn limited(most: usize) -> Bench {
    let options = LoadOptions::new().ttl(10 * SECOND).stale_if_error(60 * SECOND);
    Bench::with(|builder| {
        builder
            .loading(options)
            .max_concurrent_loads(most)
            .load_wait(SECOND)
    })
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

#[tokio::test]
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
    let old = bench.cache.get_or_load("key", load).detailed().await.unwrap();
    assert_eq!((old.value, old.source), (7, Source::Stale(StaleReason::Overload)));
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
