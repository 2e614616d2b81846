//! The series of backends on a server: pool, breaker, connects, rejected values, and whether the server is alive.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use cache_core::{
    BackendStats, CacheBackend, CacheFuture, Clock, ConnectionStats, Entry, Key, RejectReason,
    RejectedEntries, Result, WaitTimes,
};
use cache_testkit::{ManualClock, MapBackend};

use crate::support::{Watched, memory};

/// A backend that says of itself what a test wants.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    inner: Arc<MapBackend>,
    stats: Arc<Mutex<BackendStats>>,
}

impl Server {
    pub(crate) fn new() -> Self {
        let server = Self {
            inner: Arc::new(MapBackend::new(ManualClock::new())),
            stats: Arc::default(),
        };
        server.say(|stats, _| {
            stats.rejected = Some(RejectedEntries::default());
        });
        server
    }

    pub(crate) fn say(&self, what: impl FnOnce(&mut BackendStats, &mut ConnectionStats)) {
        let mut stats = self.stats.lock().unwrap();
        let mut connections = stats.connections.unwrap_or_default();
        what(&mut stats, &mut connections);
        stats.connections = Some(connections);
    }
}

#[deny(clippy::missing_trait_methods)]
impl CacheBackend for Server {
    fn kind(&self) -> &'static str {
        "redis"
    }

    fn clock(&self) -> Arc<dyn Clock> {
        self.inner.clock()
    }

    fn get<'a>(&'a self, key: Key<'a>) -> CacheFuture<'a, Option<Entry>> {
        self.inner.get(key)
    }

    fn set<'a>(&'a self, key: Key<'a>, entry: Entry) -> CacheFuture<'a, ()> {
        self.inner.set(key, entry)
    }

    fn delete<'a>(&'a self, key: Key<'a>) -> CacheFuture<'a, bool> {
        self.inner.delete(key)
    }

    fn exists<'a>(&'a self, key: Key<'a>) -> CacheFuture<'a, bool> {
        self.inner.exists(key)
    }

    fn get_many<'a>(&'a self, keys: Vec<Key<'a>>) -> CacheFuture<'a, Vec<Result<Option<Entry>>>> {
        self.inner.get_many(keys)
    }

    fn set_many<'a>(&'a self, entries: Vec<(Key<'a>, Entry)>) -> CacheFuture<'a, Vec<Result<()>>> {
        self.inner.set_many(entries)
    }

    fn delete_many<'a>(&'a self, keys: Vec<Key<'a>>) -> CacheFuture<'a, Vec<Result<bool>>> {
        self.inner.delete_many(keys)
    }

    fn clear(&self) -> CacheFuture<'_, ()> {
        self.inner.clear()
    }

    fn stats(&self) -> BackendStats {
        *self.stats.lock().unwrap()
    }

    fn ping(&self) -> CacheFuture<'_, ()> {
        self.inner.ping()
    }

    fn close(&self) -> CacheFuture<'_, ()> {
        self.inner.close()
    }
}

fn watched() -> (Watched, Server) {
    (Watched::new(|builder| builder), Server::new())
}

#[test]
fn the_pool_is_shown() {
    let (watched, server) = watched();
    let _cache = watched.cache(server.clone());
    server.say(|_, connections| {
        (connections.open, connections.max, connections.waiting) = (3, 8, 2);
        connections.wait_timeouts = 4;
    });
    for (suffix, value) in [
        ("pool_connections", 3.0),
        ("pool_max_connections", 8.0),
        ("pool_waiting", 2.0),
        ("pool_timeouts_total", 4.0),
    ] {
        assert_eq!(watched.users(suffix), value, "{suffix}");
    }
}

/// The values of the histogram of waits: how many, how long, and how many of at most 1 ms and 100 ms.
fn waits(watched: &Watched) -> [f64; 4] {
    let bucket = |le| {
        watched
            .value("gofr_cache_pool_wait_seconds_bucket", &[("le", le)])
            .unwrap()
    };
    let (count, sum) = (
        watched.users("pool_wait_seconds_count"),
        watched.users("pool_wait_seconds_sum"),
    );
    [count, sum, bucket("0.001"), bucket("0.1")]
}

#[test]
fn waits_for_a_connection_are_a_histogram_that_starts_at_zero_and_grows_by_what_is_new() {
    let (watched, server) = watched();
    let _cache = watched.cache(server.clone());
    assert_eq!(waits(&watched), [0.0; 4]);
    let wait = |micros| server.say(|_, all| all.waits.note(Duration::from_micros(micros)));
    wait(1_000);
    wait(1_500);
    assert_eq!(waits(&watched), [2.0, 0.002_5, 1.0, 2.0]);
    wait(250_000);
    wait(750_000);
    assert_eq!(waits(&watched), [4.0, 1.002_5, 1.0, 2.0]);
    assert_eq!(waits(&watched), [4.0, 1.002_5, 1.0, 2.0]);
}

