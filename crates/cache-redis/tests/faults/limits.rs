//! A server or a pool that has no room: for values, for clients, for one more caller.

use std::net::TcpStream;
use std::time::Duration;

use cache_core::{Cache, ErrorKind};
use cache_testkit::proxy::Fault;
use cache_testkit::servers::{RedisCluster, RedisServer};

use crate::bench::{Bench, RECOVERY, cache_of, ends_clean_on, recovers, settings, tasks};
use crate::call::{BUDGET, Call, Column, in_time};

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
        if matches!(call, Call::Set | Call::TaggedSet | Call::SetMany) {
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
        is_exhausted(*call, &bench.cache).await;
    }
    drop(others);
    bench.recovers().await;
    bench.ends_clean().await;
}

/// Checks that a call fails for too many clients, sooner or later: a breaker may speak for the server, or its word be lost.
async fn is_exhausted(call: Call, cache: &Cache) {
    loop {
        let outcome = call.run(cache).await;
        if call.loads() || outcome.errors().any(|error| error.kind() == ErrorKind::Exhausted) {
            return outcome.fails_with(&[ErrorKind::Exhausted]);
        }
        outcome.fails_with(&[ErrorKind::Unavailable]);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What the server says answers the first command of the connection, which may be the login.
#[test]
fn a_server_that_takes_no_more_clients_does_not_seem_to_refuse_the_password() {
    crate::cell::run(async {
        let server = RedisServer::builder()
            .password("pass")
            .line("maxclients 4")
            .start();
        let bench = Bench::unconnected(server, |settings| settings.password("pass"));
        let others: Vec<_> = (0..4)
            .map(|_| TcpStream::connect(bench.server.address()).unwrap())
            .collect();
        for call in [Call::Get, Call::Set, Call::Clear] {
            is_exhausted(call, &bench.cache).await;
        }
        drop(others);
        bench.recovers().await;
        bench.ends_clean().await;
    });
}

#[test]
fn a_cluster_that_takes_no_more_clients() {
    crate::cell::run(async {
        let cluster = tokio::task::block_in_place(RedisCluster::start);
        let mut others = Vec::new();
        for node in cluster.nodes() {
            // Each node has ten connections with the others, which count.
            node.command(["CONFIG", "SET", "maxclients", "16"]);
            for _ in 0..16 {
                others.push(TcpStream::connect(node.address()).unwrap());
            }
        }
        let tasks = tasks();
        let cache = cache_of(settings().cluster(cluster.urls()));
        for call in [Call::Get, Call::Set, Call::Clear, Call::GetMany, Call::SetMany] {
            is_exhausted(call, &cache).await;
        }
        drop(others);
        recovers(&cache, 2 * RECOVERY).await;
        ends_clean_on(cache, cluster.nodes(), tasks).await;
    });
}

/// Clears have a connection for themselves each; all others share one.
#[test]
fn a_clear_that_finds_no_connection_free_says_so_and_other_calls_go_on() {
    crate::cell::run(async {
        let bench =
            Bench::proxied_with(|settings| settings.max_connections(3).clear_budget(5 * BUDGET)).await;
        // The first clear has its connection already.
        bench.cache.clear().await.unwrap();
        // So many that a clear takes some steps, each of which is slow, but not too slow.
        let keys: Vec<_> = (0..8_000).map(|n| n.to_string()).collect();
        store_all(&bench, &keys).await;
        bench.proxy().replies(Fault::Delay(BUDGET / 4));
        let cache = bench.cache.clone();
        let first = tokio::spawn(async move { cache.clear().await });
        tokio::time::sleep(BUDGET / 4).await;
        // A step of it has as long as a write.
        let second = in_time(BUDGET, bench.cache.clear()).await.unwrap_err();
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

/// Stores keys, sooner or later: there are many for one budget of a machine that runs other tests.
async fn store_all(bench: &Bench, keys: &[String]) {
    for some in keys.chunks(500) {
        while bench
            .cache
            .set_many(some.iter().map(|key| (&**key, 1)))
            .await
            .iter()
            .any(Result::is_err)
        {}
    }
}

/// A server that was slow for a while and lets nobody else in: the connection that is there goes on.
#[test]
fn a_connection_that_was_silent_serves_again_where_no_other_can_be_made() {
    crate::cell::run(async {
        let bench = Bench::new().await;
        bench.server.command(["CONFIG", "SET", "maxclients", "2"]);
        bench.server.freeze();
        for _ in 0..4 {
            bench
                .ask(Call::Get)
                .await
                .fails_with(&[ErrorKind::Timeout, ErrorKind::Unavailable]);
        }
        bench.server.thaw();
        let start = tokio::time::Instant::now();
        while bench.ask(Call::Get).await.errors().next().is_some() {
            assert!(
                start.elapsed() < RECOVERY,
                "no answer {:?} after",
                start.elapsed()
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        bench.ends_unwell().await;
    });
}
