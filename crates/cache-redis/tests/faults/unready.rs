//! A server that answers that it cannot serve now.

use std::time::Duration;

use cache_core::ErrorKind;
use cache_testkit::servers::{RedisServer, Reply};

use crate::bench::Bench;
use crate::call::{Call, Column};

row!(a_server_that_became_a_replica, read_only);
row!(a_server_that_loads_its_data, loading);
row!(a_replica_without_its_primary, master_down);
row!(a_server_with_a_busy_script, busy);

/// A breaker may speak for the server, and a busy one may be late.
const UNREADY: [ErrorKind; 2] = [ErrorKind::Unavailable, ErrorKind::Timeout];

/// A port where nobody listens.
const NOBODY: &str = "1";

fn says(server: &RedisServer, word: &str) -> bool {
    let reply = server.try_command(["GET", "key"]);
    matches!(reply, Ok(Reply::Error(error)) if error.starts_with(word))
}

/// Reads go on, each write gives up its connection in the hope for one to the new primary.
async fn read_only(column: Column) {
    let bench = Bench::new().await;
    for call in column.calls() {
        bench.fill().await;
        bench.server.command(["REPLICAOF", "127.0.0.1", NOBODY]);
        let before = bench.cache.stats().connections.unwrap();
        if call.writes() {
            let outcome = bench.ask(*call).await;
            outcome.fails_with(&[ErrorKind::Unavailable]);
            assert!(outcome.errors().all(cache_core::CacheError::is_transient));
            let after = bench.cache.stats().connections.unwrap();
            assert_eq!(
                (after.connects - before.connects, after.retries - before.retries),
                (1, 1),
                "one new connection and one repetition"
            );
        } else {
            bench.ask(*call).await.is_well();
        }
        bench.server.command(["REPLICAOF", "NO", "ONE"]);
        bench.recovers().await;
    }
    bench.ends_clean().await;
}

async fn loading(column: Column) {
    let bench = Bench::new().await;
    // Some seconds to load, with a look at clients every 25 ms.
    bench
        .server
        .command(["EVAL", "for i = 1, 6000 do redis.call('SET', i, i) end", "0"]);
    bench.server.command(["SAVE"]);
    bench.server.configure("key-load-delay 200");
    bench
        .server
        .configure("loading-process-events-interval-bytes 1024");
    bench.server.kill();
    bench.server.start_unready();
    bench
        .server
        .wait_until("it does not load", |server| says(server, "LOADING"));
    for call in column.calls() {
        bench.fails(*call, &UNREADY).await;
    }
    bench.server.wait_until("it loads for ever", |server| {
        server.command(["GET", "1"]) == Reply::Bytes(b"1".into())
    });
    bench.recovers().await;
    bench.ends_clean().await;
}

async fn master_down(column: Column) {
    let bench = Bench::new().await;
    bench
        .server
        .command(["CONFIG", "SET", "replica-serve-stale-data", "no"]);
    bench.server.command(["REPLICAOF", "127.0.0.1", NOBODY]);
    bench
        .server
        .wait_until("it still serves", |server| says(server, "MASTERDOWN"));
    for call in column.calls() {
        bench.fails(*call, &[ErrorKind::Unavailable]).await;
    }
    bench.server.command(["REPLICAOF", "NO", "ONE"]);
    bench.recovers().await;
    bench.ends_clean().await;
}

async fn busy(column: Column) {
    let bench = Bench::new().await;
    bench.server.command(["CONFIG", "SET", "lua-time-limit", "100"]);
    let script = bench.server.send(["EVAL", "while true do end", "0"]).unwrap();
    tokio::time::sleep(Duration::from_millis(20)).await;
    for call in column.calls() {
        // At first it does not answer at all; then it says that it is busy.
        bench.fails(*call, &UNREADY).await;
    }
    bench.server.command(["SCRIPT", "KILL"]);
    assert!(matches!(script.reply().unwrap(), Reply::Error(_)));
    bench.recovers().await;
    bench.ends_clean().await;
}

/// What the server says of itself is not mistaken for an empty cache.
#[test]
fn an_unready_server_is_transient_and_not_a_miss() {
    crate::cell::run(async {
        let bench = Bench::new().await;
        bench
            .server
            .command(["CONFIG", "SET", "replica-serve-stale-data", "no"]);
        bench.server.command(["REPLICAOF", "127.0.0.1", NOBODY]);
        bench
            .server
            .wait_until("it still serves", |server| says(server, "MASTERDOWN"));
        let outcome = bench.ask(Call::Get).await;
        outcome.fails_with(&[ErrorKind::Unavailable]);
        assert!(outcome.errors().all(cache_core::CacheError::is_transient));
        bench.ends_unwell().await;
    });
}

/// A pipeline whose commands are all refused for now is no sign that the server is well.
#[test]
fn a_pipeline_does_not_close_the_breaker_of_a_server_that_is_not_ready() {
    crate::cell::run(async {
        let bench = Bench::new().await;
        bench.server.command(["CONFIG", "SET", "lua-time-limit", "50"]);
        let script = bench.server.send(["EVAL", "while true do end", "0"]).unwrap();
        bench
            .server
            .wait_until("it is not busy", |server| says(server, "BUSY"));
        let opened = || bench.cache.stats().connections.unwrap().breaker_open;
        for _ in 0..20 {
            bench.ask(Call::Set).await.fails_with(&UNREADY);
        }
        assert!(opened());
        for _ in 0..100 {
            bench.ask(Call::SetMany).await.fails_with(&UNREADY);
            assert!(opened(), "a refused pipeline closed it");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        bench.server.command(["SCRIPT", "KILL"]);
        assert!(matches!(script.reply().unwrap(), Reply::Error(_)));
        bench.recovers().await;
        bench.ends_clean().await;
    });
}
