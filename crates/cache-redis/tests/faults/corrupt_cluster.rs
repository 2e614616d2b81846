//! Replies of the nodes of a Cluster that come twice. The connections are those of the client library, which
//! does not notice a reply too many: the header of a value does.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cache_core::Cache;
use cache_redis::BreakerSettings;
use cache_testkit::proxy::{Direction, Fault, FaultProxy, When};
use cache_testkit::servers::RedisCluster;
use tokio::task::{JoinSet, block_in_place};

use crate::bench::{cache_of, ends_clean_on, recovers, settings, tasks};
use crate::call::{Column, in_time, is_right, value_of};
use crate::corrupt::{CALLERS, KEYS, SHORT_BUDGET, call_on, key};

/// How long it may take until calls succeed again after the replies are what they must be.
const RECOVERY: Duration = Duration::from_secs(1);

row!(replies_that_come_twice, doubled);

async fn doubled(column: Column) {
    doubling(|cache, caller| call_on(column, cache, caller)).await;
}

/// Each value names its key, so one of another key would show.
#[test]
fn thousands_of_gets_whose_replies_come_twice_find_no_value_of_another_key() {
    const GETS: usize = 1_000;
    crate::cell::run(async {
        let found = Arc::new(AtomicUsize::new(0));
        let rejected = doubling(|cache, caller| {
            let found = Arc::clone(&found);
            async move {
                for n in 0..GETS {
                    let key = key(caller * 7 + n * 13);
                    if let Ok(value) = in_time(SHORT_BUDGET, cache.get::<String>(&key)).await {
                        let is_there = is_right(&key, value.as_deref());
                        found.fetch_add(usize::from(is_there), Ordering::Relaxed);
                    }
                }
            }
        })
        .await;
        let found = found.load(Ordering::Relaxed);
        assert!(found > CALLERS * GETS / 2, "only {found} gets found their value");
        assert!(rejected > 0, "no reply was that to another get");
    });
}

/// Lets callers share the connections to a Cluster whose replies come twice now and then, and returns how many values were not
/// what they must be.
async fn doubling<C>(calls: impl Fn(Cache, usize) -> C) -> u64
where
    C: Future<Output = ()> + Send + 'static,
{
    let cluster = block_in_place(RedisCluster::start);
    let mut proxies = Vec::new();
    for primary in cluster.primaries() {
        proxies.push(FaultProxy::start(primary.address(), 7).await);
    }
    let ports: Vec<u16> = proxies.iter().map(|proxy| proxy.address().port()).collect();
    block_in_place(|| cluster.announce(&ports));
    let tasks = tasks();
    let settings = settings()
        .cluster(proxies.iter().map(FaultProxy::url))
        .read_budget(SHORT_BUDGET)
        .write_budget(SHORT_BUDGET)
        .clear_budget(SHORT_BUDGET);
    // An open breaker would spare the connections what this is about.
    let cache = cache_of(settings.breaker(BreakerSettings::off()));
    for key in (0..KEYS).map(key) {
        while cache.set(&key, value_of(&key)).await.is_err() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    let gone = || -> usize {
        let gone = proxies.iter().map(|proxy| proxy.accepted() - proxy.open());
        gone.sum()
    };
    let gone_before = gone();
    for proxy in &proxies {
        proxy.harm(Direction::Replies, Fault::Duplicate, When::OneIn(20));
    }
    let mut callers: JoinSet<()> = (0..CALLERS).map(|caller| calls(cache.clone(), caller)).collect();
    while let Some(caller) = callers.join_next().await {
        caller.unwrap();
    }
    let harmed: usize = proxies.iter().map(FaultProxy::harmed).sum();
    assert!(harmed > 3, "only {harmed} replies were harmed");
    for proxy in &proxies {
        proxy.heal();
    }
    recovers(&cache, RECOVERY).await;
    assert!(gone() > gone_before, "no connection was given up");
    let rejected = cache.stats().rejected.unwrap().total();
    ends_clean_on(cache, cluster.nodes(), tasks).await;
    rejected
}
