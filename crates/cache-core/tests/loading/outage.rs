//! A backend that fails before the load: its callers get what was loaded without waiting for the store, which may take as long
//! as the look that failed.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use cache_core::{Cache, ErrorKind, LoadContext, LoadOptions, LoadResult, Loaded, Operation};
use cache_testkit::{CountingBackend, FailingBackend, MapBackend, SlowBackend};
use tokio::runtime::Builder;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::support::{Bench, Down, Gate, SECOND, settle};

type Failing = FailingBackend<MapBackend>;

/// A backend whose looks fail, and whose stores wait for the test.
struct Outage {
    bench: Bench,
    slow: Arc<SlowBackend<Arc<Failing>>>,
    failing: Arc<Failing>,
}

impl Outage {
    fn new(looks: Operation, stores: Operation) -> Self {
        let outage = Self::later(stores, LoadOptions::new());
        outage.failing.fail(looks, ErrorKind::Timeout);
        outage
    }

    /// It fails when the test says so.
    fn later(stores: Operation, options: LoadOptions) -> Self {
        let mut below = None;
        let (bench, slow) = Bench::keeping(
            |map| {
                let failing = Arc::new(FailingBackend::new(map));
                below = Some(Arc::clone(&failing));
                SlowBackend::holding(failing, stores)
            },
            |builder| builder.loading(options).tags(true),
        );
        let failing = below.unwrap();
        Self { bench, slow, failing }
    }

    async fn stored(&self) -> Option<i64> {
        self.failing.heal();
        self.bench.cache.get("key").await.unwrap()
    }
}

/// Panics if the call waits for a store, which would be for ever.
async fn at_once<F: IntoFuture>(call: F) -> F::Output {
    timeout(SECOND, call).await.unwrap()
}

async fn load(cache: &Cache, answer: i64) -> cache_core::Result<i64> {
    let call = cache.get_or_load("key", move || async move { Ok::<_, Down>(answer) });
    at_once(call).await
}

#[tokio::test(start_paused = true)]
async fn a_value_does_not_wait_for_the_store_of_a_backend_that_failed_the_look() {
    let outage = Outage::new(Operation::Get, Operation::Set);
    assert_eq!(load(&outage.bench.cache, 7).await.unwrap(), 7);
}

