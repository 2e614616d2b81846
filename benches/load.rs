//! Loading: what a hit of `get_or_load` costs beside a plain get, and how 1,000 callers of one missing key fare with a
//! source that takes 5 ms, when it answers and when it fails, beside moka, `cachet` with its stampede protection, and
//! `cached` with a lock for each key.
//!
//! `cargo bench -p cache-bench --bench load`, with `-- --stampedes` the second part alone.

#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]
#![expect(clippy::expect_used, reason = "a benchmark ends when a cache cannot be built")]

use std::hint::black_box;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use cache_bench::compare::{Plan, Subject, measure, quantile};
use cache_bench::notified::Notified;
use cache_bench::ours::{self, HOUR};
use cache_bench::source::Source;
use cache_bench::table::Table;
use cache_bench::wait::wait;
use cache_bench::workload::{self, User, Workload};
use cache_bench::{child, is_asked_for};
use cache_core::{Cache, Value};
use cached::macros::cached;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;

const ITEMS: u32 = 10_000;
const ROOM: u64 = 20_000;
const CALLERS: usize = 1_000;
/// Of a source that answers. One that fails takes longer: some callers load one after the other.
const ROUNDS: usize = 21;
const FAILING_ROUNDS: usize = 5;

const PLAN: Plan = Plan {
    threads: 1,
    builds: 17,
    rounds: 3,
    warm_up: 40_000,
    timed: 40_000,
    used_heap: true,
};

fn main() {
    if !is_asked_for() {
        return;
    }
    if !std::env::args().any(|argument| argument == "--stampedes") {
        hits();
    }
    // The processes that measure hits come here too.
    if child::variant().is_none() {
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime starts");
        stampedes(&runtime, true);
        stampedes(&runtime, false);
    }
}

fn hits() {
    let work = Workload::new(ITEMS);
    let orders = [workload::skewed(ITEMS, 800_000, 0)];
    let filled = || {
        let cache = ours::bare(ROOM, HOUR);
        for (key, user) in work.entries() {
            wait(cache.set(key, Value::shared(Arc::clone(user)))).expect("memory does not fail");
        }
        cache
    };
    let get = Subject::new("get", &orders, || {
        let cache = filled();
        work.each(move |key| {
            let found = wait(cache.get::<User>(key).shared()).expect("memory does not fail");
            assert!(black_box(found).is_some());
        })
    });
    let load = Subject::new("get_or_load", &orders, || {
        let cache = filled();
        work.each(move |key| {
            let loader = || async { Err::<User, _>("this benchmark has only hits") };
            black_box(wait(cache.get_or_load(key, loader).shared()).expect("there is a value"));
        })
    });
    let Some(measured) = measure("Hit of get_or_load", PLAN, &[get, load]) else {
        return;
    };
    println!("\nA hit, 10,000 values, one thread");
    let mut table = Table::new(["call", "ns", "ratio (quartiles)"]);
    for (at, name) in measured.names().enumerate() {
        table.row([
            name,
            &format!("{:.0}", measured.nanos(at)),
            &measured.ratio(at, 0).to_string(),
        ]);
    }
    print!("{table}");
}

/// One call of a caller, which says whether it got the value.
type Call = Pin<Box<dyn Future<Output = bool> + Send>>;
/// A cache that is asked for a key.
type Ask = Box<dyn Fn(Source, String) -> Call>;

fn subjects(runtime: &Runtime) -> Vec<(&'static str, Ask)> {
    let _entered = runtime.enter();
    let own: Cache = ours::bare(ROOM, HOUR);
    let remembering = {
        let backend = ours::backend(ROOM).build().expect("the backend starts");
        let options = cache_core::LoadOptions::new().error_memory(Duration::from_millis(100));
        Cache::builder(backend)
            .loading(options)
            .build()
            .expect("the cache is built")
    };
    let moka = moka::future::Cache::<String, u64>::new(ROOM);
    let microsoft = cachet::Cache::builder::<String, u64>(tick::Clock::new_tokio())
        .memory()
        .stampede_protection()
        .build();
    let microsoft = Arc::new(microsoft);
    let notified = Arc::new(Notified::default());
    let ours = |cache: Cache| -> Ask {
        Box::new(move |source, key| {
            let cache = cache.clone();
            Box::pin(async move { cache.get_or_load(&key, || source.load()).await.is_ok() })
        })
    };
    vec![
        ("ours", ours(own)),
        ("ours, error_memory 100 ms", ours(remembering)),
        (
            "moka try_get_with",
            Box::new(move |source, key| {
                let moka = moka.clone();
                Box::pin(async move { moka.try_get_with(key, source.load()).await.is_ok() })
            }),
        ),
        (
            "cachet, stampede protection",
            Box::new(move |source, key| {
                let cachet = Arc::clone(&microsoft);
                Box::pin(async move {
                    cachet
                        .try_get_or_insert(&key, || load_or_fail(source))
                        .await
                        .is_ok()
                })
            }),
        ),
        (
            "cached, sync_writes by_key",
            Box::new(|source, key| Box::pin(async move { behind_a_lock(key, source).await.is_ok() })),
        ),
        (
            "no cache, tokio's Notify",
            Box::new(move |source, key| {
                let notified = Arc::clone(&notified);
                Box::pin(async move { notified.get(key, source.load()).await.is_ok() })
            }),
        ),
    ]
}

