//! Callers that go before their answer comes, and caches and runtimes that end under them.

use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Duration;

use cache_core::{Abandon, Cache, ErrorKind, LoadEvent, LoadOptions, LoadResult, Loaded, Source};
use cache_testkit::SlowBackend;
use tokio::task::JoinSet;

use crate::support::{Bench, Down, Gate, settle};

/// Spawns a caller whose loader waits at the gate.
fn ask(cache: &Cache, gate: &Gate) -> tokio::task::JoinHandle<cache_core::Result<usize>> {
    let (cache, gate) = (cache.clone(), gate.clone());
    tokio::spawn(async move {
        let load = || async move { Ok::<_, Down>(gate.pass().await) };
        cache.get_or_load("key", load).await
    })
}

#[tokio::test]
async fn the_leader_may_go_and_the_others_get_the_value() {
    let bench = Bench::new();
    let gate = Gate::shut();
    let leader = ask(&bench.cache, &gate);
    gate.reached(1).await;
    let other = ask(&bench.cache, &gate);
    settle().await;
    leader.abort();
    settle().await;
    gate.let_all_through();
    assert_eq!((other.await.unwrap().unwrap(), gate.runs()), (0, 1));
}

/// Waits until a caller has joined a load.
async fn one_has_joined(bench: &Bench) {
    cache_testkit::eventually("a caller has joined", || {
        bench.ear.count(|event| *event == LoadEvent::Joined) == 1
    })
    .await;
}

/// Lets the leader go at this point, which is over for all others, and looks at what the caller gets that joined.
async fn the_leader_goes(
    bench: &Bench,
    leader: &tokio::task::JoinHandle<cache_core::Result<usize>>,
    goes_on: impl FnOnce(),
    other: tokio::task::JoinHandle<cache_core::Result<usize>>,
) {
    assert!(!leader.is_finished());
    leader.abort();
    settle().await;
    assert!(leader.is_finished() && !other.is_finished());
    goes_on();
    assert_eq!(other.await.unwrap().unwrap(), 0);
    assert_eq!(bench.ear.results(), [LoadResult::Success]);
    settle().await;
    assert_eq!(bench.cache.loads_in_flight(), 0);
    assert_eq!(bench.cache.get::<usize>("key").await.unwrap(), Some(0));
}

#[tokio::test]
async fn of_a_leader_that_goes_while_it_looks_nothing_is_left_and_the_next_caller_loads() {
    let (bench, slow) = Bench::keeping(SlowBackend::new, |builder| builder);
    let gate = Gate::open();
    let leader = ask(&bench.cache, &gate);
    slow.arrived(1).await;
    leader.abort();
    settle().await;
    assert!(leader.is_finished());
    assert_eq!((bench.cache.loads_in_flight(), gate.runs()), (0, 0));
    slow.open();
    assert_eq!(ask(&bench.cache, &gate).await.unwrap().unwrap(), 0);
}

#[tokio::test]
async fn a_leader_may_go_while_its_load_waits_for_a_permit() {
    let (bench, slow) = Bench::keeping(SlowBackend::new, |builder| builder.max_concurrent_loads(1));
    slow.open();
    let (gate, other_gate) = (Gate::open(), Gate::shut());
    let (cache, held) = (bench.cache.clone(), other_gate.clone());
    let busy = tokio::spawn(async move {
        let load = |_: cache_core::LoadContext<usize>| async move {
            held.pass().await;
            Err::<cache_core::Loaded<usize>, _>(Down(1))
        };
        cache.get_or_load("busy", load).await
    });
    other_gate.reached(1).await;
    let leader = ask(&bench.cache, &gate);
    settle().await;
    let (cache, passed) = (bench.cache.clone(), gate.clone());
    let other = tokio::spawn(async move {
        let load = || async move { Ok::<_, Down>(passed.pass().await) };
        cache.get_or_load("key", load).detailed().await.unwrap()
    });
    one_has_joined(&bench).await;
    assert_eq!(gate.runs(), 0);
    assert!(!leader.is_finished());
    leader.abort();
    settle().await;
    assert!(leader.is_finished() && !other.is_finished());
    other_gate.let_all_through();
    busy.await.unwrap().unwrap_err();
    let answer = other.await.unwrap();
    assert_eq!((answer.value, answer.source), (0, Source::Coalesced));
    assert_eq!((gate.runs(), bench.cache.loads_in_flight()), (1, 0));
}

