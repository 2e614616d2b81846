//! What goes wrong around a load: its task never runs, what is stored does not read, a batch finds a part of its keys.

use std::sync::Arc;
use std::time::Duration;

use cache_core::{
    Abandon, Cache, ErrorKind, LoadContext, LoadOptions, LoadResult, Loaded, Operation, Source,
};
use cache_testkit::{CountingBackend, FailingBackend, ManualClock, MapBackend, SlowBackend};
use serde::{Deserialize, Deserializer, Serialize};
use tokio::runtime::Runtime;

use crate::support::{Bench, Down, Gate, SECOND, settle};

fn one_thread() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

async fn load(cache: &Cache, answer: Result<i64, Down>) -> cache_core::Result<i64> {
    let call = cache.get_or_load("key", move || async move { answer });
    tokio::time::timeout(Duration::from_secs(5), call.into_future())
        .await
        .unwrap()
}

/// The runtime ends before the task that renews the value is polled for the first time.
#[test]
fn a_load_that_never_ran_leaves_nothing_behind() {
    let options = LoadOptions::new()
        .ttl(10 * SECOND)
        .stale_while_revalidate(60 * SECOND);
    let bench = Bench::with(|builder| builder.loading(options));
    one_thread().block_on(load(&bench.cache, Ok(1))).unwrap();
    bench.clock.advance(10 * SECOND);
    let ends = one_thread();
    assert_eq!(ends.block_on(load(&bench.cache, Ok(2))).unwrap(), 1);
    drop(ends);
    assert_eq!(bench.cache.loads_in_flight(), 0);
    bench.clock.advance(60 * SECOND);
    assert_eq!(one_thread().block_on(load(&bench.cache, Ok(3))).unwrap(), 3);
}

#[derive(Debug, Serialize, Clone, PartialEq)]
struct Panics(i64);

impl<'de> Deserialize<'de> for Panics {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        panic!("a test says so")
    }
}

#[tokio::test]
async fn a_value_that_panics_while_it_is_read_strands_no_other_key_of_its_batch() {
    let clock = ManualClock::new();
    let map = MapBackend::new(clock).encoding(cache_core::Codec::default());
    let options = LoadOptions::new().on_abandon(Abandon::Finish);
    let cache = Cache::builder(map).loading(options).build().unwrap();
    cache.set("b", 1_i64).await.unwrap();
    let other = cache.clone();
    let batch = tokio::spawn(async move {
        let load =
            |_: Vec<String>| async { Ok::<Vec<(String, Result<Loaded<Panics>, Down>)>, Down>(Vec::new()) };
        other.get_or_load_many::<Panics, _>(&["key", "b"], load).await
    });
    assert!(batch.await.unwrap_err().is_panic());
    assert_eq!(cache.loads_in_flight(), 0);
    assert_eq!(load(&cache, Ok(1)).await.unwrap(), 1);
}

/// Asks while a set of a text comes in between, so that the load looks again and finds the text.
#[tokio::test]
async fn what_the_second_look_finds_and_does_not_read_is_loaded() {
    let bench = Bench::new();
    bench.cache.set("key", "text".to_owned()).await.unwrap();
    let call = bench.cache.get_or_load("key", || async { Ok::<i64, Down>(7) });
    let call = call.into_future();
    bench.cache.set("key", "another".to_owned()).await.unwrap();
    assert_eq!(call.await.unwrap(), 7);
    assert_eq!(bench.cache.get::<i64>("key").await.unwrap(), Some(7));
}

#[tokio::test]
async fn a_stale_value_that_does_not_read_stands_in_for_nothing() {
    let options = LoadOptions::new().ttl(10 * SECOND).stale_if_error(60 * SECOND);
    let bench = Bench::with(|builder| builder.loading(options));
    let text = || async { Ok::<_, Down>("text".to_owned()) };
    bench.cache.get_or_load("key", text).await.unwrap();
    bench.clock.advance(10 * SECOND);
    let error = load(&bench.cache, Err(Down(1))).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.downcast_ref()),
        (ErrorKind::Load, Some(&Down(1)))
    );
}

#[tokio::test]
async fn a_fresh_value_in_the_place_of_an_error_is_a_hit() {
    let options = LoadOptions::new().ttl(10 * SECOND).stale_if_error(60 * SECOND);
    let bench = Bench::with(|builder| builder.loading(options));
    load(&bench.cache, Ok(1)).await.unwrap();
    bench.clock.advance(10 * SECOND);
    let gate = Gate::shut();
    let (cache, run) = (bench.cache.clone(), gate.clone());
    let caller = tokio::spawn(async move {
        let fails = || async move {
            run.pass().await;
            Err::<i64, _>(Down(1))
        };
        cache.get_or_load("key", fails).detailed().await.unwrap()
    });
    gate.reached(1).await;
    bench.cache.set("key", 2_i64).await.unwrap();
    gate.let_all_through();
    let answer = caller.await.unwrap();
    assert_eq!((answer.value, answer.source), (2, Source::Hit));
}

