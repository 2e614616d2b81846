//! A server that does not let the cache in, or not do this: nothing that trying again would change.

use cache_core::ErrorKind;
use cache_testkit::servers::RedisServer;

use crate::bench::{Bench, NAMESPACE};
use crate::call::{Call, Column};

row!(a_server_that_asks_for_a_password, no_password);
row!(a_password_that_is_wrong, wrong_password);
row!(a_user_without_the_right, no_right);

async fn no_password(column: Column) {
    denied(
        column,
        Bench::unconnected(locked(), |settings| settings),
        "nopass",
    )
    .await;
}

async fn wrong_password(column: Column) {
    denied(
        column,
        Bench::unconnected(locked(), |settings| settings.password("canary-of-the-client")),
        ">canary-of-the-client",
    )
    .await;
}

/// The user may log in and nothing else; another may do what the cache needs.
async fn no_right(column: Column) {
    let server = RedisServer::builder()
        .user("app on >canary-of-the-client -@all +ping")
        .start();
    let bench = Bench::unconnected(server, |settings| {
        settings.user("app").password("canary-of-the-client")
    });
    for call in column.calls() {
        if *call == Call::Ping {
            bench.ask(*call).await.is_well();
        } else {
            denied_call(&bench, *call).await;
        }
    }
    let rights = format!("~{NAMESPACE}:*");
    bench
        .server
        .command(["ACL", "SETUSER", "app", &rights, "+@read", "+@write", "+scan"]);
    bench.recovers().await;
    bench.ends_clean().await;
}

/// Makes a server that asks for a password. Tests ask it as somebody else.
fn locked() -> RedisServer {
    RedisServer::builder().password("canary-of-the-server").start()
}

/// Runs the calls, and then lets the cache in by a rule for the user that it is.
async fn denied(column: Column, bench: Bench, rule: &str) {
    for call in column.calls() {
        denied_call(&bench, *call).await;
    }
    bench.server.command(["ACL", "SETUSER", "default", rule]);
    bench.recovers().await;
    bench.ends_clean().await;
}

async fn denied_call(bench: &Bench, call: Call) {
    for _ in 0..10 {
        let outcome = bench.ask(call).await;
        outcome.fails_with(&[ErrorKind::Denied]);
        for error in outcome.errors() {
            assert!(!error.is_transient());
            assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
        }
    }
    let connections = bench.cache.stats().connections.unwrap();
    assert_eq!(
        (connections.retries, connections.breaker_openings),
        (0, 0),
        "it is not tried again"
    );
}
