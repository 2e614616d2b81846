//! Invalidations among loads: they win, for everybody who asks afterwards.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use cache_core::{Cache, ErrorKind, LoadContext, LoadEvent, LoadOptions, Loaded, Operation};
use cache_testkit::{FailingBackend, SlowBackend};
use tokio::sync::Notify;

use crate::support::{Down, Ear, Held, begin_load, builder, cache_on, load, map, settle};

const MINUTE: Duration = Duration::from_secs(60);

/// With tags that the call gave, and with those that only the loader knows.
#[tokio::test]
async fn who_asks_after_an_invalidation_does_not_get_what_was_loaded_before() {
    for (tags, of_loader) in [(&["a"][..], "x"), (&[][..], "a")] {
        let cache = cache_on(map().0);
        let held = Held::new();
        let before = held
            .under_way(&cache, tags, move || Loaded::store(1).tags([of_loader]))
            .await;
        cache.invalidate_tag("a").await.unwrap();
        let after = begin_load(&cache, &[], 2).await;
        held.let_go();
        assert_eq!(before.await.unwrap().unwrap(), Some(1), "{tags:?}");
        assert_eq!(after.await.unwrap().unwrap(), 2, "{tags:?}");
        assert_eq!(cache.get("key").await.unwrap(), Some(2_u64), "{tags:?}");
        assert_eq!(cache.loads_in_flight(), 0);
    }
}

#[tokio::test]
async fn who_asks_after_an_invalidation_does_not_hear_that_there_was_nothing_before() {
    let cache = cache_on(map().0);
    let held = Held::new();
    let before = held.under_way(&cache, &["a"], Loaded::not_found).await;
    cache.invalidate_tag("a").await.unwrap();
    assert_eq!(load(&cache, &["a"], 2).await.unwrap(), 2);
    held.let_go();
    assert_eq!(before.await.unwrap().unwrap(), None);
    assert_eq!(cache.get("key").await.unwrap(), Some(2_u64));
}

#[tokio::test]
async fn an_invalidation_of_another_tag_changes_nothing() {
    let cache = cache_on(map().0);
    let held = Held::new();
    let leads = held
        .under_way(&cache, &["a"], || Loaded::store(1).tags(["b"]))
        .await;
    cache.invalidate_tag("c").await.unwrap();
    let joins = begin_load(&cache, &[], 2).await;
    held.let_go();
    assert_eq!(leads.await.unwrap().unwrap(), Some(1));
    assert_eq!(joins.await.unwrap().unwrap(), 1);
    assert_eq!(cache.get("key").await.unwrap(), Some(1_u64));
}

/// Another handle stands for another process: of it this one hears only through the markers.
#[tokio::test]
async fn an_invalidation_by_another_handle_during_a_load_wins() {
    let (map, _) = map();
    let (cache, other) = (cache_on(Arc::clone(&map)), cache_on(map));
    let held = Held::new();
    let caller = held.under_way(&cache, &["a", "b"], || Loaded::store(1)).await;
    other.invalidate_tag("b").await.unwrap();
    held.let_go();
    assert_eq!(caller.await.unwrap().unwrap(), Some(1));
    assert_eq!(cache.get::<u64>("key").await.unwrap(), None);
    assert_eq!(other.get::<u64>("key").await.unwrap(), None);
}

/// Who joined after it must not get what was loaded before, though this handle has heard nothing.
#[tokio::test]
async fn who_asks_after_an_invalidation_by_another_handle_does_not_get_what_was_loaded_before() {
    let (map, _) = map();
    let (cache, other) = (cache_on(Arc::clone(&map)), cache_on(map));
    let held = Held::new();
    let before = held.under_way(&cache, &["a"], || Loaded::store(1)).await;
    other.invalidate_tag("a").await.unwrap();
    let after = begin_load(&cache, &["a"], 2).await;
    held.let_go();
    assert_eq!(before.await.unwrap().unwrap(), Some(1));
    assert_eq!(after.await.unwrap().unwrap(), 2);
    assert_eq!(cache.get("key").await.unwrap(), Some(2_u64));
}

/// A batch that asked before an invalidation of its own tag gets what it joined, whatever else was invalidated.
#[tokio::test]
async fn who_asked_before_gets_what_was_loaded_also_after_other_invalidations() {
    let cache = cache_on(map().0);
    let held = Held::new();
    let leads = held.under_way(&cache, &["a"], || Loaded::store(1)).await;
    cache.invalidate_tag("z").await.unwrap();
    let batch = tokio::spawn({
        let cache = cache.clone();
        async move {
            let load =
                |_: Vec<String>| async { Ok::<Vec<(String, Result<Loaded<u64>, Down>)>, Down>(Vec::new()) };
            cache.get_or_load_many(&["key"], load).tags(&["a"]).await
        }
    });
    settle().await;
    cache.invalidate_tag("a").await.unwrap();
    held.let_go();
    leads.await.unwrap().unwrap();
    assert_eq!(batch.await.unwrap().remove(0).unwrap(), Some(1));
    assert_eq!(cache.get::<u64>("key").await.unwrap(), None);
}

