//! Operations on many keys, through the handle: what reaches the backend, and whose answer is whose.

#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "the suite fails by panicking"
)]

use std::fmt::Debug;

use cache_core::{CacheError, ErrorKind, Loaded, Operation, Result};

use super::probe::{all, assert_kept, assert_unreadable, cache, counted, failing};
use crate::fixture::Fixture;

/// An empty batch has an empty result and makes no call.
pub async fn an_empty_batch_makes_no_call(fixture: &dyn Fixture) {
    let (cache, calls) = counted(fixture);
    assert!(cache.get_many::<i64>(&[] as &[&str]).await.is_empty());
    assert!(cache.set_many::<i64>([]).await.is_empty());
    assert!(cache.delete_many(&[] as &[&str]).await.is_empty());
    let load = |_: Vec<String>| async { Ok::<Vec<(String, Result<Loaded<i64>>)>, CacheError>(Vec::new()) };
    assert!(cache.get_or_load_many(&[] as &[&str], load).await.is_empty());
    assert_eq!(calls.total(), 0);
}

/// A batch is one call, however many keys it has.
pub async fn a_batch_is_one_call(fixture: &dyn Fixture) {
    let (cache, calls) = counted(fixture);
    let keys = ["a", "b", "c", "a"];
    all(cache.set_many(keys.map(|key| (key, 1_i64))).await);
    assert_eq!(cache.get_many::<i64>(keys).await.len(), 4);
    assert_eq!(cache.delete_many(keys).await.len(), 4);
    for operation in [Operation::SetMany, Operation::GetMany, Operation::DeleteMany] {
        assert_eq!(calls.count(operation), 1, "{operation}");
    }
    assert_eq!(calls.total(), 3);
}

/// Values are returned in the order of the keys, duplicates included, owned and shared.
pub async fn values_come_in_the_order_of_the_keys(fixture: &dyn Fixture) {
    let cache = cache(fixture);
    all(cache.set_many([("c", 3_i64), ("a", 1), ("b", 2)]).await);
    let asked = [
        ("b", Some(2_i64)),
        ("absent", None),
        ("a", Some(1)),
        ("b", Some(2)),
        ("c", Some(3)),
    ];
    let owned = cache.get_many::<i64>(asked.map(|(key, _)| key)).await;
    let shared = cache.get_many::<i64>(asked.map(|(key, _)| key)).shared().await;
    assert_eq!((owned.len(), shared.len()), (asked.len(), asked.len()));
    for ((key, expected), (owned, shared)) in asked.into_iter().zip(owned.into_iter().zip(shared)) {
        let found = owned.unwrap();
        assert_eq!(found, shared.unwrap().map(|shared| *shared), "{key}");
        match expected {
            Some(expected) => assert_kept(fixture, found, expected),
            None => assert_eq!(found, None, "{key}"),
        }
    }
}

/// A bad key fails alone, in its place; the others are read, stored and removed.
pub async fn a_bad_key_fails_alone(fixture: &dyn Fixture) {
    let cache = cache(fixture);
    let stored = cache.set_many([("a", 1_i64), ("", 2), ("b", 3), ("", 4)]).await;
    assert_eq!(
        kinds(&stored),
        [None, Some(ErrorKind::EmptyKey), None, Some(ErrorKind::EmptyKey)]
    );
    let found = cache.get_many::<i64>(&["", "a", "", "b"]).await;
    assert_eq!(
        kinds(&found),
        [Some(ErrorKind::EmptyKey), None, Some(ErrorKind::EmptyKey), None]
    );
    assert_kept(fixture, *found[1].as_ref().unwrap(), 1);
    assert_kept(fixture, *found[3].as_ref().unwrap(), 3);
    let went = cache.delete_many(&["b", "", "absent"]).await;
    assert_eq!(kinds(&went), [None, Some(ErrorKind::EmptyKey), None]);
    assert_kept(fixture, went[0].as_ref().unwrap().then_some(()), ());
    assert!(!went[2].as_ref().unwrap());
    assert_eq!(cache.get::<i64>("b").await.unwrap(), None);
    assert_kept(fixture, cache.get("a").await.unwrap(), 1_i64);
}

