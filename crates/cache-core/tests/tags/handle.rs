//! What the handle refuses, tells and asks the backend for.

use std::sync::Arc;

use cache_core::{Cache, CacheBackend, ErrorKind, Loaded, Operation, Tag};
use cache_testkit::{CountingBackend, FailingBackend};

use crate::support::{Down, Ear, builder, cache_on, load, map};

const BAD: [&[&str]; 3] = [&[""], &["*"], &["a", ""]];

#[tokio::test]
async fn bad_tags_are_refused_before_the_backend_is_asked() {
    let calls = Arc::new(CountingBackend::new(map().0));
    let cache = cache_on(Arc::clone(&calls));
    let long = "x".repeat(257);
    let names: Vec<String> = (0..33).map(|n| n.to_string()).collect();
    let many: Vec<&str> = names.iter().map(String::as_str).collect();
    for tags in [BAD[0], BAD[1], BAD[2], &[&*long], &many] {
        let set = cache.set("key", 1_u64).tags(tags).await.unwrap_err();
        let set_many = cache
            .set_many([("key", 1_u64)])
            .tags(tags)
            .await
            .remove(0)
            .unwrap_err();
        let loaded = load(&cache, tags, 1).await.unwrap_err();
        let batch =
            |_: Vec<String>| async { Ok::<_, Down>(Vec::<(String, Result<Loaded<u64>, Down>)>::new()) };
        let loaded_many = cache
            .get_or_load_many(&["key"], batch)
            .tags(tags)
            .await
            .remove(0)
            .unwrap_err();
        for error in [set, set_many, loaded, loaded_many] {
            assert_eq!(error.kind(), ErrorKind::InvalidTag, "{tags:?}: {error}");
        }
    }
    for tag in ["", "*", &*long] {
        assert_eq!(
            cache.invalidate_tag(tag).await.unwrap_err().kind(),
            ErrorKind::InvalidTag
        );
        assert_eq!(
            cache.invalidate_tags(&["a", tag]).await.unwrap_err().kind(),
            ErrorKind::InvalidTag
        );
    }
    assert_eq!(calls.total(), 0);
}

#[tokio::test]
async fn bad_tags_of_a_loader_fail_its_load() {
    let cache = cache_on(map().0);
    let bad = |_: cache_core::LoadContext<u64>| async { Ok::<_, Down>(Loaded::store(1).tags(["*"])) };
    let error = cache.get_or_load("key", bad).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidTag);
    assert!(!cache.exists("key").await.unwrap());
}

#[tokio::test]
async fn without_tags_they_are_refused_and_the_error_says_how_to_have_them() {
    let cache = Cache::builder(map().0).build().unwrap();
    let set = cache.set("key", 1_u64).tags(&["a"]).await.unwrap_err();
    let loaded = load(&cache, &["a"], 1).await.unwrap_err();
    let of_loader = |_: cache_core::LoadContext<u64>| async { Ok::<_, Down>(Loaded::store(1).tags(["a"])) };
    let of_loader = cache.get_or_load("key", of_loader).await.unwrap_err();
    let invalidated = cache.invalidate_tag("a").await.unwrap_err();
    for error in [set, loaded, of_loader, invalidated] {
        assert_eq!(error.kind(), ErrorKind::InvalidTag);
        assert!(error.to_string().contains("CacheBuilder::tags(true)"), "{error}");
    }
}

/// It could not tell whether they were invalidated.
#[tokio::test]
async fn a_cache_without_tags_does_not_read_values_that_have_some() {
    let (map, _) = map();
    cache_on(Arc::clone(&map))
        .set("key", 1_u64)
        .tags(&["a"])
        .await
        .unwrap();
    let cache = Cache::builder(map).build().unwrap();
    assert_eq!(
        cache.get::<u64>("key").await.unwrap_err().kind(),
        ErrorKind::InvalidTag
    );
    assert_eq!(
        cache
            .get_many::<u64>(&["key"])
            .await
            .remove(0)
            .unwrap_err()
            .kind(),
        ErrorKind::InvalidTag
    );
    assert_eq!(load(&cache, &[], 2).await.unwrap(), 2);
    assert_eq!(cache.get("key").await.unwrap(), Some(2_u64));
}

#[tokio::test]
async fn the_keys_of_markers_are_no_keys_of_users() {
    let cache = cache_on(map().0);
    let key = "\u{FDD0}tag:0:a";
    assert_eq!(
        cache.get::<u64>(key).await.unwrap_err().kind(),
        ErrorKind::InvalidTag
    );
    assert_eq!(
        cache.set(key, 1_u64).await.unwrap_err().kind(),
        ErrorKind::InvalidTag
    );
    assert_eq!(cache.delete(key).await.unwrap_err().kind(), ErrorKind::InvalidTag);
    assert!(cache.set_many([(key, 1_u64)]).await.remove(0).is_err());
    cache.set("\u{FDD0}key", 1_u64).await.unwrap();
}

