//! What a cache of 1,000 entries holds while more writers store new keys than there are processors. The values
//! count how many of them live, so nobody is asked.
//!
//! `cargo bench -p cache-bench --bench flood`

#![expect(
    clippy::print_stdout,
    reason = "a benchmark prints its table, and its children their numbers"
)]
#![expect(clippy::expect_used, reason = "a benchmark ends when a cache cannot be built")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use cache_bench::lives::{Lives, Living};
use cache_bench::ours::{self, HOUR};
use cache_bench::table::Table;
use cache_bench::{child, is_asked_for, workload};
use cache_core::{Cache, Expiration};
use moka::policy::EvictionPolicy;
use tokio::runtime::Builder;

const LIMIT: u64 = 1_000;
const VALUE_BYTES: usize = 4 * 1024;
const THREADS: u32 = 8;
const TASKS: u32 = 64;
const LONG: Duration = Duration::from_secs(2);

const CACHES: [&str; 3] = ["raw moka::sync", "ours, never expiring", "ours"];
const WRITERS: [&str; 2] = ["8 threads", "64 tasks"];

fn main() {
    if let Some(variant) = child::variant() {
        let (cache, writers) = variant.split_once(" by ").unwrap_or_default();
        flood(cache, writers);
    } else if is_asked_for() {
        print();
    }
}

fn print() {
    println!(
        "\nFlood of new keys for {LONG:?}: limit of {LIMIT} entries, values of 4 KiB; the most of 3 processes"
    );
    let mut table = Table::new([
        "cache",
        "writers",
        "most live values",
        "over the limit",
        "sets/s",
        "most RSS (MiB)",
    ]);
    for writers in WRITERS {
        for cache in CACHES {
            let runs = [(); 3].map(|()| child::run(&format!("{cache} by {writers}")));
            let most = |column: usize| runs.iter().map(|run| run[column]).fold(0.0, f64::max);
            table.row([
                cache.to_owned(),
                writers.to_owned(),
                format!("{:.0}", most(0)),
                format!("{:.1}x", most(0) / LIMIT as f64),
                format!("{:.0}", most(1)),
                format!("{:.0}", most(2) / 1024.0 / 1024.0),
            ]);
        }
    }
    print!("{table}");
}

/// Prints the most values that lived, the sets in a second and the most memory.
fn flood(cache: &str, writers: &str) {
    let lives = Arc::new(Lives::default());
    let sets = match cache {
        "raw moka::sync" => raw(&lives, writers),
        "ours" => own(&lives, writers, ours::bare(LIMIT, HOUR)),
        _ => own(&lives, writers, ours::bare(LIMIT, Expiration::Never)),
    };
    println!(
        "{} {} {}",
        lives.most(),
        sets as f64 / LONG.as_secs_f64(),
        child::most_resident()
    );
}

fn raw(lives: &Arc<Lives>, writers: &str) -> u64 {
    let builder = moka::sync::Cache::builder()
        .max_capacity(LIMIT)
        .eviction_policy(EvictionPolicy::lru());
    let cache: moka::sync::Cache<String, Arc<Living>> = builder.build();
    let lives = Arc::clone(lives);
    let set = move |number| {
        cache.insert(workload::key(number), Arc::new(Living::new(&lives, VALUE_BYTES)));
        std::future::ready(())
    };
    write(writers, set)
}

fn own(lives: &Arc<Lives>, writers: &str, cache: Cache) -> u64 {
    let lives = Arc::clone(lives);
    let set = move |number| {
        let value = Living::new(&lives, VALUE_BYTES);
        let cache = cache.clone();
        async move {
            let stored = cache.set(&workload::key(number), value).await;
            stored.expect("memory does not fail");
        }
    };
    write(writers, set)
}

/// Lets all writers store distinct keys and returns how many they stored.
fn write<F: Future<Output = ()> + Send>(
    writers: &str,
    set: impl Fn(u32) -> F + Clone + Send + Sync + 'static,
) -> u64 {
    let count = Arc::new(AtomicU64::new(0));
    let end = Instant::now() + LONG;
    // Each writer has its own part of the numbers.
    let numbers = |writer: u32| (0..).map(move |number: u32| writer << 24 | number & 0x00ff_ffff);
    if writers == "8 threads" {
        thread::scope(|scope| {
            for writer in 0..THREADS {
                let (set, count) = (set.clone(), Arc::clone(&count));
                scope.spawn(move || {
                    for number in numbers(writer).take_while(|_| Instant::now() < end) {
                        cache_bench::wait::wait(set(number));
                        count.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
    } else {
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .build()
            .expect("a runtime starts");
        let tasks: Vec<_> = (0..TASKS)
            .map(|writer| {
                let (set, count) = (set.clone(), Arc::clone(&count));
                runtime.spawn(async move {
                    for number in numbers(writer).take_while(|_| Instant::now() < end) {
                        set(number).await;
                        count.fetch_add(1, Ordering::Relaxed);
                        tokio::task::yield_now().await;
                    }
                })
            })
            .collect();
        for task in tasks {
            runtime.block_on(task).expect("a writer does not fail");
        }
    }
    count.load(Ordering::Relaxed)
}
