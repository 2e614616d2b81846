//! Sentinels that put another primary in the place of one.

use std::time::Duration;

use cache_core::{Cache, ErrorKind};
use cache_testkit::servers::RedisSentinel;

use crate::bench::{
    cache_of, clients, ends_clean_on, recovers, recovers_among_others, settings, tasks, until,
};
use crate::call::Call;

/// How long it may take after a new primary is there.
const RECOVERY: Duration = Duration::from_secs(2);

const UNREADY: [ErrorKind; 2] = [ErrorKind::Unavailable, ErrorKind::Timeout];

fn cache_on(all: &RedisSentinel) -> Cache {
    cache_of(settings().sentinel(RedisSentinel::SERVICE, all.urls()))
}

/// Makes a cache that is connected and has stored all keys.
async fn filled_cache_on(all: &RedisSentinel) -> Cache {
    let cache = cache_on(all);
    recovers(&cache, RECOVERY).await;
    Call::SetMany.run(&cache).await.is_well();
    cache
}

/// Checks that nothing is left behind, at the Sentinels neither.
async fn ends_clean(cache: Cache, all: &RedisSentinel, tasks: usize) {
    ends_clean_on(cache, all.nodes(), tasks).await;
    for sentinel in all.sentinels().iter().filter(|sentinel| sentinel.is_running()) {
        until("no client is left at a Sentinel", || clients(sentinel) == 0).await;
    }
}

/// Runs calls of each kind while the primary changes, and checks that they succeed again soon.
async fn goes_on(change: impl FnOnce(&RedisSentinel)) {
    let all = tokio::task::block_in_place(RedisSentinel::start);
    let tasks = tasks();
    let cache = filled_cache_on(&all).await;
    let callers: Vec<_> = [
        Call::Get,
        Call::Set,
        Call::Delete,
        Call::Clear,
        Call::GetMany,
        Call::SetMany,
        Call::GetOrLoad,
    ]
    .into_iter()
    .map(|call| {
        let cache = cache.clone();
        tokio::spawn(async move {
            loop {
                call.run(&cache).await.fails_at_most_with(&UNREADY);
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        })
    })
    .collect();
    tokio::task::block_in_place(|| change(&all));
    recovers_among_others(&cache, RECOVERY).await;
    for caller in callers {
        caller.abort();
        assert!(
            caller.await.unwrap_err().is_cancelled(),
            "a call took too long or was wrong"
        );
    }
    recovers(&cache, RECOVERY).await;
    // It is the new primary that has it.
    Call::Set.run(&cache).await.is_well();
    assert!(all.primary().command(["DBSIZE"]).integer() > 0);
    ends_clean(cache, &all, tasks).await;
}

#[test]
fn after_a_primary_has_died_calls_succeed_as_soon_as_there_is_a_new_one() {
    crate::cell::run(goes_on(|all| {
        all.failover();
    }));
}

#[test]
fn after_a_primary_became_a_replica_calls_go_to_the_new_one() {
    crate::cell::run(goes_on(|all| {
        all.switch();
    }));
}

#[test]
fn sentinels_that_die_after_the_connection_was_made_harm_nobody() {
    crate::cell::run(async {
        let all = tokio::task::block_in_place(RedisSentinel::start);
        let tasks = tasks();
        let cache = filled_cache_on(&all).await;
        Call::GetMany.run(&cache).await.is_well();
        for sentinel in all.sentinels() {
            sentinel.kill();
        }
        Call::GetMany.run(&cache).await.is_well();
        ends_clean(cache, &all, tasks).await;
    });
}

#[test]
fn without_a_sentinel_calls_fail_within_their_budget() {
    crate::cell::run(async {
        let all = tokio::task::block_in_place(RedisSentinel::start);
        let tasks = tasks();
        let cache = cache_on(&all);
        for sentinel in all.sentinels() {
            sentinel.kill();
        }
        for call in [Call::Get, Call::Set, Call::Delete, Call::Clear, Call::GetMany] {
            call.run(&cache).await.fails_with(&UNREADY);
        }
        for sentinel in all.sentinels() {
            sentinel.start();
        }
        recovers(&cache, RECOVERY).await;
        ends_clean(cache, &all, tasks).await;
    });
}

/// Its host is there and takes connections, and it says nothing.
#[test]
fn a_sentinel_that_is_silent_does_not_keep_the_others_from_naming_the_new_primary() {
    crate::cell::run(async {
        let all = tokio::task::block_in_place(RedisSentinel::start);
        let tasks = tasks();
        let cache = filled_cache_on(&all).await;
        let (old, new) = (all.primary(), all.replica());
        all.sentinels()[0].freeze();
        old.kill();
        tokio::task::block_in_place(|| {
            new.wait_until(
                "it does not become the primary",
                cache_testkit::servers::RedisServer::is_primary,
            );
        });
        recovers(&cache, RECOVERY).await;
        all.sentinels()[0].thaw();
        ends_clean(cache, &all, tasks).await;
    });
}
