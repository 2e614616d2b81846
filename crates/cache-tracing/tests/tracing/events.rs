//! One event for each operation at debug, one for each turn of the cache's life at info.

use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, mpsc};
use std::task::Waker;
use std::thread;
use std::time::Duration;

use cache_core::{Cache, ErrorKind};
use cache_testkit::{FailingBackend, ManualClock, listen};
use cache_tracing::Tracing;
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::{EnvFilter, Layer, Registry};

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
    cache.invalidate_tag("t").await.unwrap();
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
            "miss",
            "stored",
            "present",
            "deleted",
            "absent",
            "absent",
            "invalidated",
            "up",
            "cleared",
            "closed"
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

#[tokio::test]
async fn a_filter_turns_the_target_off_and_nothing_else() {
    for (filter, is_heard) in [("debug,cache=off", false), ("info,cache=debug", true)] {
        let ear = Ear::default();
        let filtered = ear.clone().with_filter(EnvFilter::new(filter));
        let _guard = listen(Registry::default().with(filtered));
        let cache = users();
        cache.set("a", 1).await.unwrap();
        cache.get::<i32>("").await.unwrap_err();
        cache.close().await.unwrap();
        tracing::info!("another target");
        let of_caches = ear
            .events()
            .iter()
            .filter(|event| event.target == "cache")
            .count();
        assert_eq!(of_caches > 0, is_heard, "{filter}: {:?}", ear.events());
        assert_eq!(!ear.spans().is_empty(), is_heard, "{filter}: {:?}", ear.spans());
        assert!(
            ear.events()
                .iter()
                .any(|event| event.message() == "another target"),
            "{filter}"
        );
    }
}

/// Asks a cache whenever it hears of one, but not of what it asks itself.
struct Nosy {
    cache: Arc<OnceLock<Cache>>,
    asked: Arc<AtomicUsize>,
}

thread_local! {
    static ASKS: Cell<bool> = const { Cell::new(false) };
}

impl<S: Subscriber> Layer<S> for Nosy {
    fn on_event(&self, _: &Event<'_>, _: Context<'_, S>) {
        if let Some(cache) = self.cache.get()
            && !ASKS.replace(true)
        {
            let asked = pin!(cache.get::<i32>("a").into_future());
            let answer = asked.poll(&mut std::task::Context::from_waker(Waker::noop()));
            assert!(answer.is_ready());
            self.asked.fetch_add(1, Ordering::Relaxed);
            ASKS.set(false);
        }
    }
}

#[test]
fn a_subscriber_may_ask_the_cache_that_it_hears_of() {
    let (sender, receiver) = mpsc::channel();
    // A thread of its own, so that one that hangs ends the test and not the run.
    thread::spawn(move || {
        let (cell, asked) = (Arc::default(), Arc::new(AtomicUsize::new(0)));
        let nosy = Nosy {
            cache: Arc::clone(&cell),
            asked: Arc::clone(&asked),
        };
        let _guard = listen(Registry::default().with(nosy));
        let failing = Arc::new(FailingBackend::new(memory(&ManualClock::new())));
        let cache = cell.get_or_init(|| traced(Arc::clone(&failing), Tracing::new()));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        runtime.block_on(async {
            cache.set("a", 1).await.unwrap();
            cache
                .get_or_load("b", || async { Ok::<i64, &str>(1) })
                .await
                .unwrap();
            failing.fail_all(ErrorKind::Timeout);
            cache.get::<i32>("a").await.unwrap_err();
            failing.heal();
            cache.close().await.unwrap();
        });
        sender.send(asked.load(Ordering::Relaxed)).unwrap();
    });
    let asked = receiver.recv_timeout(Duration::from_secs(30)).expect("it hangs");
    assert!(asked >= 5, "{asked}");
}
