//! Loads whose runtime stands still: nobody drives it, or a loader blocks its only thread. Whoever waits in another
//! runtime has a bound by the timers of its own.

use std::future::{Future, IntoFuture};
use std::sync::{Arc, OnceLock, mpsc};
use std::task::{Context, Waker};
use std::time::Duration;

use cache_core::{Cache, CacheBackend, ErrorKind, LoadOptions, Operation};
use cache_testkit::{MapBackend, SlowBackend};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::support::{Bench, Down, Gate, SECOND, settle};

const HARD: Duration = Duration::from_millis(100);
/// What a waiter waits longer than the load itself.
const GRACE: Duration = Duration::from_millis(50);

/// A runtime that stands still unless the test drives it.
fn still() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// A runtime whose time goes on by itself when nothing else is to be done.
fn driven() -> Runtime {
    Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap()
}

fn bench(options: LoadOptions) -> Bench {
    Bench::with(|builder| builder.loading(options))
}

/// A cache whose backend answers when the test says so.
fn slow_bench() -> (Bench, Arc<SlowBackend<MapBackend>>) {
    let slow = OnceLock::new();
    let bench = Bench::on(
        |map| Arc::clone(slow.get_or_init(|| Arc::new(SlowBackend::new(map)))) as Arc<dyn CacheBackend>,
        |builder| builder.loading(LoadOptions::new().hard_timeout(HARD)),
    );
    (bench, slow.into_inner().unwrap())
}

/// Spawns a caller into a runtime, which leads unless somebody leads already, and drives that until it waits at the gate.
fn leads(runtime: &Runtime, cache: &Cache, gate: &Gate) {
    let (cache, held) = (cache.clone(), gate.clone());
    runtime.spawn(async move {
        let load = || async move { Ok::<_, Down>(held.pass().await) };
        cache.get_or_load("key", load).await
    });
    runtime.block_on(gate.reached(1));
}

async fn load(cache: &Cache, answer: usize) -> cache_core::Result<usize> {
    let call = cache.get_or_load("key", move || async move { Ok::<_, Down>(answer) });
    call.into_future().await
}

