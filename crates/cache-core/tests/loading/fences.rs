//! Writes that come during a load win.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use cache_core::{
    Answer, Cache, CacheError, ErrorKind, LoadContext, LoadOptions, Loaded, Operation, Source, StaleReason,
};
use cache_testkit::{CountingBackend, MapBackend, SlowBackend};

use crate::support::{Bench, Down, Gate, SECOND, settle};

type Caller = tokio::task::JoinHandle<cache_core::Result<String>>;

/// Spawns a caller whose loader waits at the gate and then brings this text.
fn ask(cache: &Cache, gate: &Gate, text: &'static str) -> Caller {
    let (cache, gate) = (cache.clone(), gate.clone());
    tokio::spawn(async move {
        cache
            .get_or_load("key", move || async move {
                gate.pass().await;
                Ok::<_, Down>(text.to_owned())
            })
            .await
    })
}

/// Lets a write happen while a load is under way, and returns what the loader's caller got and what the cache holds.
async fn during(write: impl AsyncFnOnce(&Cache)) -> (String, Option<String>) {
    let bench = Bench::new();
    let gate = Gate::shut();
    let caller = ask(&bench.cache, &gate, "loaded");
    gate.reached(1).await;
    write(&bench.cache).await;
    gate.let_all_through();
    let answer = caller.await.unwrap().unwrap();
    settle().await;
    (answer, bench.cache.get("key").await.unwrap())
}

#[tokio::test]
async fn a_delete_during_a_load_wins() {
    let outcome = during(async |cache| assert!(!cache.delete("key").await.unwrap())).await;
    assert_eq!(outcome, ("loaded".to_owned(), None));
}

#[tokio::test]
async fn a_delete_of_many_during_a_load_wins() {
    let outcome = during(async |cache| drop(cache.delete_many(&["a", "key"]).await)).await;
    assert_eq!(outcome, ("loaded".to_owned(), None));
}

#[tokio::test]
async fn a_clear_during_a_load_wins() {
    let outcome = during(async |cache| cache.clear().await.unwrap()).await;
    assert_eq!(outcome, ("loaded".to_owned(), None));
}

#[tokio::test]
async fn a_set_during_a_load_wins() {
    let outcome = during(async |cache| cache.set("key", "set".to_owned()).await.unwrap()).await;
    assert_eq!(outcome, ("loaded".to_owned(), Some("set".to_owned())));
}

#[tokio::test]
async fn a_set_of_many_during_a_load_wins() {
    let outcome = during(async |cache| drop(cache.set_many([("key", "set".to_owned())]).await)).await;
    assert_eq!(outcome, ("loaded".to_owned(), Some("set".to_owned())));
}

#[tokio::test]
async fn a_set_that_is_over_already_wins_too() {
    let outcome = during(async |cache| {
        let set = cache.set("key", "set".to_owned()).ttl(std::time::Duration::ZERO);
        set.await.unwrap();
    })
    .await;
    assert_eq!(outcome, ("loaded".to_owned(), None));
}

#[tokio::test]
async fn a_write_of_another_key_changes_nothing() {
    let outcome = during(async |cache| assert!(!cache.delete("other").await.unwrap())).await;
    assert_eq!(outcome, ("loaded".to_owned(), Some("loaded".to_owned())));
}

#[tokio::test]
async fn a_caller_after_the_delete_does_not_join_the_older_load() {
    let bench = Bench::new();
    let (old, new) = (Gate::shut(), Gate::open());
    let before = ask(&bench.cache, &old, "old");
    old.reached(1).await;
    bench.cache.delete("key").await.unwrap();
    assert_eq!(ask(&bench.cache, &new, "new").await.unwrap().unwrap(), "new");
    old.let_all_through();
    assert_eq!(before.await.unwrap().unwrap(), "old");
    settle().await;
    assert_eq!(bench.cache.get::<String>("key").await.unwrap().unwrap(), "new");
}

#[tokio::test]
async fn a_caller_after_a_set_gets_what_was_set() {
    let bench = Bench::new();
    let gate = Gate::shut();
    let before = ask(&bench.cache, &gate, "loaded");
    gate.reached(1).await;
    bench.cache.set("key", "set".to_owned()).await.unwrap();
    assert_eq!(ask(&bench.cache, &gate, "never").await.unwrap().unwrap(), "set");
    gate.let_all_through();
    assert_eq!(before.await.unwrap().unwrap(), "loaded");
}

type Slow = CountingBackend<SlowBackend<MapBackend>>;

