//! How long entries that end together stay in memory after their end, where nobody calls: beside raw moka, which frees
//! nothing then, so its maintenance is called without a pause from the end on. Each variant has a process of its own.
//!
//! `cargo bench -p cache-bench --bench expire`

#![expect(
    clippy::print_stdout,
    reason = "a benchmark prints its table, and its children their numbers"
)]
#![expect(clippy::expect_used, reason = "a benchmark ends when a cache cannot be built")]

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use cache_bench::compare::quantile;
use cache_bench::table::Table;
use cache_bench::wait::wait;
use cache_bench::{child, is_asked_for, workload};
use cache_core::Cache;
use cache_memory::MemoryBackend;
use moka::policy::EvictionPolicy;

const COUNTS: [u32; 4] = [10_000, 100_000, 350_000, 1_000_000];
const ROOM: u64 = 2_000_000;
const TIMES: usize = 5;
/// So long the entries live: longer than it takes to store them all.
const LIFE: Duration = Duration::from_secs(6);
/// How often the cache is asked whether all are freed.
const PAUSE: Duration = Duration::from_millis(1);

fn main() {
    if let Some(variant) = child::variant() {
        let (name, items) = variant.rsplit_once(' ').expect("a variant has a count");
        let items = items.parse().expect("a count is a number");
        let freed = if name == "raw" { raw(items) } else { own(items) };
        println!("{}", freed.as_secs_f64() * 1e3);
    } else if is_asked_for() {
        print();
    }
}

fn print() {
    println!("\nFreed so long after their common end, medians of {TIMES} processes and quartiles");
    let mut table = Table::new(["entries", "ours, ms", "raw moka::sync, ms", "ours over raw"]);
    for items in COUNTS {
        let (mut own, mut raw) = (Vec::new(), Vec::new());
        for _ in 0..TIMES {
            own.extend(child::run(&format!("own {items}")));
            raw.extend(child::run(&format!("raw {items}")));
        }
        let [own, raw] = [own, raw].map(|samples| [0.25, 0.5, 0.75].map(|at| quantile(&samples, at)));
        let row = |[lower, median, upper]: [f64; 3]| format!("{median:.0} ({lower:.0}-{upper:.0})");
        let ratio = format!("{:.2}", own[1] / raw[1]);
        table.row([&items.to_string(), &row(own), &row(raw), &ratio]);
    }
    print!("{table}");
}

/// Waits for the common end of entries that were stored meanwhile.
fn wait_until(end: Instant) {
    let left = end.checked_duration_since(Instant::now());
    thread::sleep(left.expect("all entries are stored before the first one ends"));
}

fn own(items: u32) -> Duration {
    let backend = MemoryBackend::builder()
        .max_items(ROOM)
        .build()
        .expect("the backend starts");
    let cache = Cache::builder(backend).build().expect("the cache is built");
    let end = Instant::now() + LIFE;
    for number in 0..items {
        let left = end.saturating_duration_since(Instant::now());
        wait(cache.set(&workload::key(number), number).ttl(left)).expect("memory does not fail");
    }
    wait_until(end);
    while cache.stats().items != Some(0) {
        thread::sleep(PAUSE);
    }
    end.elapsed()
}

fn raw(items: u32) -> Duration {
    let cache = moka::sync::Cache::builder()
        .max_capacity(ROOM)
        .eviction_policy(EvictionPolicy::lru())
        .time_to_live(LIFE)
        .build();
    for number in 0..items {
        cache.insert(workload::key(number), Arc::new(number));
    }
    cache.run_pending_tasks();
    // Moka has one time to live for all, so the last one ends as much later as it was stored.
    let end = Instant::now() + LIFE;
    wait_until(end);
    while cache.entry_count() > 0 {
        cache.run_pending_tasks();
    }
    end.elapsed()
}
