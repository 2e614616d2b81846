//! Backends by their words: known, unknown, and those that a program brings along.

use cache_core::ErrorKind;
use cache_memory::MemoryBackend;
use cache_metrics::Metrics;
use metrics_exporter_prometheus::PrometheusBuilder;
use serde::Deserialize;

use crate::support::{draft, errors, factory};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ShelfOptions {
    room: u64,
}

fn with_shelf() -> cache_factory::Factory {
    factory()
        .register("shelf", |context| {
            let options: ShelfOptions = context.options()?;
            MemoryBackend::builder().max_items(options.room).build()
        })
        .unwrap()
}

#[test]
fn inmemory_is_memory() {
    for word in ["memory", "inmemory", "InMemory"] {
        let cache = cache_factory::cache(word, "users").build().unwrap();
        assert_eq!(cache.backend_kind(), "memory");
    }
}

#[test]
fn an_unknown_backend_lists_the_known_ones_and_the_features() {
    let told = errors("caches.users.backend = 'mongodb'");
    assert_eq!(told.len(), 1);
    for part in ["`memory`", "`metrics`", "`tracing`", "features"] {
        assert!(told[0].contains(part), "{told:?}");
    }
}

#[test]
fn a_backend_of_the_programs_own_reads_its_options() {
    let factory = with_shelf();
    let config = factory
        .read(&draft("caches.users = { backend = 'shelf', options.room = 3 }"))
        .unwrap();
    let caches = factory.build(&config).unwrap();
    assert_eq!(caches.get("users").unwrap().stats().max_items, Some(3));
}

#[test]
fn options_that_the_backend_refuses_are_told_with_their_path() {
    let factory = with_shelf();
    let config = factory
        .read(&draft("caches.users = { backend = 'shelf', options.romo = 3 }"))
        .unwrap();
    let wrong = factory.build(&config).unwrap_err().to_string();
    assert!(
        wrong.starts_with("caches.users: options: unknown field `romo`"),
        "{wrong}"
    );
}

#[test]
fn options_with_a_variable_are_not_shown() {
    let factory = with_shelf();
    let config = factory
        .read(&draft(
            "caches.users = { backend = 'shelf', options.room = '${SECRET}' }",
        ))
        .unwrap();
    let wrong = factory.build(&config).unwrap_err();
    assert!(
        !format!("{wrong} {wrong:?} {config:?}").contains("canary"),
        "{wrong:?} {config:?}"
    );
}

#[tokio::test]
async fn a_backend_of_the_programs_own_is_measured_and_told_of() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let exposition = recorder.handle();
    let metrics = Metrics::builder()
        .recorder(std::sync::Arc::new(recorder))
        .build()
        .unwrap();
    let factory = with_shelf().metrics(metrics.clone());
    let config = factory
        .read(&draft("caches.users = { backend = 'shelf', options.room = 3 }"))
        .unwrap();
    let users = factory.build(&config).unwrap().get("users").unwrap();
    users.get::<i32>("key").await.unwrap();
    metrics.collect();
    let text = exposition.render();
    assert!(
        text.contains(r#"gofr_cache_misses_total{cache_name="users",backend="memory"} 1"#),
        "{text}"
    );
    assert!(
        format!("{users:?}").contains("Tracing(Metrics(MemoryBackend"),
        "{users:?}"
    );
}

#[test]
fn a_name_that_is_taken_or_no_name_is_refused() {
    for kind in ["memory", "inmemory", "redis", "shelf", "", "Shelf", "a b"] {
        let refused = with_shelf().register(kind, |_| MemoryBackend::builder().build());
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::InvalidName, "{kind:?}");
    }
}
