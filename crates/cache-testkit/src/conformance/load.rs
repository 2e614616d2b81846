//! Loading through the handle: what `get_or_load` promises holds on every backend.

#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "the suite fails by panicking"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cache_core::{Cache, ErrorKind, LoadContext, LoadOptions, Loaded, Operation, Source, StaleReason};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet, yield_now};

use super::probe::{all, assert_kept, builder, cache, failing, life};
use crate::eventually::eventually;
use crate::fixture::Fixture;
use crate::history::{Act, History};

/// A loader that counts its runs, whose number it brings, and waits at a gate.
#[derive(Clone)]
struct Counted {
    runs: Arc<AtomicU64>,
    gate: Arc<Semaphore>,
}

impl Counted {
    fn shut() -> Self {
        Self {
            runs: Arc::default(),
            gate: Arc::new(Semaphore::new(0)),
        }
    }

    fn open() -> Self {
        let source = Self::shut();
        source.gate.close();
        source
    }

    async fn load(self) -> Result<u64, &'static str> {
        let run = self.runs.fetch_add(1, Ordering::SeqCst) + 1;
        // Closed means open for all.
        let _ = self.gate.acquire().await;
        Ok(run)
    }

    fn runs(&self) -> u64 {
        self.runs.load(Ordering::SeqCst)
    }

    fn ask(&self, cache: &Cache) -> JoinHandle<cache_core::Result<u64>> {
        let (cache, source) = (cache.clone(), self.clone());
        tokio::spawn(async move { cache.get_or_load("key", || source.load()).await })
    }

    /// Asks, and returns when the loader waits at its gate.
    async fn under_way(&self, cache: &Cache) -> JoinHandle<cache_core::Result<u64>> {
        let caller = self.ask(cache);
        eventually("the loader runs", || self.runs() == 1).await;
        caller
    }
}

/// A missing value is loaded and stored; what is there is not loaded.
pub async fn a_missing_value_is_loaded_and_stored(fixture: &dyn Fixture) {
    let cache = cache(fixture);
    let source = Counted::open();
    assert_eq!(source.ask(&cache).await.unwrap().unwrap(), 1);
    assert_kept(fixture, cache.get::<u64>("key").await.unwrap(), 1);
    source.ask(&cache).await.unwrap().unwrap();
    assert!(source.runs() == 1 || !fixture.keeps_every_set());
}

/// Many callers at once share one load.
pub async fn callers_share_one_load(fixture: &dyn Fixture) {
    let cache = cache(fixture);
    let source = Counted::shut();
    let callers: Vec<_> = (0..100).map(|_| source.ask(&cache)).collect();
    eventually("the loader runs", || source.runs() == 1).await;
    source.gate.close();
    for caller in callers {
        let got = caller.await.unwrap().unwrap();
        assert!(got == 1 || !fixture.keeps_every_set());
    }
    assert!(source.runs() == 1 || !fixture.keeps_every_set());
    assert_eq!(cache.loads_in_flight(), 0);
}

/// A delete that comes during a load wins: the value is given to who asked before, and not stored.
pub async fn a_delete_during_a_load_wins(fixture: &dyn Fixture) {
    let cache = cache(fixture);
    let source = Counted::shut();
    let caller = source.under_way(&cache).await;
    cache.delete("key").await.unwrap();
    source.gate.close();
    assert_eq!(caller.await.unwrap().unwrap(), 1);
    assert_eq!(cache.get::<u64>("key").await.unwrap(), None);
}

/// A clear that comes during a load wins.
pub async fn a_clear_during_a_load_wins(fixture: &dyn Fixture) {
    let cache = cache(fixture);
    let source = Counted::shut();
    let caller = source.under_way(&cache).await;
    cache.clear().await.unwrap();
    source.gate.close();
    assert_eq!(caller.await.unwrap().unwrap(), 1);
    assert_eq!(cache.get::<u64>("key").await.unwrap(), None);
}

/// A set that comes during a load wins.
pub async fn a_set_during_a_load_wins(fixture: &dyn Fixture) {
    let cache = cache(fixture);
    let source = Counted::shut();
    let caller = source.under_way(&cache).await;
    cache.set("key", 100_u64).await.unwrap();
    source.gate.close();
    assert_eq!(caller.await.unwrap().unwrap(), 1);
    assert_kept(fixture, cache.get::<u64>("key").await.unwrap(), 100);
}

/// A load that fails stores nothing, and the next call loads again.
pub async fn a_load_that_fails_stores_nothing(fixture: &dyn Fixture) {
    let cache = cache(fixture);
    let fails = || async { Err::<u64, _>("a test says so") };
    assert_eq!(
        cache.get_or_load("key", fails).await.unwrap_err().kind(),
        ErrorKind::Load
    );
    assert!(!cache.exists("key").await.unwrap());
    assert_eq!(
        cache
            .get_or_load("key", || async { Ok::<u64, &str>(2) })
            .await
            .unwrap(),
        2
    );
}

