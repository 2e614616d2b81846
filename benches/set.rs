//! What a set costs in a small and in a large cache. Sets go to the same 1,000 keys in both (what the cache itself
//! does with its size), and to all keys (what the processor's caches do with it, which no cache can help: a map that does
//! nothing else stands beside them).
//!
//! `cargo bench -p cache-bench --bench set`

#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]
#![expect(clippy::expect_used, reason = "a benchmark ends when a cache cannot be built")]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use cache_bench::compare::{Measured, Plan, Subject, measure};
use cache_bench::is_asked_for;
use cache_bench::ours::{self, HOUR};
use cache_bench::table::Table;
use cache_bench::wait::wait;
use cache_bench::workload::{self, User, Workload};
use cache_core::{Expiration, Value};
use moka::policy::EvictionPolicy;

const SMALL: u32 = 1_000;
const LARGE: u32 = 1_000_000;
const ROOM: u64 = 2_000_000;

const PLAN: Plan = Plan {
    threads: 1,
    builds: 3,
    rounds: 11,
    warm_up: 2_000,
    timed: 10_000,
    used_heap: true,
};

fn main() {
    if !is_asked_for() {
        return;
    }
    let work = Workload::of_one_user(LARGE);
    let length = 600_000;
    let first: Vec<u32> = (0..SMALL).collect();
    let spread: Vec<u32> = (0..SMALL).map(|number| number * (LARGE / SMALL)).collect();
    let all: Vec<u32> = (0..LARGE).collect();
    let order = |choices: &[u32]| [workload::uniform(choices, length, 1)];

    let (small, large, random) = (order(&first), order(&spread), order(&all));
    for (title, large) in [
        ("Set of 1,000 existing keys", &large),
        ("Set of any existing key", &random),
    ] {
        if let Some(measured) = measure(title, PLAN, &subjects(&work, &small, large)) {
            print(title, &measured);
        }
    }
}

fn print(title: &str, measured: &Measured) {
    println!(
        "\n{title}, in a cache of 1,000 and of 1,000,000 entries, {} rounds",
        PLAN.builds * PLAN.rounds
    );
    let mut table = Table::new([
        "set",
        "ns in 1k",
        "ns in 1M",
        "1M over 1k",
        "over raw in 1k",
        "over raw in 1M",
    ]);
    let names: Vec<&str> = measured.names().collect();
    for (pair, name) in names.chunks(2).enumerate() {
        let (small, large) = (2 * pair, 2 * pair + 1);
        table.row([
            name[0].to_owned(),
            format!("{:.0}", measured.nanos(small)),
            format!("{:.0}", measured.nanos(large)),
            measured.ratio(large, small).to_string(),
            measured.ratio(small, 0).to_string(),
            measured.ratio(large, 1).to_string(),
        ]);
    }
    print!("{table}");
}

/// Returns the small and the large cache of each kind, one after the other.
fn subjects<'a>(work: &'a Workload, small: &'a [Vec<u32>], large: &'a [Vec<u32>]) -> Vec<Subject<'a>> {
    let sizes = [(SMALL, small), (LARGE, large)];
    let raw = |name: &'static str, builder: fn(Builder) -> Builder| {
        sizes.map(|(items, orders)| Subject::new(name, orders, move || raw_set(work, items, builder)))
    };
    let own = |name: &'static str, expiration: Expiration| {
        sizes.map(|(items, orders)| Subject::new(name, orders, move || own_set(work, items, expiration)))
    };
    let map = sizes
        .map(|(items, orders)| Subject::new("a HashMap behind a lock", orders, move || map_set(work, items)));
    let subjects = [
        raw("raw moka::sync", |builder| builder),
        raw("raw moka::sync, time_to_live", |builder| {
            builder.time_to_live(HOUR)
        }),
        raw("raw moka::sync, eviction_listener", |builder| {
            builder.eviction_listener(|_, _, _| ())
        }),
        own("ours, never expiring", Expiration::Never),
        own("ours", HOUR.into()),
        map,
    ];
    subjects.into_iter().flatten().collect()
}

type Builder = moka::sync::CacheBuilder<String, Arc<User>, moka::sync::Cache<String, Arc<User>>>;

fn raw_set(work: &Workload, items: u32, configure: fn(Builder) -> Builder) -> impl Fn(&[u32]) + Sync + '_ {
    let builder = moka::sync::Cache::builder()
        .max_capacity(ROOM)
        .eviction_policy(EvictionPolicy::lru());
    let cache = configure(builder).build();
    let set = move |number| cache.insert(work.key(number).to_owned(), Arc::clone(work.user(number)));
    stored(items, set)
}

fn own_set(work: &Workload, items: u32, expiration: Expiration) -> impl Fn(&[u32]) + Sync + '_ {
    let cache = ours::bare(ROOM, expiration);
    let set = move |number| {
        let value = Value::shared(Arc::clone(work.user(number)));
        wait(cache.set(work.key(number), value)).expect("memory does not fail");
    };
    stored(items, set)
}

/// What any store of entries has to do: find the place of a key, and put a value there.
fn map_set(work: &Workload, items: u32) -> impl Fn(&[u32]) + Sync + '_ {
    let map = Mutex::new(HashMap::new());
    let set = move |number| {
        let value = Arc::clone(work.user(number));
        map.lock()
            .expect("nobody panics with the lock")
            .insert(work.key(number).to_owned(), value);
    };
    stored(items, set)
}

/// Stores the entries that are there before the clock runs.
fn stored(items: u32, set: impl Fn(u32) + Sync) -> impl Fn(&[u32]) + Sync {
    (0..items).for_each(&set);
    move |order: &[u32]| order.iter().for_each(|number| set(*number))
}
