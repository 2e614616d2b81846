//! Random calls of many tasks on few keys, and an order that explains what all of them saw.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cache_core::Cache;
use cache_testkit::{Act, History, ManualClock, MapBackend, SlowBackend};
use tokio::task::{JoinSet, yield_now};

use crate::support::Down;

const ROUNDS: u64 = 300;
const TASKS: u64 = 5;
const CALLS: u64 = 8;

/// The answers of the source, ever larger.
static SOURCE: AtomicU64 = AtomicU64::new(1);

fn next() -> u64 {
    SOURCE.fetch_add(1, Ordering::SeqCst)
}

/// A small generator, so that a round can be run again by its number.
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

async fn call(cache: &Cache, history: &History, chance: &mut Chance, sets: bool) {
    let pauses = chance.below(4);
    let begin = history.begin();
    let act = match chance.below(if sets { 10 } else { 8 }) {
        0..=4 => {
            let load = move || async move {
                let value = next();
                for _ in 0..pauses {
                    yield_now().await;
                }
                Ok::<_, Down>(value)
            };
            Act::Load(cache.get_or_load("key", load).await.unwrap())
        }
        5 => Act::Get(cache.get("key").await.unwrap()),
        6 => {
            cache.delete("key").await.unwrap();
            Act::Delete
        }
        7 => {
            cache.clear().await.unwrap();
            Act::Delete
        }
        _ => {
            let value = next();
            cache.set("key", value).await.unwrap();
            Act::Set(value)
        }
    };
    history.end(begin, act);
    // What comes after a delete is newer than what the source said before it.
    if act == Act::Delete && !sets {
        let version = next();
        let begin = history.begin();
        cache.delete("key").await.unwrap();
        history.end(begin, Act::Delete);
        let begin = history.begin();
        let load = || async { Ok::<_, Down>(next()) };
        let got: u64 = cache.get_or_load("key", load).await.unwrap();
        assert!(
            got > version,
            "{got} was loaded before the delete, which came after {version}"
        );
        history.end(begin, Act::Load(got));
    }
}

async fn round(seed: u64, cache: &Cache, sets: bool) {
    let history = Arc::new(History::default());
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let (cache, history) = (cache.clone(), Arc::clone(&history));
        tasks.spawn(async move {
            let mut chance = Chance(seed * 1_000 + task);
            for _ in 0..if sets { CALLS } else { CALLS / 2 } {
                call(&cache, &history, &mut chance, sets).await;
                if chance.below(3) == 0 {
                    yield_now().await;
                }
            }
        });
    }
    tasks.join_all().await;
    if let Err(text) = history.check() {
        panic!("round {seed}: {text}");
    }
    assert_eq!(cache.loads_in_flight(), 0);
}

/// A backend that is ready at once, and one that answers as a server does.
fn caches() -> [Cache; 2] {
    let slow = SlowBackend::new(MapBackend::new(ManualClock::new()));
    slow.open();
    [
        Cache::builder(MapBackend::new(ManualClock::new()))
            .build()
            .unwrap(),
        Cache::builder(slow).build().unwrap(),
    ]
}

async fn rounds(sets: bool) {
    let all = async {
        for cache in caches() {
            for seed in 0..ROUNDS {
                cache.clear().await.unwrap();
                round(seed, &cache, sets).await;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), all).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_of_all_kinds_are_linearizable() {
    rounds(true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_delete_nobody_gets_what_was_loaded_before_it() {
    rounds(false).await;
}