/// A set of many reports exactly the keys that failed: those are not stored, all others are.
pub async fn set_many_reports_exactly_the_keys_that_failed(fixture: &dyn Fixture) {
    let (cache, backend) = failing(fixture);
    let entries = [("a", 1_i64), ("full", 2), ("b", 3), ("slow", 4)];
    backend.fail_key("full", ErrorKind::Full);
    backend.fail_key("slow", ErrorKind::Timeout);
    let answers = cache.set_many(entries).await;
    assert_eq!(
        kinds(&answers),
        [None, Some(ErrorKind::Full), None, Some(ErrorKind::Timeout)]
    );
    backend.heal();
    assert_kept(fixture, cache.get("a").await.unwrap(), 1_i64);
    assert_kept(fixture, cache.get("b").await.unwrap(), 3_i64);
    assert_eq!(cache.get::<i64>("full").await.unwrap(), None);
    assert_eq!(cache.get::<i64>("slow").await.unwrap(), None);
    all(cache.set_many(entries).await);
}

/// Reads and removals of many, too, report exactly the keys that failed.
pub async fn a_key_that_fails_fails_alone(fixture: &dyn Fixture) {
    let (cache, backend) = failing(fixture);
    all(cache.set_many([("a", 1_i64), ("b", 2), ("c", 3)]).await);
    backend.fail_key("b", ErrorKind::Unavailable);
    let found = cache.get_many::<i64>(&["a", "b", "c"]).await;
    assert_eq!(kinds(&found), [None, Some(ErrorKind::Unavailable), None]);
    assert_kept(fixture, *found[0].as_ref().unwrap(), 1);
    assert_kept(fixture, *found[2].as_ref().unwrap(), 3);
    assert_eq!(
        kinds(&cache.delete_many(&["c", "b"]).await),
        [None, Some(ErrorKind::Unavailable)]
    );
    backend.heal();
    assert_kept(fixture, cache.get("b").await.unwrap(), 2_i64);
    assert_eq!(cache.get::<i64>("c").await.unwrap(), None);
}

/// When the backend fails as a whole, each key has that failure, and a bad key still its own.
pub async fn a_failure_of_the_whole_is_the_answer_of_each_key(fixture: &dyn Fixture) {
    let (cache, backend) = failing(fixture);
    backend.fail_all(ErrorKind::Unavailable);
    let expected = [
        Some(ErrorKind::Unavailable),
        Some(ErrorKind::EmptyKey),
        Some(ErrorKind::Unavailable),
    ];
    assert_eq!(kinds(&cache.get_many::<i64>(&["a", "", "b"]).await), expected);
    assert_eq!(
        kinds(&cache.set_many([("a", 1_i64), ("", 2), ("b", 3)]).await),
        expected
    );
    assert_eq!(kinds(&cache.delete_many(&["a", "", "b"]).await), expected);
}

/// A value of another type fails alone: the others are read.
pub async fn a_value_of_another_type_fails_alone(fixture: &dyn Fixture) {
    let cache = cache(fixture);
    cache.set("text", "no number".to_owned()).await.unwrap();
    cache.set("number", 1_i64).await.unwrap();
    let found = cache
        .get_many::<i64>(&["number", "text", "absent", "number"])
        .await;
    assert_unreadable(fixture, found[1].clone(), ErrorKind::TypeMismatch);
    assert_eq!(found[2].clone().unwrap(), None);
    assert_kept(fixture, *found[0].as_ref().unwrap(), 1);
    assert_kept(fixture, *found[3].as_ref().unwrap(), 1);
}

/// The answers of a delete of many tell how many existed.
pub async fn delete_many_tells_how_many_existed(fixture: &dyn Fixture) {
    let cache = cache(fixture);
    all(cache.set_many([("a", 1_i64), ("b", 2)]).await);
    let went = cache.delete_many(&["a", "absent", "b", "a"]).await;
    let existed = went.into_iter().map(Result::unwrap).filter(|went| *went).count();
    assert_kept(fixture, (existed > 0).then_some(existed), 2);
}

/// Of two values for one key in a batch the later stays.
pub async fn of_two_values_for_one_key_the_later_stays(fixture: &dyn Fixture) {
    let cache = cache(fixture);
    all(cache.set_many([("key", 1_i64), ("key", 2), ("key", 3)]).await);
    assert_kept(fixture, cache.get("key").await.unwrap(), 3_i64);
}

fn kinds<T: Debug>(answers: &[Result<T>]) -> Vec<Option<ErrorKind>> {
    answers
        .iter()
        .map(|answer| answer.as_ref().err().map(CacheError::kind))
        .collect()
}
