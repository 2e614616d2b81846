//! The breaker: it answers at once while the server is down, and asks it seldom.

use std::time::{Duration, Instant};

use cache_core::ErrorKind;
use cache_redis::BreakerSettings;
use cache_testkit::proxy::Fault;

use crate::bench::Bench;
use crate::call::Call;

const INTERVAL: Duration = Duration::from_millis(200);

const LATE: [ErrorKind; 2] = [ErrorKind::Unavailable, ErrorKind::Timeout];

/// Calls until the breaker of reads is open.
async fn open(bench: &Bench) {
    open_by(bench, Call::Get).await;
}

async fn open_by(bench: &Bench, call: Call) {
    for _ in 0..5 {
        bench.ask(call).await.fails_with(&LATE);
    }
    assert!(bench.breaker_is_open());
}

/// Checks how long calls take that the breaker answers, those of each way after some of that way have failed.
async fn answers_at_once(bench: &Bench) {
    for (opens, calls) in [
        (Call::Get, &[Call::Get, Call::Exists, Call::GetMany][..]),
        (
            Call::Set,
            &[
                Call::Set,
                Call::Delete,
                Call::SetMany,
                Call::DeleteMany,
                Call::Clear,
            ],
        ),
    ] {
        open_by(bench, opens).await;
        for call in calls {
            let mut times = Vec::new();
            for _ in 0..100 {
                let outcome = bench.ask(*call).await;
                outcome.fails_with(&LATE);
                times.push(outcome.took);
            }
            times.sort();
            // Of 100 calls a few are probes or were not given the processor at once.
            assert!(times[90] < Duration::from_millis(1), "{call:?}: {times:?}");
        }
    }
}

#[test]
fn an_open_breaker_answers_in_less_than_a_millisecond() {
    crate::cell::run(async {
        let bench = Bench::new().await;
        bench.server.kill();
        answers_at_once(&bench).await;
        bench.server.start();
        bench.recovers().await;
        bench.ends_clean().await;
    });
}

#[test]
fn so_does_one_that_a_frozen_server_has_opened() {
    crate::cell::run(async {
        let bench = Bench::new().await;
        bench.server.freeze();
        answers_at_once(&bench).await;
        bench.server.thaw();
        bench.recovers().await;
        bench.ends_clean().await;
    });
}

#[test]
fn a_frozen_server_is_asked_once_per_interval() {
    crate::cell::run(async {
        let bench = Bench::proxied_with(|settings| {
            settings.breaker(BreakerSettings::default().probe_interval(INTERVAL))
        })
        .await;
        // The server is asked, and nobody hears its answers.
        bench.proxy().replies(Fault::BlackHole);
        open(&bench).await;
        bench.server.reset_calls();
        let start = Instant::now();
        let callers: Vec<_> = (0..8)
            .map(|_| {
                let cache = bench.cache.clone();
                tokio::spawn(async move {
                    let mut looks = 0;
                    while start.elapsed() < 6 * INTERVAL {
                        let error = cache.get::<String>("a").await.unwrap_err();
                        // The breaker says that it did not ask.
                        looks += u64::from(error.kind() == ErrorKind::Timeout);
                        tokio::time::sleep(Duration::from_millis(1)).await;
                    }
                    looks
                })
            })
            .collect();
        let mut looks = 0;
        for caller in callers {
            looks += caller.await.unwrap();
        }
        // Half an interval to a whole one lies between two looks. Each is one request, or none if no connection was there.
        let most = start.elapsed().as_millis() / (INTERVAL / 2).as_millis() + 1;
        assert!((1..=most).contains(&u128::from(looks)), "{looks} looks");
        let asked = bench.server.calls().get("get").copied().unwrap_or_default();
        assert!((1..=looks).contains(&asked), "{asked} requests of {looks} looks");
        let connections = bench.proxy().accepted();
        assert!(connections <= 14, "{connections} connections were made");
        bench.proxy().heal();
        bench.recovers().await;
        bench.ends_clean().await;
    });
}

/// Lets eight tasks call for 1.5 s and checks how often that connected.
async fn flood(bench: &Bench, call: Call) {
    let start = Instant::now();
    let callers: Vec<_> = (0..8)
        .map(|_| {
            let cache = bench.cache.clone();
            tokio::spawn(async move {
                while start.elapsed() < Duration::from_millis(1_500) {
                    call.run(&cache).await.fails_with(&LATE);
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    let failures = bench.cache.stats().connections.unwrap().connect_failures;
    assert!(
        (1..=20).contains(&failures),
        "{failures} attempts to connect in 1.5 s"
    );
}

/// Each clear has a connection of its own, so what keeps other calls from connecting all at once has to keep them too.
#[test]
fn clears_of_a_server_that_is_down_do_not_flood_it() {
    crate::cell::run(async {
        let bench = Bench::new().await;
        bench.server.kill();
        flood(&bench, Call::Clear).await;
        assert!(bench.breaker_is_open());
        bench.server.start();
        bench.recovers().await;
        bench.ends_clean().await;
    });
}

#[test]
fn a_server_that_is_down_is_not_flooded_with_connects() {
    crate::cell::run(async {
        let bench = Bench::new().await;
        bench.server.kill();
        flood(&bench, Call::Get).await;
        assert_eq!(bench.cache.stats().up, Some(false));
        bench.server.start();
        bench.recovers().await;
        bench.ends_clean().await;
    });
}

/// Reads and writes have a breaker each.
#[test]
fn writes_that_fail_do_not_stop_reads() {
    crate::cell::run(async {
        let bench = Bench::new().await;
        bench.server.command(["CLIENT", "PAUSE", "60000", "WRITE"]);
        for _ in 0..7 {
            bench
                .ask(Call::Set)
                .await
                .fails_with(&[ErrorKind::Timeout, ErrorKind::Unavailable]);
            bench.ask(Call::Get).await.is_well();
        }
        assert!(bench.cache.stats().connections.unwrap().breaker_open);
        bench.server.command(["CLIENT", "UNPAUSE"]);
        bench.recovers().await;
        bench.ends_clean().await;
    });
}
