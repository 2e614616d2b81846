//! What a flood of writes does to a whole process: its memory follows the limit of the cache. Each flood runs in a process of
//! its own, since values that are removed wait until no thread of the process looks at any cache, and the same flood over moka
//! alone shows that it would be noticed if the cache did nothing. `scripts/check-no-sleep.sh` watches the same processes for
//! sleeps.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::env;
use std::process::Command;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cache_core::{Cache, Expiration, Value};
use cache_memory::{MemoryBackend, MemoryBuilder, Weigher};
use serde::Serialize;
use tokio::runtime::Builder;

/// Says to a process which flood it is to run: over what, and by whom.
const FLOOD: &str = "CACHE_MEMORY_FLOOD";
const MIB: u64 = 1024 * 1024;
const THREADS: usize = 8;
const TASKS: usize = 64;
const WRITES: usize = 48_000;
const LIMIT: u64 = 100;
/// A limit that leaves room for writes which the policy hears of later.
const SEVERAL: u64 = 5_000;
/// So large that 3,000 MiB are written, of which 6 MiB may stay.
const LARGE: usize = 64 * 1024;
/// By how many entries the limit may be exceeded.
const SLACK: u64 = 1_024;
/// The values of the limit and of those entries fill 70 MiB, the rest is for the allocator.
const ROOM: u64 = 80 * MIB;
/// Forty thousand entries of 100 on average.
const MAX_WEIGHT: u64 = 4_000_000;

/// What all values weigh that live, and what they weighed at most.
static LIVING: AtomicI64 = AtomicI64::new(0);
static MOST_LIVING: AtomicI64 = AtomicI64::new(0);
static MOST_RESIDENT: AtomicU64 = AtomicU64::new(0);

/// A value that is counted as long as it lives anywhere.
#[derive(Serialize)]
struct Counted {
    bytes: Vec<u8>,
    weight: u32,
}

impl Counted {
    fn new(size: usize, weight: u32) -> Self {
        let bytes = vec![1; size];
        let units = i64::from(weight);
        let living = LIVING.fetch_add(units, Ordering::SeqCst) + units;
        MOST_LIVING.fetch_max(living, Ordering::SeqCst);
        Self { bytes, weight }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        LIVING.fetch_sub(i64::from(self.weight), Ordering::SeqCst);
    }
}

/// Stores a value under a key.
type Store = dyn Fn(&str, Counted) + Send + Sync;

/// What is flooded, and with what.
struct Flood {
    store: Box<Store>,
    size: usize,
    weigh: fn(usize) -> u32,
}

impl Flood {
    fn of_large_values(store: impl Fn(&str, Counted) + Send + Sync + 'static) -> Self {
        Self {
            store: Box::new(store),
            size: LARGE,
            weigh: |_| 1,
        }
    }

    fn of_small_values(store: impl Fn(&str, Counted) + Send + Sync + 'static) -> Self {
        Self {
            size: 1,
            ..Self::of_large_values(store)
        }
    }

    fn over(name: &str) -> Self {
        match name {
            "ours" => Self::of_large_values(ours(|builder| builder.max_items(LIMIT))),
            "moka" => {
                let moka = moka::sync::Cache::builder().max_capacity(LIMIT).build();
                Self::of_large_values(move |key, value| moka.insert(key.to_owned(), Arc::new(value)))
            }
            // The policy hears of several writes at a time.
            "unlimited" => Self::of_small_values(ours(|builder| builder)),
            // It does so until the limit is near.
            "large" => Self::of_small_values(ours(|builder| builder.max_items(SEVERAL))),
            // Writes at the limit free what is over.
            "brief" => {
                let ttl = Expiration::After(Duration::from_millis(1));
                Self::of_small_values(living(ttl, |builder| builder.max_items(SEVERAL)))
            }
            "weighed" => Self {
                weigh: |n| 50 + u32::try_from(n * 37 % 100).unwrap(),
                ..Self::of_small_values(ours(|builder| builder.max_weight(MAX_WEIGHT, weigher())))
            },
            unknown => unreachable!("there is no flood over {unknown}"),
        }
    }

    /// Writes keys that no other writer has, and notes how much memory the process takes.
    fn write(&self, writer: usize, rounds: usize) {
        for n in 0..rounds {
            (self.store)(&format!("{writer}-{n}"), Counted::new(self.size, (self.weigh)(n)));
            if n.is_multiple_of(100) {
                MOST_RESIDENT.fetch_max(resident(), Ordering::Relaxed);
            }
        }
    }

    fn by_threads(&self) {
        std::thread::scope(|scope| {
            for writer in 0..THREADS {
                scope.spawn(move || self.write(writer, WRITES / THREADS));
            }
        });
    }

