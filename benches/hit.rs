//! What a hit costs: a typed value out of a cache of 10,000, by a skewed choice of keys, beside the raw libraries, the
//! usual stack and other caches.
//!
//! `cargo bench -p cache-bench --bench hit`

#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]
#![expect(clippy::expect_used, reason = "a benchmark ends when a cache cannot be built")]

use std::env;
use std::hint::black_box;
use std::sync::Arc;

use bytes::Bytes;
use cache_bench::compare::{Plan, Subject, measure};
use cache_bench::ours::{self, HOUR};
use cache_bench::prototype::{self, DualCell, Stamped, TwoWords};
use cache_bench::table::Table;
use cache_bench::wait::wait;
use cache_bench::workload::{self, User, Workload};
use cache_bench::{is_asked_for, recorder, usual};
use cache_core::{Cache, Expiration, Value};
use cache_metrics::Metrics;
use cached::Cached;
use cached::stores::LruTtlCache;
use cached::sync_sync::RwLock;
use compact_str::CompactString;
use foldhash::quality::RandomState;
use moka::policy::EvictionPolicy;
use tokio::runtime::Runtime;

/// How many entries there are, and twice as much room, so that none has to go.
const ITEMS: u32 = 10_000;
const ROOM: u64 = 20_000;

/// One thread in a heap that has been in use, as a service has it.
const ONE: Plan = Plan {
    threads: 1,
    builds: 17,
    rounds: 3,
    warm_up: 40_000,
    timed: 40_000,
    used_heap: true,
};
const TWO: Plan = Plan {
    threads: 2,
    builds: 27,
    ..ONE
};
const NEW_HEAP: Plan = Plan {
    used_heap: false,
    ..ONE
};

fn main() {
    if !is_asked_for() {
        return;
    }
    let work = Workload::new(ITEMS);
    let orders: Vec<_> = (0..2)
        .map(|seed| workload::skewed(ITEMS, 800_000, seed))
        .collect();
    let metrics = recorder::install();
    let runtime = Runtime::new().expect("a runtime starts");
    let mut subjects = raw(&work, &orders);
    subjects.extend(own(&work, &orders, &metrics));
    subjects.extend(others(&work, &orders, &runtime));
    subjects.extend(prototypes(&work, &orders));
    let subjects = chosen(subjects);
    for plan in [ONE, TWO, NEW_HEAP] {
        let heap = if plan.used_heap { "used" } else { "new" };
        let title = format!("Hit, {} thread(s), {heap} heap", plan.threads);
        let Some(measured) = measure(&title, plan, &subjects) else {
            continue;
        };
        println!(
            "\n{title}: 10,000 values of some 256 bytes, {} rounds",
            plan.builds * plan.rounds
        );
        let mut table = Table::new(["get", "ns", "ratio (quartiles)"]);
        for (at, name) in measured.names().enumerate() {
            table.row([
                name,
                &format!("{:.0}", measured.nanos(at)),
                &measured.ratio(at, 0).to_string(),
            ]);
        }
        print!("{table}");
        for usual in ["the usual stack", "the usual stack, JSON"] {
            if let Some(ratio) = measured.ratio_of(usual, "ours with metrics") {
                println!("{usual} over ours with metrics: {ratio}");
            }
        }
    }
}

