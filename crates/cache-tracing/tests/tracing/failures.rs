//! Lines about failures: at the level that fits, not too many of them, and none lost.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use cache_core::{Cache, ErrorKind, Operation};
use cache_testkit::{FailingBackend, ManualClock};
use cache_tracing::Tracing;
use tracing::Level;
use tracing::level_filters::LevelFilter;

use crate::support::{Ear, memory, traced};

type Failing = Arc<FailingBackend<cache_memory::MemoryBackend>>;

/// A cache whose gets fail, and its clock.
fn failing(kind: ErrorKind, tracing: Tracing) -> (Cache, Failing, Arc<ManualClock>) {
    let clock = ManualClock::new();
    let backend = Arc::new(FailingBackend::new(memory(&clock)));
    backend.fail(Operation::Get, kind);
    (traced(Arc::clone(&backend), tracing), backend, clock)
}

fn suppressed(ear: &Ear) -> Vec<String> {
    let lines = ear.at(Level::WARN);
    lines
        .iter()
        .map(|line| line.fields["suppressed"].clone())
        .collect()
}

#[tokio::test]
async fn what_may_pass_by_itself_is_a_warning_and_the_rest_an_error() {
    for (kind, level) in [
        (ErrorKind::Timeout, Level::WARN),
        (ErrorKind::Closed, Level::WARN),
        (ErrorKind::Denied, Level::ERROR),
        (ErrorKind::Backend, Level::ERROR),
    ] {
        let (cache, _, _) = failing(kind, Tracing::new());
        let (ear, _guard) = Ear::listen(LevelFilter::INFO);
        cache.get::<i32>("a").await.unwrap_err();
        let events = ear.events();
        assert_eq!((events.len(), events[0].level), (1, level), "{kind}");
        assert_eq!(events[0].fields["error.type"], kind.as_str());
        assert!(
            events[0].message().starts_with("cache get failed: "),
            "{events:?}"
        );
    }
}

#[tokio::test]
async fn a_flood_of_failures_is_one_line_and_the_next_counts_them() {
    let (cache, _, clock) = failing(ErrorKind::Timeout, Tracing::new());
    let (ear, _guard) = Ear::listen(LevelFilter::INFO);
    for _ in 0..100 {
        cache.get::<i32>("a").await.unwrap_err();
    }
    assert_eq!(suppressed(&ear), ["0"]);
    clock.advance(Duration::from_secs(10));
    cache.get::<i32>("a").await.unwrap_err();
    assert_eq!(suppressed(&ear), ["0", "99"]);
}

#[tokio::test]
async fn kinds_are_held_back_apart() {
    let (cache, backend, _) = failing(ErrorKind::Timeout, Tracing::new());
    let (ear, _guard) = Ear::listen(LevelFilter::INFO);
    cache.get::<i32>("a").await.unwrap_err();
    backend.fail(Operation::Get, ErrorKind::Unavailable);
    cache.get::<i32>("a").await.unwrap_err();
    assert_eq!(suppressed(&ear), ["0", "0"]);
}

#[tokio::test]
async fn what_was_held_back_is_told_when_the_cache_closes() {
    let (cache, _, _) = failing(ErrorKind::Timeout, Tracing::new());
    let (ear, _guard) = Ear::listen(LevelFilter::WARN);
    for _ in 0..3 {
        cache.get::<i32>("a").await.unwrap_err();
    }
    cache.close().await.unwrap();
    assert_eq!(suppressed(&ear), ["0", "2"]);
    drop(cache);
    assert_eq!(ear.events().len(), 2, "told once");
}

#[tokio::test]
async fn what_was_held_back_is_told_when_the_cache_is_dropped() {
    let (cache, _, _) = failing(ErrorKind::Timeout, Tracing::new());
    let (ear, _guard) = Ear::listen(LevelFilter::WARN);
    for _ in 0..3 {
        cache.get::<i32>("a").await.unwrap_err();
    }
    drop(cache);
    assert_eq!(suppressed(&ear), ["0", "2"]);
}

#[tokio::test]
async fn an_interval_of_zero_holds_nothing_back() {
    let (cache, _, _) = failing(
        ErrorKind::Timeout,
        Tracing::new().failure_interval(Duration::ZERO),
    );
    let (ear, _guard) = Ear::listen(LevelFilter::WARN);
    for _ in 0..3 {
        cache.get::<i32>("a").await.unwrap_err();
    }
    assert_eq!(suppressed(&ear), ["0", "0", "0"]);
}

#[tokio::test]
async fn a_line_shows_the_causes_and_not_the_key_nor_the_value() {
    let (ear, _guard) = Ear::listen(LevelFilter::WARN);
    let clock = ManualClock::new();
    let cache = traced(memory(&clock), Tracing::new());
    cache.set("canary-key", "canary-value".to_owned()).await.unwrap();
    let error = cache.get::<i32>("canary-key").await.unwrap_err();
    assert!(
        error.source().is_some(),
        "the case needs a cause that shows the value"
    );
    cache.get::<i32>("").await.unwrap_err();
    let lines = ear.at(Level::ERROR);
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(!ear.text().contains("canary"), "{}", ear.text());
}

#[tokio::test]
async fn each_failed_key_of_several_counts() {
    let (ear, _guard) = Ear::listen(LevelFilter::WARN);
    let clock = ManualClock::new();
    let backend = Arc::new(FailingBackend::new(memory(&clock)));
    backend.fail_key("a", ErrorKind::Timeout);
    backend.fail_key("b", ErrorKind::Timeout);
    let cache = traced(Arc::clone(&backend), Tracing::new());
    cache.get_many::<i32>(&["a", "b", "c"]).await;
    cache.close().await.unwrap();
    assert_eq!(suppressed(&ear), ["0", "1"]);
}

#[tokio::test]
async fn a_load_that_fails_is_a_line() {
    let (ear, _guard) = Ear::listen(LevelFilter::WARN);
    let cache = traced(memory(&ManualClock::new()), Tracing::new());
    let load = || async { Err::<i32, _>(std::io::Error::other("no such row")) };
    cache.get_or_load("canary", load).await.unwrap_err();
    let lines = ear.events();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].message().contains("no such row"), "{lines:?}");
    assert!(!ear.text().contains("canary"), "{}", ear.text());
}

#[tokio::test]
async fn a_backend_that_fails_is_a_line_though_the_value_is_loaded() {
    let (ear, _guard) = Ear::listen(LevelFilter::WARN);
    let backend = Arc::new(FailingBackend::new(memory(&ManualClock::new())));
    backend.fail_all(ErrorKind::Unavailable);
    let cache = traced(Arc::clone(&backend), Tracing::new());
    let load = || async { Ok::<_, std::io::Error>(7) };
    assert_eq!(cache.get_or_load("a", load).await.unwrap(), 7);
    let told: Vec<_> = ear
        .events()
        .iter()
        .map(|line| line.fields["error.type"].clone())
        .collect();
    assert!(told.contains(&"unavailable".to_owned()), "{:?}", ear.events());
}