/// The mean of so many equal waits is rounded upwards for some bounds, and then must not land in the next bucket.
#[test]
fn waits_of_exactly_a_bound_stay_in_its_bucket_however_many() {
    for (bound, many) in WaitTimes::BOUNDS
        .iter()
        .flat_map(|bound| [114, 228, 456].map(|many| (*bound, many)))
    {
        let (watched, server) = watched();
        let _cache = watched.cache(server.clone());
        server.say(|_, all| (0..many).for_each(|_| all.waits.note(bound)));
        let le = bound.as_secs_f64().to_string();
        let bucket = watched.value("gofr_cache_pool_wait_seconds_bucket", &[("le", &le)]);
        assert_eq!(bucket, Some(f64::from(many)), "{le}");
    }
}

#[test]
fn connects_are_counted_by_how_they_ended() {
    let (watched, server) = watched();
    let _cache = watched.cache(server.clone());
    server.say(|_, connections| (connections.connects, connections.connect_failures) = (5, 6));
    let value = |result| watched.value("gofr_cache_connects_total", &[("result", result)]);
    assert_eq!((value("success"), value("error")), (Some(5.0), Some(6.0)));
}

#[test]
fn the_breaker_and_retries_are_shown() {
    let (watched, server) = watched();
    let _cache = watched.cache(server.clone());
    assert_eq!(watched.users("breaker_open"), 0.0);
    server.say(|_, connections| {
        connections.breaker_open = true;
        (connections.breaker_openings, connections.retries) = (2, 9);
    });
    assert_eq!(watched.users("breaker_open"), 1.0);
    assert_eq!(watched.users("breaker_openings_total"), 2.0);
    assert_eq!(watched.users("retries_total"), 9.0);
}

#[test]
fn counts_that_failed_are_shown_where_keys_are_counted() {
    let (watched, server) = watched();
    server.say(|stats, _| stats.item_count_failures = Some(2));
    let _cache = watched.cache(server.clone());
    server.say(|stats, _| stats.item_count_failures = Some(3));
    assert_eq!(watched.users("item_count_failures_total"), 3.0);
}

#[test]
fn rejected_values_are_counted_by_reason_and_start_at_zero() {
    let (watched, server) = watched();
    let _cache = watched.cache(server.clone());
    let value = |reason: RejectReason| {
        let labels = [("reason", reason.as_str())];
        watched.value("gofr_cache_rejected_entries_total", &labels)
    };
    for reason in RejectReason::ALL {
        assert_eq!(value(reason), Some(0.0), "{reason:?}");
    }
    server.say(|stats, _| {
        let mut rejected = RejectedEntries::default();
        rejected.set(RejectReason::WrongKey, 3);
        stats.rejected = Some(rejected);
    });
    assert_eq!(value(RejectReason::WrongKey), Some(3.0));
    assert_eq!(value(RejectReason::WrongChecksum), Some(0.0));
}

#[test]
fn a_server_is_up_as_it_was_when_it_was_last_asked() {
    let (watched, server) = watched();
    let _cache = watched.cache(server.clone());
    assert_eq!(watched.value("gofr_cache_backend_up", &[]), None);
    for up in [true, false, true] {
        server.say(|stats, _| stats.up = Some(up));
        assert_eq!(watched.users("backend_up"), f64::from(u8::from(up)));
    }
}

#[tokio::test]
async fn a_memory_is_up_until_it_is_closed() {
    let watched = Watched::new(|builder| builder);
    let cache = watched.cache(memory(&ManualClock::new()).build().unwrap());
    assert_eq!(watched.users("backend_up"), 1.0);
    cache.close().await.unwrap();
    assert_eq!(watched.users("backend_up"), 0.0);
}

/// One of two that does not answer is what an alert has to see.
#[test]
fn caches_of_one_name_are_up_if_each_is_and_open_if_one_is() {
    let (watched, one) = watched();
    let other = Server::new();
    let _caches = (watched.cache(one.clone()), watched.cache(other.clone()));
    for (server, up) in [(&one, true), (&other, false)] {
        server.say(|stats, connections| {
            stats.up = Some(up);
            connections.breaker_open = !up;
            connections.open = 2;
        });
    }
    assert_eq!(watched.users("backend_up"), 0.0);
    assert_eq!(watched.users("breaker_open"), 1.0);
    assert_eq!(watched.users("pool_connections"), 4.0);
}

#[test]
fn gauges_of_a_cache_that_is_gone_stand_at_nothing() {
    let (watched, server) = watched();
    let cache = watched.cache(server.clone());
    server.say(|stats, connections| {
        stats.up = Some(true);
        connections.open = 2;
    });
    assert_eq!(watched.users("pool_connections"), 2.0);
    drop(cache);
    assert_eq!(watched.users("pool_connections"), 0.0);
    assert_eq!(watched.users("backend_up"), 0.0);
}

#[test]
fn a_memory_has_no_pool() {
    let watched = Watched::new(|builder| builder);
    let _cache = watched.cache(memory(&ManualClock::new()).build().unwrap());
    assert!(!watched.render().contains("_pool_"));
}
