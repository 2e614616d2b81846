//! A server, perhaps a proxy, and a cache that uses it: what a cell begins with, and how it ends.

use std::time::{Duration, Instant};

use cache_core::{Cache, ErrorKind};
use cache_redis::{RedisBackend, RedisBuilder};
use cache_testkit::proxy::FaultProxy;
use cache_testkit::servers::RedisServer;
use tokio::runtime::Handle;
use tokio::time::sleep;

use crate::call::{BUDGET, Call, KEYS, Outcome, TAG, tagged_key, value_of};
use crate::machine::Watch;

/// How long it may take until calls succeed again after the server is well.
pub(crate) const RECOVERY: Duration = Duration::from_secs(1);

/// The namespace of every cache here.
pub(crate) const NAMESPACE: &str = "faults";

/// A cache on a server of its own.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) server: RedisServer,
    pub(crate) cache: Cache,
    proxy: Option<FaultProxy>,
    /// Tasks that there were before the cache.
    tasks: usize,
}

/// Returns the settings of every cache here: one budget for everything.
pub(crate) fn settings() -> RedisBuilder {
    RedisBackend::builder()
        .namespace(NAMESPACE)
        .read_budget(BUDGET)
        .write_budget(BUDGET)
        .clear_budget(BUDGET)
        .connect_timeout(BUDGET)
}

/// Makes a cache that knows tags. Calls without tags do not notice.
pub(crate) fn cache_of(settings: RedisBuilder) -> Cache {
    Cache::builder(settings.build().unwrap())
        .name("faults")
        .tags(true)
        .build()
        .unwrap()
}

/// Returns how many tasks there are in this runtime.
pub(crate) fn tasks() -> usize {
    Handle::current().metrics().num_alive_tasks()
}

impl Bench {
    /// Makes a cache that talks to the server itself.
    pub(crate) async fn new() -> Self {
        Self::on(RedisServer::builder().start(), |settings| settings).await
    }

    /// Makes a cache that talks to a server of a given kind.
    pub(crate) async fn on(server: RedisServer, change: impl FnOnce(RedisBuilder) -> RedisBuilder) -> Self {
        let bench = Self::unconnected(server, change);
        bench.fill().await;
        bench
    }

    /// Makes a cache that has not used its server yet.
    pub(crate) fn unconnected(
        server: RedisServer,
        change: impl FnOnce(RedisBuilder) -> RedisBuilder,
    ) -> Self {
        let url = server.url();
        Self::of(server, None, change(settings().url(url)))
    }

    /// Makes a cache that talks to the server by a proxy.
    pub(crate) async fn proxied() -> Self {
        Self::proxied_with(|settings| settings).await
    }

    /// Makes a cache that talks to the server by a proxy and is set up in another way.
    pub(crate) async fn proxied_with(change: impl FnOnce(RedisBuilder) -> RedisBuilder) -> Self {
        let server = RedisServer::builder().start();
        let proxy = FaultProxy::start(server.address(), 7).await;
        let settings = change(settings().url(proxy.url()));
        let bench = Self::of(server, Some(proxy), settings);
        bench.fill().await;
        bench
    }

    fn of(server: RedisServer, proxy: Option<FaultProxy>, settings: RedisBuilder) -> Self {
        Self {
            tasks: tasks(),
            cache: cache_of(settings),
            server,
            proxy,
        }
    }

    /// Stores all keys, and reads one: writes and reads have a connection each. Loads one with a tag. Nothing is wrong yet,
    /// but budgets may be short for a machine that runs other tests.
    pub(crate) async fn fill(&self) {
        for key in KEYS {
            self.store(key).await;
        }
        while self.ask(Call::Get).await.errors().next().is_some() {}
        store_tagged(&self.cache).await;
    }

    /// Stores a key, sooner or later.
    pub(crate) async fn store(&self, key: &str) {
        store_on(&self.cache, key).await;
    }

    pub(crate) fn proxy(&self) -> &FaultProxy {
        self.proxy.as_ref().unwrap()
    }

    /// Runs a call.
    pub(crate) async fn ask(&self, call: Call) -> Outcome {
        call.run(&self.cache).await
    }

    /// Runs a call some times. At first calls wait for an answer; then a breaker may speak for the server.
    pub(crate) async fn fails(&self, call: Call, kinds: &[ErrorKind]) {
        for _ in 0..3 {
            let outcome = self.ask(call).await;
            outcome.fails_with(kinds);
        }
    }

    /// Runs a call on a server that does not answer until the breaker speaks for it. The first one waits for its whole budget.
    pub(crate) async fn is_late(&self, call: Call) {
        let outcome = self.ask(call).await;
        outcome.fails_with(&[ErrorKind::Timeout]);
        assert!(outcome.took >= BUDGET / 2, "it gave up early: {outcome:?}");
        for _ in 0..5 {
            self.ask(call)
                .await
                .fails_with(&[ErrorKind::Timeout, ErrorKind::Unavailable]);
        }
        assert!(self.breaker_is_open(), "five that were late did not open it");
    }

    /// Returns how the name of a key is stored on the server.
    pub(crate) fn stored_key(&self, key: &str) -> String {
        let keys = self.server.command(["KEYS", &format!("*{key}")]);
        keys.items().first().unwrap().text()
    }

    /// Checks that reads and writes succeed again within a time from now.
    pub(crate) async fn recovers(&self) {
        recovers(&self.cache, RECOVERY).await;
    }

