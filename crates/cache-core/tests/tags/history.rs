//! Random calls of many tasks with a tag in common. Whatever the order, who reads after an invalidation never sees what was
//! there before it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cache_core::Cache;
use cache_testkit::{Act, History, ManualClock, MapBackend, SlowBackend};
use tokio::task::{JoinSet, yield_now};

use crate::support::{Down, cache_on};

const ROUNDS: u64 = 200;

/// The answers of the source, ever larger.
static SOURCE: AtomicU64 = AtomicU64::new(1);

fn next() -> u64 {
    SOURCE.fetch_add(1, Ordering::SeqCst)
}

struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// A cache on a backend that answers as a server does, and another handle on the same one, as in another process.
fn pair() -> (Cache, Cache) {
    let slow = SlowBackend::new(MapBackend::new(ManualClock::new()));
    slow.open();
    let shared = Arc::new(slow);
    (cache_on(Arc::clone(&shared)), cache_on(shared))
}

async fn load(cache: &Cache, pauses: u64) -> u64 {
    let load = move || async move {
        let value = next();
        for _ in 0..pauses {
            yield_now().await;
        }
        Ok::<_, Down>(value)
    };
    cache.get_or_load("key", load).tags(&["tag"]).await.unwrap()
}

async fn call(cache: &Cache, history: &History, chance: &mut Chance) {
    let pauses = chance.below(4);
    let begin = history.begin();
    let act = match chance.below(10) {
        0..=4 => Act::Load(load(cache, pauses).await),
        5 | 6 => Act::Get(cache.get("key").await.unwrap()),
        7 => {
            cache.delete("key").await.unwrap();
            Act::Delete
        }
        _ => {
            // It removes the markers twice, so what is stored in between goes too.
            let second = history.begin();
            cache.invalidate_tag("tag").await.unwrap();
            history.end(second, Act::Delete);
            Act::Delete
        }
    };
    history.end(begin, act);
}

/// Within one process an invalidation is as good as two deletes of each key, one after the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_with_invalidations_are_linearizable() {
    let (cache, _) = pair();
    for seed in 0..ROUNDS {
        cache.clear().await.unwrap();
        let history = Arc::new(History::default());
        let mut tasks = JoinSet::new();
        for task in 0..5 {
            let (cache, history) = (cache.clone(), Arc::clone(&history));
            tasks.spawn(async move {
                let mut chance = Chance(seed * 1_000 + task);
                for _ in 0..7 {
                    call(&cache, &history, &mut chance).await;
                }
            });
        }
        tokio::time::timeout(Duration::from_secs(20), tasks.join_all())
            .await
            .unwrap();
        if let Err(text) = history.check() {
            panic!("round {seed}: {text}");
        }
        assert_eq!(cache.loads_in_flight(), 0);
    }
}

/// Between processes what is stored is as good: nobody reads what was loaded before an invalidation that has returned.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_reads_what_another_process_invalidated() {
    let (cache, other) = pair();
    for seed in 0..ROUNDS {
        let mut tasks = JoinSet::new();
        for task in 0..6 {
            let (cache, other) = (cache.clone(), other.clone());
            tasks.spawn(async move {
                let mut chance = Chance(seed * 1_000 + task);
                for _ in 0..8 {
                    match chance.below(4) {
                        0 | 1 => drop(load(&cache, chance.below(4)).await),
                        _ => {
                            let version = next();
                            other.invalidate_tag("tag").await.unwrap();
                            // Whoever loads in the first process now must not join what was loaded before.
                            if chance.below(2) == 0 {
                                let got = load(&cache, 0).await;
                                assert!(got > version, "{got} is older than {version}");
                            }
                            for reader in [&cache, &other] {
                                let got = reader.get::<u64>("key").await.unwrap();
                                assert!(
                                    got.is_none_or(|got| got > version),
                                    "{got:?} is older than {version}"
                                );
                            }
                        }
                    }
                }
            });
        }
        tokio::time::timeout(Duration::from_secs(20), tasks.join_all())
            .await
            .unwrap();
    }
}
