//! Limits under a flood of writes: live entries never exceed them by more than 1,024, or by 5 % of the weight, in tasks as
//! in threads. `tests/processes.rs` counts the values themselves.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cache_core::{Cache, Value};
use cache_memory::{EvictionPolicy, MemoryBuilder, Weigher};

use crate::support::setup;

const LIMIT: u64 = 1_000;
const SLACK: u64 = 1_024;
const TASKS: u64 = 64;
const THREADS: u64 = 8;
/// How many writes there are in all.
const WRITES: u64 = 64_000;

/// A flood over one cache.
#[derive(Clone)]
struct Flood {
    cache: Cache,
    /// Looks at what the cache says of itself, after each write.
    look: fn(&Cache),
    looked: Arc<AtomicU64>,
}

impl Flood {
    fn new(configure: impl FnOnce(MemoryBuilder) -> MemoryBuilder, look: fn(&Cache)) -> Self {
        Self {
            cache: setup(configure).cache,
            look,
            looked: Arc::default(),
        }
    }

    /// Writes keys that no other writer has.
    async fn write(self, writer: u64, rounds: u64) {
        for n in 0..rounds {
            self.cache.set(&format!("{writer}-{n}"), n).await.unwrap();
            (self.look)(&self.cache);
            self.looked.fetch_add(1, Ordering::Relaxed);
        }
    }

    async fn by_tasks(&self) {
        let write = |writer| tokio::spawn(self.clone().write(writer, WRITES / TASKS));
        let writers: Vec<_> = (0..TASKS).map(write).collect();
        for writer in writers {
            writer.await.unwrap();
        }
        assert_eq!(self.looked.load(Ordering::Relaxed), WRITES);
    }

    fn by_threads(&self) {
        std::thread::scope(|scope| {
            for writer in 0..THREADS {
                scope.spawn(move || {
                    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                    runtime.block_on(self.clone().write(writer, WRITES / THREADS));
                });
            }
        });
        assert_eq!(self.looked.load(Ordering::Relaxed), WRITES);
    }
}

fn by_items(configure: impl FnOnce(MemoryBuilder) -> MemoryBuilder) -> Flood {
    Flood::new(configure, |cache| {
        let (items, limit) = (cache.stats().items.unwrap(), cache.stats().max_items.unwrap());
        assert!(items <= limit + SLACK, "{items} entries at a limit of {limit}");
    })
}

fn assert_is_full(flood: &Flood) {
    let stats = flood.cache.stats();
    assert_eq!(stats.items, stats.max_items);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn sixty_four_tasks_do_not_pass_the_limit() {
    let flood = by_items(|builder| builder.max_items(LIMIT));
    flood.by_tasks().await;
    assert_is_full(&flood);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn sixty_four_tasks_do_not_pass_the_limit_of_a_cache_by_frequency() {
    let flood = by_items(|builder| builder.max_items(LIMIT).policy(EvictionPolicy::TinyLfu));
    flood.by_tasks().await;
    assert_is_full(&flood);
}

#[test]
fn eight_threads_do_not_pass_the_limit() {
    let flood = by_items(|builder| builder.max_items(LIMIT));
    flood.by_threads();
    assert_is_full(&flood);
}

/// Below such a limit writes take effect on the policy several at a time, until it is near.
#[test]
fn eight_threads_do_not_pass_a_large_limit() {
    let flood = by_items(|builder| builder.max_items(5 * LIMIT));
    flood.by_threads();
    assert_is_full(&flood);
}

/// A flood over a cache by weight, of entries that weigh 50 to 149.
fn by_weight() -> Flood {
    let weigher = Weigher::new(|_, value: &Value| {
        let n = value.downcast_ref::<u64>().unwrap();
        50 + u32::try_from(n * 37 % 100).unwrap()
    });
    Flood::new(
        |builder| builder.max_weight(1_000_000, weigher),
        |cache| {
            let weight = cache.stats().weight.unwrap();
            assert!(weight <= 1_050_000, "{weight} at a limit of 1,000,000");
        },
    )
}

/// In the end less room is left than the heaviest entry takes.
fn assert_is_full_by_weight(flood: &Flood) {
    let weight = flood.cache.stats().weight.unwrap();
    assert!((1_000_000 - 149..=1_000_000).contains(&weight), "{weight}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn sixty_four_tasks_do_not_pass_the_weight_by_more_than_a_twentieth() {
    let flood = by_weight();
    flood.by_tasks().await;
    assert_is_full_by_weight(&flood);
}

#[test]
fn eight_threads_do_not_pass_the_weight_by_more_than_a_twentieth() {
    let flood = by_weight();
    flood.by_threads();
    assert_is_full_by_weight(&flood);
}