/// Leaves the first subject, which is what the others are compared with, and those that an argument names in part:
/// `cargo bench -p cache-bench --bench hit -- ours`.
fn chosen(subjects: Vec<Subject<'_>>) -> Vec<Subject<'_>> {
    let words: Vec<String> = env::args()
        .skip(1)
        .filter(|word| !word.starts_with("--"))
        .collect();
    let is_named = |subject: &Subject<'_>| words.iter().any(|word| subject.name().contains(word));
    let all = words.is_empty();
    let numbered = subjects.into_iter().enumerate();
    numbered
        .filter(|(at, subject)| all || *at == 0 || is_named(subject))
        .map(|(_, subject)| subject)
        .collect()
}

/// Ends the benchmark if it was no hit, since a miss is another thing to measure.
#[inline]
fn hit<V>(found: Option<V>) {
    assert!(black_box(found).is_some(), "this benchmark has only hits");
}

fn raw<'a>(work: &'a Workload, orders: &'a [Vec<u32>]) -> Vec<Subject<'a>> {
    let sync = move |name, builder: fn() -> Builder| {
        Subject::new(name, orders, move || {
            let cache = builder().build();
            for (key, user) in work.entries() {
                cache.insert(key.to_owned(), Arc::clone(user));
            }
            cache.run_pending_tasks();
            work.each(move |key| hit(cache.get(key)))
        })
    };
    let ours = Subject::new("raw moka::sync, our key type and hasher", orders, move || {
        let cache: moka::sync::Cache<CompactString, Arc<User>, RandomState> = prototype::store(ROOM);
        for (key, user) in work.entries() {
            cache.insert(key.into(), Arc::clone(user));
        }
        cache.run_pending_tasks();
        work.each(move |key| hit(cache.get(key)))
    });
    let future = Subject::new("raw moka::future", orders, move || {
        let builder = moka::future::Cache::builder().max_capacity(ROOM);
        let cache: moka::future::Cache<String, Arc<User>> =
            builder.eviction_policy(EvictionPolicy::lru()).build();
        for (key, user) in work.entries() {
            wait(cache.insert(key.to_owned(), Arc::clone(user)));
        }
        wait(cache.run_pending_tasks());
        work.each(move |key| hit(wait(cache.get(key))))
    });
    vec![
        sync("raw moka::sync", lru),
        sync("raw moka::sync, TinyLFU", || {
            moka::sync::Cache::builder().max_capacity(ROOM)
        }),
        sync("raw moka::sync, time_to_live", || lru().time_to_live(HOUR)),
        ours,
        future,
    ]
}

type Builder = moka::sync::CacheBuilder<String, Arc<User>, moka::sync::Cache<String, Arc<User>>>;

fn lru() -> Builder {
    moka::sync::Cache::builder()
        .max_capacity(ROOM)
        .eviction_policy(EvictionPolicy::lru())
}

fn own<'a>(work: &'a Workload, orders: &'a [Vec<u32>], metrics: &'a Metrics) -> Vec<Subject<'a>> {
    let shared = move |name, make: Box<dyn Fn() -> Cache + 'a>| {
        Subject::new(name, orders, move || {
            let cache = filled(make(), work);
            work.each(move |key| {
                hit(wait(cache.get::<User>(key).shared()).expect("memory does not fail"));
            })
        })
    };
    let owned = Subject::new("ours, an owned clone", orders, move || {
        let cache = filled(ours::bare(ROOM, HOUR), work);
        work.each(move |key| hit(wait(cache.get::<User>(key)).expect("memory does not fail")))
    });
    let never = Expiration::Never;
    vec![
        shared("ours", Box::new(|| ours::bare(ROOM, HOUR))),
        shared("ours, never expiring", Box::new(move || ours::bare(ROOM, never))),
        shared(
            "ours with metrics",
            Box::new(|| ours::measured(ROOM, HOUR, metrics)),
        ),
        shared(
            "ours with metrics, never expiring",
            Box::new(move || ours::measured(ROOM, never, metrics)),
        ),
        owned,
    ]
}

fn filled(cache: Cache, work: &Workload) -> Cache {
    for (key, user) in work.entries() {
        wait(cache.set(key, Value::shared(Arc::clone(user)))).expect("memory does not fail");
    }
    cache
}

