//! Tags through the handle: a value that carries one is there until that is invalidated, on every backend. For this a backend
//! only has to give entries back with the tags that they were stored with.

#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "the suite fails by panicking"
)]

use std::sync::Arc;

use cache_core::{Cache, LoadContext, LoadOptions, Loaded};
use tokio::sync::Notify;

use super::probe::{all, assert_kept, builder, life};
use crate::fixture::Fixture;

fn cache(fixture: &dyn Fixture) -> Cache {
    builder(fixture, fixture.backend()).tags(true).build().unwrap()
}

async fn get(cache: &Cache, key: &str) -> Option<u64> {
    cache.get(key).await.unwrap()
}

/// Asserts that a key is a miss for all that reads.
async fn assert_absent(cache: &Cache, key: &str) {
    assert!(!cache.exists(key).await.unwrap(), "exists of {key:?}");
    assert_eq!(
        all(cache.get_many::<u64>(&[key]).await),
        [None],
        "get_many of {key:?}"
    );
    assert_eq!(get(cache, key).await, None, "get of {key:?}");
}

/// A value with tags is read like any other.
pub async fn a_value_with_tags_is_there(fixture: &dyn Fixture) {
    let cache = cache(fixture);
    cache.set("one", 1_u64).tags(&["a", "b"]).await.unwrap();
    all(cache.set_many([("two", 2_u64), ("three", 3)]).tags(&["a"]).await);
    assert_kept(fixture, get(&cache, "one").await, 1);
    assert_kept(fixture, cache.exists("one").await.unwrap().then_some(()), ());
    for (found, stored) in all(cache.get_many::<u64>(&["one", "two", "three"]).await)
        .into_iter()
        .zip(1..)
    {
        assert_kept(fixture, found, stored);
    }
}

/// Invalidating a tag makes each value that carries it a miss, and leaves the others.
pub async fn an_invalidated_tag_makes_its_values_misses(fixture: &dyn Fixture) {
    let cache = cache(fixture);
    cache.set("one", 1_u64).tags(&["a"]).await.unwrap();
    all(cache.set_many([("two", 2_u64), ("three", 3)]).tags(&["a"]).await);
    cache.set("other", 4_u64).tags(&["b"]).await.unwrap();
    cache.set("plain", 5_u64).await.unwrap();
    cache.invalidate_tag("a").await.unwrap();
    for key in ["one", "two", "three"] {
        assert_absent(&cache, key).await;
    }
    assert_kept(fixture, get(&cache, "other").await, 4);
    assert_kept(fixture, get(&cache, "plain").await, 5);
}

/// A value with several tags is a miss once any of them is invalidated.
pub async fn one_of_several_tags_is_enough(fixture: &dyn Fixture) {
    let cache = cache(fixture);
    for tag in ["a", "b", "c"] {
        cache.set("key", 1_u64).tags(&["a", "b", "c"]).await.unwrap();
        assert_kept(fixture, get(&cache, "key").await, 1);
        cache.invalidate_tag(tag).await.unwrap();
        assert_absent(&cache, "key").await;
    }
}

/// Several tags are invalidated with one call.
pub async fn several_tags_are_invalidated_at_once(fixture: &dyn Fixture) {
    let cache = cache(fixture);
    for (key, tag) in [("one", "a"), ("two", "b"), ("three", "c")] {
        cache.set(key, 1_u64).tags(&[tag]).await.unwrap();
    }
    cache.invalidate_tags(&["a", "b", "a"]).await.unwrap();
    assert_absent(&cache, "one").await;
    assert_absent(&cache, "two").await;
    assert_kept(fixture, get(&cache, "three").await, 1);
}

/// What is stored after an invalidation is there, and can be invalidated again.
pub async fn values_stored_afterwards_are_there(fixture: &dyn Fixture) {
    let cache = cache(fixture);
    for number in 0..5_u64 {
        cache.set("key", number).tags(&["a"]).await.unwrap();
        assert_kept(fixture, get(&cache, "key").await, number);
        cache.invalidate_tag("a").await.unwrap();
        assert_absent(&cache, "key").await;
    }
}

/// A value carries the tags of its own write only.
pub async fn another_write_has_other_tags(fixture: &dyn Fixture) {
    let cache = cache(fixture);
    cache.set("key", 1_u64).tags(&["a"]).await.unwrap();
    cache.set("key", 2_u64).tags(&["b"]).await.unwrap();
    cache.invalidate_tag("a").await.unwrap();
    assert_kept(fixture, get(&cache, "key").await, 2);
    cache.set("key", 3_u64).await.unwrap();
    cache.invalidate_tag("b").await.unwrap();
    assert_kept(fixture, get(&cache, "key").await, 3);
}

