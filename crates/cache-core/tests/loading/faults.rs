//! What goes wrong around a load: its task never runs, what is stored does not read, a batch finds a part of its keys.

use std::time::Duration;

use cache_core::{Abandon, Cache, ErrorKind, LoadOptions, LoadResult, Loaded, Source};
use cache_testkit::ManualClock;
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
    let map = cache_testkit::MapBackend::new(clock).encoding(cache_core::Codec::default());
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

/// Of a batch of two keys the second look finds one. The load is given up as soon as the other is not wanted.
#[tokio::test]
async fn a_batch_that_found_a_part_of_its_keys_is_given_up_with_the_rest() {
    let bench = Bench::new();
    let gate = Gate::shut();
    let run = gate.clone();
    let load = |_: Vec<String>| async move {
        run.pass().await;
        Ok::<Vec<(String, Result<Loaded<i64>, Down>)>, Down>(Vec::new())
    };
    {
        let slow = bench
            .cache
            .get_or_load_many::<i64, _>(&["a", "b"], load)
            .into_future();
        let mut slow = std::pin::pin!(slow);
        let waker = std::task::Waker::noop();
        let poll = &mut std::task::Context::from_waker(waker);
        // What the first look misses is there for the second one.
        cache_testkit::eventually("nothing", || true).await;
        assert!(slow.as_mut().poll(poll).is_pending());
        bench.cache.set("a", 1_i64).await.unwrap();
        gate.reached(1).await;
    }
    settle().await;
    assert_eq!(bench.ear.results(), [LoadResult::Cancelled]);
}
