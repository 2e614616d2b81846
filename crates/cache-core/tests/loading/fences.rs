//! Writes that come during a load win.

use std::sync::{Arc, OnceLock};

use cache_core::{Cache, ErrorKind, LoadContext, LoadOptions, Loaded, Operation};
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

#[tokio::test]
async fn what_was_deleted_is_not_given_as_stale() {
    let options = LoadOptions::new().ttl(SECOND).stale_if_error(100 * SECOND);
    let bench = Bench::with(|builder| builder.loading(options));
    bench
        .cache
        .get_or_load("key", || async { Ok::<_, Down>("old".to_owned()) })
        .await
        .unwrap();
    bench.clock.advance(2 * SECOND);
    let gate = Gate::shut();
    let (cache, run) = (bench.cache.clone(), gate.clone());
    let caller = tokio::spawn(async move {
        cache
            .get_or_load::<String, _, _>("key", || async move {
                run.pass().await;
                Err(Down(1))
            })
            .await
    });
    gate.reached(1).await;
    bench.cache.delete("key").await.unwrap();
    gate.let_all_through();
    assert_eq!(caller.await.unwrap().unwrap_err().kind(), ErrorKind::Load);
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