/// It began after the invalidation did, and yet what it is made of is out of date.
#[tokio::test]
async fn who_asks_after_an_invalidation_does_not_get_what_a_loader_made_of_a_value_before_the_markers_went() {
    let holds = Arc::new(SlowBackend::holding(map().0, Operation::DeleteMany));
    let cache = cache_on(Arc::clone(&holds));
    cache.set("part", 1_u64).tags(&["a"]).await.unwrap();
    let invalidates = tokio::spawn({
        let cache = cache.clone();
        async move { cache.invalidate_tag("a").await }
    });
    holds.arrived(1).await;
    let part = cache.get::<u64>("part").await.unwrap().unwrap();
    let held = Held::new();
    let before = held
        .under_way(&cache, &[], move || Loaded::store(part).tags(["a"]))
        .await;
    holds.open();
    invalidates.await.unwrap().unwrap();
    let after = begin_load(&cache, &[], 2).await;
    held.let_go();
    assert_eq!(before.await.unwrap().unwrap(), Some(1));
    assert_eq!(after.await.unwrap().unwrap(), 2);
    assert_eq!(cache.get("key").await.unwrap(), Some(2_u64));
}

/// The loader lets the value live longer than the markers that were made before it ran.
#[tokio::test]
async fn a_value_that_lives_longer_than_was_thought_is_covered() {
    let (map, clock) = map();
    let (cache, other) = (cache_on(Arc::clone(&map)), cache_on(map));
    let day = 24 * 60 * MINUTE;
    let held = Held::new();
    let caller = held
        .under_way(&cache, &["a"], move || Loaded::store(1).ttl(day))
        .await;
    held.let_go();
    caller.await.unwrap().unwrap();
    clock.advance(23 * 60 * MINUTE);
    assert_eq!(cache.get("key").await.unwrap(), Some(1_u64));
    cache.delete("key").await.unwrap();
    // And an invalidation during such a load wins too.
    let caller = held
        .under_way(&cache, &["a"], move || Loaded::store(2).ttl(10 * day))
        .await;
    other.invalidate_tag("a").await.unwrap();
    held.let_go();
    caller.await.unwrap().unwrap();
    assert_eq!(cache.get::<u64>("key").await.unwrap(), None);
}

#[tokio::test]
async fn a_value_that_is_not_modified_keeps_its_tags() {
    let (map, clock) = map();
    let options = LoadOptions::new().ttl(MINUTE).stale_if_error(100 * MINUTE);
    let cache = builder(map).loading(options).build().unwrap();
    let first = |_: LoadContext<u64>| async { Ok::<_, Down>(Loaded::store(1).tags(["a"])) };
    let same = |_: LoadContext<u64>| async { Ok::<_, Down>(Loaded::not_modified()) };
    cache.get_or_load("key", first).await.unwrap();
    for _ in 0..5 {
        clock.advance(2 * MINUTE);
        assert_eq!(cache.get_or_load("key", same).await.unwrap(), Some(1));
        assert_eq!(cache.get("key").await.unwrap(), Some(1_u64));
    }
    cache.invalidate_tag("a").await.unwrap();
    assert_eq!(cache.get::<u64>("key").await.unwrap(), None);
}

#[tokio::test]
async fn an_invalidation_while_the_loader_finds_nothing_modified_wins() {
    let (map, clock) = map();
    let options = LoadOptions::new().ttl(MINUTE).stale_if_error(100 * MINUTE);
    let cache = builder(Arc::clone(&map)).loading(options).build().unwrap();
    let other = cache_on(map);
    for invalidates in [&cache, &other] {
        load(&cache, &["a"], 1).await.unwrap();
        clock.advance(2 * MINUTE);
        let held = Held::new();
        let caller = held.under_way(&cache, &[], Loaded::not_modified).await;
        invalidates.invalidate_tag("a").await.unwrap();
        held.let_go();
        assert_eq!(caller.await.unwrap().unwrap(), Some(1));
        assert_eq!(cache.get::<u64>("key").await.unwrap(), None);
        cache.delete("key").await.unwrap();
    }
}

