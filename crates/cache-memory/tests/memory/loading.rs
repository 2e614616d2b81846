//! Why loading is not left to moka: its `get_with` stores what was loaded before an invalidation. Both caches live
//! through the same story, and the same check judges them.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use cache_core::Cache;
use cache_testkit::{Act, History};
use tokio::runtime::Runtime;

use crate::support::setup;

/// One key of a cache, called from any thread.
trait OneKey: Sync {
    fn load(&self, loader: Box<dyn FnOnce() -> u64 + Send>) -> u64;
    fn set(&self, value: u64);
    fn delete(&self);
    fn get(&self) -> Option<u64>;
}

impl OneKey for moka::sync::Cache<String, u64> {
    fn load(&self, loader: Box<dyn FnOnce() -> u64 + Send>) -> u64 {
        self.get_with("key".to_owned(), loader)
    }

    fn set(&self, value: u64) {
        self.insert("key".to_owned(), value);
    }

    fn delete(&self) {
        self.invalidate("key");
    }

    fn get(&self) -> Option<u64> {
        moka::sync::Cache::get(self, "key")
    }
}

struct Ours {
    cache: Cache,
    runtime: Runtime,
}

impl OneKey for Ours {
    fn load(&self, loader: Box<dyn FnOnce() -> u64 + Send>) -> u64 {
        let load = || async { Ok::<_, String>(tokio::task::spawn_blocking(loader).await.unwrap()) };
        self.runtime
            .block_on(async { self.cache.get_or_load("key", load).await.unwrap() })
    }

    fn set(&self, value: u64) {
        self.runtime
            .block_on(async { self.cache.set("key", value).await.unwrap() });
    }

    fn delete(&self) {
        self.runtime
            .block_on(async { self.cache.delete("key").await.unwrap() });
    }

    fn get(&self) -> Option<u64> {
        self.runtime
            .block_on(async { self.cache.get("key").await.unwrap() })
    }
}

/// A write that comes while a load is under way.
#[derive(Clone, Copy)]
enum Write {
    Set,
    Delete,
}

/// A load of 1 begins, a write begins and ends, the load ends. Returns what all saw, and what is there in the end.
fn story(cache: &dyn OneKey, write: Write) -> (History, Option<u64>) {
    let history = History::default();
    let (started, runs) = mpsc::channel();
    let (go_on, gate) = mpsc::channel::<()>();
    let read = || {
        let begin = history.begin();
        let found = cache.get();
        history.end(begin, Act::Get(found));
        found
    };
    thread::scope(|scope| {
        let history = &history;
        let loading = scope.spawn(move || {
            let begin = history.begin();
            let got = cache.load(Box::new(move || {
                started.send(()).unwrap();
                gate.recv_timeout(Duration::from_secs(10)).unwrap();
                1
            }));
            history.end(begin, Act::Load(got));
        });
        runs.recv_timeout(Duration::from_secs(10)).unwrap();
        let begin = history.begin();
        match write {
            Write::Set => {
                cache.set(5);
                history.end(begin, Act::Set(5));
            }
            Write::Delete => {
                cache.delete();
                history.end(begin, Act::Delete);
            }
        }
        read();
        go_on.send(()).unwrap();
        loading.join().unwrap();
    });
    let found = read();
    (history, found)
}

fn moka() -> moka::sync::Cache<String, u64> {
    moka::sync::Cache::builder().max_capacity(100).build()
}

fn ours() -> Ours {
    Ours {
        cache: setup(|builder| builder).cache,
        runtime: Runtime::new().unwrap(),
    }
}

#[test]
fn moka_overwrites_what_was_set_during_a_load() {
    let (history, found) = story(&moka(), Write::Set);
    assert!(history.check().is_err());
    assert_eq!(found, Some(1));
}

#[test]
fn ours_keeps_what_was_set_during_a_load() {
    let (history, found) = story(&ours(), Write::Set);
    assert_eq!((history.check(), found), (Ok(()), Some(5)));
}

/// The source may have changed before the delete, so what was loaded before it must not be there after it.
#[test]
fn moka_stores_what_was_loaded_before_a_delete() {
    let (_, found) = story(&moka(), Write::Delete);
    assert_eq!(found, Some(1));
}

#[test]
fn ours_does_not_store_what_was_loaded_before_a_delete() {
    let (history, found) = story(&ours(), Write::Delete);
    assert_eq!((history.check(), found), (Ok(()), None));
}