/// A tag that nothing carries can be invalidated.
pub async fn an_unused_tag_can_be_invalidated(fixture: &dyn Fixture) {
    let cache = cache(fixture);
    cache.invalidate_tag("a").await.unwrap();
    cache.set("key", 1_u64).tags(&["a"]).await.unwrap();
    assert_kept(fixture, get(&cache, "key").await, 1);
}

/// Any text is a tag, and no two are taken for one.
pub async fn tags_of_any_text_work(fixture: &dyn Fixture) {
    let cache = cache(fixture);
    let long = "t".repeat(256);
    let tags = [
        "a", "a:", ":a", "0:a", "{a}", "a*", "\0", "ünï", "\u{FDD0}", &long,
    ];
    for tag in tags {
        cache.set(tag, 1_u64).tags(&[tag]).await.unwrap();
    }
    for (at, tag) in tags.iter().enumerate() {
        cache.invalidate_tag(tag).await.unwrap();
        assert_absent(&cache, tag).await;
        for other in &tags[at + 1..] {
            assert_kept(fixture, get(&cache, other).await, 1);
        }
    }
}

/// As many tags as a value may carry all count.
pub async fn a_value_with_many_tags_is_there(fixture: &dyn Fixture) {
    let cache = cache(fixture);
    let names: Vec<String> = (0..32).map(|n| format!("{n}{}", "x".repeat(200))).collect();
    let tags: Vec<&str> = names.iter().map(String::as_str).collect();
    cache.set("key", 1_u64).tags(&tags).await.unwrap();
    assert_kept(fixture, get(&cache, "key").await, 1);
    cache.invalidate_tag(&names[31]).await.unwrap();
    assert_absent(&cache, "key").await;
}

/// Values of different lives that carry one tag are there, each to its own end.
pub async fn values_of_different_lives_share_a_tag(fixture: &dyn Fixture) {
    let cache = cache(fixture);
    let life = life(fixture);
    cache.set("short", 1_u64).ttl(life).tags(&["a"]).await.unwrap();
    cache
        .set("long", 2_u64)
        .ttl(100 * life)
        .tags(&["a"])
        .await
        .unwrap();
    assert_kept(fixture, get(&cache, "short").await, 1);
    fixture.pass(4 * life).await;
    assert_absent(&cache, "short").await;
    assert_kept(fixture, get(&cache, "long").await, 2);
    cache.invalidate_tag("a").await.unwrap();
    assert_absent(&cache, "long").await;
}

/// What one handle stores the other invalidates: the state is in the backend.
pub async fn handles_of_one_backend_agree(fixture: &dyn Fixture) {
    let (one, other) = (cache(fixture), cache(fixture));
    one.set("key", 1_u64).tags(&["a"]).await.unwrap();
    assert_kept(fixture, get(&other, "key").await, 1);
    other.invalidate_tag("a").await.unwrap();
    assert_absent(&one, "key").await;
    assert_absent(&other, "key").await;
}

/// The tags of another cache are others.
pub async fn tags_are_ones_own(fixture: &dyn Fixture) {
    let cache = cache(fixture);
    let neighbour = builder(fixture, fixture.neighbour()).tags(true).build().unwrap();
    cache.set("key", 1_u64).tags(&["a"]).await.unwrap();
    neighbour.set("key", 2_u64).tags(&["a"]).await.unwrap();
    neighbour.invalidate_tag("a").await.unwrap();
    assert_kept(fixture, get(&cache, "key").await, 1);
}

/// After a clear tags work on.
pub async fn a_clear_leaves_tags_usable(fixture: &dyn Fixture) {
    let cache = cache(fixture);
    cache.set("key", 1_u64).tags(&["a"]).await.unwrap();
    cache.clear().await.unwrap();
    assert_absent(&cache, "key").await;
    cache.set("key", 2_u64).tags(&["a"]).await.unwrap();
    assert_kept(fixture, get(&cache, "key").await, 2);
    cache.invalidate_tag("a").await.unwrap();
    assert_absent(&cache, "key").await;
}

/// A loaded value carries the tags of the call, and those that its loader gives.
pub async fn a_loaded_value_carries_tags(fixture: &dyn Fixture) {
    let cache = cache(fixture);
    for tag in ["of the call", "of the loader"] {
        let load = |_: LoadContext<u64>| async { Ok::<_, String>(Loaded::store(1).tags(["of the loader"])) };
        let loaded = cache.get_or_load("key", load).tags(&["of the call"]).await;
        assert_eq!(loaded.unwrap(), Some(1));
        assert_kept(fixture, get(&cache, "key").await, 1);
        cache.invalidate_tag(tag).await.unwrap();
        assert_absent(&cache, "key").await;
    }
}

