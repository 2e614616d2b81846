//! How often a read allocates, counted exactly: promise P1 says that a memory hit allocates nothing of ours.
//!
//! Moka allocates once in 128 reads, whoever asks. So the layers and the handle are counted over a backend that always
//! has its answer ready, where nothing but them can allocate, and over memory beside raw moka. The recorder keeps its
//! samples in place; that of Prometheus allocates one block for each 64 of them, so one for each 4,096 hits.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use allocation_counter::measure;
use cache_bench::ours::{self, HOUR};
use cache_bench::wait::wait;
use cache_bench::workload::{User, Workload};
use cache_core::{
    BackendStats, Cache, CacheBackend, CacheFuture, Clock, Entry, Key, Layer, LayerContext, LoadContext,
    LoadOptions, Result, SystemClock, Timestamp, Value,
};
use cache_metrics::Metrics;
use metrics::{Counter, Gauge, Histogram, HistogramFn, KeyName, Metadata, Recorder, SharedString, Unit};
use moka::policy::EvictionPolicy;

const TIMES: usize = 6_400;
const ITEMS: u32 = 100;
const ROOM: u64 = 200;

/// Lets one test run at a time: moka's reads also free what other threads left, and allocate for it.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns metrics with the settings that applications have.
fn metrics(recorder: &Arc<InPlace>) -> Metrics {
    Metrics::builder()
        .recorder(Arc::clone(recorder) as _)
        .build()
        .unwrap()
}

/// Returns how often an operation allocates in so many runs of it, on this thread. The first run, in which threads
/// and clocks set themselves up, is not counted.
fn allocations(mut operation: impl FnMut(usize)) -> u64 {
    operation(0);
    measure(|| (0..TIMES).for_each(&mut operation)).count_total
}

// Over a backend that answers ready.

/// Counts an operation on a cache of two layers, and checks that metrics were on: some reads must have been timed.
fn assert_none(operation: impl Fn(&Cache)) {
    let _alone = alone();
    let recorder = Arc::new(InPlace::default());
    let backend = Ready {
        value: Value::new(7_i64),
    };
    let layered = Cache::builder(backend)
        .layer(PassThrough)
        .layer(metrics(&recorder).layer());
    let cache = layered.build().unwrap();
    assert_eq!(allocations(|_| operation(&cache)), 0);
    assert!(recorder.samples() > 0);
}

#[test]
fn a_shared_hit_through_two_layers_allocates_nothing() {
    assert_none(|cache| {
        let found = wait(cache.get::<i64>("there").shared());
        assert!(black_box(found).unwrap().is_some());
    });
}

#[test]
fn an_owned_hit_of_a_copy_type_through_two_layers_allocates_nothing() {
    assert_none(|cache| assert_eq!(wait(cache.get::<i64>("there")).unwrap(), Some(7)));
}

#[test]
fn a_hit_of_get_or_load_through_two_layers_allocates_nothing() {
    assert_none(|cache| {
        let found = wait(
            cache
                .get_or_load::<i64, _, _>("there", || async { Err("there is a value") })
                .shared(),
        );
        assert_eq!(*black_box(found).unwrap(), 7);
    });
}

#[test]
fn a_hit_of_get_or_load_with_options_and_details_allocates_nothing() {
    let options = LoadOptions::new().refresh_ahead(1.0);
    assert_none(|cache| {
        let call = cache.get_or_load("there", |_: LoadContext<i64>| async { Err("there is a value") });
        let found = wait(call.options(&options).shared().detailed());
        assert_eq!(*black_box(found).unwrap().unwrap().value, 7);
    });
}

#[test]
fn a_hit_of_what_becomes_stale_and_is_renewed_ahead_allocates_nothing() {
    let options = LoadOptions::new().refresh_ahead(1.0).stale_if_error(2 * HOUR);
    for options in [LoadOptions::new(), options] {
        assert_none(|cache| {
            let load = || async { Err("there is a value") };
            let call = cache.get_or_load::<i64, _, _>("loaded", load);
            assert_eq!(*black_box(wait(call.options(&options).shared())).unwrap(), 7);
            assert!(wait(cache.get::<i64>("loaded").shared()).unwrap().is_some());
        });
    }
}

#[test]
fn a_miss_through_two_layers_allocates_nothing() {
    assert_none(|cache| assert!(wait(cache.get::<i64>("absent").shared()).unwrap().is_none()));
}

#[test]
fn exists_through_two_layers_allocates_nothing() {
    assert_none(|cache| {
        assert!(wait(cache.exists("there")).unwrap());
        assert!(!wait(cache.exists("absent")).unwrap());
    });
}

// Over memory, beside raw moka.

/// A cache on memory through two layers and raw moka, with the same users.
struct Pair {
    ours: Cache,
    raw: moka::sync::Cache<String, Arc<User>>,
    work: Workload,
    #[expect(
        dead_code,
        reason = "the last field, so others wait until the caches are freed"
    )]
    alone: MutexGuard<'static, ()>,
}

