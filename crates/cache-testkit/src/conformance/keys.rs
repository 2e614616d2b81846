//! Keys through the handle, which checks them before a backend sees them.

#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "the suite fails by panicking"
)]

use std::sync::Arc;

use cache_core::{Cache, CacheError, ErrorKind, Key};

use super::probe::{assert_kept, builder, cache, counted};
use crate::doubles::CountingBackend;
use crate::fixture::Fixture;

/// The empty key is the same error from every operation, and nothing reaches the backend.
pub async fn the_empty_key_is_the_same_error_everywhere(fixture: &dyn Fixture) {
    let (cache, calls) = counted(fixture);
    for error in errors_of_every_operation(&cache, "").await {
        assert_eq!(error.kind(), ErrorKind::EmptyKey, "{error}");
        assert!(!error.is_transient());
    }
    assert_eq!(calls.total(), 0);
}

/// A key above the limit of the cache is the same error from every operation, and nothing reaches the backend. It is
/// never cut short.
pub async fn a_key_above_the_limit_is_the_same_error_everywhere(fixture: &dyn Fixture) {
    let calls = Arc::new(CountingBackend::new(fixture.backend()));
    let cache = builder(fixture, Arc::clone(&calls))
        .max_key_len(16)
        .build()
        .unwrap();
    // The limit is in bytes: the second key has 17 of them in 10 characters.
    for key in ["seventeen letters", "kääääääätt"] {
        for error in errors_of_every_operation(&cache, key).await {
            assert_eq!(error.kind(), ErrorKind::KeyTooLong, "{error}");
        }
    }
    assert_eq!(calls.total(), 0);
}

/// A key as long as the limit works.
pub async fn a_key_as_long_as_the_limit_works(fixture: &dyn Fixture) {
    let default = "k".repeat(Key::DEFAULT_MAX_LEN);
    let above = format!("{default}k");
    let cache = cache(fixture);
    cache.set(&default, 1_i64).await.unwrap();
    assert_kept(fixture, cache.get(&default).await.unwrap(), 1_i64);
    assert_eq!(
        cache.set(&above, 1_i64).await.unwrap_err().kind(),
        ErrorKind::KeyTooLong
    );
    let short = builder(fixture, fixture.backend())
        .max_key_len(1)
        .build()
        .unwrap();
    short.set("k", 1_i64).await.unwrap();
    assert_kept(fixture, short.get("k").await.unwrap(), 1_i64);
}

/// An error of a long key with line ends shows a part of the key, on one line.
pub async fn an_error_shows_a_short_form_of_the_key(fixture: &dyn Fixture) {
    let key = format!("begin\n{}end", "x".repeat(Key::DEFAULT_MAX_LEN));
    let error = cache(fixture).delete(&key).await.unwrap_err().to_string();
    assert!(error.contains("begin") && !error.contains("xend"), "{error}");
    assert!(!error.contains('\n') && error.len() < 400, "{error}");
}

async fn errors_of_every_operation(cache: &Cache, key: &str) -> Vec<CacheError> {
    vec![
        cache.get::<i64>(key).await.unwrap_err(),
        cache.get::<i64>(key).shared().await.unwrap_err(),
        cache.set(key, 1_i64).await.unwrap_err(),
        cache.delete(key).await.unwrap_err(),
        cache.exists(key).await.unwrap_err(),
        cache.get_many::<i64>(&[key]).await.remove(0).unwrap_err(),
        cache.set_many([(key, 1_i64)]).await.remove(0).unwrap_err(),
        cache.delete_many(&[key]).await.remove(0).unwrap_err(),
    ]
}
