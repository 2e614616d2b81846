//! How long loaded answers live: jitter, answers that there is nothing, remembered errors.

use std::sync::Arc;
use std::time::Duration;

use cache_core::{ErrorKind, LoadContext, LoadEvent, LoadOptions, LoadResult, Loaded};

use crate::support::{Bench, Down, Fixed, Gate, SECOND, just_before};

#[tokio::test]
async fn a_loaded_value_lives_a_little_shorter_by_chance() {
    let bench = Bench::with(|builder| builder.random(Arc::new(Fixed(0.5))).ttl(100 * SECOND));
    bench
        .cache
        .get_or_load("key", || async { Ok::<i64, Down>(1) })
        .await
        .unwrap();
    // Half of the 5 % that are the default.
    bench.clock.advance(just_before(Duration::from_millis(97_500)));
    assert!(bench.cache.exists("key").await.unwrap());
    bench.clock.advance(Duration::from_millis(1));
    assert!(!bench.cache.exists("key").await.unwrap());
}

#[tokio::test]
async fn the_ttl_of_a_set_is_kept_to_the_millisecond() {
    let bench = Bench::with(|builder| builder.random(Arc::new(Fixed(0.9))).ttl(100 * SECOND));
    bench.cache.set("key", 1).await.unwrap();
    bench.clock.advance(just_before(100 * SECOND));
    assert!(bench.cache.exists("key").await.unwrap());
}

#[tokio::test]
async fn a_ttl_of_a_millisecond_is_not_made_zero() {
    let bench = Bench::with(|builder| builder.random(Arc::new(Fixed(0.9))));
    let load = || async { Ok::<i64, Down>(1) };
    bench
        .cache
        .get_or_load("key", load)
        .ttl(Duration::from_millis(1))
        .await
        .unwrap();
    assert!(bench.cache.exists("key").await.unwrap());
}

/// Asks with a loader that finds nothing and counts.
async fn find(bench: &Bench, gate: &Gate) -> Option<i64> {
    let gate = gate.clone();
    let load = |_: LoadContext<i64>| async move {
        gate.pass().await;
        Ok::<_, Down>(Loaded::not_found())
    };
    bench.cache.get_or_load("key", load).await.unwrap()
}

#[tokio::test]
async fn that_there_is_nothing_is_remembered_for_its_own_time() {
    let options = LoadOptions::new().negative_ttl(3 * SECOND);
    let bench = Bench::with(|builder| builder.loading(options));
    let gate = Gate::open();
    assert_eq!(find(&bench, &gate).await, None);
    bench.clock.advance(just_before(3 * SECOND));
    assert_eq!((find(&bench, &gate).await, gate.runs()), (None, 1));
    assert_eq!(bench.ear.count(|event| *event == LoadEvent::NegativeHit), 1);
    bench.clock.advance(Duration::from_millis(1));
    assert_eq!((find(&bench, &gate).await, gate.runs()), (None, 2));
    assert_eq!(bench.ear.results(), [LoadResult::NotFound; 2]);
}

#[tokio::test]
async fn that_there_is_nothing_is_not_remembered_if_it_was_told_so() {
    let bench = Bench::with(|builder| builder.loading(LoadOptions::new().negative_ttl(None)));
    let gate = Gate::open();
    find(&bench, &gate).await;
    find(&bench, &gate).await;
    assert_eq!(gate.runs(), 2);
}

#[tokio::test]
async fn that_there_is_nothing_is_never_remembered_longer_than_the_ttl() {
    let bench = Bench::with(|builder| builder.ttl(SECOND));
    let gate = Gate::open();
    find(&bench, &gate).await;
    bench.clock.advance(SECOND);
    find(&bench, &gate).await;
    assert_eq!(gate.runs(), 2);
}

#[tokio::test]
async fn a_plain_get_finds_nothing_where_nothing_was_found() {
    let bench = Bench::new();
    find(&bench, &Gate::open()).await;
    assert_eq!(bench.cache.get::<i64>("key").await.unwrap(), None);
    assert_eq!(bench.cache.get::<()>("key").await.unwrap(), None);
    assert!(bench.ear.failed().is_empty());
}

#[tokio::test]
async fn a_loader_that_cannot_find_nothing_gets_a_typed_error() {
    let bench = Bench::new();
    find(&bench, &Gate::open()).await;
    let error = bench
        .cache
        .get_or_load("key", || async { Ok::<i64, Down>(1) })
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_set_takes_the_place_of_nothing() {
    let bench = Bench::new();
    let gate = Gate::open();
    find(&bench, &gate).await;
    bench.cache.set("key", 5_i64).await.unwrap();
    assert_eq!(find(&bench, &gate).await, Some(5));
}

#[tokio::test]
async fn the_loader_says_how_long_nothing_is_remembered() {
    let bench = Bench::new();
    let load = |_: LoadContext<i64>| async { Ok::<_, Down>(Loaded::not_found().ttl(50 * SECOND)) };
    bench.cache.get_or_load("key", load).await.unwrap();
    bench.clock.advance(49 * SECOND);
    let gate = Gate::open();
    assert_eq!((find(&bench, &gate).await, gate.runs()), (None, 0));
}

#[tokio::test]
async fn an_error_is_remembered_for_as_long_as_it_was_told() {
    let options = LoadOptions::new().error_memory(Duration::from_millis(100));
    let bench = Bench::with(|builder| builder.loading(options));
    let fail = || async { Err::<i64, _>(Down(7)) };
    let succeed = || async { Ok::<i64, Down>(1) };
    bench.cache.get_or_load("key", fail).await.unwrap_err();
    bench.clock.advance(Duration::from_millis(99));
    let error = bench.cache.get_or_load("key", succeed).await.unwrap_err();
    assert_eq!(error.downcast_ref::<Down>(), Some(&Down(7)));
    bench.clock.advance(Duration::from_millis(1));
    assert_eq!(bench.cache.get_or_load("key", succeed).await.unwrap(), 1);
}

#[tokio::test]
async fn a_write_forgets_a_remembered_error() {
    let options = LoadOptions::new().error_memory(10 * SECOND);
    let bench = Bench::with(|builder| builder.loading(options));
    bench
        .cache
        .get_or_load("key", || async { Err::<i64, _>(Down(7)) })
        .await
        .unwrap_err();
    bench.cache.delete("key").await.unwrap();
    assert_eq!(
        bench
            .cache
            .get_or_load("key", || async { Ok::<i64, Down>(1) })
            .await
            .unwrap(),
        1
    );
}