impl Pair {
    fn new() -> Self {
        let alone = alone();
        let work = Workload::new(ITEMS);
        let backend = ours::backend(ROOM).build().unwrap();
        let layered = Cache::builder(backend).ttl(HOUR).layer(PassThrough);
        let layered = layered.layer(metrics(&Arc::default()).layer());
        let ours = layered.build().unwrap();
        let raw = moka::sync::Cache::builder()
            .max_capacity(ROOM)
            .eviction_policy(EvictionPolicy::lru())
            .build();
        for (key, user) in work.entries() {
            wait(ours.set(key, Value::shared(Arc::clone(user)))).unwrap();
            raw.insert(key.to_owned(), Arc::clone(user));
        }
        raw.run_pending_tasks();
        Self {
            ours,
            raw,
            work,
            alone,
        }
    }

    fn key(&self, turn: usize) -> &str {
        self.work.key(u32::try_from(turn).unwrap() % ITEMS)
    }

    /// Says that ours allocates as often as raw moka. Moka does its work after so many reads, and also when some time
    /// has passed, which adds one to some counts: of all counts the one in the middle is compared.
    fn assert_same(&self, ours: impl Fn(&Self, &str), raw: impl Fn(&Self, &str)) {
        let count = |operation: &dyn Fn(&Self, &str)| {
            let mut counts = [(); 21].map(|()| allocations(|turn| operation(self, self.key(turn))));
            counts.sort_unstable();
            counts[10]
        };
        assert_eq!(count(&ours), count(&raw), "ours left, raw moka right");
    }
}

#[test]
fn a_shared_hit_allocates_as_often_as_raw_moka() {
    Pair::new().assert_same(
        |pair, key| assert!(wait(pair.ours.get::<User>(key).shared()).unwrap().is_some()),
        |pair, key| assert!(pair.raw.get(key).is_some()),
    );
}

#[test]
fn a_hit_of_get_or_load_allocates_as_often_as_raw_moka() {
    Pair::new().assert_same(
        |pair, key| {
            let load = || async { Err::<User, _>("there is a value") };
            assert!(wait(pair.ours.get_or_load(key, load).shared()).is_ok());
        },
        |pair, key| assert!(pair.raw.get(key).is_some()),
    );
}

#[test]
fn a_miss_allocates_as_often_as_raw_moka() {
    Pair::new().assert_same(
        |pair, _| assert!(wait(pair.ours.get::<User>("absent").shared()).unwrap().is_none()),
        |pair, _| assert!(pair.raw.get("absent").is_none()),
    );
}

#[test]
fn exists_allocates_as_often_as_raw_moka() {
    Pair::new().assert_same(
        |pair, key| assert!(wait(pair.ours.exists(key)).unwrap()),
        |pair, key| assert!(pair.raw.contains_key(key)),
    );
}

#[test]
fn an_owned_hit_of_a_copy_type_allocates_as_often_as_raw_moka() {
    let pair = Pair::new();
    let raw: moka::sync::Cache<String, i64> = moka::sync::Cache::builder()
        .max_capacity(ROOM)
        .eviction_policy(EvictionPolicy::lru())
        .build();
    for (key, _) in pair.work.entries() {
        wait(pair.ours.set(key, 7_i64)).unwrap();
        raw.insert(key.to_owned(), 7);
    }
    raw.run_pending_tasks();
    pair.assert_same(
        |pair, key| assert_eq!(wait(pair.ours.get::<i64>(key)).unwrap(), Some(7)),
        |_, key| assert_eq!(raw.get(key), Some(7)),
    );
}

/// Without a limit moka is not asked at all for what the thread remembers, so nothing at all allocates.
#[test]
fn a_hit_that_the_thread_remembers_allocates_nothing() {
    let _alone = alone();
    let cache = ours::bare(0, HOUR);
    wait(cache.set("there", 7_i64)).unwrap();
    let read = || assert!(wait(cache.get::<i64>("there").shared()).unwrap().is_some());
    (0..1_000).for_each(|_| read());
    assert_eq!(allocations(|_| read()), 0);
}

// The doubles.

/// A recorder that counts in place and never allocates once it knows a metric.
#[derive(Debug, Default)]
struct InPlace {
    samples: Arc<Samples>,
}

#[derive(Debug, Default)]
struct Samples(AtomicU64);

impl InPlace {
    fn samples(&self) -> u64 {
        self.samples.0.load(Ordering::Relaxed)
    }
}

impl HistogramFn for Samples {
    fn record(&self, _: f64) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Recorder for InPlace {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, _: &metrics::Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(Arc::new(AtomicU64::new(0)))
    }

    fn register_gauge(&self, _: &metrics::Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(Arc::new(AtomicU64::new(0)))
    }

    fn register_histogram(&self, _: &metrics::Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(Arc::clone(&self.samples))
    }
}

/// A layer that does nothing.
struct PassThrough;

