//! Bad settings: each has its own kind, and its message names what to do.

use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use cache_core::{CacheBackend, CacheBuilder, CacheError, ErrorKind, Key, Layer, LayerContext};
use cache_memory::{EvictionPolicy, MemoryBackend, MemoryBuilder, Weigher, presets};

fn weigher() -> Weigher {
    Weigher::new(|_, _| 1)
}

fn refused(builder: MemoryBuilder, kind: ErrorKind, advice: &str) {
    let error = builder.build().unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    assert!(
        error.to_string().contains(advice),
        "{error} does not say {advice:?}"
    );
}

#[test]
fn two_limits_are_refused() {
    let builder = MemoryBackend::builder().max_items(1).max_weight(1, weigher());
    refused(builder, ErrorKind::InvalidLimit, "drop one");
}

#[test]
fn a_weight_of_zero_is_refused() {
    refused(
        MemoryBackend::builder().max_weight(0, weigher()),
        ErrorKind::InvalidLimit,
        "above zero",
    );
}

#[test]
fn more_items_than_a_process_can_hold_are_refused() {
    refused(
        MemoryBackend::builder().max_items(u64::MAX),
        ErrorKind::InvalidLimit,
        "use 0 for no limit",
    );
}

#[test]
fn an_idle_time_of_zero_is_refused() {
    refused(
        MemoryBackend::builder().time_to_idle(Duration::ZERO),
        ErrorKind::InvalidTtl,
        "above zero",
    );
}

#[test]
fn an_interval_out_of_its_range_is_refused() {
    for interval in [Duration::ZERO, Duration::from_secs(3_601)] {
        refused(
            MemoryBackend::builder().maintenance_interval(interval),
            ErrorKind::InvalidConfig,
            "1 ms to 1 h",
        );
    }
}

#[test]
fn an_unknown_policy_is_refused_with_the_known_ones() {
    let error = "lfu".parse::<EvictionPolicy>().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnknownPolicy);
    assert!(error.to_string().contains("`lru` and `tinylfu`"), "{error}");
}

#[test]
fn policies_are_read_in_any_case() {
    assert_eq!("LRU".parse::<EvictionPolicy>().unwrap(), EvictionPolicy::Lru);
    assert_eq!(
        "TinyLFU".parse::<EvictionPolicy>().unwrap(),
        EvictionPolicy::TinyLfu
    );
}

#[test]
fn of_a_setting_that_is_given_twice_the_last_counts() {
    let backend = MemoryBackend::builder()
        .max_items(u64::MAX)
        .max_items(7)
        .build()
        .unwrap();
    assert_eq!(CacheBackend::stats(&backend).max_items, Some(7));
}

#[test]
fn the_presets_are_those_of_the_source_system() {
    let default = presets::default_cache("a").unwrap().build().unwrap();
    let debug = presets::debug_cache("b").unwrap().build().unwrap();
    let own = presets::production_cache("c", Duration::from_secs(9), 7)
        .unwrap()
        .build()
        .unwrap();
    assert_eq!(
        [&default, &debug, &own].map(|cache| cache.stats().max_items),
        [Some(1_000), Some(100), Some(7)]
    );
    assert_eq!([default.name(), debug.name(), own.name()], ["a", "b", "c"]);
}

/// Shows the backend of a cache to the test.
struct Show(Sender<Arc<dyn CacheBackend>>);

impl Layer for Show {
    fn layer(
        &self,
        inner: Arc<dyn CacheBackend>,
        _: &mut LayerContext,
    ) -> Result<Arc<dyn CacheBackend>, CacheError> {
        self.0.send(Arc::clone(&inner)).unwrap();
        Ok(inner)
    }
}

/// How long a preset lets an entry live, in seconds.
async fn life(preset: Result<CacheBuilder, CacheError>) -> u64 {
    let (sender, receiver) = channel();
    let cache = preset.unwrap().layer(Show(sender)).build().unwrap();
    cache.set("key", 1).await.unwrap();
    let backend = receiver.recv().unwrap();
    let entry = backend.get(Key::new("key").unwrap()).await.unwrap().unwrap();
    entry.expires_at().since(entry.created()).as_secs()
}

#[tokio::test]
async fn entries_of_the_presets_live_as_long_as_those_of_the_source_system() {
    let own = presets::production_cache("c", Duration::from_secs(9), 7);
    let lives = [
        life(presets::default_cache("a")).await,
        life(presets::debug_cache("b")).await,
        life(own).await,
    ];
    assert_eq!(lives, [300, 60, 9]);
}

#[test]
fn debug_of_a_cache_shows_its_stack() {
    let cache = presets::default_cache("users").unwrap().build().unwrap();
    let shown = format!("{cache:?}");
    assert!(
        shown.contains("users") && shown.contains("MemoryBackend"),
        "{shown}"
    );
}