/// The generation of the tag is read after the invalidation here, and is not that of the value that is kept.
#[tokio::test]
async fn a_value_that_was_invalidated_before_its_load_ran_is_not_given_as_unchanged() {
    let (map, clock) = map();
    let options = LoadOptions::new().ttl(MINUTE).stale_if_error(100 * MINUTE);
    let cache = builder(Arc::clone(&map)).loading(options).max_concurrent_loads(1);
    let (cache, other) = (cache.build().unwrap(), cache_on(map));
    load(&cache, &["a"], 1).await.unwrap();
    clock.advance(2 * MINUTE);
    // The permit is taken by the load of another key.
    let (began, goes_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let blocks = tokio::spawn({
        let (cache, began, goes_on) = (cache.clone(), Arc::clone(&began), Arc::clone(&goes_on));
        async move {
            let load = move || async move {
                began.notify_one();
                goes_on.notified().await;
                Ok::<u64, Down>(0)
            };
            cache.get_or_load("other", load).await
        }
    });
    began.notified().await;
    let caller = tokio::spawn({
        let cache = cache.clone();
        async move {
            // There is no permit, so it is full, and a stale value would be given at once.
            let options = LoadOptions::new().ttl(MINUTE);
            let same = |_: LoadContext<u64>| async { Ok::<_, Down>(Loaded::not_modified()) };
            cache
                .get_or_load("key", same)
                .options(&options)
                .tags(&["a"])
                .await
        }
    });
    settle().await;
    other.invalidate_tag("a").await.unwrap();
    // Its loader does not run yet, so this one may join it, but not get what was there before.
    let joins = begin_load(&cache, &["a"], 2).await;
    goes_on.notify_one();
    blocks.await.unwrap().unwrap();
    assert_eq!(caller.await.unwrap().unwrap(), Some(1));
    assert_eq!(joins.await.unwrap().unwrap(), 2);
    assert_eq!(cache.get("key").await.unwrap(), Some(2_u64));
}

/// The flight carries no tags of its own, so only what the loader kept says that it is too old.
#[tokio::test]
async fn who_asks_after_an_invalidation_does_not_get_the_older_value_as_unchanged() {
    let (map, clock) = map();
    let options = LoadOptions::new().ttl(MINUTE).stale_if_error(100 * MINUTE);
    let cache = builder(map).loading(options).build().unwrap();
    load(&cache, &["a"], 1).await.unwrap();
    clock.advance(2 * MINUTE);
    let held = Held::new();
    let before = held.under_way(&cache, &[], Loaded::not_modified).await;
    cache.invalidate_tag("a").await.unwrap();
    let after = begin_load(&cache, &[], 2).await;
    held.let_go();
    assert_eq!(before.await.unwrap().unwrap(), Some(1));
    assert_eq!(after.await.unwrap().unwrap(), 2);
}

/// A stale value would have been given for the failure.
#[tokio::test]
async fn a_stale_value_that_is_invalidated_during_the_load_is_not_given_for_its_failure() {
    let (map, clock) = map();
    let options = LoadOptions::new().ttl(MINUTE).stale_if_error(100 * MINUTE);
    let cache = builder(map).loading(options).build().unwrap();
    for invalidates in [false, true] {
        load(&cache, &["a"], 1).await.unwrap();
        clock.advance(2 * MINUTE);
        let held = Held::new();
        let caller = held.under_way(&cache, &["a"], || panic!("a test says so")).await;
        if invalidates {
            cache.invalidate_tag("a").await.unwrap();
        }
        held.let_go();
        let got = caller.await.unwrap();
        if invalidates {
            assert_eq!(got.unwrap_err().kind(), ErrorKind::Panic);
        } else {
            assert_eq!(got.unwrap(), Some(1));
            // The failure is not waited for in the next round.
            clock.advance(MINUTE);
            cache.delete("key").await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_backend_that_fails_does_not_fail_a_load_with_tags() {
    let ear = Ear::default();
    let failing = Arc::new(FailingBackend::new(map().0));
    let cache = builder(Arc::clone(&failing)).layer(ear.clone()).build().unwrap();
    for operation in [Operation::Get, Operation::GetMany, Operation::Set] {
        failing.fail(operation, ErrorKind::Unavailable);
        assert_eq!(load(&cache, &["a"], 1).await.unwrap(), 1, "{operation}");
        failing.heal();
        cache.clear().await.unwrap();
    }
    assert_eq!(ear.count(|event| *event == LoadEvent::StoreFailed), 3);
    // The two that failed were the read and the write of the marker: no layer sees those, so the observers are told.
    assert_eq!(ear.failed(), [Operation::GetOrLoad; 2]);
}

/// Answers each key with 2, and writes down which it was asked for.
async fn load_twos(
    cache: &Cache,
    asked: &Arc<Mutex<Vec<Vec<String>>>>,
    keys: &[&str],
    tags: &[&str],
) -> Vec<cache_core::Result<Option<u64>>> {
    let asked = Arc::clone(asked);
    let load = |keys: Vec<String>| async move {
        asked.lock().unwrap().push(keys.clone());
        let twos = keys.into_iter().map(|key| (key, Ok(Loaded::store(2))));
        Ok::<Vec<_>, Down>(twos.collect())
    };
    cache.get_or_load_many(keys, load).tags(tags).await
}

/// Its loader has run for the other key by then.
#[tokio::test]
async fn a_batch_that_joined_what_was_invalidated_before_loads_that_key_anew() {
    let cache = cache_on(map().0);
    let held = Held::new();
    let before = held.under_way(&cache, &[], || Loaded::store(1).tags(["a"])).await;
    cache.invalidate_tag("a").await.unwrap();
    let asked = Arc::default();
    let batch = tokio::spawn({
        let (cache, asked) = (cache.clone(), Arc::clone(&asked));
        async move { load_twos(&cache, &asked, &["key", "other"], &[]).await }
    });
    settle().await;
    held.let_go();
    before.await.unwrap().unwrap();
    for answer in batch.await.unwrap() {
        assert_eq!(answer.unwrap(), Some(2));
    }
    assert_eq!(*asked.lock().unwrap(), [["other"], ["key"]]);
    assert_eq!(cache.get("key").await.unwrap(), Some(2_u64));
    assert_eq!(cache.loads_in_flight(), 0);
}

/// All that it joined is loaded with one more call.
#[tokio::test]
async fn a_batch_whose_joined_loads_another_handle_invalidated_loads_anew_with_one_call() {
    let (map, _) = map();
    let (cache, other) = (cache_on(Arc::clone(&map)), cache_on(map));
    let (began, goes_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let before = tokio::spawn({
        let (cache, began, goes_on) = (cache.clone(), Arc::clone(&began), Arc::clone(&goes_on));
        async move {
            let load = |keys: Vec<String>| async move {
                began.notify_one();
                goes_on.notified().await;
                let ones = keys.into_iter().map(|key| (key, Ok(Loaded::store(1_u64))));
                Ok::<Vec<_>, Down>(ones.collect())
            };
            cache.get_or_load_many(&["key", "other"], load).tags(&["a"]).await
        }
    });
    began.notified().await;
    other.invalidate_tag("a").await.unwrap();
    let asked = Arc::default();
    let batch = tokio::spawn({
        let (cache, asked) = (cache.clone(), Arc::clone(&asked));
        async move { load_twos(&cache, &asked, &["key", "other"], &["a"]).await }
    });
    settle().await;
    goes_on.notify_one();
    for answer in before.await.unwrap() {
        assert_eq!(answer.unwrap(), Some(1));
    }
    for answer in batch.await.unwrap() {
        assert_eq!(answer.unwrap(), Some(2));
    }
    assert_eq!(*asked.lock().unwrap(), [["key", "other"]]);
}

/// Of the call's own tags the flight is known to be too old at once, so a batch loads for itself.
#[tokio::test]
async fn a_batch_does_not_join_what_was_invalidated_by_a_tag_of_its_call() {
    let cache = cache_on(map().0);
    let held = Held::new();
    let before = held.under_way(&cache, &["a"], || Loaded::store(1)).await;
    cache.invalidate_tag("a").await.unwrap();
    let answers = load_twos(&cache, &Arc::default(), &["key"], &["a"]).await;
    assert_eq!(*answers[0].as_ref().unwrap(), Some(2));
    held.let_go();
    before.await.unwrap().unwrap();
    assert_eq!(cache.get("key").await.unwrap(), Some(2_u64));
}

/// The second look of a batch has found a value and its markers; before that is told, another process invalidates it.
#[tokio::test]
async fn who_asks_after_an_invalidation_does_not_get_what_a_batch_that_looked_again_had_found() {
    let (map, _) = map();
    let late = Arc::new(SlowBackend::holding_answers(Arc::clone(&map), Operation::GetMany));
    let (cache, other) = (cache_on(Arc::clone(&late)), cache_on(map));
    let asked = Arc::default();
    let batch = tokio::spawn({
        let (cache, asked) = (cache.clone(), Arc::clone(&asked));
        async move { load_twos(&cache, &asked, &["key", "other"], &[]).await }
    });
    late.arrived(1).await;
    other.set("key", 1_u64).tags(&["a"]).await.unwrap();
    // Since this cache has written as well, the batch looks again: at its keys, then at the markers of what it found.
    for key in 0..1_000 {
        cache.delete(&key.to_string()).await.unwrap();
    }
    late.release(2);
    late.arrived(3).await;
    other.invalidate_tag("a").await.unwrap();
    let joins = begin_load(&cache, &[], 3).await;
    late.open();
    let first = batch.await.unwrap().remove(0);
    assert_eq!(first.unwrap(), Some(1), "it asked before");
    assert_eq!(joins.await.unwrap().unwrap(), 3);
    assert_eq!(*asked.lock().unwrap(), [["other"]]);
}
