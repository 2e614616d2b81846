//! Many tasks on one backend at once.

#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "the suite fails by panicking"
)]

use std::sync::Arc;

use cache_core::{CacheBackend, Entry, Value};
use tokio::sync::Barrier;
use tokio::task::{JoinSet, yield_now};

use super::probe::{Probe, all, assert_kept, cache, key};
use crate::fixture::Fixture;

/// Of many tasks that each write keys of their own, no write is lost and none lands under another key.
pub async fn writers_of_their_own_keys_all_read_back(fixture: &dyn Fixture) {
    const TASKS: usize = 32;
    const KEYS: usize = 50;
    let mut writers = JoinSet::new();
    for task in 0..TASKS {
        let cache = cache(fixture);
        writers.spawn(async move {
            for n in 0..KEYS {
                cache.set(&format!("{task}/{n}"), (task, n)).await.unwrap();
            }
        });
    }
    writers.join_all().await;
    let cache = cache(fixture);
    for (task, n) in (0..TASKS).flat_map(|task| (0..KEYS).map(move |n| (task, n))) {
        assert_kept(
            fixture,
            cache.get(&format!("{task}/{n}")).await.unwrap(),
            (task, n),
        );
    }
}

/// Sets, deletes and reads of the same keys at once never yield a torn value nor one of another key.
pub async fn values_are_never_torn_or_foreign(fixture: &dyn Fixture) {
    const KEYS: [&str; 3] = ["a", "b", "c"];
    let mut tasks = JoinSet::new();
    for task in 0..8_usize {
        let backend = fixture.backend();
        let codec = fixture.codec();
        tasks.spawn(async move {
            let entry = |name: &str, n: usize| {
                // Each part of the value names the key and the write, so that a mixture shows.
                let parts = vec![(name.to_owned(), task, n); 20];
                Entry::new(Value::new(parts), backend.clock().now())
            };
            for n in 0..150 {
                let name = KEYS[(task + n) % KEYS.len()];
                match n % 5 {
                    0 | 1 => backend.set(key(name), entry(name, n)).await.unwrap(),
                    2 => drop(backend.delete(key(name)).await.unwrap()),
                    3 => {
                        let entries = KEYS.map(|name| (key(name), entry(name, n))).to_vec();
                        all(backend.set_many(entries).await.unwrap());
                    }
                    _ => drop(backend.delete_many(vec![key(name)]).await.unwrap()),
                }
                let answers = backend.get_many(KEYS.map(key).to_vec()).await.unwrap();
                assert_eq!(answers.len(), KEYS.len());
                let alone = (name, backend.get(key(name)).await);
                for (name, answer) in KEYS.into_iter().zip(answers).chain([alone]) {
                    let Some(found) = answer.unwrap() else { continue };
                    let parts = found
                        .into_value()
                        .read::<Vec<(String, usize, usize)>>(&codec)
                        .unwrap();
                    assert_eq!(parts.len(), 20);
                    assert!(
                        parts.iter().all(|part| part == &parts[0] && part.0 == name),
                        "{name}: {parts:?}"
                    );
                }
            }
        });
    }
    tasks.join_all().await;
}

/// Of many deletes of one entry at once exactly one says that it went.
pub async fn of_many_deletes_at_once_one_says_true(fixture: &dyn Fixture) {
    const TASKS: usize = 6;
    let probe = Probe::new(fixture);
    for round in 0..30 {
        probe.set("key", "value").await;
        let start = Arc::new(Barrier::new(TASKS));
        let mut tasks = JoinSet::new();
        for task in 0..TASKS {
            let (backend, start) = (fixture.backend(), Arc::clone(&start));
            tasks.spawn(async move {
                start.wait().await;
                delete(&*backend, task % 2 == 0).await
            });
        }
        let went = tasks.join_all().await.into_iter().filter(|went| *went).count();
        assert!(
            went == 1 || went == 0 && !fixture.keeps_every_set(),
            "round {round}: {went} deletes say true"
        );
    }
}

/// Deletes one key, alone or as the only one of many.
async fn delete(backend: &dyn CacheBackend, alone: bool) -> bool {
    if alone {
        backend.delete(key("key")).await.unwrap()
    } else {
        backend
            .delete_many(vec![key("key")])
            .await
            .unwrap()
            .remove(0)
            .unwrap()
    }
}

/// While one task writes ever larger numbers, no reader sees a smaller one after a larger one.
pub async fn a_reader_never_sees_an_older_value_again(fixture: &dyn Fixture) {
    const LAST: u64 = 300;
    let mut tasks = JoinSet::new();
    for _ in 0..3 {
        let cache = cache(fixture);
        tasks.spawn(async move {
            let mut newest = 0;
            // A backend that refuses sets may never show the last one, so the reader gives up at some point.
            for _ in 0..20 * LAST {
                let found = cache.get::<u64>("key").await.unwrap().unwrap_or(newest);
                assert!(found >= newest, "{found} after {newest}");
                newest = found;
                if newest == LAST {
                    break;
                }
                yield_now().await;
            }
        });
    }
    let cache = cache(fixture);
    for n in 1..=LAST {
        cache.set("key", n).await.unwrap();
        yield_now().await;
    }
    tasks.join_all().await;
    assert_kept(fixture, cache.get("key").await.unwrap(), LAST);
}

/// A write that has returned is seen by every other task, and so is a delete.
pub async fn a_finished_write_is_seen_by_other_tasks(fixture: &dyn Fixture) {
    let cache = cache(fixture);
    let look = || {
        let cache = cache.clone();
        tokio::spawn(async move { cache.get::<u64>("key").await.unwrap() })
    };
    for n in 0_u64..50 {
        cache.set("key", n).await.unwrap();
        assert_kept(fixture, look().await.unwrap(), n);
        cache.delete("key").await.unwrap();
        assert_eq!(look().await.unwrap(), None);
    }
}

/// Clears among writes succeed, and after the last one nothing is left.
pub async fn clears_among_writes_succeed(fixture: &dyn Fixture) {
    let mut tasks = JoinSet::new();
    for task in 0..6_usize {
        let cache = cache(fixture);
        tasks.spawn(async move {
            for n in 0..40_usize {
                let key = format!("{task}/{n}");
                cache.set(&key, n).await.unwrap();
                assert!(
                    cache
                        .get::<usize>(&key)
                        .await
                        .unwrap()
                        .is_none_or(|found| found == n)
                );
                if task == 0 && n % 10 == 0 {
                    cache.clear().await.unwrap();
                }
            }
        });
    }
    tasks.join_all().await;
    let cache = cache(fixture);
    cache.clear().await.unwrap();
    for (task, n) in (0..6_usize).flat_map(|task| (0..40_usize).map(move |n| (task, n))) {
        assert_eq!(cache.get::<usize>(&format!("{task}/{n}")).await.unwrap(), None);
    }
}
