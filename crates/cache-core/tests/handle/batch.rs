//! Operations on many keys: every answer stands where its key stands, whatever became of the others.

use std::sync::Arc;
use std::time::Duration;

use cache_core::{Cache, ErrorKind, Operation, Result};

use crate::doubles::{Answers, Scripted};

const MAX_KEY_LEN: usize = 8;

fn cache(answers: Answers) -> (Cache, Arc<Scripted>) {
    let backend = Scripted::new(answers);
    let cache = Cache::builder(Arc::clone(&backend))
        .name("users")
        .max_key_len(MAX_KEY_LEN)
        .build()
        .unwrap();
    (cache, backend)
}

/// Returns the keys that were read or the kinds of the errors in their places.
async fn get_many(cache: &Cache, keys: &[&str]) -> Vec<Result<String, ErrorKind>> {
    let one = |answer: Result<Option<String>>| answer.map(Option::unwrap).map_err(|error| error.kind());
    cache
        .get_many::<String>(keys.iter().copied())
        .await
        .into_iter()
        .map(one)
        .collect()
}

#[expect(clippy::unnecessary_wraps, reason = "it stands in lists beside errors")]
fn ok(key: &str) -> Result<String, ErrorKind> {
    Ok(key.to_owned())
}

#[tokio::test]
async fn answers_stand_in_the_order_of_the_keys() {
    let (cache, _) = cache(Answers::All);
    assert_eq!(
        get_many(&cache, &["c", "a", "b"]).await,
        [ok("c"), ok("a"), ok("b")]
    );
}

#[tokio::test]
async fn a_key_that_is_asked_for_twice_is_answered_twice() {
    let (cache, _) = cache(Answers::All);
    assert_eq!(
        get_many(&cache, &["a", "b", "a"]).await,
        [ok("a"), ok("b"), ok("a")]
    );
}

#[tokio::test]
async fn bad_keys_are_answered_in_their_places() {
    let (cache, _) = cache(Answers::All);
    let answers = get_many(&cache, &["", "a", "much too long", "b", ""]).await;
    let (empty, too_long) = (Err(ErrorKind::EmptyKey), Err(ErrorKind::KeyTooLong));
    assert_eq!(answers, [empty.clone(), ok("a"), too_long, ok("b"), empty]);
}

#[tokio::test]
async fn bad_keys_do_not_reach_the_backend() {
    let (cache, backend) = cache(Answers::All);
    get_many(&cache, &["", "a", "much too long"]).await;
    assert_eq!(backend.asked(), ["get_many a"]);
}

#[tokio::test]
async fn the_backend_is_not_asked_when_no_key_is_good() {
    let (cache, backend) = cache(Answers::Failure);
    assert_eq!(
        get_many(&cache, &["", ""]).await,
        [Err(ErrorKind::EmptyKey), Err(ErrorKind::EmptyKey)]
    );
    assert_eq!(backend.asked(), [""; 0]);
}

#[tokio::test]
async fn no_keys_give_no_answers() {
    let (cache, _) = cache(Answers::Failure);
    assert_eq!(get_many(&cache, &[]).await, []);
}

#[tokio::test]
async fn an_answer_that_is_missing_is_an_error_of_its_key() {
    let (cache, _) = cache(Answers::Only(1));
    let answers = get_many(&cache, &["a", "", "b", "c"]).await;
    let (backend, empty) = (Err(ErrorKind::Backend), Err(ErrorKind::EmptyKey));
    assert_eq!(answers, [ok("a"), empty, backend.clone(), backend]);
}

#[tokio::test]
async fn the_error_for_a_missing_answer_names_the_backend_and_the_key() {
    let (cache, _) = cache(Answers::Only(0));
    let error = cache
        .get_many::<String>(&["a"])
        .await
        .remove(0)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("scripted backend") && error.contains("key \"a\""),
        "{error}"
    );
}

#[tokio::test]
async fn an_answer_too_many_is_dropped() {
    let (cache, _) = cache(Answers::OneMore);
    assert_eq!(
        get_many(&cache, &["a", "", "b"]).await,
        [ok("a"), Err(ErrorKind::EmptyKey), ok("b")]
    );
}

#[tokio::test]
async fn an_error_of_the_whole_call_goes_to_each_good_key() {
    let (cache, _) = cache(Answers::Failure);
    let (unavailable, empty) = (Err(ErrorKind::Unavailable), Err(ErrorKind::EmptyKey));
    assert_eq!(
        get_many(&cache, &["a", "", "b"]).await,
        [unavailable.clone(), empty, unavailable]
    );
}

#[tokio::test]
async fn an_error_of_the_whole_call_names_each_key() {
    let (cache, _) = cache(Answers::Failure);
    for (key, answer) in ["a", "b"].iter().zip(cache.get_many::<String>(&["a", "b"]).await) {
        let error = answer.unwrap_err();
        assert_eq!(
            (error.operation(), error.cache()),
            (Some(Operation::GetMany), Some("users"))
        );
        assert!(error.to_string().contains(&format!("key {key:?}")), "{error}");
    }
}

#[tokio::test]
async fn an_error_of_one_key_leaves_the_others() {
    let (cache, _) = cache(Answers::BadKeysFail);
    assert_eq!(
        get_many(&cache, &["a", "bad", "b"]).await,
        [ok("a"), Err(ErrorKind::Unavailable), ok("b")]
    );
}

#[tokio::test]
async fn values_go_to_their_keys_when_bad_keys_stand_between() {
    let (cache, backend) = cache(Answers::All);
    let entries = ["a", "", "b", "much too long", "c"].map(|key| (key, key.to_owned()));
    // The backend checks that each value came with its key.
    let kinds = cache
        .set_many(entries)
        .await
        .into_iter()
        .map(|answer| answer.err().map(|error| error.kind()));
    let kinds: Vec<Option<ErrorKind>> = kinds.collect();
    assert_eq!(
        kinds,
        [
            None,
            Some(ErrorKind::EmptyKey),
            None,
            Some(ErrorKind::KeyTooLong),
            None
        ]
    );
    assert_eq!(backend.asked(), ["set_many a b c"]);
}

#[tokio::test]
async fn a_ttl_of_zero_removes_many() {
    let (cache, backend) = cache(Answers::All);
    let answers = cache
        .set_many([("a", "a".to_owned()), ("b", "b".to_owned())])
        .ttl(Duration::ZERO)
        .await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(backend.asked(), ["delete_many a b"]);
}

#[tokio::test]
async fn a_ttl_of_zero_removes_one() {
    let (cache, backend) = cache(Answers::All);
    cache.set("a", 1).ttl(Duration::ZERO).await.unwrap();
    assert_eq!(backend.asked(), ["delete a"]);
}

#[tokio::test]
async fn removals_answer_for_each_key_whether_one_went() {
    let (cache, _) = cache(Answers::All);
    let answers = cache.delete_many(&["there", "", "gone"]).await;
    let answers: Vec<_> = answers
        .into_iter()
        .map(|answer| answer.map_err(|error| error.kind()))
        .collect();
    assert_eq!(answers, [Ok(true), Err(ErrorKind::EmptyKey), Ok(false)]);
}

#[tokio::test]
async fn the_operation_on_many_keys_stands_in_the_error_of_a_bad_key() {
    let (cache, _) = cache(Answers::All);
    let error = cache.delete_many(&[""]).await.remove(0).unwrap_err();
    assert_eq!(
        (error.operation(), error.cache()),
        (Some(Operation::DeleteMany), Some("users"))
    );
}