/// A cache whose backend answers call by call, as the test lets it, and counts the calls that come to it.
fn slow() -> (Bench, Arc<Slow>) {
    let slow = Arc::new(OnceLock::new());
    let kept = Arc::clone(&slow);
    let bench = Bench::on(
        move |map| {
            let backend = Arc::new(CountingBackend::new(SlowBackend::new(map)));
            kept.set(Arc::clone(&backend)).ok().unwrap();
            backend
        },
        |builder| builder,
    );
    let slow = Arc::clone(slow.get().unwrap());
    (bench, slow)
}

#[tokio::test]
async fn a_delete_waits_for_a_store_that_is_on_its_way() {
    let (bench, slow) = slow();
    let gate = Gate::open();
    let caller = ask(&bench.cache, &gate, "loaded");
    slow.inner().arrived(1).await;
    slow.inner().release(1);
    // The store has left and cannot be called back.
    slow.inner().arrived(2).await;
    let cache = bench.cache.clone();
    let delete = tokio::spawn(async move { cache.delete("key").await.unwrap() });
    settle().await;
    assert_eq!(slow.count(Operation::Delete), 0);
    slow.inner().open();
    assert!(delete.await.unwrap(), "the delete found what was stored");
    assert_eq!(caller.await.unwrap().unwrap(), "loaded");
    assert_eq!(bench.cache.get::<String>("key").await.unwrap(), None);
}

#[tokio::test]
async fn a_second_delete_waits_for_the_store_too() {
    let (bench, slow) = slow();
    let gate = Gate::open();
    let caller = ask(&bench.cache, &gate, "loaded");
    slow.inner().arrived(1).await;
    slow.inner().release(1);
    slow.inner().arrived(2).await;
    let delete = || {
        let cache = bench.cache.clone();
        tokio::spawn(async move { cache.delete("key").await.unwrap() })
    };
    let first = delete();
    settle().await;
    first.abort();
    settle().await;
    let second = delete();
    settle().await;
    assert_eq!(slow.count(Operation::Delete), 0);
    slow.inner().open();
    second.await.unwrap();
    assert_eq!(bench.cache.get::<String>("key").await.unwrap(), None);
    caller.await.unwrap().unwrap();
}

/// The load begins while a set is on its way, so it cannot know of it from the backend.
#[tokio::test]
async fn a_load_does_not_overwrite_a_set_that_was_on_its_way_when_it_began() {
    let (bench, slow) = slow();
    let cache = bench.cache.clone();
    let set = tokio::spawn(async move { cache.set("key", "set".to_owned()).await.unwrap() });
    slow.inner().arrived(1).await;
    let gate = Gate::shut();
    let caller = ask(&bench.cache, &gate, "loaded");
    slow.inner().arrived(2).await;
    // The set waits in front, so both are let through, the look first by chance or not.
    slow.inner().release(2);
    set.await.unwrap();
    slow.inner().open();
    gate.let_all_through();
    caller.await.unwrap().unwrap();
    assert_eq!(bench.cache.get::<String>("key").await.unwrap().unwrap(), "set");
}

#[tokio::test]
async fn a_store_that_has_begun_is_finished_when_all_have_gone() {
    let (bench, slow) = slow();
    let gate = Gate::open();
    let caller = ask(&bench.cache, &gate, "loaded");
    slow.inner().arrived(1).await;
    slow.inner().release(1);
    slow.inner().arrived(2).await;
    caller.abort();
    settle().await;
    assert_eq!(bench.cache.loads_in_flight(), 1);
    slow.inner().open();
    settle().await;
    assert_eq!(bench.cache.get::<String>("key").await.unwrap().unwrap(), "loaded");
    assert_eq!(bench.cache.loads_in_flight(), 0);
}

/// What invalidates a value while it is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Write {
    Nothing,
    Delete,
    DeleteMany,
    Clear,
}

impl Write {
    const ALL: [Self; 4] = [Self::Nothing, Self::Delete, Self::DeleteMany, Self::Clear];

    async fn run(self, cache: &Cache) {
        match self {
            Self::Nothing => {}
            Self::Delete => assert!(cache.delete("key").await.unwrap()),
            Self::DeleteMany => assert_eq!(cache.delete_many(&["a", "key"]).await.len(), 2),
            Self::Clear => cache.clear().await.unwrap(),
        }
    }
}

/// What becomes of the load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Fails,
    FailsInABatch,
    Panics,
    PassesTheHardTimeout,
    PassesTheSoftTimeout,
}

impl Fate {
    const ALL: [Self; 5] = [
        Self::Fails,
        Self::FailsInABatch,
        Self::Panics,
        Self::PassesTheHardTimeout,
        Self::PassesTheSoftTimeout,
    ];
    const SOFT: Duration = Duration::from_millis(100);

