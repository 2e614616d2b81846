//! Errors through the handle: values that do not read or write, and what an error says.

#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "the suite fails by panicking"
)]

use std::error::Error;

use cache_core::codec::CodecId;
use cache_core::{CacheError, Codec, ErrorKind, Operation, Payload, TypeFingerprint, Value};

use super::probe::{assert_kept, assert_unreadable, builder, cache, failing};
use super::samples::{Earlier, Later, Order, State, Unencodable};
use crate::fixture::Fixture;

/// A value that is asked for as a type which it does not fit is a type mismatch, on every backend.
pub async fn a_type_that_does_not_fit_is_a_mismatch(fixture: &dyn Fixture) {
    let cache = cache(fixture);
    let mismatch = ErrorKind::TypeMismatch;
    cache.set("text", "no number".to_owned()).await.unwrap();
    assert_unreadable(fixture, cache.get::<i64>("text").await, mismatch);
    assert_unreadable(fixture, cache.get::<i64>("text").shared().await, mismatch);
    cache.set("minus", -1_i64).await.unwrap();
    assert_unreadable(fixture, cache.get::<u64>("minus").await, mismatch);
    cache.set("large", 1_000_i64).await.unwrap();
    assert_unreadable(fixture, cache.get::<u8>("large").await, mismatch);
    cache.set("order", Order::sample(State::New)).await.unwrap();
    assert_unreadable(fixture, cache.get::<Earlier>("order").await, mismatch);
}

/// A value reads as another type that it fits, on every backend alike; a codec that does not describe itself answers
/// with a type mismatch, on every backend too.
pub async fn a_type_that_fits_is_read(fixture: &dyn Fixture) {
    let cache = cache(fixture);
    let earlier = Earlier {
        name: "Ada".to_owned(),
    };
    cache.set("number", 42_i32).await.unwrap();
    cache.set("text", "borrowed").await.unwrap();
    cache.set("struct", earlier).await.unwrap();
    let number = cache.get::<i64>("number").await;
    let text = cache.get::<String>("text").await;
    let later = cache.get::<Later>("struct").await;
    if fixture.converts_types() {
        assert_kept(fixture, number.unwrap(), 42);
        assert_kept(fixture, text.unwrap(), "borrowed".to_owned());
        assert_kept(
            fixture,
            later.unwrap(),
            Later {
                name: "Ada".to_owned(),
                age: 0,
            },
        );
    } else {
        assert_unreadable(fixture, number, ErrorKind::TypeMismatch);
        assert_unreadable(fixture, text, ErrorKind::TypeMismatch);
        assert_unreadable(fixture, later, ErrorKind::TypeMismatch);
    }
}

/// A value that did not read as one type is still there, reads as the right one, and can be replaced and removed.
pub async fn a_mismatch_changes_nothing(fixture: &dyn Fixture) {
    let cache = cache(fixture);
    cache.set("key", "no number".to_owned()).await.unwrap();
    for _ in 0..2 {
        assert_unreadable(fixture, cache.get::<i64>("key").await, ErrorKind::TypeMismatch);
        assert_kept(fixture, cache.get("key").await.unwrap(), "no number".to_owned());
        assert_kept(fixture, cache.exists("key").await.unwrap().then_some(()), ());
    }
    cache.set("key", 1_i64).await.unwrap();
    assert_kept(fixture, cache.get("key").await.unwrap(), 1_i64);
    assert_kept(fixture, cache.delete("key").await.unwrap().then_some(()), ());
}

/// Bytes that do not decode as the type that they were stored as are a decode error: no panic and no silent miss.
/// The key can be written again.
pub async fn bytes_that_do_not_decode_are_a_decode_error(fixture: &dyn Fixture) {
    let cache = cache(fixture);
    let text = fixture.codec().encode(&"no number".to_owned()).unwrap();
    let damaged = Payload {
        type_fingerprint: TypeFingerprint::of::<i64>(),
        ..text
    };
    cache.set("key", Value::from_payload(damaged)).await.unwrap();
    for _ in 0..2 {
        assert_unreadable(fixture, cache.get::<i64>("key").await, ErrorKind::Decode);
    }
    assert_unreadable(
        fixture,
        cache.get_many::<i64>(&["key"]).await.remove(0),
        ErrorKind::Decode,
    );
    cache.set("key", 1_i64).await.unwrap();
    assert_kept(fixture, cache.get("key").await.unwrap(), 1_i64);
}

/// Bytes of a codec that is not known are a decode error.
pub async fn bytes_of_an_unknown_codec_are_a_decode_error(fixture: &dyn Fixture) {
    let cache = cache(fixture);
    let payload = Payload {
        codec: CodecId(u8::MAX),
        ..fixture.codec().encode(&1_i64).unwrap()
    };
    cache.set("key", Value::from_payload(payload)).await.unwrap();
    assert_unreadable(fixture, cache.get::<i64>("key").await, ErrorKind::Decode);
}

