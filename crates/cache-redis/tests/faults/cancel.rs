//! Calls that are given up, at any await, while something is wrong with the connection: no other call gets their answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cache_core::Cache;
use cache_redis::BreakerSettings;
use cache_testkit::proxy::{Direction, Fault, FaultProxy, When};
use futures_util::future::join_all;
use tokio::time::{sleep, timeout};

use crate::bench::{Bench, until};
use crate::call::{BUDGET, Call, in_time, is_right, load_many, value_of};

const KEYS: usize = 50;
const CALLERS: usize = 16;
/// So many calls are given up, however many it takes.
const GIVEN_UP: usize = 2_000;

/// Later than what most calls are given up after.
const LATE: Duration = Duration::from_millis(4);

fn key(n: usize) -> String {
    format!("key-{:02}", n % KEYS)
}

/// Makes calls over a proxy that a fault was set on, and gives each up after a random time.
async fn given_up(harm: impl Fn(&FaultProxy)) {
    // An open breaker would spare the connections what this is about.
    let bench = Bench::proxied_with(|settings| settings.breaker(BreakerSettings::off())).await;
    let keys: Vec<_> = (0..KEYS).map(key).collect();
    let stored = bench
        .cache
        .set_many(keys.iter().map(|key| (&**key, value_of(key))))
        .await;
    assert!(stored.iter().all(Result::is_ok), "{stored:?}");
    harm(bench.proxy());
    let given_up = Arc::new(AtomicUsize::new(0));
    let callers: Vec<_> = (0..CALLERS)
        .map(|caller| {
            tokio::spawn(call_and_give_up(
                bench.cache.clone(),
                caller,
                Arc::clone(&given_up),
            ))
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    bench.proxy().heal();
    until("no load is left", || bench.cache.loads_in_flight() == 0).await;
    bench.recovers().await;
    all_places_are_free(&bench.cache).await;
    bench.ends_clean_after_clears().await;
}

/// Checks that so many clears as there are places for in the pool get one each, which one that leaked would keep from them.
async fn all_places_are_free(cache: &Cache) {
    let connections = cache.stats().connections.unwrap();
    assert!(connections.open <= connections.max, "{connections:?}");
    let places = connections.max - 2;
    let mut left = 10;
    loop {
        let clears = join_all((0..places).map(|_| async { cache.clear().await })).await;
        if clears.iter().all(Result::is_ok) {
            break;
        }
        // A budget may be short for a machine that runs other tests.
        left -= 1;
        assert!(left > 0, "{clears:?}");
    }
    let connections = cache.stats().connections.unwrap();
    assert!(connections.open <= connections.max, "{connections:?}");
}

/// Calls until enough calls were given up.
async fn call_and_give_up(cache: Cache, caller: usize, given_up: Arc<AtomicUsize>) {
    let mut rng = fastrand::Rng::with_seed(caller as u64);
    while given_up.load(Ordering::Relaxed) < GIVEN_UP {
        let (one, two) = (key(rng.usize(..)), key(rng.usize(..)));
        let keys = [&*one, &*two];
        let patience = Duration::from_micros(rng.u64(0..8_000));
        let pause = Duration::from_micros(rng.u64(0..2_000));
        let call = async {
            match rng.u8(0..15) {
                0 => drop(cache.set(&one, value_of(&one)).await),
                1 => drop(cache.delete(&one).await),
                2 => drop(cache.exists(&one).await),
                3 => drop(cache.delete_many(&keys).await),
                12 => drop(
                    cache
                        .set_many([(&*one, value_of(&one)), (&*two, value_of(&two))])
                        .await,
                ),
                13 => drop(cache.clear().await),
                14 => drop(cache.ping().await),
                // Given up in its look, its loader, its store, or while it waits for the load of another caller.
                4 | 5 => {
                    let value = value_of(&one);
                    let loader = move || async move {
                        sleep(pause).await;
                        Ok::<_, std::io::Error>(value)
                    };
                    let value: String = cache.get_or_load(&one, loader).await.unwrap();
                    is_right(&one, Some(&value));
                }
                6 => {
                    let loader = move |keys| async move {
                        sleep(pause).await;
                        load_many(keys).await
                    };
                    let found = cache.get_or_load_many::<String, _>(&keys, loader).await;
                    for (key, value) in keys.into_iter().zip(found) {
                        assert!(is_right(key, value.unwrap().as_deref()));
                    }
                }
                7 => {
                    let found = cache.get_many::<String>(&keys).await;
                    for (key, value) in keys.into_iter().zip(&found) {
                        is_right(key, value.as_ref().ok().and_then(|value| value.as_deref()));
                    }
                }
                _ => {
                    if let Ok(value) = cache.get::<String>(&one).await {
                        is_right(&one, value.as_deref());
                    }
                }
            }
        };
        // It ends when its caller gives it up, whatever it was doing.
        if in_time(patience, timeout(patience, call)).await.is_err() {
            given_up.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[test]
fn calls_that_are_given_up_while_replies_are_late_confuse_no_other() {
    crate::cell::run(given_up(|proxy| proxy.replies(Fault::Delay(LATE))));
}

#[test]
fn calls_that_are_given_up_while_replies_come_twice_confuse_no_other() {
    crate::cell::run(given_up(|proxy| {
        proxy.requests(Fault::Delay(LATE));
        proxy.harm(Direction::Replies, Fault::Duplicate, When::OneIn(20));
    }));
}

#[test]
fn calls_that_are_given_up_while_connections_break_confuse_no_other() {
    crate::cell::run(given_up(|proxy| {
        proxy.requests(Fault::Delay(LATE));
        proxy.harm(Direction::Replies, Fault::Reset, When::OneIn(50));
    }));
}

/// Nobody waits to the end, so nobody learns that nothing comes.
#[test]
fn calls_that_are_given_up_early_leave_a_connection_that_leads_nowhere() {
    crate::cell::run(async {
        let bench = Bench::proxied().await;
        let impatient = || timeout(BUDGET / 4, bench.ask(Call::Get));
        bench.proxy().requests(Fault::BlackHole);
        impatient().await.unwrap_err();
        bench.proxy().heal();
        // That connection is dead for ever.
        while impatient().await.is_err() {}
        bench.recovers().await;
        bench.ends_clean().await;
    });
}

#[test]
fn calls_that_are_given_up_early_open_the_breaker_of_a_server_that_says_nothing() {
    crate::cell::run(async {
        let bench = Bench::proxied().await;
        let open = || bench.cache.stats().connections.unwrap().breaker_open;
        bench.proxy().requests(Fault::BlackHole);
        while !open() {
            drop(timeout(BUDGET / 4, bench.ask(Call::Get)).await);
        }
        bench.proxy().heal();
        bench.recovers().await;
        bench.ends_clean().await;
    });
}

/// A server that answers is well, however soon its callers go.
#[test]
fn calls_that_are_given_up_early_speak_against_no_server_that_answers() {
    crate::cell::run(async {
        let bench = Bench::proxied().await;
        let connects = || bench.cache.stats().connections.unwrap().connects;
        let before = connects();
        bench.proxy().replies(Fault::Delay(BUDGET / 2));
        for _ in 0..24 {
            timeout(BUDGET / 4, bench.ask(Call::Get)).await.unwrap_err();
        }
        bench.proxy().heal();
        let connections = bench.cache.stats().connections.unwrap();
        assert_eq!((connections.connects, connections.breaker_openings), (before, 0));
        bench.ends_clean().await;
    });
}