impl Layer for PassThrough {
    fn layer(&self, inner: Arc<dyn CacheBackend>, _: &mut LayerContext) -> Result<Arc<dyn CacheBackend>> {
        Ok(Arc::new(Passed(inner)))
    }
}

#[derive(Debug)]
struct Passed(Arc<dyn CacheBackend>);

#[deny(clippy::missing_trait_methods)]
impl CacheBackend for Passed {
    fn kind(&self) -> &'static str {
        self.0.kind()
    }

    fn clock(&self) -> Arc<dyn Clock> {
        self.0.clock()
    }

    fn get<'a>(&'a self, key: Key<'a>) -> CacheFuture<'a, Option<Entry>> {
        self.0.get(key)
    }

    fn set<'a>(&'a self, key: Key<'a>, entry: Entry) -> CacheFuture<'a, ()> {
        self.0.set(key, entry)
    }

    fn delete<'a>(&'a self, key: Key<'a>) -> CacheFuture<'a, bool> {
        self.0.delete(key)
    }

    fn exists<'a>(&'a self, key: Key<'a>) -> CacheFuture<'a, bool> {
        self.0.exists(key)
    }

    fn get_many<'a>(&'a self, keys: Vec<Key<'a>>) -> CacheFuture<'a, Vec<Result<Option<Entry>>>> {
        self.0.get_many(keys)
    }

    fn set_many<'a>(&'a self, entries: Vec<(Key<'a>, Entry)>) -> CacheFuture<'a, Vec<Result<()>>> {
        self.0.set_many(entries)
    }

    fn delete_many<'a>(&'a self, keys: Vec<Key<'a>>) -> CacheFuture<'a, Vec<Result<bool>>> {
        self.0.delete_many(keys)
    }

    fn clear(&self) -> CacheFuture<'_, ()> {
        self.0.clear()
    }

    fn stats(&self) -> BackendStats {
        self.0.stats()
    }

    fn ping(&self) -> CacheFuture<'_, ()> {
        self.0.ping()
    }

    fn close(&self) -> CacheFuture<'_, ()> {
        self.0.close()
    }
}

/// A backend that holds one value under the key `there`.
#[derive(Debug)]
struct Ready {
    value: Value,
}

impl Ready {
    fn find(&self, key: Key<'_>) -> Option<Entry> {
        let now = SystemClock.now();
        match key.as_str() {
            "there" => Some(Entry::new(self.value.clone(), Timestamp::from_millis(0))),
            "loaded" => Some(
                Entry::new(self.value.clone(), now)
                    .with_stale_at(now + HOUR)
                    .with_expires_at(now + 2 * HOUR)
                    .with_load_cost(Duration::from_millis(1)),
            ),
            _ => None,
        }
    }
}

impl CacheBackend for Ready {
    fn kind(&self) -> &'static str {
        "memory"
    }

    fn clock(&self) -> Arc<dyn Clock> {
        SystemClock::shared()
    }

    fn get<'a>(&'a self, key: Key<'a>) -> CacheFuture<'a, Option<Entry>> {
        CacheFuture::ready(Ok(self.find(key)))
    }

    fn set<'a>(&'a self, _: Key<'a>, _: Entry) -> CacheFuture<'a, ()> {
        CacheFuture::ready(Ok(()))
    }

    fn delete<'a>(&'a self, key: Key<'a>) -> CacheFuture<'a, bool> {
        CacheFuture::ready(Ok(self.find(key).is_some()))
    }

    fn exists<'a>(&'a self, key: Key<'a>) -> CacheFuture<'a, bool> {
        CacheFuture::ready(Ok(self.find(key).is_some()))
    }

    fn get_many<'a>(&'a self, keys: Vec<Key<'a>>) -> CacheFuture<'a, Vec<Result<Option<Entry>>>> {
        CacheFuture::ready(Ok(keys.into_iter().map(|key| Ok(self.find(key))).collect()))
    }

    fn set_many<'a>(&'a self, entries: Vec<(Key<'a>, Entry)>) -> CacheFuture<'a, Vec<Result<()>>> {
        CacheFuture::ready(Ok(entries.into_iter().map(|_| Ok(())).collect()))
    }

    fn delete_many<'a>(&'a self, keys: Vec<Key<'a>>) -> CacheFuture<'a, Vec<Result<bool>>> {
        CacheFuture::ready(Ok(keys
            .into_iter()
            .map(|key| Ok(self.find(key).is_some()))
            .collect()))
    }

    fn clear(&self) -> CacheFuture<'_, ()> {
        CacheFuture::ready(Ok(()))
    }

    fn stats(&self) -> BackendStats {
        BackendStats::default()
    }

    fn ping(&self) -> CacheFuture<'_, ()> {
        CacheFuture::ready(Ok(()))
    }

    fn close(&self) -> CacheFuture<'_, ()> {
        CacheFuture::ready(Ok(()))
    }
}