/// Bytes of any codec that is known are read, whichever the cache writes with: changing it loses nothing.
pub async fn bytes_of_another_codec_are_read(fixture: &dyn Fixture) {
    let cache = cache(fixture);
    for codec in [Codec::json(), Codec::postcard(), Codec::message_pack()] {
        let order = Order::sample(State::Paid(1));
        cache
            .set("key", Value::from_payload(codec.encode(&order).unwrap()))
            .await
            .unwrap();
        assert_kept(fixture, cache.get::<Order>("key").await.unwrap(), order);
    }
}

/// Bytes above the limit of the cache are an error of their own, before they are decoded.
pub async fn bytes_above_the_limit_are_refused(fixture: &dyn Fixture) {
    let payload = fixture.codec().encode(&"x".repeat(1_000)).unwrap();
    let limited = builder(fixture, fixture.backend()).codec(fixture.codec().with_max_len(100));
    let cache = limited.build().unwrap();
    cache.set("key", Value::from_payload(payload)).await.unwrap();
    assert_unreadable(
        fixture,
        cache.get::<String>("key").await,
        ErrorKind::ValueTooLarge,
    );
}

/// A value that does not encode fails its write on a backend that keeps bytes, and an older one stays; a backend
/// that keeps objects keeps it.
pub async fn a_value_that_does_not_encode_fails_its_write(fixture: &dyn Fixture) {
    let cache = cache(fixture);
    cache.set("key", 1_i64).await.unwrap();
    let answer = cache.set("key", Unencodable).await;
    if fixture.keeps_objects() {
        answer.unwrap();
        assert_kept(fixture, cache.get("key").await.unwrap(), Unencodable);
    } else {
        assert_eq!(answer.unwrap_err().kind(), ErrorKind::Encode);
        assert_kept(fixture, cache.get("key").await.unwrap(), 1_i64);
    }
}

/// An error of a read names the operation, the cache and the key, and no part of the value.
pub async fn a_decode_error_names_the_key_and_not_the_value(fixture: &dyn Fixture) {
    let cache = builder(fixture, fixture.backend()).name("users").build().unwrap();
    cache.set("user:7", "secret".to_owned()).await.unwrap();
    let alone = cache.get::<i64>("user:7").await.err();
    let among_many = cache.get_many::<i64>(&["user:7"]).await.remove(0).err();
    for (error, operation) in [(alone, Operation::Get), (among_many, Operation::GetMany)] {
        let Some(error) = error else {
            return assert!(!fixture.keeps_every_set());
        };
        assert_names(&error, operation);
        assert!(error.is_decode() && !error.is_transient());
    }
}

/// A failure of the backend keeps its kind, says whether it may pass, and names the operation, the cache and the key.
pub async fn a_failure_of_the_backend_says_where(fixture: &dyn Fixture) {
    let (cache, backend) = failing(fixture);
    for kind in [
        ErrorKind::Unavailable,
        ErrorKind::Timeout,
        ErrorKind::Denied,
        ErrorKind::Full,
    ] {
        backend.fail_all(kind);
        let errors = [
            (Operation::Get, cache.get::<i64>("user:7").await.unwrap_err()),
            (Operation::Set, cache.set("user:7", 1_i64).await.unwrap_err()),
            (Operation::Delete, cache.delete("user:7").await.unwrap_err()),
            (Operation::Exists, cache.exists("user:7").await.unwrap_err()),
            (
                Operation::GetMany,
                cache.get_many::<i64>(&["user:7"]).await.remove(0).unwrap_err(),
            ),
            (
                Operation::SetMany,
                cache.set_many([("user:7", 1_i64)]).await.remove(0).unwrap_err(),
            ),
            (
                Operation::DeleteMany,
                cache.delete_many(&["user:7"]).await.remove(0).unwrap_err(),
            ),
        ];
        for (operation, error) in errors {
            assert_eq!(error.kind(), kind);
            assert_eq!(error.is_transient(), kind != ErrorKind::Denied);
            assert_names(&error, operation);
        }
        for error in [cache.clear().await.unwrap_err(), cache.ping().await.unwrap_err()] {
            assert_eq!((error.kind(), error.cache()), (kind, Some("users")));
        }
    }
    backend.heal();
    cache.set("user:7", 1_i64).await.unwrap();
    assert_kept(fixture, cache.get("user:7").await.unwrap(), 1_i64);
}

/// Asserts that an error says where it happened, on one line, and that it quotes no value down to its first cause.
#[track_caller]
fn assert_names(error: &CacheError, operation: Operation) {
    assert_eq!(
        (error.operation(), error.cache()),
        (Some(operation), Some("users"))
    );
    let text = error.to_string();
    assert!(
        text.contains("user:7") && text.contains("users") && !text.contains('\n'),
        "{text}"
    );
    let mut level: Option<&dyn Error> = Some(error);
    while let Some(error) = level {
        assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
        level = error.source();
    }
}
