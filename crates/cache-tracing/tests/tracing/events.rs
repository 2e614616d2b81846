//! One event for each operation at debug, one for each turn of the cache's life at info.

use cache_testkit::ManualClock;
use cache_tracing::Tracing;
use tracing::Level;
use tracing::level_filters::LevelFilter;

use crate::support::{Ear, memory, traced, users};

#[tokio::test]
async fn an_operation_is_one_event_in_its_span_at_debug() {
    let cache = users();
    cache.set("a", 1).await.unwrap();
    let (ear, _guard) = Ear::listen(LevelFilter::DEBUG);
    cache.get::<i32>("a").await.unwrap();
    let events = ear.events();
    assert_eq!(events.len(), 1, "{events:?}");
    let event = &events[0];
    assert_eq!(
        (
            event.level,
            event.target.as_str(),
            event.within.as_deref(),
            event.message()
        ),
        (Level::DEBUG, "cache", Some("cache.get"), "cache get")
    );
    let fields = [
        "cache.name",
        "cache.backend",
        "cache.key",
        "cache.result",
        "cache.hit",
    ];
    assert_eq!(
        fields.map(|field| &*event.fields[field]),
        ["users", "memory", "a", "hit", "true"]
    );
    assert!(event.fields["elapsed_us"].parse::<f64>().unwrap() >= 0.0);
}

#[tokio::test]
async fn each_result_has_its_word() {
    let cache = users();
    let (ear, _guard) = Ear::listen(LevelFilter::DEBUG);
    cache.get::<i32>("a").await.unwrap();
    cache.set("a", 1).await.unwrap();
    cache.exists("a").await.unwrap();
    cache.delete("a").await.unwrap();
    cache.exists("a").await.unwrap();
    cache.delete("a").await.unwrap();
    cache.ping().await.unwrap();
    cache.clear().await.unwrap();
    cache.close().await.unwrap();
    let words: Vec<_> = ear
        .events()
        .iter()
        .map(|event| event.fields["cache.result"].clone())
        .collect();
    assert_eq!(
        words,
        [
            "miss", "stored", "present", "deleted", "absent", "absent", "up", "cleared", "closed"
        ]
    );
}

#[tokio::test]
async fn the_turns_of_a_life_are_told_at_info() {
    let (ear, _guard) = Ear::listen(LevelFilter::INFO);
    let cache = traced(memory(&ManualClock::new()), Tracing::new());
    cache.set("a", 1).await.unwrap();
    cache.get::<i32>("a").await.unwrap();
    cache.clear().await.unwrap();
    cache.close().await.unwrap();
    let told: Vec<_> = ear
        .at(Level::INFO)
        .iter()
        .map(|event| event.message().to_owned())
        .collect();
    assert_eq!(told, ["cache built", "cache clear", "cache close"]);
    assert_eq!(ear.events().len(), 3);
}

#[tokio::test]
async fn nothing_is_told_to_who_wants_only_warnings() {
    let (ear, _guard) = Ear::listen(LevelFilter::WARN);
    let cache = users();
    cache.set("a", 1).await.unwrap();
    cache.close().await.unwrap();
    assert!(ear.events().is_empty(), "{:?}", ear.events());
}

#[tokio::test]
async fn a_load_that_ends_is_an_event_with_its_result() {
    let cache = users();
    let (ear, _guard) = Ear::listen(LevelFilter::DEBUG);
    let load = || async { Ok::<_, std::io::Error>(7) };
    assert_eq!(cache.get_or_load("a", load).await.unwrap(), 7);
    let mut loads = ear.events();
    loads.retain(|event| event.message() == "cache load");
    assert_eq!(loads.len(), 1, "{:?}", ear.events());
    let fields = ["cache.key", "cache.result", "refresh"].map(|field| &*loads[0].fields[field]);
    assert_eq!(fields, ["a", "success", "false"]);
}
