//! One span for each operation, with what OpenTelemetry wants to know.

use std::sync::Arc;

use cache_core::{ErrorKind, Operation};
use cache_testkit::{FailingBackend, ManualClock, MapBackend, SlowBackend};
use cache_tracing::Tracing;
use tracing::level_filters::LevelFilter;
use tracing::{Instrument, Span, info_span};

use crate::support::{Ear, memory, traced, users};

#[tokio::test]
async fn each_operation_has_a_span_of_its_name() {
    let cache = users();
    let (ear, _guard) = Ear::listen(LevelFilter::DEBUG);
    cache.set("a", 1).await.unwrap();
    cache.get::<i32>("a").await.unwrap();
    cache.exists("a").await.unwrap();
    cache.delete("a").await.unwrap();
    cache.set_many([("a", 1)]).await;
    cache.get_many::<i32>(&["a"]).await;
    cache.delete_many(&["a"]).await;
    cache.invalidate_tag("t").await.unwrap();
    cache.clear().await.unwrap();
    cache.ping().await.unwrap();
    cache.close().await.unwrap();
    for operation in Operation::ALL {
        // Spans of loads have tests of their own.
        if matches!(
            operation,
            Operation::Build | Operation::GetOrLoad | Operation::GetOrLoadMany
        ) {
            continue;
        }
        let span = ear.span(&format!("cache.{operation}"));
        let field = |name: &str| span.fields[name].clone();
        assert_eq!(
            [
                field("cache.name"),
                field("cache.backend"),
                field("cache.operation")
            ],
            ["users".to_owned(), "memory".to_owned(), operation.to_string()]
        );
        assert!(span.closed, "{operation}");
    }
}

#[tokio::test]
async fn a_span_says_whether_it_was_a_hit() {
    let cache = users();
    cache.set("there", 1).await.unwrap();
    for (key, word, hit) in [("there", "hit", "true"), ("not there", "miss", "false")] {
        let (ear, _guard) = Ear::listen(LevelFilter::DEBUG);
        cache.get::<i32>(key).await.unwrap();
        let fields = ear.span("cache.get").fields;
        assert_eq!((&*fields["cache.result"], &*fields["cache.hit"]), (word, hit));
    }
}

#[tokio::test]
async fn a_span_on_several_keys_says_how_many_were_there() {
    let cache = users();
    cache.set("a", 1).await.unwrap();
    let (ear, _guard) = Ear::listen(LevelFilter::DEBUG);
    cache.get_many::<i32>(&["a", "b", "c"]).await;
    let fields = ear.span("cache.get_many").fields;
    let three = [
        &fields["cache.keys"],
        &fields["cache.found"],
        &fields["cache.result"],
    ];
    assert_eq!(three, ["3", "1", "mixed"]);
}

#[tokio::test]
async fn a_span_is_a_child_of_the_callers() {
    let cache = users();
    let (ear, _guard) = Ear::listen(LevelFilter::DEBUG);
    let request = info_span!("request");
    cache
        .get::<i32>("a")
        .into_future()
        .instrument(request.clone())
        .await
        .unwrap();
    async { cache.exists("a").await }
        .instrument(request)
        .await
        .unwrap();
    assert_eq!(ear.span("cache.exists").parent.as_deref(), Some("request"));
}

#[tokio::test]
async fn a_span_covers_an_answer_that_comes_later() {
    let slow = Arc::new(SlowBackend::new(Arc::new(memory(&ManualClock::new()))));
    let cache = traced(Arc::clone(&slow), Tracing::new());
    let (ear, _guard) = Ear::listen(LevelFilter::DEBUG);
    let request = info_span!("request");
    let asked = async { cache.get::<i32>("a").await }.instrument(request);
    let released = async {
        slow.arrived(1).await;
        assert!(!ear.span("cache.get").closed);
        slow.release(1);
    };
    let (answer, ()) = tokio::join!(asked, released);
    answer.unwrap();
    let span = ear.span("cache.get");
    assert_eq!((span.parent.as_deref(), span.closed), (Some("request"), true));
    assert_eq!(span.fields["cache.result"], "miss");
}