type Pairs = Vec<(String, Result<Loaded<i64>, Down>)>;

/// Of a batch of two keys the second look finds one. The load is given up as soon as the other is not wanted.
#[tokio::test]
async fn a_batch_that_found_a_part_of_its_keys_is_given_up_with_the_rest() {
    let (bench, slow) = Bench::keeping(SlowBackend::new, |builder| builder);
    let other = Cache::builder(Arc::clone(&slow)).build().unwrap();
    let gate = Gate::shut();
    let (cache, run) = (bench.cache.clone(), gate.clone());
    let batch = tokio::spawn(async move {
        let load = |_: Vec<String>| async move {
            run.pass().await;
            Ok::<_, Down>(Pairs::new())
        };
        cache.get_or_load_many::<i64, _>(&["a", "b"], load).await
    });
    slow.arrived(1).await;
    // A write that is given up counts as a change, so the load looks again.
    drop(bench.cache.delete("a"));
    drop(bench.cache.delete("b"));
    let elsewhere = tokio::spawn(async move { other.set("a", 1_i64).await.unwrap() });
    slow.arrived(2).await;
    slow.release(2);
    elsewhere.await.unwrap();
    slow.open();
    gate.reached(1).await;
    settle().await;
    batch.abort();
    settle().await;
    assert_eq!(bench.ear.results(), [LoadResult::Cancelled]);
    assert_eq!(bench.cache.loads_in_flight(), 0);
}

#[tokio::test]
async fn a_backend_that_failed_is_not_asked_again_before_the_load() {
    let fails = |map| {
        let failing = FailingBackend::new(map);
        failing.fail(Operation::Get, ErrorKind::Timeout);
        CountingBackend::new(failing)
    };
    let (bench, calls) = Bench::keeping(fails, |builder| builder);
    let call = bench.cache.get_or_load("key", || async { Ok::<i64, Down>(7) });
    let call = call.into_future();
    drop(bench.cache.delete("key"));
    assert_eq!(call.await.unwrap(), 7);
    assert_eq!(calls.count(Operation::Get), 1);
}

#[tokio::test]
async fn what_a_batch_does_not_find_any_more_is_removed_with_one_call() {
    let options = LoadOptions::new()
        .ttl(10 * SECOND)
        .stale_if_error(60 * SECOND)
        .negative_ttl(None);
    let (bench, calls) = Bench::keeping(CountingBackend::new, |builder| builder.loading(options));
    for key in ["a", "b"] {
        let load = || async { Ok::<i64, Down>(1) };
        bench.cache.get_or_load(key, load).await.unwrap();
    }
    bench.clock.advance(10 * SECOND);
    let nothing = |_: Vec<String>| async { Ok::<_, Down>(Pairs::new()) };
    let found = bench.cache.get_or_load_many(&["a", "b"], nothing).await;
    assert!(found.into_iter().all(|one| one.unwrap().is_none()));
    let counted = (calls.count(Operation::Delete), calls.count(Operation::DeleteMany));
    assert_eq!(counted, (0, 1));
}

#[tokio::test]
async fn a_batch_whose_keys_all_fail_counts_as_an_error() {
    let bench = Bench::new();
    let fails = |keys: Vec<String>| async move {
        let pairs = keys.into_iter().map(|key| (key, Err(Down(1))));
        Ok::<Pairs, Down>(pairs.collect())
    };
    let found = bench.cache.get_or_load_many(&["a", "b"], fails).await;
    assert!(found.iter().all(Result::is_err));
    assert_eq!(bench.ear.results(), [LoadResult::Error]);
}

#[tokio::test]
async fn the_remembered_answer_that_there_is_nothing_can_be_deleted() {
    let bench = Bench::new();
    let nothing = |_: LoadContext<i64>| async { Ok::<_, Down>(Loaded::not_found()) };
    assert_eq!(bench.cache.get_or_load("key", nothing).await.unwrap(), None);
    assert!(bench.cache.exists("key").await.unwrap());
    assert!(bench.cache.delete("key").await.unwrap());
    assert!(!bench.cache.exists("key").await.unwrap());
}

#[tokio::test]
async fn the_longest_duration_is_no_more_than_long() {
    let options = LoadOptions::new()
        .stale_if_error(Duration::MAX)
        .retry_after(Duration::MAX);
    let bench = Bench::with(|builder| builder.loading(options));
    let fails = || async { Err::<i64, _>(Down(1)) };
    let error = bench.cache.get_or_load("key", fails).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Load);
    let nothing = |_: LoadContext<i64>| async { Ok::<_, Down>(Loaded::not_found().ttl(Duration::MAX)) };
    assert_eq!(bench.cache.get_or_load("other", nothing).await.unwrap(), None);
}