#[tokio::test]
async fn a_leader_may_go_while_its_load_looks_again() {
    let (bench, slow) = Bench::keeping(SlowBackend::new, |builder| builder);
    let gate = Gate::open();
    let cache = bench.cache.clone();
    let deletes = tokio::spawn(async move { cache.delete("key").await.unwrap() });
    slow.arrived(1).await;
    let leader = ask(&bench.cache, &gate);
    slow.arrived(2).await;
    let other = ask(&bench.cache, &gate);
    slow.arrived(3).await;
    settle().await;
    // The key was written after the look of the leader had begun, so its load looks again.
    slow.release(1);
    deletes.await.unwrap();
    slow.release(2);
    slow.arrived(4).await;
    one_has_joined(&bench).await;
    assert_eq!(gate.runs(), 0);
    the_leader_goes(&bench, &leader, || slow.open(), other).await;
}

#[tokio::test]
async fn a_leader_may_go_while_its_loader_runs() {
    let (bench, slow) = Bench::keeping(SlowBackend::new, |builder| builder);
    slow.open();
    let gate = Gate::shut();
    let leader = ask(&bench.cache, &gate);
    gate.reached(1).await;
    let other = ask(&bench.cache, &gate);
    one_has_joined(&bench).await;
    the_leader_goes(&bench, &leader, || gate.let_all_through(), other).await;
}

#[tokio::test]
async fn a_leader_may_go_while_its_value_is_stored() {
    let (bench, slow) = Bench::keeping(SlowBackend::new, |builder| builder);
    let gate = Gate::shut();
    let leader = ask(&bench.cache, &gate);
    let other = ask(&bench.cache, &gate);
    slow.arrived(2).await;
    slow.release(2);
    one_has_joined(&bench).await;
    gate.let_all_through();
    slow.arrived(3).await;
    settle().await;
    the_leader_goes(&bench, &leader, || slow.open(), other).await;
}

#[tokio::test]
async fn when_all_have_gone_the_load_is_given_up() {
    let bench = Bench::new();
    let gate = Gate::shut();
    let (leader, other) = (ask(&bench.cache, &gate), ask(&bench.cache, &gate));
    settle().await;
    leader.abort();
    other.abort();
    settle().await;
    assert_eq!(bench.ear.results(), [LoadResult::Cancelled]);
    assert_eq!(bench.cache.loads_in_flight(), 0);
    gate.let_all_through();
    settle().await;
    assert!(!bench.cache.exists("key").await.unwrap());
}

#[tokio::test]
async fn when_all_have_gone_the_load_is_finished_if_it_was_told_to() {
    let options = LoadOptions::new().on_abandon(Abandon::Finish);
    let bench = Bench::with(|builder| builder.loading(options));
    let gate = Gate::shut();
    let leader = ask(&bench.cache, &gate);
    gate.reached(1).await;
    leader.abort();
    settle().await;
    gate.let_all_through();
    settle().await;
    assert_eq!(bench.cache.get::<usize>("key").await.unwrap(), Some(0));
}