#[tokio::test]
async fn an_untagged_value_costs_no_further_question() {
    let calls = Arc::new(CountingBackend::new(map().0));
    let cache = cache_on(Arc::clone(&calls));
    cache.set("key", 1_u64).await.unwrap();
    cache.get::<u64>("key").await.unwrap();
    cache.get_many::<u64>(&["key", "other"]).await;
    load(&cache, &[], 1).await.unwrap();
    let counts = [Operation::Set, Operation::Get, Operation::GetMany].map(|one| calls.count(one));
    assert_eq!((counts, calls.total()), ([1, 2, 1], 4));
}

#[tokio::test]
async fn tagged_values_cost_one_further_question() {
    let calls = Arc::new(CountingBackend::new(map().0));
    let cache = cache_on(Arc::clone(&calls));
    let tags = ["a", "b"];
    cache.set("one", 1_u64).tags(&tags).await.unwrap();
    // Once the markers are there, a write asks for them once, and a read of many asks for all of them once.
    let before = calls.total();
    cache.set("two", 1_u64).tags(&tags).await.unwrap();
    assert_eq!(calls.total() - before, 2);
    let before = calls.total();
    assert_eq!(cache.get_many::<u64>(&["one", "two"]).await.len(), 2);
    assert_eq!(calls.total() - before, 2);
    let before = calls.total();
    // Twice, since two markers do not go at the same moment.
    cache.invalidate_tags(&tags).await.unwrap();
    assert_eq!(calls.total() - before, 2);
}

#[tokio::test]
async fn observers_hear_of_invalidations() {
    let ear = Ear::default();
    let failing = Arc::new(FailingBackend::new(map().0));
    let cache = builder(Arc::clone(&failing)).layer(ear.clone()).build().unwrap();
    cache.invalidate_tags(&["a", "b", "a"]).await.unwrap();
    cache.invalidate_tags(&[]).await.unwrap();
    assert_eq!(ear.invalidated(), [2]);
    failing.fail(Operation::DeleteMany, ErrorKind::Timeout);
    assert_eq!(
        cache.invalidate_tag("a").await.unwrap_err().kind(),
        ErrorKind::Timeout
    );
    assert_eq!(ear.invalidated(), [2]);
    assert_eq!(ear.failed(), [Operation::InvalidateTags]);
    assert_eq!(ear.returned(), [Operation::InvalidateTags]);
}

/// Whether it was invalidated is not known then, so it is neither given nor taken for absent.
#[tokio::test]
async fn a_marker_that_cannot_be_read_is_an_error() {
    let failing = Arc::new(FailingBackend::new(map().0));
    let cache = cache_on(Arc::clone(&failing));
    cache.set("key", 1_u64).tags(&["a"]).await.unwrap();
    failing.fail_key(
        Tag::new("a", 0, 0).unwrap().marker().as_str(),
        ErrorKind::Unavailable,
    );
    let get = cache.get::<u64>("key").await.unwrap_err();
    let get_many = cache.get_many::<u64>(&["key", "other"]).await;
    assert_eq!(get.kind(), ErrorKind::Unavailable);
    assert_eq!(get_many[0].as_ref().unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(*get_many[1].as_ref().unwrap(), None);
    assert_eq!(load(&cache, &["a"], 2).await.unwrap(), 2);
}

#[tokio::test]
async fn a_write_whose_markers_cannot_be_made_leaves_the_older_value() {
    let failing = Arc::new(FailingBackend::new(map().0));
    let cache = cache_on(Arc::clone(&failing));
    cache.set("key", 1_u64).await.unwrap();
    failing.fail(Operation::Set, ErrorKind::Full);
    assert_eq!(
        cache.set("key", 2_u64).tags(&["a"]).await.unwrap_err().kind(),
        ErrorKind::Full
    );
    assert_eq!(cache.get("key").await.unwrap(), Some(1_u64));
}

#[tokio::test]
async fn a_closed_cache_invalidates_nothing() {
    let cache = cache_on(map().0);
    cache.close().await.unwrap();
    assert_eq!(
        cache.invalidate_tag("a").await.unwrap_err().kind(),
        ErrorKind::Closed
    );
}

#[tokio::test]
async fn a_hit_with_tags_on_a_backend_that_answers_at_once_is_ready() {
    let cache = cache_on(map().0);
    cache.set("key", 1_u64).tags(&["a", "b"]).await.unwrap();
    let answer = cache.get::<u64>("key").into_future();
    assert_eq!(answer.into_ready().unwrap().unwrap(), Some(1));
}

#[test]
fn debug_shows_the_layer() {
    let shown = format!("{:?}", cache_on(map().0));
    assert!(shown.contains("Tags(MapBackend"), "{shown}");
}

/// What lies in the backend under the key of a marker counts only if it is one.
#[tokio::test]
async fn what_stands_in_the_place_of_a_marker_is_none() {
    let (map, clock) = map();
    let cache = cache_on(Arc::clone(&map));
    cache.set("key", 1_u64).tags(&["a"]).await.unwrap();
    let tag = Tag::new("a", 0, 0).unwrap();
    let foreign = cache_core::Entry::new(cache_core::Value::new(7_u64), cache_core::Clock::now(&*clock));
    map.set(tag.marker(), foreign).await.unwrap();
    assert_eq!(cache.get::<u64>("key").await.unwrap(), None);
    cache.set("key", 2_u64).tags(&["a"]).await.unwrap();
    assert_eq!(cache.get("key").await.unwrap(), Some(2_u64));
}