#[test]
fn a_load_that_nobody_drives_is_an_error_after_the_hard_timeout_and_the_next_caller_loads_anew() {
    let bench = bench(LoadOptions::new().hard_timeout(HARD));
    // Both by the time of the machine: the waiter tells by it how long the load has been running.
    let (stands, goes) = (still(), still());
    leads(&stands, &bench.cache, &Gate::shut());
    let error = goes.block_on(load(&bench.cache, 7)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(error.to_string().contains("stands still"), "{error}");
    assert_eq!(goes.block_on(load(&bench.cache, 7)).unwrap(), 7);
}

#[test]
fn a_stale_value_is_given_in_the_place_of_a_load_that_nobody_drives() {
    let options = LoadOptions::new().ttl(10 * SECOND).jitter(0.0);
    let bench = bench(options.stale_if_error(60 * SECOND).hard_timeout(HARD));
    let (stands, goes) = (still(), driven());
    goes.block_on(load(&bench.cache, 1)).unwrap();
    bench.clock.advance(10 * SECOND);
    leads(&stands, &bench.cache, &Gate::shut());
    assert_eq!(goes.block_on(load(&bench.cache, 7)).unwrap(), 1);
}

#[test]
fn a_load_that_never_ran_holds_nobody_longer_than_the_hard_timeout() {
    let bench = bench(LoadOptions::new().hard_timeout(HARD));
    let (stands, goes) = (still(), driven());
    {
        let _entered = stands.enter();
        let call = bench.cache.get_or_load("key", || async { Ok::<_, Down>(1) });
        let mut leader = Box::pin(call.into_future());
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(leader.as_mut().poll(&mut context).is_pending());
        let error = goes.block_on(load(&bench.cache, 7)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout);
        // It was taken off the table, and its leader hears of it too.
        assert_eq!(goes.block_on(load(&bench.cache, 7)).unwrap(), 7);
        assert_eq!(goes.block_on(leader).unwrap_err().kind(), ErrorKind::Timeout);
    }
    assert_eq!(bench.cache.loads_in_flight(), 0);
}

/// The only thread of the runtime is blocked by the loader, so its own timers cannot end the load.
#[test]
fn a_loader_that_blocks_its_thread_holds_nobody_in_another_runtime() {
    let bench = bench(LoadOptions::new().hard_timeout(HARD));
    let blocked = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let (release, block) = mpsc::channel::<()>();
    let (runs, is_running) = mpsc::channel();
    let cache = bench.cache.clone();
    blocked.spawn(async move {
        let load = move || async move {
            runs.send(()).unwrap();
            let _ = block.recv();
            Ok::<usize, Down>(1)
        };
        cache.get_or_load("key", load).await
    });
    is_running.recv().unwrap();
    let error = driven().block_on(load(&bench.cache, 7)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    drop(release);
}

#[test]
fn a_value_whose_store_nobody_drives_is_given_after_the_hard_timeout() {
    let (bench, slow) = slow_bench();
    let (stands, goes) = (still(), driven());
    let cache = bench.cache.clone();
    stands.spawn(async move { load(&cache, 1).await });
    slow.release(1);
    // The look, and then the store, which waits at the gate.
    stands.block_on(slow.arrived(2));
    slow.release(1);
    assert_eq!(goes.block_on(load(&bench.cache, 7)).unwrap(), 1);
    // A write has to come after that store, and does not wait for ever either.
    let error = goes
        .block_on(bench.cache.set("key", 2_i64).into_future())
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    let errors = goes.block_on(bench.cache.delete_many(&["key"]).into_future());
    assert_eq!(errors[0].clone().unwrap_err().kind(), ErrorKind::Timeout);
    assert_eq!(
        goes.block_on(bench.cache.clear()).unwrap_err().kind(),
        ErrorKind::Timeout
    );
    assert_eq!(
        bench.ear.failed(),
        [Operation::Set, Operation::DeleteMany, Operation::Clear]
    );
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_joins_waits_no_longer_than_its_own_hard_timeout() {
    let bench = bench(LoadOptions::new().hard_timeout(10 * SECOND));
    let gate = Gate::shut();
    let (cache, held) = (bench.cache.clone(), gate.clone());
    let leader = tokio::spawn(async move {
        let load = || async move { Ok::<_, Down>(held.pass().await) };
        cache.get_or_load("key", load).await
    });
    gate.reached(1).await;
    let start = Instant::now();
    let hasty = LoadOptions::new().hard_timeout(HARD);
    let call = bench.cache.get_or_load("key", || async { Ok::<usize, Down>(7) });
    let error = call.options(&hasty).await.unwrap_err();
    assert_eq!(
        (error.kind(), start.elapsed()),
        (ErrorKind::Timeout, HARD + GRACE)
    );
    // The load goes on for those who have more patience.
    gate.let_all_through();
    assert_eq!(leader.await.unwrap().unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn waiting_for_a_permit_is_not_counted_against_the_hard_timeout() {
    let bench = Bench::with(|builder| {
        let builder = builder.max_concurrent_loads(1).load_wait(10 * SECOND);
        builder.loading(LoadOptions::new().hard_timeout(HARD))
    });
    let slow = |seconds| async move {
        tokio::time::sleep(seconds).await;
        Ok::<usize, Down>(1)
    };
    let unhurried = LoadOptions::new().hard_timeout(None);
    let first = bench
        .cache
        .get_or_load("first", move || slow(9 * SECOND))
        .options(&unhurried);
    let second = bench.cache.get_or_load("second", move || slow(HARD / 2));
    let (first, second) = tokio::join!(first.into_future(), second.into_future());
    assert_eq!((first.unwrap(), second.unwrap()), (1, 1));
}

#[tokio::test]
async fn a_timeout_beyond_all_time_is_none() {
    let bench = bench(LoadOptions::new().hard_timeout(Duration::MAX));
    assert_eq!(load(&bench.cache, 1).await.unwrap(), 1);
}

/// The key is written between the look of the caller and its load, so the load looks again.
#[tokio::test(start_paused = true)]
async fn a_slow_look_before_the_load_is_not_counted_against_the_hard_timeout() {
    let (bench, slow) = slow_bench();
    let cache = bench.cache.clone();
    let deletes = tokio::spawn(async move { cache.delete("key").await });
    slow.arrived(1).await;
    let cache = bench.cache.clone();
    let caller = tokio::spawn(async move { load(&cache, 7).await });
    slow.arrived(2).await;
    slow.release(1);
    deletes.await.unwrap().unwrap();
    slow.release(1);
    slow.arrived(3).await;
    tokio::time::sleep(10 * HARD).await;
    slow.open();
    assert_eq!(caller.await.unwrap().unwrap(), 7);
}

/// Waits for the flight of another runtime, polled once within one that ends then.
fn polled_in_one_that_ends<F: Future>(call: F) -> std::pin::Pin<Box<F>> {
    polled_in(&still(), call)
}

/// Waits for the flight of another runtime, polled once within this one, which is not driven for that.
fn polled_in<F: Future>(runtime: &Runtime, call: F) -> std::pin::Pin<Box<F>> {
    let mut call = Box::pin(call);
    let _entered = runtime.enter();
    let polled = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(polled.is_pending());
    call
}

#[test]
fn a_caller_that_goes_on_in_another_runtime_has_its_bound_there() {
    let bench = bench(LoadOptions::new().hard_timeout(HARD));
    let (stands, goes) = (still(), still());
    leads(&stands, &bench.cache, &Gate::shut());
    let joined = polled_in_one_that_ends(load(&bench.cache, 7));
    assert_eq!(goes.block_on(joined).unwrap_err().kind(), ErrorKind::Timeout);
}

#[test]
fn a_caller_that_goes_on_in_another_runtime_has_its_soft_timeout_there() {
    let options = LoadOptions::new().ttl(10 * SECOND).jitter(0.0);
    let options = options.stale_if_error(60 * SECOND).soft_timeout(HARD);
    let bench = bench(options.hard_timeout(60 * SECOND));
    let (stands, goes) = (still(), driven());
    goes.block_on(load(&bench.cache, 1)).unwrap();
    bench.clock.advance(10 * SECOND);
    leads(&stands, &bench.cache, &Gate::shut());
    let joined = polled_in_one_that_ends(load(&bench.cache, 7));
    assert_eq!(goes.block_on(joined).unwrap(), 1);
}

/// Another one joined first, in the runtime that stands still.
#[test]
fn a_caller_does_not_share_the_alarm_of_a_runtime_that_stands_still() {
    let bench = bench(LoadOptions::new().hard_timeout(HARD));
    let (stands, goes) = (still(), still());
    leads(&stands, &bench.cache, &Gate::shut());
    let first = polled_in(&stands, load(&bench.cache, 7));
    let second = goes.block_on(async { tokio::time::timeout(5 * SECOND, load(&bench.cache, 7)).await });
    assert_eq!(second.unwrap().unwrap_err().kind(), ErrorKind::Timeout);
    drop(first);
}

/// The leader is polled on in another runtime than that of its load, which ends.
#[test]
fn a_stale_value_is_given_in_the_place_of_a_load_whose_runtime_ends() {
    let options = LoadOptions::new().ttl(10 * SECOND).jitter(0.0);
    let bench = bench(options.stale_if_error(60 * SECOND));
    let goes = driven();
    goes.block_on(load(&bench.cache, 1)).unwrap();
    bench.clock.advance(10 * SECOND);
    let leads = polled_in_one_that_ends(load(&bench.cache, 7));
    assert_eq!(goes.block_on(leads).unwrap(), 1);
}

/// The load that a caller joined ends with its runtime, while it waits for a permit. The caller then waits for one itself.
#[test]
fn a_caller_that_starts_over_has_all_of_its_time_again() {
    let bench = Bench::with(|builder| {
        let builder = builder.max_concurrent_loads(1).load_wait(10 * SECOND);
        builder.loading(LoadOptions::new().hard_timeout(HARD))
    });
    let (ending, goes) = (still(), driven());
    goes.block_on(async {
        let cache = bench.cache.clone();
        let busy = tokio::spawn(async move {
            let slow = || async {
                tokio::time::sleep(10 * SECOND + SECOND / 2).await;
                Ok::<usize, Down>(1)
            };
            let unhurried = LoadOptions::new().hard_timeout(None);
            cache.get_or_load("busy", slow).options(&unhurried).await
        });
        settle().await;
        let mut leads = Box::pin(load(&bench.cache, 6));
        {
            let _entered = ending.enter();
            let polled = leads.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            assert!(polled.is_pending());
        }
        let cache = bench.cache.clone();
        let joined = tokio::spawn(async move { load(&cache, 7).await });
        tokio::time::sleep(9 * SECOND).await;
        ending.shutdown_background();
        assert_eq!(joined.await.unwrap().unwrap(), 7);
        assert!(busy.await.unwrap().is_ok());
    });
}

#[tokio::test(start_paused = true)]
async fn callers_that_joined_one_load_each_wait_as_long_as_they_may() {
    let bench = bench(LoadOptions::new().hard_timeout(None));
    let gate = Gate::shut();
    let (cache, held) = (bench.cache.clone(), gate.clone());
    let leader = tokio::spawn(async move {
        let load = || async move { Ok::<_, Down>(held.pass().await) };
        cache.get_or_load("key", load).await
    });
    gate.reached(1).await;
    let start = Instant::now();
    // The first sets the alarm that the others share if they can.
    let callers = [3, 5, 1, 3, 4].map(|times| {
        let cache = bench.cache.clone();
        tokio::spawn(async move {
            let options = LoadOptions::new().hard_timeout(times * HARD);
            let call = cache.get_or_load("key", || async { Ok::<usize, Down>(7) });
            let error = call.options(&options).await.unwrap_err();
            (times, error.kind(), start.elapsed())
        })
    });
    for caller in callers {
        let (times, kind, waited) = caller.await.unwrap();
        assert_eq!((kind, waited), (ErrorKind::Timeout, times * HARD + GRACE));
    }
    gate.let_all_through();
    assert_eq!(leader.await.unwrap().unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn callers_that_joined_later_outlast_the_alarm_of_the_first() {
    let bench = bench(LoadOptions::new().hard_timeout(HARD));
    let gate = Gate::shut();
    let (cache, held) = (bench.cache.clone(), gate.clone());
    let unhurried = LoadOptions::new().hard_timeout(None);
    let leader = tokio::spawn(async move {
        let load = || async move { Ok::<_, Down>(held.pass().await) };
        cache.get_or_load("key", load).options(&unhurried).await
    });
    gate.reached(1).await;
    let start = Instant::now();
    let waits = |cache: Cache| tokio::spawn(async move { (load(&cache, 7).await, start.elapsed()) });
    let first = waits(bench.cache.clone());
    tokio::time::sleep(HARD / 2).await;
    let second = waits(bench.cache.clone());
    assert_eq!(first.await.unwrap().1, HARD + GRACE);
    let (answer, waited) = second.await.unwrap();
    assert_eq!(
        (answer.unwrap_err().kind(), waited),
        (ErrorKind::Timeout, HARD + HARD / 2 + GRACE)
    );
    // Whoever comes after the alarm has rung has a bound too.
    let third = waits(bench.cache.clone()).await.unwrap();
    assert_eq!(
        (third.0.unwrap_err().kind(), third.1),
        (ErrorKind::Timeout, 2 * HARD + HARD / 2 + 2 * GRACE)
    );
    gate.let_all_through();
    leader.await.unwrap().unwrap();
}

/// Returns ten callers of which one leads and the others wait.
async fn ten_ask(cache: &Cache, gate: &Gate) -> JoinSet<cache_core::Result<usize>> {
    let mut callers = JoinSet::new();
    for _ in 0..10 {
        let (cache, held) = (cache.clone(), gate.clone());
        callers.spawn(async move {
            let load = || async move { Ok::<_, Down>(held.pass().await) };
            cache.get_or_load("key", load).await
        });
    }
    gate.reached(1).await;
    settle().await;
    callers
}

#[tokio::test]
async fn the_alarm_of_those_who_joined_ends_with_their_load() {
    let gate = Gate::shut();
    let callers = ten_ask(&bench(LoadOptions::new()).cache, &gate).await;
    let alive = || Handle::current().metrics().num_alive_tasks();
    assert_eq!(alive(), 10 + 2, "the load and the alarm");
    gate.let_all_through();
    assert!(callers.join_all().await.iter().all(Result::is_ok));
    settle().await;
    assert_eq!(alive(), 0);
}

#[tokio::test]
async fn the_alarm_of_those_who_joined_ends_when_they_have_gone() {
    let gate = Gate::shut();
    let mut callers = ten_ask(&bench(LoadOptions::new()).cache, &gate).await;
    callers.shutdown().await;
    settle().await;
    assert_eq!(Handle::current().metrics().num_alive_tasks(), 0);
}
