//! Tags through the handle: a value that carries one is there until that is invalidated, on every backend. For this a backend
//! only has to give entries back with the tags that they were stored with.

#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "the suite fails by panicking"
)]

use cache_core::Cache;

use super::probe::{all, assert_kept, builder, life};
use crate::fixture::Fixture;

pub(super) fn cache(fixture: &dyn Fixture) -> Cache {
    builder(fixture, fixture.backend()).tags(true).build().unwrap()
}

pub(super) async fn get(cache: &Cache, key: &str) -> Option<u64> {
    cache.get(key).await.unwrap()
}

/// Asserts that a key is a miss for all that reads.
pub(super) async fn assert_absent(cache: &Cache, key: &str) {
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
