//! The spans of calls that load, and of their loads.

use std::sync::Arc;
use std::time::Duration;

use cache_core::{Cache, LoadOptions, Loaded};
use cache_testkit::ManualClock;
use cache_tracing::{Keys, Tracing};
use tokio::sync::Semaphore;
use tracing::level_filters::LevelFilter;
use tracing::{Instrument, info, info_span};

use crate::support::{Ear, Seen, memory, traced, users};

const SECOND: Duration = Duration::from_secs(1);

async fn load(cache: &Cache, answer: Result<i64, &'static str>) -> cache_core::Result<i64> {
    let load = move || async move {
        info!("the loader speaks");
        answer
    };
    cache.get_or_load("key", load).await
}

/// A cache that serves stale values, and its clock.
fn stale() -> (Cache, Arc<ManualClock>) {
    let clock = ManualClock::new();
    let options = LoadOptions::new().ttl(10 * SECOND).jitter(0.0);
    let builder = Cache::builder(memory(&clock)).name("users").layer(Tracing::new());
    let cache = builder
        .loading(options.stale_while_revalidate(60 * SECOND))
        .build();
    (cache.unwrap(), clock)
}

fn result(span: &Seen) -> &str {
    &span.fields["cache.result"]
}

#[tokio::test]
async fn a_call_that_loads_has_a_span_over_its_look_and_its_load() {
    let cache = users();
    let (ear, _guard) = Ear::listen(LevelFilter::DEBUG);
    load(&cache, Ok(1))
        .instrument(info_span!("request"))
        .await
        .unwrap();
    let call = ear.span("cache.get_or_load");
    assert_eq!(
        (call.parent.as_deref(), result(&call), call.closed),
        (Some("request"), "loaded", true)
    );
    let named = [
        "cache.name",
        "cache.backend",
        "cache.operation",
        "cache.key",
        "otel.kind",
    ];
    let fields = named.map(|name| call.fields[name].as_str());
    assert_eq!(fields, ["users", "memory", "get_or_load", "key", "internal"]);
    let load = ear.span("cache.load");
    assert_eq!(
        (load.parent.as_deref(), result(&load)),
        (Some("cache.get_or_load"), "success")
    );
    assert!(load.closed);
    let parents = ["cache.get", "cache.set"].map(|name| ear.span(name).parent.unwrap());
    assert_eq!(parents, ["cache.get_or_load", "cache.load"]);
    let spoke = ear
        .events()
        .into_iter()
        .find(|event| event.message() == "the loader speaks");
    assert_eq!(spoke.unwrap().within.as_deref(), Some("cache.load"));
}

#[tokio::test]
async fn a_call_says_whether_it_was_a_hit() {
    let cache = users();
    cache.set("key", 1_i64).await.unwrap();
    let (ear, _guard) = Ear::listen(LevelFilter::DEBUG);
    load(&cache, Ok(2)).await.unwrap();
    let call = ear.span("cache.get_or_load");
    assert_eq!((result(&call), &*call.fields["cache.hit"]), ("hit", "true"));
    assert!(ear.spans().iter().all(|span| span.name != "cache.load"));
}

#[tokio::test]
async fn who_waits_for_the_load_of_another_has_a_span_without_one() {
    let cache = users();
    let (ear, _guard) = Ear::listen(LevelFilter::DEBUG);
    let gate = Arc::new(Semaphore::new(0));
    let call = || {
        let gate = Arc::clone(&gate);
        let load = || async move {
            let _ = gate.acquire().await;
            Ok::<i64, &str>(1)
        };
        async { cache.get_or_load("key", load).await.unwrap() }
    };
    let opens = async {
        tokio::task::yield_now().await;
        gate.close();
    };
    tokio::join!(call(), call(), opens);
    let mut calls = ear.spans();
    calls.retain(|span| span.name == "cache.get_or_load");
    let mut results: Vec<&str> = calls.iter().map(result).collect();
    results.sort_unstable();
    assert_eq!(results, ["coalesced", "loaded"]);
    ear.span("cache.load");
}

#[tokio::test]
async fn a_load_that_fails_is_the_status_of_its_span_and_of_the_call() {
    let cache = users();
    let (ear, _guard) = Ear::listen(LevelFilter::DEBUG);
    load(&cache, Err("down")).await.unwrap_err();
    let (call, load) = (ear.span("cache.get_or_load"), ear.span("cache.load"));
    assert_eq!((result(&call), result(&load)), ("error", "error"));
    assert_eq!(
        [&call.fields["error.type"], &load.fields["error.type"]],
        ["load", "error"]
    );
    assert_eq!(
        [&call, &load].map(|span| span.fields["otel.status_code"].clone()),
        ["ERROR", "ERROR"]
    );
}