    fn by_tasks(self) {
        let runtime = Builder::new_multi_thread()
            .worker_threads(THREADS)
            .build()
            .unwrap();
        let flood = Arc::new(self);
        let tasks: Vec<_> = (0..TASKS)
            .map(|writer| {
                let flood = Arc::clone(&flood);
                runtime.spawn(async move { flood.write(writer, WRITES / TASKS) })
            })
            .collect();
        for task in tasks {
            runtime.block_on(task).unwrap();
        }
    }
}

fn ours(configure: impl FnOnce(MemoryBuilder) -> MemoryBuilder) -> impl Fn(&str, Counted) + Send + Sync {
    living(Expiration::Default, configure)
}

/// Stores values that live for so long.
fn living(
    ttl: Expiration,
    configure: impl FnOnce(MemoryBuilder) -> MemoryBuilder,
) -> impl Fn(&str, Counted) + Send + Sync {
    let backend = configure(MemoryBackend::builder()).build().unwrap();
    let cache = Cache::builder(backend).ttl(ttl).build().unwrap();
    move |key, value| {
        let set = IntoFuture::into_future(cache.set(key, value));
        set.into_ready().unwrap().unwrap();
    }
}

fn weigher() -> Weigher {
    Weigher::new(|_, value: &Value| value.downcast_ref::<Counted>().unwrap().weight)
}

fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap() * 1024
}

/// What a child does. In a run of its own it is a test that does nothing.
#[test]
fn flood_of_a_child() {
    let Ok(flood) = env::var(FLOOD) else { return };
    let (over, by) = flood.split_once(' ').unwrap();
    let flood = Flood::over(over);
    let before = resident();
    match by {
        "threads" => flood.by_threads(),
        _ => flood.by_tasks(),
    }
    let grown = MOST_RESIDENT.load(Ordering::Relaxed).saturating_sub(before);
    println!("flooded: {grown} {}", MOST_LIVING.load(Ordering::SeqCst));
}

/// How far a process grew at most.
#[derive(Clone, Copy, Debug)]
struct Growth {
    bytes: u64,
    living: u64,
}

/// Runs a flood in a process of its own, and no other at the same time: each would stop the threads of the other.
fn growth(flood: &str) -> Growth {
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let child = Command::new(env::current_exe().unwrap())
        .args(["flood_of_a_child", "--exact", "--nocapture"])
        .env(FLOOD, flood)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success(), "{}: {said}", child.status);
    let line = said
        .lines()
        .find_map(|line| Some(line.split_once("flooded: ")?.1));
    let (bytes, living) = line.unwrap().split_once(' ').unwrap();
    Growth {
        bytes: bytes.parse().unwrap(),
        living: living.parse().unwrap(),
    }
}

/// Asserts that a flood grows as it should, two times of three. What is removed waits longer where other processes stop a
/// thread that looks at it, so one may do otherwise.
fn assert_grows(flood: &str, as_it_should: impl Fn(Growth) -> bool) {
    let (mut well, mut otherwise) = (0, Vec::new());
    while well < 2 {
        let growth = growth(flood);
        if as_it_should(growth) {
            well += 1;
        } else {
            otherwise.push(growth);
        }
        assert!(
            otherwise.len() < 2,
            "the flood {flood:?} did not grow as it should: {otherwise:?}"
        );
    }
}

/// Each writer holds one value that it is about to store.
fn most_living(writers: usize) -> u64 {
    LIMIT + SLACK + writers as u64
}

#[test]
fn memory_follows_the_limit_under_a_flood_by_eight_threads() {
    let most = most_living(THREADS);
    assert_grows("ours threads", |growth| {
        growth.bytes < ROOM && growth.living <= most
    });
}

#[test]
fn memory_follows_the_limit_under_a_flood_by_sixty_four_tasks() {
    let most = most_living(TASKS);
    assert_grows("ours tasks", |growth| {
        growth.bytes < ROOM && growth.living <= most
    });
}

/// What moka alone would pass would prove nothing.
#[test]
fn moka_alone_takes_more_room_than_that() {
    for (by, writers) in [("threads", THREADS), ("tasks", TASKS)] {
        let most = most_living(writers);
        assert_grows(&format!("moka {by}"), |growth| {
            growth.bytes > ROOM && growth.living > most
        });
    }
}

#[test]
fn values_do_not_outweigh_the_limit_by_more_than_a_twentieth() {
    for by in ["threads", "tasks"] {
        assert_grows(&format!("weighed {by}"), |growth| {
            growth.living > MAX_WEIGHT && growth.living <= MAX_WEIGHT * 105 / 100
        });
    }
}
