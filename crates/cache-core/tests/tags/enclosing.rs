//! Every request of a call with tags, or of a write that waits for a load, knows which operation it is part of and since when, so
//! that a backend can give all of it one budget.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use cache_core::{
    BackendStats, Cache, CacheBackend, CacheFuture, Clock, EnclosingOperation, Entry, Key, LoadContext,
    Loaded, Operation, Result,
};
use cache_testkit::MapBackend;
use tokio::time::sleep;

use crate::support::{Down, cache_on, load, map};

const LATE: Duration = Duration::from_millis(10);

/// A backend whose answers are late, and which writes down what each request is part of.
#[derive(Debug)]
struct Parts {
    inner: Arc<MapBackend>,
    asked: Mutex<Vec<String>>,
}

impl Parts {
    fn cache() -> (Arc<Self>, Cache) {
        let parts = Arc::new(Self {
            inner: map().0,
            asked: Mutex::default(),
        });
        (Arc::clone(&parts), cache_on(parts))
    }

    /// Returns what it was asked since the last time.
    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }

    fn late<'a, T: Send + 'a>(&'a self, what: Operation, answer: CacheFuture<'a, T>) -> CacheFuture<'a, T> {
        let called = part();
        CacheFuture::boxed(async move {
            let part = part();
            assert_eq!(part, called, "a backend may ask when it is called as well");
            self.asked.lock().unwrap().push(format!("{what}{part}"));
            sleep(LATE).await;
            answer.await
        })
    }
}

/// Says what the request that is being made is part of.
fn part() -> String {
    EnclosingOperation::current().map_or(String::new(), |whole| {
        let ago = whole.elapsed().as_millis();
        format!(" in {} of {ago} ms ago", whole.operation())
    })
}

#[deny(clippy::missing_trait_methods)]
impl CacheBackend for Parts {
    fn kind(&self) -> &'static str {
        self.inner.kind()
    }

    fn clock(&self) -> Arc<dyn Clock> {
        self.inner.clock()
    }

    fn get<'a>(&'a self, key: Key<'a>) -> CacheFuture<'a, Option<Entry>> {
        self.late(Operation::Get, self.inner.get(key))
    }

    fn set<'a>(&'a self, key: Key<'a>, entry: Entry) -> CacheFuture<'a, ()> {
        self.late(Operation::Set, self.inner.set(key, entry))
    }

    fn delete<'a>(&'a self, key: Key<'a>) -> CacheFuture<'a, bool> {
        self.late(Operation::Delete, self.inner.delete(key))
    }

    fn exists<'a>(&'a self, key: Key<'a>) -> CacheFuture<'a, bool> {
        self.late(Operation::Exists, self.inner.exists(key))
    }

    fn get_many<'a>(&'a self, keys: Vec<Key<'a>>) -> CacheFuture<'a, Vec<Result<Option<Entry>>>> {
        self.late(Operation::GetMany, self.inner.get_many(keys))
    }

    fn set_many<'a>(&'a self, entries: Vec<(Key<'a>, Entry)>) -> CacheFuture<'a, Vec<Result<()>>> {
        self.late(Operation::SetMany, self.inner.set_many(entries))
    }

    fn delete_many<'a>(&'a self, keys: Vec<Key<'a>>) -> CacheFuture<'a, Vec<Result<bool>>> {
        self.late(Operation::DeleteMany, self.inner.delete_many(keys))
    }

    fn clear(&self) -> CacheFuture<'_, ()> {
        self.late(Operation::Clear, self.inner.clear())
    }

    fn stats(&self) -> BackendStats {
        self.inner.stats()
    }

    fn ping(&self) -> CacheFuture<'_, ()> {
        self.late(Operation::Ping, self.inner.ping())
    }

    fn close(&self) -> CacheFuture<'_, ()> {
        self.inner.close()
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_done_with_one_request_is_part_of_nothing() {
    let (parts, cache) = Parts::cache();
    cache.set("key", 1_u64).await.unwrap();
    cache.get::<u64>("key").await.unwrap();
    cache.delete("key").await.unwrap();
    assert_eq!(parts.asked(), ["set", "get", "delete"]);
}