#[tokio::test(start_paused = true)]
async fn neither_does_the_answer_that_there_is_nothing() {
    let outage = Outage::new(Operation::Get, Operation::Set);
    let nothing = |_: LoadContext<i64>| async { Ok::<_, Down>(Loaded::not_found()) };
    let call = outage.bench.cache.get_or_load("key", nothing);
    assert_eq!(at_once(call).await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn nor_do_those_who_joined_the_load() {
    let outage = Outage::new(Operation::Get, Operation::Set);
    let gate = Gate::shut();
    let calls = (0..3).map(|_| {
        let (cache, held) = (outage.bench.cache.clone(), gate.clone());
        tokio::spawn(async move {
            let load = || async move { Ok::<_, Down>(held.pass().await) };
            cache.get_or_load("key", load).await.unwrap()
        })
    });
    let calls: Vec<_> = calls.collect();
    gate.reached(1).await;
    settle().await;
    gate.let_all_through();
    for call in calls {
        assert_eq!(at_once(call).await.unwrap(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn who_comes_during_the_store_gets_it_without_another_load() {
    let outage = Outage::new(Operation::Get, Operation::Set);
    load(&outage.bench.cache, 7).await.unwrap();
    outage.slow.arrived(1).await;
    assert_eq!(load(&outage.bench.cache, 8).await.unwrap(), 7);
}

#[tokio::test(start_paused = true)]
async fn so_does_who_comes_without_a_hard_timeout() {
    let outage = Outage::new(Operation::Get, Operation::Set);
    load(&outage.bench.cache, 7).await.unwrap();
    outage.slow.arrived(1).await;
    let unhurried = LoadOptions::new().hard_timeout(None);
    let call = outage
        .bench
        .cache
        .get_or_load("key", || async { Ok::<_, Down>(8) });
    assert_eq!(at_once(call.options(&unhurried)).await.unwrap(), 7);
}

#[tokio::test(start_paused = true)]
async fn the_store_goes_on_when_the_callers_have_gone() {
    let outage = Outage::new(Operation::Get, Operation::Set);
    load(&outage.bench.cache, 7).await.unwrap();
    outage.slow.arrived(1).await;
    outage.slow.open();
    settle().await;
    assert_eq!(outage.bench.ear.results(), [LoadResult::Success]);
    assert_eq!(outage.bench.cache.loads_in_flight(), 0);
    assert_eq!(outage.stored().await, Some(7));
}

#[tokio::test(start_paused = true)]
async fn a_write_still_comes_after_the_store() {
    let outage = Outage::new(Operation::Get, Operation::Set);
    load(&outage.bench.cache, 7).await.unwrap();
    outage.slow.arrived(1).await;
    let cache = outage.bench.cache.clone();
    let deletes = tokio::spawn(async move { cache.delete("key").await });
    settle().await;
    assert!(!deletes.is_finished());
    outage.slow.open();
    assert!(deletes.await.unwrap().unwrap());
    assert_eq!(outage.stored().await, None);
}

#[tokio::test(start_paused = true)]
async fn a_write_is_done_though_the_store_that_it_waited_for_failed() {
    let outage = Outage::new(Operation::Get, Operation::Set);
    load(&outage.bench.cache, 7).await.unwrap();
    outage.slow.arrived(1).await;
    let cache = outage.bench.cache.clone();
    let write = tokio::spawn(async move { cache.set("key", 9).await });
    settle().await;
    outage.failing.fail(Operation::Set, ErrorKind::Timeout);
    outage.slow.release(1);
    settle().await;
    outage.failing.heal();
    outage.slow.open();
    at_once(write).await.unwrap().unwrap();
    assert_eq!(outage.stored().await, Some(9));
}

/// Several keys are written while a load stores the second of them. Returns the write.
async fn write_several(outage: &Outage) -> JoinHandle<Vec<cache_core::Result<()>>> {
    load(&outage.bench.cache, 7).await.unwrap();
    outage.slow.arrived(1).await;
    outage.failing.heal();
    outage.failing.fail_key("bad", ErrorKind::ValueTooLarge);
    let cache = outage.bench.cache.clone();
    let write = tokio::spawn(async move {
        let entries = [("bad", 1_i64), ("key", 2), ("other", 3), ("key", 4)];
        cache.set_many(entries).await
    });
    settle().await;
    write
}

#[tokio::test(start_paused = true)]
async fn other_keys_of_a_write_do_not_wait_for_the_store() {
    let outage = Outage::new(Operation::Get, Operation::Set);
    let write = write_several(&outage).await;
    assert!(!write.is_finished());
    assert_eq!(outage.bench.cache.get("other").await.unwrap(), Some(3_i64));
}

#[tokio::test(start_paused = true)]
async fn each_answer_is_in_its_place_and_the_later_of_two_stays_behind_the_store() {
    let outage = Outage::new(Operation::Get, Operation::Set);
    let write = write_several(&outage).await;
    outage.slow.open();
    let answers = at_once(write).await.unwrap();
    let failed: Vec<_> = answers.iter().map(Result::is_err).collect();
    assert_eq!(failed, [true, false, false, false]);
    assert_eq!(outage.stored().await, Some(4));
}

/// What is there is too large, which is an answer: who has the new value finds it in the cache.
#[tokio::test(start_paused = true)]
async fn a_value_waits_for_the_store_where_the_backend_answered_with_an_error() {
    let outage = Outage::later(Operation::Set, LoadOptions::new());
    outage.failing.fail(Operation::Get, ErrorKind::ValueTooLarge);
    let cache = outage.bench.cache.clone();
    let loads = tokio::spawn(async move { load(&cache, 7).await });
    outage.slow.arrived(1).await;
    settle().await;
    assert!(!loads.is_finished());
    outage.slow.open();
    assert_eq!(loads.await.unwrap().unwrap(), 7);
}

#[tokio::test(start_paused = true)]
async fn a_value_does_not_wait_where_the_second_look_failed() {
    let outage = Outage::later(Operation::Set, LoadOptions::new());
    let call = outage
        .bench
        .cache
        .get_or_load("key", || async { Ok::<_, Down>(7) });
    // It has asked the backend. A write that is given up counts as a change, so the load looks again.
    let call = call.into_future();
    drop(outage.bench.cache.delete("key"));
    outage.failing.fail(Operation::Get, ErrorKind::Timeout);
    assert_eq!(at_once(call).await.unwrap(), 7);
}

/// The markers of tags are read by the same operation.
#[tokio::test(start_paused = true)]
async fn nor_where_the_generations_of_its_tags_could_not_be_read() {
    let options = LoadOptions::new().ttl(10 * SECOND).stale_if_error(60 * SECOND);
    let outage = Outage::later(Operation::Delete, options.negative_ttl(None).jitter(0.0));
    let cache = &outage.bench.cache;
    let one = || async { Ok::<i64, Down>(1) };
    cache.get_or_load("key", one).await.unwrap();
    outage.bench.clock.advance(10 * SECOND);
    outage.failing.fail(Operation::GetMany, ErrorKind::Timeout);
    // So the stale value is to be removed.
    let nothing = |_: LoadContext<i64>| async { Ok::<_, Down>(Loaded::not_found()) };
    let call = cache.get_or_load("key", nothing).tags(&["tag"]);
    assert_eq!(at_once(call).await.unwrap(), None);
}

type Pairs = Vec<(String, Result<Loaded<i64>, Down>)>;

async fn ones(keys: Vec<String>) -> Result<Pairs, Down> {
    Ok(keys.into_iter().map(|key| (key, Ok(Loaded::store(1)))).collect())
}

#[tokio::test(start_paused = true)]
async fn a_batch_does_not_wait_for_the_store_of_a_backend_that_failed_the_look() {
    let outage = Outage::new(Operation::GetMany, Operation::SetMany);
    let found = at_once(outage.bench.cache.get_or_load_many(&["a", "b"], ones)).await;
    let found: Vec<_> = found.into_iter().map(Result::unwrap).collect();
    assert_eq!(found, [Some(1), Some(1)]);
}

#[tokio::test(start_paused = true)]
async fn nor_where_its_second_look_failed() {
    let mut below = None;
    let (bench, _stores) = Bench::keeping(
        |map| {
            let failing = Arc::new(FailingBackend::new(map));
            let looks = SlowBackend::holding_answers(Arc::clone(&failing), Operation::GetMany);
            let looks = Arc::new(looks);
            below = Some((failing, Arc::clone(&looks)));
            SlowBackend::holding(looks, Operation::SetMany)
        },
        |builder| builder,
    );
    let (failing, looks) = below.unwrap();
    let cache = bench.cache.clone();
    let batch = tokio::spawn(async move { cache.get_or_load_many(&["a", "b"], ones).await });
    looks.arrived(1).await;
    drop(bench.cache.delete("a"));
    failing.fail(Operation::GetMany, ErrorKind::Timeout);
    looks.open();
    let found = at_once(batch).await.unwrap();
    assert!(found.into_iter().all(|one| one.unwrap() == Some(1)));
}

/// Another load joined it, and waits for this key alone.
#[tokio::test(start_paused = true)]
async fn a_key_that_failed_does_not_wait_for_the_store_of_the_others() {
    let outage = Outage::later(Operation::SetMany, LoadOptions::new());
    let gate = Gate::shut();
    let (cache, held) = (outage.bench.cache.clone(), gate.clone());
    let batch = tokio::spawn(async move {
        let load = |_: Vec<String>| async move {
            held.pass().await;
            let pairs = [("key", Err(Down(1))), ("other", Ok(Loaded::store(1)))];
            Ok::<Pairs, Down>(pairs.map(|(key, one)| (key.to_owned(), one)).into())
        };
        cache.get_or_load_many(&["key", "other"], load).await
    });
    gate.reached(1).await;
    let cache = outage.bench.cache.clone();
    let joins = tokio::spawn(async move { load(&cache, 7).await });
    settle().await;
    gate.let_all_through();
    let error = joins.await.unwrap().unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&Down(1)));
    assert!(!batch.is_finished());
}

/// Two callers wait for one load, so the markers of its tags are to be asked once more in the end. Returns how many calls there were
/// after the load, whose store fails like this.
async fn calls_after_a_load(kind: ErrorKind) -> u64 {
    let mut below = None;
    let (bench, calls) = Bench::keeping(
        |map| {
            let failing = Arc::new(FailingBackend::new(map));
            below = Some(Arc::clone(&failing));
            CountingBackend::new(failing)
        },
        |builder| builder.tags(true),
    );
    let gate = Gate::shut();
    let callers = (0..2).map(|_| {
        let (cache, held) = (bench.cache.clone(), gate.clone());
        tokio::spawn(async move {
            let load = || async move { Ok::<_, Down>(held.pass().await) };
            cache.get_or_load("key", load).tags(&["tag"]).await.unwrap()
        })
    });
    let callers: Vec<_> = callers.collect();
    gate.reached(1).await;
    settle().await;
    below.unwrap().fail_key("key", kind);
    let before = calls.total();
    gate.let_all_through();
    for caller in callers {
        assert_eq!(caller.await.unwrap(), 0);
    }
    calls.total() - before
}

#[tokio::test(start_paused = true)]
async fn a_backend_that_failed_the_store_is_not_asked_for_the_tags_again() {
    assert_eq!(calls_after_a_load(ErrorKind::Timeout).await, 1);
}

#[tokio::test(start_paused = true)]
async fn one_that_only_refused_the_value_is() {
    assert_eq!(calls_after_a_load(ErrorKind::ValueTooLarge).await, 2);
}

/// A load of a value whose tag only its loader knows, which is invalidated while the value is stored.
async fn outdated_in_its_store() -> Outage {
    let outage = Outage::new(Operation::Get, Operation::Set);
    let tagged = |_: LoadContext<i64>| async { Ok::<_, Down>(Loaded::store(7).tags(["tag"])) };
    let call = outage.bench.cache.get_or_load("key", tagged);
    assert_eq!(at_once(call).await.unwrap(), Some(7));
    outage.slow.arrived(1).await;
    let cache = outage.bench.cache.clone();
    // It waits for that store.
    tokio::spawn(async move { cache.invalidate_tag("tag").await });
    settle().await;
    outage
}

/// Another process may have invalidated it, and this one does not know.
#[tokio::test(start_paused = true)]
async fn who_comes_during_the_store_of_what_has_tags_loads_anew() {
    let outage = Outage::new(Operation::Get, Operation::Set);
    let tagged = |_: LoadContext<i64>| async { Ok::<_, Down>(Loaded::store(7).tags(["tag"])) };
    let call = outage.bench.cache.get_or_load("key", tagged);
    assert_eq!(at_once(call).await.unwrap(), Some(7));
    outage.slow.arrived(1).await;
    assert_eq!(load(&outage.bench.cache, 8).await.unwrap(), 8);
}

#[tokio::test(start_paused = true)]
async fn who_asks_after_an_invalidation_does_not_join_what_it_outdated() {
    let outage = outdated_in_its_store().await;
    assert_eq!(load(&outage.bench.cache, 8).await.unwrap(), 8);
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_asks_after_an_invalidation_does_not_join_what_it_outdated() {
    let outage = outdated_in_its_store().await;
    let call = outage
        .bench
        .cache
        .get_or_load_many::<i64, _>(&["key"], |_: Vec<String>| async {
            Ok::<_, Down>(Pairs::from([("key".to_owned(), Ok(Loaded::store(8)))]))
        });
    // What it loads is stored behind the other one, which nobody lets through.
    outage.slow.open();
    assert_eq!(at_once(call).await.remove(0).unwrap(), Some(8));
}

/// The backend fails the look of a caller who joins a load, whose runtime ends when the backend is well again and another process
/// has stored the value.
async fn starts_over<F: Future + Send + 'static>(call: fn(Cache) -> F) -> F::Output
where
    F::Output: Send,
{
    let (bench, failing) = Bench::keeping(FailingBackend::new, |builder| builder);
    let ending = Builder::new_current_thread().build().unwrap();
    let load = || async { Ok::<i64, Down>(6) };
    let mut leads = bench.cache.get_or_load("key", load).into_future();
    {
        let _entered = ending.enter();
        let polled = Pin::new(&mut leads).poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending());
    }
    failing.fail_all(ErrorKind::Timeout);
    let joins = tokio::spawn(call(bench.cache.clone()));
    settle().await;
    failing.heal();
    let elsewhere = Cache::builder(failing).build().unwrap();
    elsewhere.set("key", 7_i64).await.unwrap();
    ending.shutdown_background();
    joins.await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_starts_over_asks_the_backend_that_had_failed() {
    let found = starts_over(|cache| async move { load(&cache, 8).await });
    assert_eq!(found.await.unwrap(), 7);
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_starts_over_asks_the_backend_that_had_failed() {
    let found = starts_over(|cache| async move {
        let call = cache.get_or_load_many::<i64, _>(&["key"], ones);
        call.await.remove(0)
    });
    assert_eq!(found.await.unwrap(), Some(7));
}