fn others<'a>(work: &'a Workload, orders: &'a [Vec<u32>], runtime: &'a Runtime) -> Vec<Subject<'a>> {
    let usual = Subject::new("the usual stack", orders, move || {
        let cache = usual::usual("bench", ROOM, HOUR);
        for (key, user) in work.entries() {
            wait(cache.set(key, Arc::clone(user)));
        }
        work.each(move |key| hit(wait(cache.get(key))))
    });
    let usual_json = Subject::new("the usual stack, JSON", orders, move || {
        let cache = usual::usual("bench", ROOM, HOUR);
        for (key, user) in work.entries() {
            wait(cache.set(
                key,
                Bytes::from(serde_json::to_vec(&**user).expect("users encode")),
            ));
        }
        work.each(move |key| {
            let found = wait(cache.get(key));
            hit(found.map(|bytes| serde_json::from_slice::<User>(&bytes).expect("users decode")));
        })
    });
    let quick = Subject::new("quick_cache", orders, move || {
        let cache: quick_cache::sync::Cache<String, Arc<User>> = quick_cache::sync::Cache::new(20_000);
        for (key, user) in work.entries() {
            cache.insert(key.to_owned(), Arc::clone(user));
        }
        work.each(move |key| hit(cache.get(key)))
    });
    let locked = Subject::new("cached, LruTtlCache in its lock", orders, move || {
        let mut store: LruTtlCache<String, Arc<User>> = LruTtlCache::with_size_and_ttl(20_000, HOUR);
        for (key, user) in work.entries() {
            store.cache_set(key.to_owned(), Arc::clone(user));
        }
        // This is how its macro calls it: a hit moves the entry, so it needs the lock of a writer.
        let cache = RwLock::new(store);
        work.each(move |key| hit(cache.write().cache_get(key).cloned()))
    });
    let microsoft = Subject::new("cachet", orders, move || {
        let _entered = runtime.enter();
        let builder = cachet::Cache::builder::<String, Arc<User>>(tick::Clock::new_tokio());
        let cache = builder
            .memory_with(|memory| memory.max_capacity(ROOM))
            .ttl(HOUR)
            .build();
        for (key, user) in work.entries() {
            let entry = cachet::CacheEntry::new(Arc::clone(user));
            wait(cache.insert(key.to_owned(), entry)).expect("memory does not fail");
        }
        work.each(move |key| hit(wait(cache.get(key)).expect("memory does not fail")))
    });
    vec![usual, usual_json, quick, locked, microsoft]
}

fn prototypes<'a>(work: &'a Workload, orders: &'a [Vec<u32>]) -> Vec<Subject<'a>> {
    let two = Subject::new("prototype: value of two words", orders, move || {
        let cache = prototype::store(ROOM);
        for (key, user) in work.entries() {
            cache.insert(key.into(), TwoWords::new(Arc::clone(user) as prototype::Object));
        }
        cache.run_pending_tasks();
        work.each(move |key| {
            let live = cache.get(key).filter(|entry| entry.deadline == u64::MAX);
            hit(live.and_then(TwoWords::object::<User>));
        })
    });
    let stamped = Subject::new("prototype: value of two words, all stamps", orders, move || {
        let cache = prototype::store(ROOM);
        for (key, user) in work.entries() {
            let entry = TwoWords::new(Arc::clone(user) as prototype::Object);
            cache.insert(
                key.into(),
                Stamped {
                    entry,
                    stamps: [1; 3],
                },
            );
        }
        cache.run_pending_tasks();
        work.each(move |key| {
            let live = cache.get(key).filter(|entry| entry.entry.deadline == u64::MAX);
            hit(live.and_then(|entry| black_box(entry).entry.object::<User>()));
        })
    });
    let dual = Subject::new("prototype: room for both forms", orders, move || {
        let cache = prototype::store(ROOM);
        for (key, user) in work.entries() {
            cache.insert(key.into(), DualCell::new(Arc::clone(user) as prototype::Object));
        }
        cache.run_pending_tasks();
        work.each(move |key| {
            let live = cache.get(key).filter(|entry| entry.deadline == u64::MAX);
            hit(live.and_then(DualCell::object::<User>));
        })
    });
    vec![two, stamped, dual]
}