#[tokio::test(start_paused = true)]
async fn markers_are_read_and_made_as_parts_of_the_set() {
    let (parts, cache) = Parts::cache();
    cache.set("key", 1_u64).tags(&["a"]).await.unwrap();
    assert_eq!(
        parts.asked(),
        [
            "get_many in set of 0 ms ago",
            "get_many in set of 10 ms ago",
            "set in set of 20 ms ago",
            "set in set of 30 ms ago",
        ]
    );
    cache.set_many([("one", 1_u64), ("two", 2)]).tags(&["a"]).await;
    assert_eq!(
        parts.asked(),
        [
            "get_many in set_many of 0 ms ago",
            "set_many in set_many of 10 ms ago",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn markers_are_asked_as_parts_of_the_get_that_found_their_tags() {
    let (parts, cache) = Parts::cache();
    cache.set("key", 1_u64).tags(&["a"]).await.unwrap();
    parts.asked();
    assert_eq!(cache.get::<u64>("key").await.unwrap(), Some(1));
    assert_eq!(parts.asked(), ["get", "get in get of 10 ms ago"]);
    assert!(cache.get_many::<u64>(["key"]).await.remove(0).unwrap().is_some());
    assert_eq!(parts.asked(), ["get_many", "get_many in get_many of 10 ms ago"]);
}

#[tokio::test(start_paused = true)]
async fn both_removals_are_parts_of_the_invalidation() {
    let (parts, cache) = Parts::cache();
    cache.invalidate_tag("a").await.unwrap();
    assert_eq!(
        parts.asked(),
        [
            "delete_many in invalidate_tags of 0 ms ago",
            "delete_many in invalidate_tags of 10 ms ago",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_load_looks_then_asks_for_its_markers_then_stores() {
    let (parts, cache) = Parts::cache();
    cache.set("other", 1_u64).tags(&["a"]).await.unwrap();
    parts.asked();
    load(&cache, &["a"], 1).await.unwrap();
    assert_eq!(
        parts.asked(),
        ["get", "get_many in set of 0 ms ago", "set in set of 0 ms ago"]
    );
}

#[tokio::test(start_paused = true)]
async fn the_markers_that_only_a_loader_names_are_asked_as_parts_of_the_store() {
    let (parts, cache) = Parts::cache();
    cache.set("other", 1_u64).tags(&["a"]).await.unwrap();
    parts.asked();
    let load = |_: LoadContext<u64>| async { Ok::<_, Down>(Loaded::store(1_u64).tags(["a"])) };
    cache.get_or_load("key", load).await.unwrap();
    assert_eq!(
        parts.asked(),
        ["get", "get_many in set of 0 ms ago", "set in set of 10 ms ago"]
    );
    let many = |keys: Vec<String>| async move {
        let loaded = keys.into_iter();
        let loaded = loaded.map(|key| (key, Ok::<_, Down>(Loaded::store(1_u64).tags(["a"]))));
        Ok::<_, Down>(loaded.collect::<Vec<_>>())
    };
    cache.get_or_load_many(&["one", "two"], many).await;
    assert_eq!(
        parts.asked(),
        [
            "get_many",
            "get_many in set_many of 0 ms ago",
            "set_many in set_many of 10 ms ago",
        ]
    );
}

/// Begins a write while a load stores `key`, which it has done for half of its time. Returns what the write asked.
async fn asked_while_storing<F: Future>(write: impl FnOnce(Cache) -> F) -> Vec<String> {
    let (parts, cache) = Parts::cache();
    let loads = cache.clone();
    let loads = tokio::spawn(async move { load(&loads, &[], 1).await });
    sleep(LATE + LATE / 2).await;
    assert_eq!(parts.asked(), ["get", "set in set of 0 ms ago"]);
    write(cache).await;
    assert_eq!(loads.await.unwrap().unwrap(), 1);
    parts.asked()
}

#[tokio::test(start_paused = true)]
async fn the_wait_for_a_store_is_part_of_the_write() {
    let set = |cache: Cache| async move { cache.set("key", 2_u64).await.unwrap() };
    assert_eq!(asked_while_storing(set).await, ["set in set of 5 ms ago"]);
    let delete = |cache: Cache| async move { assert!(cache.delete("key").await.unwrap()) };
    assert_eq!(
        asked_while_storing(delete).await,
        ["delete in delete of 5 ms ago"]
    );
}

#[tokio::test(start_paused = true)]
async fn the_wait_for_all_stores_is_part_of_the_clear() {
    let clear = |cache: Cache| async move { cache.clear().await.unwrap() };
    assert_eq!(asked_while_storing(clear).await, ["clear in clear of 5 ms ago"]);
}

#[tokio::test(start_paused = true)]
async fn the_wait_for_a_store_is_part_of_a_write_of_several_keys() {
    let set = |cache: Cache| async move { cache.set_many([("key", 2_u64), ("other", 2)]).await };
    assert_eq!(
        asked_while_storing(set).await,
        ["set_many", "set_many in set_many of 5 ms ago"]
    );
    let delete = |cache: Cache| async move { cache.delete_many(["key"]).await };
    assert_eq!(
        asked_while_storing(delete).await,
        ["delete_many in delete_many of 5 ms ago"]
    );
}

/// Those who joined wait until the markers were asked once more, and a write does not.
#[tokio::test(start_paused = true)]
async fn a_write_waits_for_the_store_and_no_longer() {
    let (parts, cache) = Parts::cache();
    cache.set("other", 1_u64).tags(&["a"]).await.unwrap();
    let [one, other] = [(); 2].map(|()| {
        let cache = cache.clone();
        tokio::spawn(async move { load(&cache, &["a"], 1).await })
    });
    // Two looks, the markers, and half of the store.
    sleep(2 * LATE + LATE / 2).await;
    parts.asked();
    cache.set("key", 2_u64).await.unwrap();
    assert_eq!(parts.asked(), ["get", "set in set of 5 ms ago"]);
    for load in [one, other] {
        assert_eq!(load.await.unwrap().unwrap(), 1);
    }
}