/// An invalidation that comes during a load wins: the value is given to who asked before, and not kept.
pub async fn an_invalidation_during_a_load_wins(fixture: &dyn Fixture) {
    for (of_call, of_loader) in [("a", "b"), ("b", "a")] {
        let cache = cache(fixture);
        let (began, goes_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let caller = tokio::spawn({
            let (cache, began, goes_on) = (cache.clone(), Arc::clone(&began), Arc::clone(&goes_on));
            async move {
                let load = move |_: LoadContext<u64>| async move {
                    began.notify_one();
                    goes_on.notified().await;
                    Ok::<_, String>(Loaded::store(1).tags([of_loader]))
                };
                cache.get_or_load("key", load).tags(&[of_call]).await
            }
        });
        began.notified().await;
        cache.invalidate_tag("a").await.unwrap();
        goes_on.notify_one();
        assert_eq!(caller.await.unwrap().unwrap(), Some(1));
        assert_absent(&cache, "key").await;
    }
}

/// That there is nothing is remembered with tags, and forgotten with them.
pub async fn a_remembered_nothing_can_be_invalidated(fixture: &dyn Fixture) {
    let cache = cache(fixture);
    let nothing = |_: LoadContext<u64>| async { Ok::<_, String>(Loaded::not_found()) };
    assert_eq!(
        cache.get_or_load("key", nothing).tags(&["a"]).await.unwrap(),
        None
    );
    cache.invalidate_tag("a").await.unwrap();
    let something = |_: LoadContext<u64>| async { Ok::<_, String>(Loaded::store(7)) };
    assert_eq!(cache.get_or_load("key", something).await.unwrap(), Some(7));
}

/// A stale value whose tag was invalidated is not given, whatever becomes of the load.
pub async fn an_invalidated_stale_value_is_not_given(fixture: &dyn Fixture) {
    let life = life(fixture);
    let options = LoadOptions::new()
        .ttl(life)
        .stale_while_revalidate(100 * life)
        .stale_if_error(100 * life)
        .jitter(0.0);
    let cache = builder(fixture, fixture.backend())
        .tags(true)
        .loading(options)
        .build()
        .unwrap();
    let load = || async { Ok::<u64, &str>(1) };
    assert_eq!(cache.get_or_load("key", load).tags(&["a"]).await.unwrap(), 1);
    fixture.pass(life + 4 * fixture.slack()).await;
    cache.invalidate_tag("a").await.unwrap();
    let fails = || async { Err::<u64, _>("a test says so") };
    assert!(cache.get_or_load("key", fails).tags(&["a"]).await.is_err());
}

/// Values that are loaded for many keys carry the tags of the call, and each those of its own.
pub async fn many_loaded_values_carry_tags(fixture: &dyn Fixture) {
    let cache = cache(fixture);
    let load = |keys: Vec<String>| async move {
        let pairs = keys.into_iter().map(|key| {
            let answer = Loaded::store(1_u64).tags([key.as_str()]);
            (key, Ok(answer))
        });
        Ok::<Vec<_>, &str>(pairs.collect())
    };
    all(cache
        .get_or_load_many(&["x", "y", "z"], load)
        .tags(&["all"])
        .await);
    assert_kept(fixture, get(&cache, "y").await, 1);
    cache.invalidate_tag("x").await.unwrap();
    assert_absent(&cache, "x").await;
    assert_kept(fixture, get(&cache, "y").await, 1);
    cache.invalidate_tag("all").await.unwrap();
    assert_absent(&cache, "y").await;
    assert_absent(&cache, "z").await;
}

/// Writers that meet at a new tag all keep their values, and an invalidation reaches all of them.
pub async fn writers_of_one_new_tag_all_read_back(fixture: &dyn Fixture) {
    let cache = cache(fixture);
    for round in 0..5 {
        let writers: Vec<_> = (0..20_u64)
            .map(|number| {
                let cache = cache.clone();
                tokio::spawn(async move {
                    let key = format!("{round}/{number}");
                    cache.set(&key, number).tags(&["a"]).await.unwrap();
                    (key, number)
                })
            })
            .collect();
        let mut keys = Vec::new();
        for writer in writers {
            let (key, number) = writer.await.unwrap();
            keys.push((key, number));
        }
        for (key, number) in &keys {
            assert_kept(fixture, get(&cache, key).await, *number);
        }
        cache.invalidate_tag("a").await.unwrap();
        for (key, _) in &keys {
            assert_eq!(get(&cache, key).await, None);
        }
    }
}
