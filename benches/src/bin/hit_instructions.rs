//! Runs one case so many times, to be counted by valgrind: `hit_instructions CASE TIMES`. Only what runs inside of
//! [`counted`] is counted; see `check-instructions.sh`, which calls it. Without arguments it prints the cases.
//!
//! Keys are asked for equally often and there are many of them: hash seeds differ from process to process, and a frequent
//! key that shares its bucket would move the count.

#![expect(clippy::print_stdout, reason = "the script reads the cases")]
#![expect(clippy::expect_used, reason = "the script ends when a case fails")]

use std::convert::Infallible;
use std::env;
use std::hint::black_box;
use std::sync::Arc;

use cache_bench::ours::{self, HOUR};
use cache_bench::wait::wait;
use cache_bench::workload::{self, User, Workload};
use cache_core::{Cache, LoadContext, LoadOptions, Loaded, Value};
use cache_metrics::Metrics;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};
use moka::policy::EvictionPolicy;
use tokio::runtime::Builder;

const ITEMS: u32 = 10_000;
const ROOM: u64 = 20_000;

/// How many keys are asked for again and again.
const AGAIN: u32 = 8;

const CASES: [&str; 20] = [
    "raw-moka",
    "hit",
    "hit-again",
    "hit-metrics",
    "hit-metrics-again",
    "hit-load",
    "hit-load-again",
    "hit-stale",
    "hit-stale-again",
    "hit-load-stale",
    "hit-load-stale-again",
    "hit-load-ahead",
    "hit-load-ahead-again",
    "hit-traced",
    "hit-again-traced",
    "hit-load-traced",
    "miss",
    "exists",
    "raw-moka-set",
    "set",
];

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [case, times] = arguments.as_slice() else {
        println!("{}", CASES.join("\n"));
        return;
    };
    run(case, times.parse().expect("TIMES is a number"));
}

fn run(case: &str, times: usize) {
    let work = Workload::new(ITEMS);
    let choices: Vec<u32> = (0..ITEMS).collect();
    let order = workload::uniform(&choices, times, 0);
    let keys = order.iter().map(|number| work.key(*number));
    // A few keys, so that a read of one comes soon after another one.
    let again = order.iter().map(|number| work.key(*number % AGAIN));
    match case {
        "raw-moka" => {
            let cache = raw(&work);
            counted(keys, |key| drop(black_box(cache.get(key))));
        }
        "hit" => gets(&filled(ours::bare(ROOM, HOUR), &work), keys),
        "hit-again" => gets(&filled(ours::bare(ROOM, HOUR), &work), again),
        "hit-metrics-again" => gets(&filled(ours::measured(ROOM, HOUR, &metrics()), &work), again),
        "hit-metrics" => gets(&filled(ours::measured(ROOM, HOUR, &metrics()), &work), keys),
        "hit-load" => loads(&filled(ours::bare(ROOM, HOUR), &work), keys),
        "hit-load-again" => loads(&filled(ours::bare(ROOM, HOUR), &work), again),
        "hit-load-traced" => loads(&filled(ours::traced(ROOM, HOUR), &work), keys),
        // Of values that were loaded, and may be given when they are stale: they are fresh, and that has to be seen.
        "hit-stale" => gets(&loaded(stale(), &work), keys),
        "hit-stale-again" => gets(&loaded(stale(), &work), again),
        "hit-load-stale" => loads(&loaded(stale(), &work), keys),
        "hit-load-stale-again" => loads(&loaded(stale(), &work), again),
        // The same for values that are renewed before they end.
        "hit-load-ahead" => loads(&loaded(ahead(), &work), keys),
        "hit-load-ahead-again" => loads(&loaded(ahead(), &work), again),
        // With nobody listening, as in production: what is paid for being able to listen.
        "hit-traced" => gets(&filled(ours::traced(ROOM, HOUR), &work), keys),
        "hit-again-traced" => gets(&filled(ours::traced(ROOM, HOUR), &work), again),
        "miss" => gets(&ours::bare(ROOM, HOUR), keys),
        "exists" => {
            let cache = filled(ours::bare(ROOM, HOUR), &work);
            counted(keys, |key| drop(black_box(wait(cache.exists(key)))));
        }
        "raw-moka-set" => {
            let cache = raw(&work);
            let user = work.user(0);
            counted(keys, |key| cache.insert(key.to_owned(), Arc::clone(user)));
        }
        "set" => {
            let cache = filled(ours::bare(ROOM, HOUR), &work);
            let user = work.user(0);
            counted(keys, |key| {
                drop(black_box(wait(cache.set(key, Value::shared(Arc::clone(user))))));
            });
        }
        other => unreachable!("no case is named {other}; there are {CASES:?}"),
    }
}

/// What valgrind counts, known to it by name.
#[inline(never)]
fn counted<'a>(keys: impl Iterator<Item = &'a str>, each: impl FnMut(&'a str)) {
    keys.for_each(each);
}

fn gets<'a>(cache: &Cache, keys: impl Iterator<Item = &'a str>) {
    counted(keys, |key| drop(black_box(wait(cache.get::<User>(key).shared()))));
}

fn loads<'a>(cache: &Cache, keys: impl Iterator<Item = &'a str>) {
    counted(keys, |key| {
        let load = || async { Err::<User, _>("there are only hits") };
        drop(black_box(wait(cache.get_or_load(key, load).shared())));
    });
}

fn raw(work: &Workload) -> moka::sync::Cache<String, Arc<User>> {
    let cache = moka::sync::Cache::builder()
        .max_capacity(ROOM)
        .eviction_policy(EvictionPolicy::lru())
        .build();
    for (key, user) in work.entries() {
        cache.insert(key.to_owned(), Arc::clone(user));
    }
    cache.run_pending_tasks();
    cache
}

fn filled(cache: Cache, work: &Workload) -> Cache {
    for (key, user) in work.entries() {
        wait(cache.set(key, Value::shared(Arc::clone(user)))).expect("memory does not fail");
    }
    cache
}

fn stale() -> LoadOptions {
    LoadOptions::new().stale_while_revalidate(2 * HOUR)
}

fn ahead() -> LoadOptions {
    LoadOptions::new().refresh_ahead(1.0)
}

/// Returns a cache whose values were all loaded.
fn loaded(options: LoadOptions, work: &Workload) -> Cache {
    let runtime = Builder::new_current_thread().enable_time().build();
    let cache = ours::loading(ROOM, HOUR, options);
    runtime.expect("a runtime starts").block_on(async {
        for (key, user) in work.entries() {
            let user = Arc::clone(user);
            let load = |_: LoadContext<User>| async move { Ok::<_, Infallible>(Loaded::store_shared(user)) };
            cache
                .get_or_load(key, load)
                .shared()
                .await
                .expect("the loader does not fail");
        }
    });
    cache
}

/// Returns metrics with a real recorder, whose threads do nothing while the case runs.
fn metrics() -> Metrics {
    let metrics = Metrics::builder()
        .collect_interval(HOUR)
        .build()
        .expect("the settings are right");
    let mut exporter = PrometheusBuilder::new();
    for (name, bounds) in metrics.buckets() {
        exporter = exporter
            .set_buckets_for_metric(Matcher::Full(name), &bounds)
            .expect("there are buckets");
    }
    metrics::set_global_recorder(exporter.build_recorder()).expect("there is one recorder");
    metrics
}
