//! A server or a pool that has no room: for values, for clients, for one more caller.

use std::net::TcpStream;

use cache_core::ErrorKind;
use cache_testkit::proxy::Fault;
use cache_testkit::servers::RedisServer;

use crate::bench::Bench;
use crate::call::{BUDGET, Call, Column};

row!(a_server_that_is_full, full);
row!(a_server_that_takes_no_more_clients, max_clients);

async fn full(column: Column) {
    let bench = Bench::new().await;
    bench
        .server
        .command(["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
    for call in column.calls() {
        bench.server.command(["CONFIG", "SET", "maxmemory", "0"]);
        bench.fill().await;
        bench.server.command(["CONFIG", "SET", "maxmemory", "1"]);
        if matches!(call, Call::Set | Call::SetMany) {
            for _ in 0..30 {
                bench.ask(*call).await.fails_with(&[ErrorKind::Full]);
            }
        } else {
            bench.ask(*call).await.is_well();
        }
        let connections = bench.cache.stats().connections.unwrap();
        assert_eq!(
            (connections.breaker_open, connections.breaker_openings),
            (false, 0)
        );
        assert_eq!(bench.cache.stats().up, Some(true));
    }
    bench.server.command(["CONFIG", "SET", "maxmemory", "0"]);
    bench.recovers().await;
    bench.ends_clean().await;
}

async fn max_clients(column: Column) {
    const CLIENTS: usize = 4;
    let server = RedisServer::builder()
        .line(format!("maxclients {CLIENTS}"))
        .start();
    let bench = Bench::unconnected(server, |settings| settings);
    let others: Vec<_> = (0..CLIENTS)
        .map(|_| TcpStream::connect(bench.server.address()).unwrap())
        .collect();
    for call in column.calls() {
        // The server says why and closes at once, so its word may be lost.
        bench
            .fails(*call, &[ErrorKind::Exhausted, ErrorKind::Unavailable])
            .await;
    }
    drop(others);
    bench.recovers().await;
    bench.ends_clean().await;
}

/// Clears have a connection for themselves each; all others share one.
#[test]
fn a_clear_that_finds_no_connection_free_says_so_and_other_calls_go_on() {
    crate::cell::run(async {
        let bench =
            Bench::proxied_with(|settings| settings.max_connections(3).clear_budget(5 * BUDGET)).await;
        // The first clear has its connection already.
        bench.ask(Call::Set).await.is_well();
        bench.ask(Call::Get).await.is_well();
        bench.cache.clear().await.unwrap();
        // So many that a clear takes some steps, each of which is slow, but not too slow.
        let keys: Vec<_> = (0..4_000).map(|n| n.to_string()).collect();
        for some in keys.chunks(200) {
            let stored = bench.cache.set_many(some.iter().map(|key| (&**key, 1))).await;
            assert!(stored.iter().all(Result::is_ok));
        }
        bench.proxy().replies(Fault::Delay(BUDGET / 2));
        let cache = bench.cache.clone();
        let first = tokio::spawn(async move { cache.clear().await });
        tokio::time::sleep(BUDGET / 4).await;
        let second = bench.cache.clear().await.unwrap_err();
        assert_eq!(second.kind(), ErrorKind::Exhausted, "{second:?}");
        assert!(second.is_transient());
        bench.proxy().heal();
        let _ = first.await.unwrap();
        bench.ask(Call::Set).await.is_well();
        assert!(bench.cache.stats().connections.unwrap().wait_timeouts > 0);
        bench.recovers().await;
        bench.ends_clean().await;
    });
}
