//! What an entry costs in memory: a million entries of 16 bytes, each variant in a process of its own.
//!
//! `cargo bench -p cache-bench --bench memory`

#![expect(
    clippy::print_stdout,
    reason = "a benchmark prints its table, and its children their numbers"
)]
#![expect(clippy::expect_used, reason = "a benchmark ends when a cache cannot be built")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use cache_bench::compare::quantile;
use cache_bench::ours::{self, HOUR};
use cache_bench::prototype::{self, DualCell, Object, TwoWords};
use cache_bench::table::Table;
use cache_bench::wait::wait;
use cache_bench::{child, is_asked_for, workload};
use cache_core::Expiration;
use moka::policy::EvictionPolicy;

const ITEMS: u32 = 1_000_000;
const ROOM: u64 = 2_000_000;
/// Each variant runs so often, to see that the heap grows in the same steps each time.
const TIMES: usize = 3;

type Content = [u8; 16];

/// The variants, with the name of the one that they are compared with.
const VARIANTS: [(&str, &str); 12] = [
    ("raw moka::sync", "raw moka::sync"),
    ("raw moka::sync, time_to_live", "raw moka::sync"),
    ("raw moka::sync, Expiry for each entry", "raw moka::sync"),
    ("ours, never expiring", "raw moka::sync"),
    ("ours", "raw moka::sync"),
    (
        "raw moka::sync, keys of 40 bytes",
        "raw moka::sync, keys of 40 bytes",
    ),
    (
        "raw moka::sync, time_to_live, keys of 40 bytes",
        "raw moka::sync, keys of 40 bytes",
    ),
    (
        "ours, never expiring, keys of 40 bytes",
        "raw moka::sync, keys of 40 bytes",
    ),
    ("ours, keys of 40 bytes", "raw moka::sync, keys of 40 bytes"),
    ("prototype: the object alone", "raw moka::sync"),
    ("prototype: value of two words", "raw moka::sync"),
    ("prototype: room for both forms", "raw moka::sync"),
];

fn main() {
    if let Some(variant) = child::variant() {
        println!("{}", bytes_per_entry(&variant));
    } else if is_asked_for() {
        print();
    }
}

fn print() {
    println!(
        "\nMemory (RSS) for each of 1,000,000 entries of 16 bytes, keys of 21 bytes, median of {TIMES} processes"
    );
    let mut samples = vec![Vec::new(); VARIANTS.len()];
    for _ in 0..TIMES {
        for ((variant, _), samples) in VARIANTS.iter().zip(&mut samples) {
            samples.extend(child::run(variant));
        }
    }
    let bytes = |name: &str| {
        let place = VARIANTS.iter().position(|(variant, _)| *variant == name);
        place.map_or(f64::NAN, |place| quantile(&samples[place], 0.5))
    };
    let mut table = Table::new(["cache", "bytes", "least-most", "ratio"]);
    for ((variant, base), samples) in VARIANTS.iter().zip(&samples) {
        let spread = format!("{:.0}-{:.0}", quantile(samples, 0.0), quantile(samples, 1.0));
        let ratio = format!("{:.2}", bytes(variant) / bytes(base));
        table.row([*variant, &format!("{:.0}", bytes(variant)), &spread, &ratio]);
    }
    print!("{table}");
}

/// Fills a cache and returns what each entry took from the system.
fn bytes_per_entry(variant: &str) -> f64 {
    // What the first cache of a process brings along is not an entry's.
    drop(fill(variant, 1_000));
    let before = child::resident();
    let cache = fill(variant, ITEMS);
    let after = child::resident();
    drop(cache);
    (after - before) / f64::from(ITEMS)
}

/// Fills a cache of the variant. The caller only keeps it.
fn fill(variant: &str, items: u32) -> Box<dyn Send> {
    let (kind, key): (_, fn(u32) -> String) = match variant.strip_suffix(", keys of 40 bytes") {
        Some(kind) => (kind, |number| {
            format!("tenant-17:user:profile:details:{number:09}")
        }),
        None => (variant, workload::key),
    };
    match kind {
        "raw moka::sync" => raw(lru(), items, key),
        "raw moka::sync, time_to_live" => raw(lru().time_to_live(HOUR), items, key),
        "raw moka::sync, Expiry for each entry" => raw(lru().expire_after(Hour), items, key),
        "ours, never expiring" => own(Expiration::Never, items, key),
        "ours" => own(HOUR.into(), items, key),
        "prototype: the object alone" => prototype(items, key, |object| object),
        "prototype: value of two words" => prototype(items, key, TwoWords::new),
        "prototype: room for both forms" => prototype(items, key, DualCell::new),
        other => unreachable!("no variant is named {other}"),
    }
}

fn content(number: u32) -> Content {
    u128::from(number).to_le_bytes()
}

type Raw = moka::sync::Cache<String, Arc<Content>>;

fn lru() -> moka::sync::CacheBuilder<String, Arc<Content>, Raw> {
    moka::sync::Cache::builder()
        .max_capacity(ROOM)
        .eviction_policy(EvictionPolicy::lru())
}

fn raw(
    builder: moka::sync::CacheBuilder<String, Arc<Content>, Raw>,
    items: u32,
    key: fn(u32) -> String,
) -> Box<dyn Send> {
    let cache = builder.build();
    for number in 0..items {
        cache.insert(key(number), Arc::new(content(number)));
    }
    cache.run_pending_tasks();
    Box::new(cache)
}

/// Gives each entry an end of its own, which is what per-entry times to live need on raw moka.
struct Hour;

impl moka::Expiry<String, Arc<Content>> for Hour {
    fn expire_after_create(&self, _: &String, _: &Arc<Content>, _: Instant) -> Option<Duration> {
        Some(HOUR)
    }
}

fn own(expiration: Expiration, items: u32, key: fn(u32) -> String) -> Box<dyn Send> {
    let cache = ours::bare(ROOM, expiration);
    for number in 0..items {
        wait(cache.set(&key(number), content(number))).expect("memory does not fail");
    }
    Box::new(cache)
}

fn prototype<V: Clone + Send + Sync + 'static>(
    items: u32,
    key: fn(u32) -> String,
    entry: impl Fn(Object) -> V,
) -> Box<dyn Send> {
    let cache = prototype::store(ROOM);
    for number in 0..items {
        cache.insert(key(number).into(), entry(Arc::new(content(number))));
    }
    cache.run_pending_tasks();
    Box::new(cache)
}