#[tokio::test]
async fn a_refresh_is_a_span_of_its_own_that_follows_from_the_call() {
    let (cache, clock) = stale();
    load(&cache, Ok(1)).await.unwrap();
    clock.advance(10 * SECOND);
    let (ear, _guard) = Ear::listen(LevelFilter::DEBUG);
    assert_eq!(load(&cache, Ok(2)).await.unwrap(), 1);
    while cache.loads_in_flight() > 0 {
        tokio::task::yield_now().await;
    }
    tokio::task::yield_now().await;
    assert_eq!(result(&ear.span("cache.get_or_load")), "stale");
    let load = ear.span("cache.load");
    assert_eq!(
        (load.parent, load.follows.as_deref()),
        (None, Some("cache.get_or_load"))
    );
    assert_eq!(load.fields["refresh"], "true");
}

#[tokio::test]
async fn a_call_on_several_keys_says_how_many_have_a_value() {
    let cache = users();
    cache.set("a", 1_i64).await.unwrap();
    let (ear, _guard) = Ear::listen(LevelFilter::DEBUG);
    let rows = |keys: Vec<String>| async move {
        let found = keys.into_iter().filter(|key| key == "b");
        Ok::<Vec<_>, &str>(found.map(|key| (key, Ok(Loaded::store(2_i64)))).collect())
    };
    cache.get_or_load_many(&["a", "b", "c", "a"], rows).await;
    let call = ear.span("cache.get_or_load_many");
    let fields = ["cache.keys", "cache.found", "cache.result"].map(|name| &*call.fields[name]);
    assert_eq!(fields, ["3", "2", "mixed"]);
    assert_eq!(
        ear.span("cache.load").parent.as_deref(),
        Some("cache.get_or_load_many")
    );
    assert_eq!(
        ear.span("cache.get_many").parent.as_deref(),
        Some("cache.get_or_load_many")
    );
}

#[tokio::test]
async fn the_key_of_a_load_is_redacted() {
    let cache = traced(memory(&ManualClock::new()), Tracing::new().keys(Keys::Redacted));
    let (ear, _guard) = Ear::listen(LevelFilter::DEBUG);
    let load = || async { Ok::<i64, &str>(1) };
    cache.get_or_load("canary", load).await.unwrap();
    cache.get_or_load("canary", load).await.unwrap();
    assert!(!ear.text().contains("canary"), "{}", ear.text());
}

#[tokio::test]
async fn a_call_that_is_dropped_closes_its_span() {
    let cache = users();
    let (ear, _guard) = Ear::listen(LevelFilter::DEBUG);
    let hangs = || std::future::pending::<Result<i64, &str>>();
    let call = async { cache.get_or_load("key", hangs).await };
    let gone = tokio::time::timeout(Duration::from_millis(1), call).await;
    assert!(gone.is_err());
    while cache.loads_in_flight() > 0 {
        tokio::task::yield_now().await;
    }
    tokio::task::yield_now().await;
    let (call, load) = (ear.span("cache.get_or_load"), ear.span("cache.load"));
    assert!(call.closed && load.closed, "{call:?} {load:?}");
    assert_eq!(load.fields["cache.result"], "cancelled");
}

#[tokio::test]
async fn where_nobody_listens_a_loader_runs_within_the_span_of_its_caller() {
    let cache = users();
    let (ear, _guard) = Ear::listen(LevelFilter::INFO);
    load(&cache, Ok(1))
        .instrument(info_span!("request"))
        .await
        .unwrap();
    assert_eq!(ear.spans().len(), 1, "{:?}", ear.spans());
    let spoke = ear
        .events()
        .into_iter()
        .find(|event| event.message() == "the loader speaks");
    assert_eq!(spoke.unwrap().within.as_deref(), Some("request"));
}

#[tokio::test]
async fn a_load_in_the_background_does_not_keep_the_span_of_its_caller_open() {
    let (cache, clock) = stale();
    load(&cache, Ok(1)).await.unwrap();
    clock.advance(10 * SECOND);
    let (ear, _guard) = Ear::listen(LevelFilter::INFO);
    let hangs = || std::future::pending::<Result<i64, &str>>();
    let call = async { cache.get_or_load("key", hangs).await };
    call.instrument(info_span!("request")).await.unwrap();
    assert_eq!(cache.loads_in_flight(), 1);
    assert!(ear.span("request").closed);
}
