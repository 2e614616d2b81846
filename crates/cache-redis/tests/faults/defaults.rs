//! A cache with the settings that nobody gave is as well again as one that a test has set up: within a second.

use std::time::Duration;

use cache_core::{Cache, ErrorKind, Result};
use cache_redis::RedisBackend;
use cache_testkit::proxy::{Fault, FaultProxy, SilentAddress};
use cache_testkit::servers::RedisServer;
use tokio::time::{Instant, sleep};

use crate::bench::{NAMESPACE, RECOVERY, cache_of, ends_clean_on, tasks};
use crate::call::{in_time, value_of};
use crate::machine::Watch;

const LATE: [ErrorKind; 2] = [ErrorKind::Timeout, ErrorKind::Unavailable];

/// For so long the server is not well: long enough for every pause between two attempts to be the longest.
const LONG: Duration = Duration::from_secs(3);

/// Makes a cache that nothing is told but where the server is.
fn cache_at(url: String) -> Cache {
    cache_of(RedisBackend::builder().namespace(NAMESPACE).url(url))
}

/// Stores a value.
async fn set(cache: &Cache) -> Result<()> {
    in_time(Duration::from_millis(250), cache.set("key", value_of("key"))).await
}

/// Reads it.
async fn get(cache: &Cache) -> Result<()> {
    let value = in_time(Duration::from_millis(100), cache.get::<String>("key")).await?;
    assert!(value.is_none_or(|value| value == value_of("key")));
    Ok(())
}

/// Calls until a while is over.
async fn suffers(cache: &Cache) {
    let start = Instant::now();
    while start.elapsed() < LONG {
        for failed in [set(cache).await, get(cache).await] {
            let error = failed.unwrap_err();
            assert!(LATE.contains(&error.kind()), "{error:?}");
        }
        sleep(Duration::from_millis(1)).await;
    }
    assert!(cache.stats().connections.unwrap().breaker_open);
}

/// Checks that reads and writes succeed by calls that begin in time.
async fn recovers(cache: &Cache) {
    let (start, watch) = (Instant::now(), Watch::start());
    let (mut reads, mut writes) = (false, false);
    while !(reads && writes) {
        let began = start.elapsed();
        reads = reads || get(cache).await.is_ok();
        writes = writes || set(cache).await.is_ok();
        assert!(
            began <= RECOVERY + watch.held_up(),
            "{began:?} after the server was well, reads: {reads}, writes: {writes}"
        );
        sleep(Duration::from_millis(1)).await;
    }
}

/// Checks that a cache is well again in time after its server.
async fn is_well_again(cache: Cache, server: &RedisServer, tasks: usize) {
    recovers(&cache).await;
    ends_clean_on(cache, std::slice::from_ref(server), tasks).await;
}

#[test]
fn a_black_hole() {
    crate::cell::run(async {
        let server = RedisServer::builder().start();
        let proxy = FaultProxy::start(server.address(), 7).await;
        let tasks = tasks();
        let cache = cache_at(proxy.url());
        recovers(&cache).await;
        proxy.requests(Fault::BlackHole);
        proxy.replies(Fault::BlackHole);
        suffers(&cache).await;
        proxy.heal();
        is_well_again(cache, &server, tasks).await;
    });
}

#[test]
fn a_silent_host() {
    crate::cell::run(async {
        let server = RedisServer::builder().start();
        let mut silent = SilentAddress::new().await;
        let tasks = tasks();
        let cache = cache_at(format!("redis://{}", silent.address()));
        suffers(&cache).await;
        silent.answer(server.address());
        // One more for the task that answers.
        is_well_again(cache, &server, tasks + 1).await;
    });
}

#[test]
fn a_frozen_server() {
    crate::cell::run(async {
        let server = RedisServer::builder().start();
        let tasks = tasks();
        let cache = cache_at(server.url());
        recovers(&cache).await;
        server.freeze();
        suffers(&cache).await;
        server.thaw();
        is_well_again(cache, &server, tasks).await;
    });
}

#[test]
fn a_server_that_was_killed() {
    crate::cell::run(async {
        let server = RedisServer::builder().start();
        let tasks = tasks();
        let cache = cache_at(server.url());
        recovers(&cache).await;
        server.kill();
        suffers(&cache).await;
        server.start();
        is_well_again(cache, &server, tasks).await;
    });
}
