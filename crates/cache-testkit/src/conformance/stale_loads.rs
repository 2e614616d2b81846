//! Stale values in the place of loads that fail: given where nobody wrote the key meanwhile, and never once invalidated.

#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "the suite fails by panicking"
)]

use std::sync::Arc;

use cache_core::{Answer, Cache, ErrorKind, LoadOptions, Result, Source, StaleReason};
use tokio::sync::Notify;

use super::probe::{builder, life};
use crate::fixture::Fixture;

/// Asks for a stale value whose load fails, and lets something happen while it is under way.
async fn fails_during(
    fixture: &dyn Fixture,
    happens: impl AsyncFnOnce(&Cache) -> Result<()>,
) -> Result<Answer<u64>> {
    let life = life(fixture);
    let options = LoadOptions::new()
        .ttl(life)
        .stale_if_error(100 * life)
        .jitter(0.0);
    let cache = builder(fixture, fixture.backend())
        .loading(options)
        .build()
        .unwrap();
    let load = || async { Ok::<u64, &str>(1) };
    assert_eq!(cache.get_or_load("key", load).await.unwrap(), 1);
    fixture.pass(life + 4 * fixture.slack()).await;
    let (began, goes_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let caller = tokio::spawn({
        let (cache, began, goes_on) = (cache.clone(), Arc::clone(&began), Arc::clone(&goes_on));
        async move {
            let fails = || async move {
                began.notify_one();
                goes_on.notified().await;
                Err::<u64, _>("a test says so")
            };
            cache.get_or_load("key", fails).detailed().await
        }
    });
    began.notified().await;
    happens(&cache).await.unwrap();
    goes_on.notify_one();
    caller.await.unwrap()
}

/// A stale value is given if the load fails.
pub async fn a_stale_value_is_given_if_the_load_fails(fixture: &dyn Fixture) {
    let answer = fails_during(fixture, async |_| Ok(())).await;
    if answer.is_ok() || fixture.keeps_every_set() {
        let answer = answer.unwrap();
        assert_eq!(
            (answer.value, answer.source),
            (1, Source::Stale(StaleReason::Error))
        );
    }
}

/// A stale value that is deleted during a load that fails is not given.
pub async fn a_stale_value_that_is_deleted_is_not_given(fixture: &dyn Fixture) {
    let answer = fails_during(fixture, async |cache| cache.delete("key").await.map(drop)).await;
    assert_eq!(answer.unwrap_err().kind(), ErrorKind::Load);
}

/// A stale value that is cleared during a load that fails is not given.
pub async fn a_stale_value_that_is_cleared_is_not_given(fixture: &dyn Fixture) {
    let answer = fails_during(fixture, async |cache| cache.clear().await).await;
    assert_eq!(answer.unwrap_err().kind(), ErrorKind::Load);
}
