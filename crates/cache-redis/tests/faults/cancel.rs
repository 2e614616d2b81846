//! Calls that are given up, at any await, while something is wrong with the connection: no other call gets their answer.

use std::time::Duration;

use cache_core::Cache;
use cache_redis::BreakerSettings;
use cache_testkit::proxy::{Direction, Fault, FaultProxy, When};
use tokio::time::timeout;

use crate::bench::Bench;
use crate::call::{is_right, value_of};

const KEYS: usize = 50;
const CALLERS: usize = 16;
const CALLS: usize = 150;

/// Later than what most calls are given up after.
const LATE: Duration = Duration::from_millis(4);

fn key(n: usize) -> String {
    format!("key-{:02}", n % KEYS)
}

/// Makes some thousand calls over a proxy that a fault was set on, and gives each up after a random time.
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
    let callers: Vec<_> = (0..CALLERS)
        .map(|caller| tokio::spawn(call_and_give_up(bench.cache.clone(), caller)))
        .collect();
    let mut given_up = 0;
    for caller in callers {
        given_up += caller.await.unwrap();
    }
    assert!(
        given_up > CALLERS * CALLS / 20,
        "only {given_up} calls were given up"
    );
    bench.proxy().heal();
    bench.recovers().await;
    bench.ends_clean().await;
}

/// Returns how many calls were given up.
async fn call_and_give_up(cache: Cache, caller: usize) -> usize {
    let mut rng = fastrand::Rng::with_seed(caller as u64);
    let mut given_up = 0;
    for _ in 0..CALLS {
        let (one, two) = (key(rng.usize(..)), key(rng.usize(..)));
        let patience = Duration::from_micros(rng.u64(0..8_000));
        let done = match rng.u8(0..4) {
            0 => timeout(patience, cache.set(&one, value_of(&one)).into_future())
                .await
                .is_ok(),
            1 => {
                let found = timeout(patience, cache.get_many::<String>(&[&*one, &*two]).into_future()).await;
                for (key, value) in [&one, &two].into_iter().zip(found.iter().flatten()) {
                    is_right(key, value.as_ref().ok().and_then(|value| value.as_deref()));
                }
                found.is_ok()
            }
            _ => {
                let found = timeout(patience, cache.get::<String>(&one).into_future()).await;
                if let Ok(Ok(value)) = &found {
                    is_right(&one, value.as_deref());
                }
                found.is_ok()
            }
        };
        given_up += usize::from(!done);
    }
    given_up
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
