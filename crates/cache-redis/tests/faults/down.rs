//! A server that is not there: nobody listens, or it was killed and comes back.

use std::sync::{Arc, OnceLock};

use cache_core::ErrorKind;
use cache_testkit::proxy::SilentAddress;
use cache_testkit::servers::RedisServer;

use crate::bench::{Bench, RECOVERY, Well, cache_of, ends_clean_on, recovers, settings, tasks};
use crate::call::{AT_ONCE, BUDGET, Call, Column};

row!(a_server_that_is_down, down);
row!(a_server_that_was_killed_and_came_back, killed);
row!(a_host_that_does_not_answer_to_connects, silent);

async fn down(column: Column) {
    let bench = Bench::new().await;
    bench.server.kill();
    for call in column.calls() {
        for _ in 0..10 {
            let outcome = bench.ask(*call).await;
            outcome.fails_with(&[ErrorKind::Unavailable]);
            assert!(outcome.took < AT_ONCE + outcome.held_up, "{outcome:?}");
        }
    }
    bench.server.start();
    bench.recovers().await;
    bench.ends_clean().await;
}

async fn killed(column: Column) {
    let bench = Bench::new().await;
    for call in column.calls() {
        bench.server.restart();
        let mut errors = 0;
        for _ in 0..20 {
            errors += bench.ask(*call).await.errors().count().min(1);
        }
        assert!(
            errors <= 1,
            "{errors} calls failed after the server had come back"
        );
    }
    bench.recovers().await;
    bench.ends_clean().await;
}

async fn silent(column: Column) {
    let server = RedisServer::builder().start();
    let mut silent = SilentAddress::new().await;
    let tasks = tasks();
    let cache = cache_of(settings().url(format!("redis://{}", silent.address())));
    for call in column.calls() {
        for _ in 0..3 {
            let outcome = call.run(&cache).await;
            outcome.fails_with(&[ErrorKind::Timeout, ErrorKind::Unavailable]);
        }
    }
    silent.answer(server.address());
    recovers(&cache, RECOVERY).await;
    // One more for the task that answers.
    ends_clean_on(cache, std::slice::from_ref(&server), tasks + 1).await;
}

/// Calls go on while the server is killed and comes back: none hangs, and the first success of each caller is soon.
#[test]
fn callers_go_on_while_the_server_is_killed_and_comes_back() {
    crate::cell::run(async {
        let bench = Bench::new().await;
        let well = Arc::new(OnceLock::<Well>::new());
        let callers: Vec<_> = (0..16)
            .map(|n| {
                let (cache, well) = (bench.cache.clone(), Arc::clone(&well));
                let call = [Call::Get, Call::Set, Call::GetMany, Call::SetMany][n % 4];
                tokio::spawn(async move {
                    let mut failures = 0;
                    loop {
                        let began = well.get().map(|well| (well, well.elapsed()));
                        let outcome = call.run(&cache).await;
                        let has_failed = outcome.errors().next().is_some();
                        failures += usize::from(has_failed);
                        if let Some((well, began)) = began {
                            well.check("a call after the return of the server", began);
                            if !has_failed {
                                return failures;
                            }
                        }
                        tokio::task::yield_now().await;
                    }
                })
            })
            .collect();
        tokio::time::sleep(BUDGET).await;
        tokio::task::block_in_place(|| bench.server.kill());
        tokio::time::sleep(BUDGET).await;
        tokio::task::block_in_place(|| bench.server.start());
        well.set(Well::now(RECOVERY)).unwrap();
        for caller in callers {
            assert!(
                caller.await.unwrap() > 0,
                "it did not notice that the server was away"
            );
        }
        // It watches the machine with a task of its own.
        drop(well);
        bench.recovers().await;
        bench.ends_clean().await;
    });
}

#[test]
fn a_cache_that_was_made_before_its_server_is_well_once_the_server_is_there() {
    crate::cell::run(async {
        let server = RedisServer::builder().start();
        server.kill();
        let bench = Bench::unconnected(server, |settings| settings);
        bench.fails(Call::Get, &[ErrorKind::Unavailable]).await;
        bench.server.start();
        bench.recovers().await;
        bench.ends_clean().await;
    });
}