#[tokio::test]
async fn after_a_load_was_given_up_the_next_call_loads_again() {
    let bench = Bench::new();
    let gate = Gate::shut();
    let leader = ask(&bench.cache, &gate);
    gate.reached(1).await;
    leader.abort();
    settle().await;
    gate.let_all_through();
    assert_eq!(ask(&bench.cache, &gate).await.unwrap().unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_leaders_may_go_in_turn() {
    let bench = Bench::new();
    let gate = Gate::shut();
    for _ in 0..10_000 {
        let cache = bench.cache.clone();
        let gate = gate.clone();
        let load = || async move { Ok::<_, Down>(gate.pass().await) };
        let mut caller = pin!(cache.get_or_load("key", load).into_future());
        let polled = caller.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending());
    }
    assert_eq!(bench.cache.loads_in_flight(), 0);
    gate.let_all_through();
    let answer = tokio::time::timeout(Duration::from_secs(5), ask(&bench.cache, &gate)).await;
    answer.unwrap().unwrap().unwrap();
    assert_eq!(bench.cache.loads_in_flight(), 0);
}

/// Drops callers after any number of polls, with others that stay.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_that_go_at_any_point_leave_nothing_behind() {
    let bench = Bench::new();
    for polls in 0..200 {
        let gate = Gate::open();
        let stays = (polls % 3 == 0).then(|| ask(&bench.cache, &gate));
        let key = if polls % 2 == 0 { "key" } else { "other" };
        {
            let gate = gate.clone();
            let load = || async move { Ok::<_, Down>(gate.pass().await) };
            let mut caller = pin!(bench.cache.get_or_load(key, load).into_future());
            for _ in 0..polls % 7 {
                if caller
                    .as_mut()
                    .poll(&mut Context::from_waker(Waker::noop()))
                    .is_ready()
                {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
        if let Some(stays) = stays {
            stays.await.unwrap().unwrap();
        }
        bench.cache.delete(key).await.unwrap();
    }
    cache_testkit::eventually("all flights are gone", || bench.cache.loads_in_flight() == 0).await;
}

#[tokio::test]
async fn close_releases_those_who_wait() {
    let bench = Bench::new();
    let gate = Gate::shut();
    let mut callers = JoinSet::new();
    for _ in 0..10 {
        let caller = ask(&bench.cache, &gate);
        callers.spawn(async move { caller.await.unwrap() });
    }
    gate.reached(1).await;
    settle().await;
    bench.cache.close().await.unwrap();
    for answer in callers.join_all().await {
        assert_eq!(answer.unwrap_err().kind(), ErrorKind::Closed);
    }
    settle().await;
    assert_eq!(bench.ear.results(), [LoadResult::Cancelled]);
}

/// The runtime of the leader ends. Who waits in another one loads for itself.
#[test]
fn a_caller_in_another_runtime_outlives_that_of_the_leader() {
    let runtime = || {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap()
    };
    let bench = Bench::new();
    let (ending, staying) = (runtime(), runtime());
    let gate = Gate::shut();
    let leader = {
        let _entered = ending.enter();
        ask(&bench.cache, &gate)
    };
    staying.block_on(gate.reached(1));
    let waits = {
        let _entered = staying.enter();
        ask(&bench.cache, &gate)
    };
    staying.block_on(async {
        while bench.ear.count(|event| *event == cache_core::LoadEvent::Joined) == 0 {
            tokio::task::yield_now().await;
        }
    });
    ending.shutdown_timeout(Duration::from_secs(1));
    gate.let_all_through();
    assert_eq!(staying.block_on(waits).unwrap().unwrap(), 1);
    drop(leader);
}

#[test]
fn a_runtime_without_timers_is_an_error_that_says_so() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let bench = Bench::new();
    let load = || async { Ok::<i64, Down>(1) };
    let error = runtime
        .block_on(bench.cache.get_or_load("key", load).into_future())
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Panic);
    assert!(error.to_string().contains("enable_time"), "{error}");
    let timeless = LoadOptions::new().hard_timeout(None);
    let call = bench.cache.get_or_load("key", load).options(&timeless);
    assert_eq!(runtime.block_on(call.into_future()).unwrap(), 1);
}

#[tokio::test]
async fn close_ends_a_load_that_a_write_has_taken_off_the_table() {
    let bench = Bench::new();
    let gate = Gate::shut();
    let (cache, held) = (bench.cache.clone(), gate.clone());
    let caller = tokio::spawn(async move {
        let load = || async move {
            held.pass().await;
            Ok::<_, std::io::Error>(1)
        };
        cache.get_or_load("a", load).await.map(|found: i32| found)
    });
    gate.reached(1).await;
    bench.cache.delete("a").await.unwrap();
    bench.cache.close().await.unwrap();
    assert_eq!(caller.await.unwrap().unwrap_err().kind(), ErrorKind::Closed);
}

/// What a batch joined ends with its runtime. It starts over, by when what it found first is deleted and all permits are taken.
#[test]
fn a_batch_that_starts_over_does_not_give_what_was_deleted_meanwhile() {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    };
    let options = LoadOptions::new()
        .ttl(Duration::from_secs(10))
        .stale_if_error(Duration::from_secs(60));
    let bench = Bench::with(|builder| builder.loading(options).max_concurrent_loads(1));
    let (ending, staying) = (runtime(), runtime());
    let gate = Gate::shut();
    let load = || async { Ok::<_, Down>(100_usize) };
    let loaded = bench.cache.get_or_load("key", load).into_future();
    staying.block_on(loaded).unwrap();
    bench.clock.advance(Duration::from_secs(10));
    let leader = {
        let _entered = ending.enter();
        ask(&bench.cache, &gate)
    };
    ending.block_on(gate.reached(1));
    staying.block_on(async {
        let (cache, held) = (bench.cache.clone(), gate.clone());
        let batch = tokio::spawn(async move {
            let load = |keys: Vec<String>| async move {
                let run = held.pass().await;
                Ok::<_, Down>(vec![(keys[0].clone(), Ok(Loaded::store(run)))])
            };
            cache.get_or_load_many(&["key"], load).await.remove(0)
        });
        settle().await;
        bench.cache.delete("key").await.unwrap();
        let (cache, held) = (bench.cache.clone(), gate.clone());
        let busy = tokio::spawn(async move {
            let load = || async move { Ok::<_, Down>(held.pass().await) };
            cache.get_or_load("busy", load).await
        });
        settle().await;
        ending.shutdown_background();
        gate.reached(2).await;
        settle().await;
        gate.let_all_through();
        assert_eq!(batch.await.unwrap().unwrap(), Some(2));
        assert_eq!(busy.await.unwrap().unwrap(), 1);
    });
    drop(leader);
}