#[tokio::test]
async fn a_call_that_is_dropped_closes_its_span() {
    let slow = Arc::new(SlowBackend::new(Arc::new(memory(&ManualClock::new()))));
    let cache = traced(Arc::clone(&slow), Tracing::new());
    let (ear, _guard) = Ear::listen(LevelFilter::DEBUG);
    drop(cache.set("a", 1).into_future());
    let span = ear.span("cache.set");
    assert!(
        span.closed && !span.fields.contains_key("cache.result"),
        "{span:?}"
    );
}

#[tokio::test]
async fn a_failure_is_the_status_of_its_span() {
    let failing = FailingBackend::new(Arc::new(memory(&ManualClock::new())));
    failing.fail(Operation::Get, ErrorKind::Timeout);
    let cache = traced(failing, Tracing::new());
    let (ear, _guard) = Ear::listen(LevelFilter::DEBUG);
    cache.get::<i32>("a").await.unwrap_err();
    let fields = ear.span("cache.get").fields;
    let status = [
        &fields["error.type"],
        &fields["otel.status_code"],
        &fields["cache.result"],
    ];
    assert_eq!(status, ["timeout", "ERROR", "error"]);
    assert!(!fields["otel.status_description"].is_empty());
}

#[tokio::test]
async fn a_key_is_redacted_unless_it_is_to_be_shown() {
    let (ear, _guard) = Ear::listen(LevelFilter::DEBUG);
    let cache = traced(memory(&ManualClock::new()), Tracing::new());
    cache.set("canary", "text".to_owned()).await.unwrap();
    cache.get::<i32>("canary").await.unwrap_err();
    cache.get_many::<i32>(&["canary"]).await;
    assert!(!ear.text().contains("canary"), "{}", ear.text());
    assert!(ear.span("cache.set").fields["cache.key"].starts_with("6 bytes #"));

    users().set("shown", 1).await.unwrap();
    assert!(ear.text().contains("shown"), "{}", ear.text());
}

#[tokio::test]
async fn where_nobody_listens_the_callers_span_stays_the_current_one() {
    let (ear, _guard) = Ear::listen(LevelFilter::INFO);
    let slow = Arc::new(SlowBackend::new(Arc::new(memory(&ManualClock::new()))));
    slow.open();
    let cache = traced(slow, Tracing::new());
    let request = info_span!("request");
    async {
        let before = Span::current().id();
        let asked = cache.get::<i32>("a").into_future();
        assert_eq!(Span::current().id(), before);
        asked.await.unwrap();
        assert_eq!(Span::current().id(), before);
    }
    .instrument(request)
    .await;
    assert_eq!(ear.spans().len(), 1, "{:?}", ear.spans());
}

#[tokio::test]
async fn what_leaves_the_process_is_a_client_and_what_stays_is_internal() {
    let (ear, _guard) = Ear::listen(LevelFilter::DEBUG);
    users().exists("a").await.unwrap();
    let span = ear.span("cache.exists");
    assert_eq!(
        (&*span.fields["cache.backend"], &*span.fields["otel.kind"]),
        ("memory", "internal")
    );
    let elsewhere = traced(MapBackend::new(ManualClock::new()), Tracing::new());
    elsewhere.get::<i32>("a").await.unwrap();
    let span = ear.span("cache.get");
    assert_eq!(
        (&*span.fields["cache.backend"], &*span.fields["otel.kind"]),
        ("map", "client")
    );
    // The call stays here; what it asks of the backend leaves, and says so itself.
    let load = || async { Ok::<i64, &str>(1) };
    elsewhere.get_or_load("b", load).await.unwrap();
    for (name, kind) in [
        ("cache.get_or_load", "internal"),
        ("cache.load", "internal"),
        ("cache.set", "client"),
    ] {
        assert_eq!(ear.span(name).fields["otel.kind"], kind, "{name}");
    }
}