    fn options(self) -> LoadOptions {
        let options = LoadOptions::new()
            .ttl(SECOND)
            .stale_if_error(100 * SECOND)
            .hard_timeout(SECOND);
        options.soft_timeout((self == Self::PassesTheSoftTimeout).then_some(Self::SOFT))
    }

    async fn load(self, gate: Gate) -> Result<String, Down> {
        gate.pass().await;
        match self {
            Self::Fails | Self::FailsInABatch => Err(Down(1)),
            Self::Panics => panic!("a test says so"),
            Self::PassesTheHardTimeout | Self::PassesTheSoftTimeout => Ok("new".to_owned()),
        }
    }

    async fn ask(self, cache: Cache, gate: Gate) -> cache_core::Result<Answer<String>> {
        if self == Self::FailsInABatch {
            let load = move |keys: Vec<String>| async move {
                let text = self.load(gate).await;
                let pairs = keys.into_iter().map(|key| (key, text.clone().map(Loaded::store)));
                Ok::<Vec<_>, Down>(pairs.collect())
            };
            let mut answers = cache.get_or_load_many(&["key"], load).detailed().await;
            return answers.remove(0).map(Option::unwrap);
        }
        cache.get_or_load("key", move || self.load(gate)).detailed().await
    }

    /// Lets the load end as it is to. The time of the runtime goes on by itself when all wait.
    async fn come(self, gate: &Gate) {
        match self {
            Self::PassesTheHardTimeout => {}
            Self::PassesTheSoftTimeout => {
                tokio::time::sleep(2 * Self::SOFT).await;
                gate.let_all_through();
            }
            Self::Fails | Self::FailsInABatch | Self::Panics => gate.let_all_through(),
        }
    }

    /// Returns what a caller gets who may not have the stale value.
    fn answer(self) -> Result<&'static str, ErrorKind> {
        match self {
            Self::Fails | Self::FailsInABatch => Err(ErrorKind::Load),
            Self::Panics => Err(ErrorKind::Panic),
            Self::PassesTheHardTimeout => Err(ErrorKind::Timeout),
            Self::PassesTheSoftTimeout => Ok("new"),
        }
    }
}

/// Asks for a stale value, lets a write happen while it is loaded, and returns what the caller gets.
async fn stale_during(write: Write, fate: Fate) -> cache_core::Result<Answer<String>> {
    let bench = Bench::with(|builder| builder.loading(fate.options()));
    let old = || async { Ok::<_, Down>("old".to_owned()) };
    bench.cache.get_or_load("key", old).await.unwrap();
    bench.clock.advance(2 * SECOND);
    let gate = Gate::shut();
    let caller = tokio::spawn(fate.ask(bench.cache.clone(), gate.clone()));
    gate.reached(1).await;
    write.run(&bench.cache).await;
    fate.come(&gate).await;
    caller.await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn what_was_invalidated_is_not_given_as_stale_whatever_becomes_of_the_load() {
    for fate in Fate::ALL {
        for write in Write::ALL {
            let answer = stale_during(write, fate).await;
            if write == Write::Nothing {
                let answer = answer.unwrap();
                let reason = match fate {
                    Fate::PassesTheHardTimeout | Fate::PassesTheSoftTimeout => StaleReason::Timeout,
                    Fate::Fails | Fate::FailsInABatch | Fate::Panics => StaleReason::Error,
                };
                assert_eq!(
                    (answer.value.as_str(), answer.source),
                    ("old", Source::Stale(reason)),
                    "{fate:?}"
                );
            } else {
                let answer = answer.as_ref().map(|answer| answer.value.as_str());
                let answer = answer.map_err(CacheError::kind);
                assert_eq!(answer, fate.answer(), "{write:?}, {fate:?}");
            }
        }
    }
}

#[tokio::test]
async fn what_was_deleted_is_not_kept_as_unchanged() {
    let options = LoadOptions::new().ttl(SECOND).stale_if_error(100 * SECOND);
    let bench = Bench::with(|builder| builder.loading(options));
    bench
        .cache
        .get_or_load("key", || async { Ok::<_, Down>(1_i64) })
        .await
        .unwrap();
    bench.clock.advance(2 * SECOND);
    let gate = Gate::shut();
    let (cache, run) = (bench.cache.clone(), gate.clone());
    let caller = tokio::spawn(async move {
        let load = |_: LoadContext<i64>| async move {
            run.pass().await;
            Ok::<_, Down>(Loaded::not_modified())
        };
        cache.get_or_load("key", load).await
    });
    gate.reached(1).await;
    bench.cache.delete("key").await.unwrap();
    gate.let_all_through();
    caller.await.unwrap().unwrap();
    assert_eq!(bench.cache.get::<i64>("key").await.unwrap(), None);
}