/// Its error type must be an error of the standard library.
async fn load_or_fail(source: Source) -> Result<u64, std::io::Error> {
    source.load().await.map_err(std::io::Error::other)
}

#[cached(
    ty = "cached::LruCache<String, u64>",
    create = "{ cached::LruCache::with_size(20_000) }",
    convert = "{ name.clone() }",
    key = "String",
    result = true,
    sync_writes = "by_key"
)]
async fn behind_a_lock(name: String, source: Source) -> Result<u64, String> {
    let _ = name;
    source.load().await
}

fn stampedes(runtime: &Runtime, answers: bool) {
    static KEYS: AtomicU64 = AtomicU64::new(0);
    let what = if answers { "answers" } else { "fails" };
    let rounds = if answers { ROUNDS } else { FAILING_ROUNDS };
    println!(
        "\n1,000 callers of one missing key, a source that {what} after 5 ms; medians of {rounds} rounds, in which all take \
         turns"
    );
    let mut table = Table::new([
        "cache",
        "loads",
        "p50 (ms)",
        "p99 (ms)",
        "last (ms)",
        "last after the load (ms, quartiles)",
    ]);
    let subjects = subjects(runtime);
    let mut measured: Vec<Vec<[f64; 5]>> = subjects.iter().map(|_| Vec::new()).collect();
    for _ in 0..rounds {
        for ((_, ask), measured) in subjects.iter().zip(&mut measured) {
            let source = Source::new(answers);
            let key = format!("key {}", KEYS.fetch_add(1, Ordering::Relaxed));
            measured.push(stampede(runtime, ask, &source, &key, answers));
        }
    }
    for ((name, _), rounds) in subjects.iter().zip(measured) {
        let share = |at: usize, share: f64| {
            let all: Vec<f64> = rounds.iter().map(|round| round[at]).collect();
            quantile(&all, share)
        };
        table.row([
            (*name).to_owned(),
            format!("{:.0}", share(0, 0.5)),
            format!("{:.2}", share(1, 0.5)),
            format!("{:.2}", share(2, 0.5)),
            format!("{:.2}", share(3, 0.5)),
            if share(4, 0.5).is_nan() {
                "-".to_owned()
            } else {
                let [lower, median, upper] = [0.25, 0.5, 0.75].map(|part| share(4, part));
                format!("{median:.2} ({lower:.2}-{upper:.2})")
            },
        ]);
    }
    print!("{table}");
}

/// Lets all callers ask. Returns the number of loads, and in milliseconds: the median wait, that of which one in a
/// hundred is longer, the longest, and from the end of the load to the last answer if there was one load.
fn stampede(runtime: &Runtime, ask: &Ask, source: &Source, key: &str, answers: bool) -> [f64; 5] {
    // The thread that waits here is woken once, at the end, so that it takes no processor from those that are measured.
    let (left, done) = (Arc::new(AtomicUsize::new(CALLERS)), Arc::new(Notify::new()));
    let ends: Vec<(bool, Instant, Instant)> = runtime.block_on(async {
        let callers: Vec<_> = (0..CALLERS)
            .map(|_| {
                let call = ask(source.clone(), key.to_owned());
                let (left, done) = (Arc::clone(&left), Arc::clone(&done));
                tokio::spawn(async move {
                    let start = Instant::now();
                    let got = call.await;
                    let end = Instant::now();
                    if left.fetch_sub(1, Ordering::AcqRel) == 1 {
                        done.notify_one();
                    }
                    (got, start, end)
                })
            })
            .collect();
        done.notified().await;
        let mut ends = Vec::with_capacity(CALLERS);
        for caller in callers {
            ends.push(caller.await.expect("no caller panics"));
        }
        ends
    });
    assert!(ends.iter().all(|(got, ..)| *got == answers));
    let waits: Vec<f64> = ends.iter().map(|(_, start, end)| millis(*start, *end)).collect();
    let loads = source.loads();
    let behind = match (ends.iter().map(|(.., end)| *end).max(), source.ended()) {
        (Some(last), Some(loaded)) if loads == 1 => millis(loaded, last),
        _ => f64::NAN,
    };
    [
        loads as f64,
        quantile(&waits, 0.5),
        quantile(&waits, 0.99),
        quantile(&waits, 1.0),
        behind,
    ]
}

fn millis(from: Instant, to: Instant) -> f64 {
    to.saturating_duration_since(from).as_secs_f64() * 1e3
}