/// That there is nothing is stored, read as nothing, and ends.
pub async fn that_there_is_nothing_is_remembered(fixture: &dyn Fixture) {
    let life = life(fixture);
    let options = LoadOptions::new().negative_ttl(life).jitter(0.0);
    let cache = builder(fixture, fixture.backend())
        .loading(options)
        .build()
        .unwrap();
    let source = Counted::open();
    let ask = || {
        let source = source.clone();
        cache.get_or_load("key", |_: LoadContext<u64>| async move {
            source.load().await.map(|_| Loaded::not_found())
        })
    };
    assert_eq!(ask().await.unwrap(), None);
    assert_eq!(cache.get::<u64>("key").await.unwrap(), None);
    assert_eq!(ask().await.unwrap(), None);
    assert!(source.runs() == 1 || !fixture.keeps_every_set());
    fixture.pass(life + 4 * fixture.slack()).await;
    let before = source.runs();
    assert_eq!(ask().await.unwrap(), None);
    assert_eq!(source.runs(), before + 1);
}

/// A stale value is given while it is renewed, and not by a plain get.
pub async fn a_stale_value_is_given_while_it_is_renewed(fixture: &dyn Fixture) {
    let life = life(fixture);
    let options = LoadOptions::new()
        .ttl(life)
        .stale_while_revalidate(100 * life)
        .jitter(0.0);
    let cache = builder(fixture, fixture.backend())
        .loading(options)
        .build()
        .unwrap();
    let source = Counted::open();
    let ask = || {
        let source = source.clone();
        cache.get_or_load("key", || source.load()).detailed()
    };
    ask().await.unwrap();
    fixture.pass(life + 4 * fixture.slack()).await;
    assert_eq!(cache.get::<u64>("key").await.unwrap(), None);
    let old = ask().await.unwrap();
    if fixture.keeps_every_set() {
        assert_eq!(
            (old.value, old.source),
            (1, Source::Stale(StaleReason::Revalidate))
        );
    }
    eventually("the value is renewed", || {
        source.runs() == 2 && cache.loads_in_flight() == 0
    })
    .await;
    assert_kept(fixture, cache.get::<u64>("key").await.unwrap(), 2);
}

/// What is loaded for many keys comes in their order, is stored, and is loaded with one call.
pub async fn many_keys_are_loaded_with_one_call(fixture: &dyn Fixture) {
    let cache = cache(fixture);
    cache.set("b", 20_u64).await.unwrap();
    let load = |keys: Vec<String>| async move {
        let pairs = keys.into_iter().filter(|key| key != "absent");
        let pairs = pairs.map(|key| {
            let length = key.len() as u64;
            (key, Ok(Loaded::store(length)))
        });
        Ok::<Vec<_>, &str>(pairs.collect())
    };
    let found = all(cache.get_or_load_many(&["ccc", "b", "absent", "ccc"], load).await);
    assert_eq!((found[0], found[2], found[3]), (Some(3), None, Some(3)));
    if fixture.keeps_every_set() {
        assert_eq!(found[1], Some(20));
    }
    assert_kept(fixture, cache.get::<u64>("ccc").await.unwrap(), 3);
}

/// A backend that fails does not make a load fail.
pub async fn a_backend_that_fails_does_not_fail_a_load(fixture: &dyn Fixture) {
    let (cache, failing) = failing(fixture);
    for operation in [Operation::Get, Operation::Set] {
        failing.fail(operation, ErrorKind::Unavailable);
    }
    let source = Counted::open();
    assert_eq!(source.ask(&cache).await.unwrap().unwrap(), 1);
    assert_eq!(source.ask(&cache).await.unwrap().unwrap(), 2);
}

/// Callers that go leave no flight behind, and the cache goes on.
pub async fn callers_that_go_leave_nothing_behind(fixture: &dyn Fixture) {
    let cache = cache(fixture);
    for round in 0..50 {
        let source = Counted::shut();
        let caller = source.ask(&cache);
        for _ in 0..round % 5 {
            yield_now().await;
        }
        caller.abort();
        // A caller that still runs when it is told to end may take off yet.
        let _ = caller.await;
    }
    eventually("all flights are gone", || cache.loads_in_flight() == 0).await;
    let source = Counted::open();
    source.ask(&cache).await.unwrap().unwrap();
}

/// Random calls of several tasks on one key can be put in an order that explains all answers.
pub async fn calls_are_linearizable(fixture: &dyn Fixture) {
    if !fixture.keeps_every_set() {
        // What a backend drops by itself is in no history.
        return;
    }
    let cache = cache(fixture);
    let values = Arc::new(AtomicU64::new(1));
    for round in 0..20 {
        cache.clear().await.unwrap();
        let history = Arc::new(History::default());
        let mut tasks = JoinSet::new();
        for task in 0..4_u64 {
            let (cache, history, values) = (cache.clone(), Arc::clone(&history), Arc::clone(&values));
            tasks.spawn(async move {
                for call in 0..8_u64 {
                    let next = values.fetch_add(1, Ordering::SeqCst);
                    let begin = history.begin();
                    let act = match (round * 7 + task * 3 + call * call) % 6 {
                        0 => {
                            cache.delete("key").await.unwrap();
                            Act::Delete
                        }
                        1 => {
                            cache.set("key", next).await.unwrap();
                            Act::Set(next)
                        }
                        2 => Act::Get(cache.get("key").await.unwrap()),
                        _ => {
                            let load = move || async move {
                                yield_now().await;
                                Ok::<u64, &str>(next)
                            };
                            Act::Load(cache.get_or_load("key", load).await.unwrap())
                        }
                    };
                    history.end(begin, act);
                    yield_now().await;
                }
            });
        }
        tasks.join_all().await;
        let checked = history.check();
        assert!(checked.is_ok(), "round {round}: {}", checked.unwrap_err());
    }
}
