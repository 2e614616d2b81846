//! A server that is there and does not answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cache_core::ErrorKind;
use cache_redis::BreakerSettings;
use cache_testkit::servers::RedisServer;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::bench::{Bench, until};
use crate::call::{BUDGET, Column, in_time};

row!(a_server_that_is_frozen, frozen);
row!(a_server_that_pauses_all_clients, paused);
row!(a_server_that_pauses_writes, writes_paused);

const LATE: [ErrorKind; 2] = [ErrorKind::Timeout, ErrorKind::Unavailable];

async fn frozen(column: Column) {
    for call in column.calls() {
        let bench = Bench::new().await;
        bench.server.freeze();
        bench.is_late(*call).await;
        bench.server.thaw();
        bench.recovers().await;
        bench.ends_clean().await;
    }
}

async fn paused(column: Column) {
    for call in column.calls() {
        let bench = Bench::new().await;
        // Five calls open the breaker, and nobody can end the pause before its time.
        let pause = 7 * BUDGET + Duration::from_millis(500);
        bench
            .server
            .command(["CLIENT", "PAUSE", &pause.as_millis().to_string(), "ALL"]);
        let end = Instant::now() + pause;
        bench.is_late(*call).await;
        sleep_until(end).await;
        bench.recovers().await;
        bench.ends_clean().await;
    }
}

async fn writes_paused(column: Column) {
    let bench = Bench::new().await;
    bench.server.command(["CLIENT", "PAUSE", "60000", "WRITE"]);
    for call in column.calls() {
        for _ in 0..6 {
            let outcome = bench.ask(*call).await;
            if call.writes() {
                outcome.fails_with(&LATE);
            } else {
                outcome.is_well();
            }
        }
    }
    bench.server.command(["CLIENT", "UNPAUSE"]);
    bench.recovers().await;
    bench.ends_clean().await;
}

const CALLERS: usize = 200;

/// Lets many callers ask a server that is frozen, which no breaker speaks for, and counts the loads. Each waits for its look
/// and for the store of what was loaded, and for nobody else.
async fn many_ask(key: impl Fn(usize) -> String) -> usize {
    let bench = Bench::on(RedisServer::builder().start(), |settings| {
        settings.breaker(BreakerSettings::off())
    })
    .await;
    bench.server.freeze();
    let loads = Arc::new(AtomicUsize::new(0));
    let mut callers = JoinSet::new();
    in_time(BUDGET, async {
        for caller in 0..CALLERS {
            let (cache, loads, key) = (bench.cache.clone(), Arc::clone(&loads), key(caller));
            callers.spawn(async move {
                let load = || async move {
                    loads.fetch_add(1, Ordering::Relaxed);
                    Ok::<_, std::io::Error>(7)
                };
                let value: i64 = cache.get_or_load(&key, load).await.unwrap();
                assert_eq!(value, 7);
            });
        }
        while let Some(caller) = callers.join_next().await {
            caller.unwrap();
        }
    })
    .await;
    // Their stores go on without them.
    until("no load is left", || bench.cache.loads_in_flight() == 0).await;
    bench.server.thaw();
    bench.recovers().await;
    bench.ends_clean().await;
    loads.load(Ordering::Relaxed)
}

#[test]
fn callers_of_one_key_wait_for_one_load_and_not_for_each_other() {
    crate::cell::run(async {
        assert_eq!(many_ask(|_| "key".to_owned()).await, 1);
    });
}

#[test]
fn loads_of_many_keys_do_not_wait_for_each_other() {
    crate::cell::run(async {
        assert_eq!(many_ask(|caller| format!("key-{caller}")).await, CALLERS);
    });
}
