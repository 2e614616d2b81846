//! Backends by their words: known, unknown, and those that a program brings along.

use cache_core::ErrorKind;
use cache_factory::NoOptions;
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
        .register("shelf", |_, options: ShelfOptions| {
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
fn options_that_the_backend_refuses_are_told_at_once_before_it_is_made() {
    let factory = factory()
        .register(
            "shelf",
            |_, _: ShelfOptions| -> cache_core::Result<MemoryBackend> {
                unreachable!("a backend is made of a wrong configuration")
            },
        )
        .unwrap();
    let text = "
        caches.a = { backend = 'shelf', ttl = 'soon', options = { romo = 3, room = 'canary' } }
        caches.b = { backend = 'shelf' }
        caches.c = { backend = 'memory', memory.max_bytes = 0 }
    ";
    let wrong = factory
        .read(&draft(text).origin("file cache.toml"))
        .unwrap_err()
        .to_string();
    let expected = "5 settings are wrong: (1) caches.a.ttl: \"soon\" is no duration; give whole numbers with a unit, such as \
        500ms, 30s, 5m, 1h or 7d, or never (file cache.toml) \
        (2) caches.a.options.romo: there is no such setting; did you mean `room`? (file cache.toml) \
        (3) caches.a.options.room: is a text where u64 is expected (file cache.toml) \
        (4) caches.b.options.room: is missing; give it \
        (5) caches.c.memory.max_bytes: is 0, so nothing would fit; give a size above zero or leave it out (file cache.toml)";
    assert_eq!(wrong, expected);
}

#[test]
fn options_of_the_environment_are_texts_and_read_as_what_they_are() {
    let variables = [
        ("CACHE__CACHES__USERS__BACKEND", "shelf"),
        ("CACHE__CACHES__USERS__OPTIONS__ROOM", "3"),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let factory = with_shelf();
    let config = factory
        .read(&cache_factory::Draft::from_env("CACHE", variables))
        .unwrap();
    let users = factory.build(&config).unwrap().get("users").unwrap();
    assert_eq!(users.stats().max_items, Some(3));
}

#[test]
fn a_backend_of_the_programs_own_is_set_up_in_code_too() {
    let users = with_shelf().cache("shelf", "users").option("room", 3);
    assert_eq!(users.build().unwrap().stats().max_items, Some(3));
}

#[test]
fn options_with_a_variable_are_not_shown() {
    #[derive(Debug, Deserialize)]
    #[serde(try_from = "String")]
    struct Colour;

    impl TryFrom<String> for Colour {
        type Error = String;

        fn try_from(text: String) -> Result<Self, String> {
            Err(format!("{text} is no colour"))
        }
    }

    #[derive(Deserialize)]
    struct Paint {
        #[expect(dead_code, reason = "it is never read")]
        colour: Colour,
    }

    let factory = factory()
        .register("paint", |_, _: Paint| MemoryBackend::builder().build())
        .unwrap();
    let told = |colour: &str| {
        let text = format!("caches.users = {{ backend = 'paint', options.colour = '{colour}' }}");
        format!("{:?}", factory.read(&draft(&text)).unwrap_err())
    };
    assert!(told("mauve").contains("caches.users.options.colour"));
    assert!(told("mauve").contains("mauve is no colour"));
    assert!(!told("${SECRET}").contains("canary"));
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
        let refused = with_shelf().register(kind, |_, _: NoOptions| MemoryBackend::builder().build());
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::InvalidName, "{kind:?}");
    }
}