    /// Checks that the server is well for the cache and that nothing is left behind: connections, waiting callers, and
    /// after the close tasks.
    pub(crate) async fn ends_clean(self) {
        // One for reads, one for writes and one for a clear.
        self.ends_with(3).await;
    }

    /// Does so after clears at the same time, each of which has a connection for itself that others use later.
    pub(crate) async fn ends_clean_after_clears(self) {
        let most = self.cache.stats().connections.unwrap().max;
        self.ends_with(most).await;
    }

    async fn ends_with(self, most: u64) {
        until("the connections are those that are needed", || {
            let connections = self.cache.stats().connections.unwrap();
            connections.open <= most && connections.waiting == 0
        })
        .await;
        assert_eq!(self.cache.stats().up, Some(true));
        self.ends_unwell().await;
    }

    /// Checks that nothing is left behind where the server did not get well.
    pub(crate) async fn ends_unwell(self) {
        ends_clean_on(self.cache, std::slice::from_ref(&self.server), self.tasks).await;
    }

    /// Says whether a breaker is open.
    pub(crate) fn breaker_is_open(&self) -> bool {
        self.cache.stats().connections.unwrap().breaker_open
    }
}

/// Closes a cache and checks that it leaves nothing behind: no caller that waits, no task beyond those that there were
/// before, no connection on those servers that run.
pub(crate) async fn ends_clean_on(cache: Cache, nodes: &[RedisServer], tasks_before: usize) {
    cache.close().await.unwrap();
    until("nobody waits for a connection", || {
        cache.stats().connections.unwrap().waiting == 0
    })
    .await;
    drop(cache);
    until("no task is left", || tasks() <= tasks_before).await;
    for node in nodes.iter().filter(|node| node.is_running()) {
        until("no client is left", || clients(node) == 0).await;
    }
}

/// Counts the clients of a server but for the one that asks, for Sentinels, who say that they are, and for nodes that have
/// just moved keys here, which keep their connection for a while.
pub(crate) fn clients(node: &RedisServer) -> usize {
    let list = node.command(["CLIENT", "LIST", "TYPE", "normal"]).text();
    let is_server = |line: &&str| line.contains("name=sentinel-") || line.contains("cmd=restore");
    let clients = list.lines().filter(|line| !is_server(line));
    clients.count().saturating_sub(1)
}

/// Checks that reads and writes succeed again within a time from now, and find what was stored: the call that succeeds
/// begins by then.
pub(crate) async fn recovers(cache: &Cache, within: Duration) {
    let well = Well::now(within);
    recovers_as(cache, &well, |answer| matches!(answer, Ok(true))).await;
    tags_recover(cache, &well).await;
}

/// Stores a key, sooner or later.
pub(crate) async fn store_on(cache: &Cache, key: &str) {
    while cache.set(key, value_of(key)).await.is_err() {
        sleep(Duration::from_millis(1)).await;
    }
}

/// Loads a value with a tag until it is stored.
async fn store_tagged(cache: &Cache) {
    let key = tagged_key(KEYS[0]);
    while !matches!(cache.get::<String>(&key).await, Ok(Some(_))) {
        Call::TaggedGetOrLoad.run(cache).await.is_well();
    }
}

/// Checks that what is loaded with a tag is stored with it again, and can be invalidated.
async fn tags_recover(cache: &Cache, well: &Well) {
    let key = tagged_key(KEYS[0]);
    let is_stored = async || matches!(cache.get::<String>(&key).await, Ok(Some(_)));
    let mut began = well.elapsed();
    while !is_stored().await {
        began = well.elapsed();
        Call::TaggedGetOrLoad.run(cache).await.is_well();
        well.check("a load with a tag that was stored", began);
    }
    well.check("a load with a tag that was stored", began);
    loop {
        let began = well.elapsed();
        let ended = cache.invalidate_tag(TAG).await;
        well.check("an invalidation that succeeded", began);
        if ended.is_ok() {
            break;
        }
    }
    let found = cache.get::<String>(&key).await;
    assert!(!matches!(found, Ok(Some(_))), "{found:?} was invalidated");
}

/// Since when the server is well, and within which time calls have to succeed again.
#[derive(Debug)]
pub(crate) struct Well {
    start: Instant,
    watch: Watch,
    within: Duration,
}

impl Well {
    pub(crate) fn now(within: Duration) -> Self {
        Self {
            start: Instant::now(),
            watch: Watch::start(),
            within,
        }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// Checks that what succeeds began by then.
    #[track_caller]
    pub(crate) fn check(&self, what: &str, began: Duration) {
        assert!(
            began <= self.within + self.watch.held_up(),
            "{what} began {began:?} after the server was well"
        );
    }
}

/// Checks that reads and writes succeed again while others remove what is stored.
pub(crate) async fn recovers_among_others(cache: &Cache, within: Duration) {
    recovers_as(cache, &Well::now(within), Result::is_ok).await;
}

async fn recovers_as(cache: &Cache, well: &Well, is_well: impl Fn(&cache_core::Result<bool>) -> bool) {
    for call in [
        Call::Set,
        Call::Get,
        Call::SetMany,
        Call::GetMany,
        Call::Ping,
        Call::Clear,
    ] {
        loop {
            let began = well.elapsed();
            let outcome = call.run(cache).await;
            well.check(&format!("a call that ended so: {outcome:?}"), began);
            if outcome.answers.iter().all(&is_well) {
                break;
            }
            sleep(Duration::from_millis(5)).await;
        }
    }
}

/// Waits for what comes to rest by itself.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    cache_testkit::eventually(what, &mut holds).await;
}
