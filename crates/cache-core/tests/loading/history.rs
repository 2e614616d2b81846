//! Random calls of many tasks on few keys, and an order that explains what all of them saw.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cache_core::{Cache, Loaded};
use cache_testkit::{Act, History, ManualClock, MapBackend, SlowBackend, eventually};
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

/// What a round has seen.
#[derive(Default)]
struct Seen {
    history: History,
    values: Mutex<HashSet<u64>>,
    /// The loads of callers that went: when they began, and what the loader brought if it got so far.
    given_up: Mutex<Vec<(u64, Arc<AtomicU64>)>>,
}

impl Seen {
    fn end(&self, begin: u64, act: Act) {
        if let Act::Load(value) | Act::Get(Some(value)) = act {
            self.values.lock().unwrap().insert(value);
        }
        self.history.end(begin, act);
    }

    /// What a caller that went has loaded may be stored at any time from then on, or never. If anybody saw it, it was.
    fn check(&self) -> Result<(), String> {
        let values = self.values.lock().unwrap();
        for (begin, brought) in self.given_up.lock().unwrap().drain(..) {
            let value = brought.load(Ordering::SeqCst);
            if values.contains(&value) {
                self.history.end(begin, Act::Load(value));
            }
        }
        self.history.check()
    }
}

async fn pause(times: u64) {
    for _ in 0..times {
        yield_now().await;
    }
}

/// The calls of many keys have another one beside, which others write too.
const KEYS: [&str; 2] = ["other", "key"];

/// Loads with others or alone, and says what it got for the key.
async fn load(cache: &Cache, pauses: u64, many: bool) -> u64 {
    if !many {
        let load = move || async move {
            let value = next();
            pause(pauses).await;
            Ok::<_, Down>(value)
        };
        return cache.get_or_load("key", load).await.unwrap();
    }
    let load = move |keys: Vec<String>| async move {
        let pairs: Vec<_> = keys
            .into_iter()
            .map(|key| (key, Ok(Loaded::store(next()))))
            .collect();
        pause(pauses).await;
        Ok::<_, Down>(pairs)
    };
    let mut found = cache.get_or_load_many::<u64, _>(&KEYS, load).await;
    found.remove(1).unwrap().unwrap()
}

/// Begins to load and goes.
async fn load_and_go(cache: &Cache, seen: &Seen, pauses: u64, patience: u64) {
    let brought = Arc::new(AtomicU64::new(0));
    let begin = seen.history.begin();
    seen.given_up.lock().unwrap().push((begin, Arc::clone(&brought)));
    let cache = cache.clone();
    let caller = tokio::spawn(async move {
        let load = move || async move {
            let value = next();
            brought.store(value, Ordering::SeqCst);
            pause(pauses).await;
            Ok::<_, Down>(value)
        };
        cache.get_or_load("key", load).await
    });
    pause(patience).await;
    caller.abort();
    let _ = caller.await;
}

async fn call(cache: &Cache, seen: &Seen, chance: &mut Chance, sets: bool) {
    let (pauses, patience) = (chance.below(4), chance.below(8));
    let begin = seen.history.begin();
    let act = match chance.below(if sets { 14 } else { 11 }) {
        0..=2 => Act::Load(load(cache, pauses, false).await),
        3 | 4 => Act::Load(load(cache, pauses, true).await),
        5 | 6 => return load_and_go(cache, seen, pauses, patience).await,
        7 => Act::Get(cache.get("key").await.unwrap()),
        8 => {
            cache.delete("key").await.unwrap();
            Act::Delete
        }
        9 => {
            cache.clear().await.unwrap();
            Act::Delete
        }
        10 => {
            for deleted in cache.delete_many(&KEYS).await {
                deleted.unwrap();
            }
            Act::Delete
        }
        11 => {
            let value = next();
            for set in cache.set_many(KEYS.map(|key| (key, value))).await {
                set.unwrap();
            }
            Act::Set(value)
        }
        _ => {
            let value = next();
            cache.set("key", value).await.unwrap();
            Act::Set(value)
        }
    };
    seen.end(begin, act);
    // What comes after a delete is newer than what the source said before it.
    if act == Act::Delete && !sets {
        let version = next();
        let begin = seen.history.begin();
        cache.delete("key").await.unwrap();
        seen.end(begin, Act::Delete);
        let begin = seen.history.begin();
        let got = load(cache, 0, pauses % 2 == 0).await;
        assert!(
            got > version,
            "{got} was loaded before the delete, which came after {version}"
        );
        seen.end(begin, Act::Load(got));
    }
}

async fn round(number: u64, cache: &Cache, sets: bool) {
    let seen = Arc::new(Seen::default());
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let (cache, seen) = (cache.clone(), Arc::clone(&seen));
        tasks.spawn(async move {
            let mut chance = Chance(number * 1_000 + task);
            for _ in 0..if sets { CALLS } else { CALLS / 2 } {
                call(&cache, &seen, &mut chance, sets).await;
                if chance.below(3) == 0 {
                    yield_now().await;
                }
            }
        });
    }
    tasks.join_all().await;
    // A store that is under way when its last caller goes is finished.
    eventually("no load is left", || cache.loads_in_flight() == 0).await;
    if let Err(text) = seen.check() {
        panic!("round {number}: {text}");
    }
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
