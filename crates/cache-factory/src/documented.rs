//! `docs/configuration.md` against the code: its defaults are those of the library, and every option of a builder is a
//! setting or stands in the list of those that are not.
#![cfg(all(feature = "memory", feature = "redis"))]

use std::time::Duration;

use cache_core::Expiration;
use cache_testkit::{ManualClock, MapBackend};

use crate::config::{CacheConfig, Config};
use crate::draft::Draft;
use crate::kind::BackendContext;
use crate::section::join;
use crate::setting::{Setting, Ttl};
use crate::stack::plain;
use crate::{loading, memory, redis};
#[cfg(feature = "tracing")]
use {crate::stack::told_of, cache_tracing::Tracing};

const TEXT: &str = include_str!("../../../docs/configuration.md");

/// Returns the part of the documentation below a heading.
fn below(heading: &str) -> &'static str {
    let text = TEXT.split(&format!("\n## {heading}\n")).nth(1).unwrap();
    text.split("\n## ").next().unwrap()
}

/// Returns the settings of a section that have a default, and the default.
fn defaults(section: &str) -> Vec<(&'static str, &'static str)> {
    let heading = if section.is_empty() {
        "What every cache has".to_owned()
    } else {
        format!("`{section}`")
    };
    let rows = below(&heading).lines();
    rows.filter_map(|row| {
        let cells: Vec<_> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let code = |cell: &'static str| cell.strip_prefix('`')?.strip_suffix('`');
        match cells.as_slice() {
            [name, _, default] => code(name).zip(code(default)),
            _ => None,
        }
    })
    .collect()
}

/// Checks that settings that are given as they are documented change nothing.
fn assert_documented(section: &str, least: usize, except: &[&str], made: impl Fn(&CacheConfig) -> String) {
    let found = defaults(section);
    assert!(found.len() >= least, "{section}: {found:?}");
    for (name, default) in found.into_iter().filter(|(name, _)| !except.contains(name)) {
        let mut draft = Draft::default();
        draft.set(&format!("caches.users.{}", join(section, name)), default);
        let config = Config::read(&draft).unwrap();
        assert_eq!(
            made(&config.caches["users"]),
            made(&CacheConfig::default()),
            "{section}.{name} = {default}"
        );
    }
}

#[test]
fn the_defaults_of_redis_are_as_documented() {
    // An address or a number that is given is one, though it is the same.
    assert_documented("redis", 15, &["address", "db"], |config| {
        format!(
            "{:?}",
            redis::builder(&BackendContext::new("users", config)).unwrap()
        )
    });
    // Where a server is that nobody told of, `cache-redis` tests.
    for default in [("address", "127.0.0.1:6379"), ("db", "0")] {
        assert!(defaults("redis").contains(&default), "{default:?}");
    }
}

#[test]
fn the_defaults_of_memory_are_as_documented() {
    assert_documented("memory", 2, &[], |config| {
        format!(
            "{:?}",
            memory::builder(&BackendContext::new("users", config)).unwrap()
        )
    });
}

#[test]
fn the_defaults_of_loading_are_as_documented() {
    assert_documented("loading", 9, &["load_wait"], |config| {
        let loading = config.loading.clone().unwrap_or_default();
        format!("{:?}", loading::options(&loading))
    });
    assert!(defaults("loading").contains(&("load_wait", "1s")));
}

#[test]
#[cfg(feature = "tracing")]
fn the_defaults_of_every_cache_are_as_documented() {
    // How long values live is below. Whether a cache is required, measured and told of, other tests see: nothing holds
    // it that prints it.
    assert_documented("", 8, &["ttl", "required", "metrics", "tracing"], |config| {
        let map = MapBackend::new(ManualClock::new());
        let cache = plain("users", map, config).unwrap();
        format!("{cache:?} {:?}", told_of(Tracing::new(), config))
    });
}

#[tokio::test]
async fn values_live_as_long_as_is_documented() {
    let ttl = defaults("")
        .into_iter()
        .find(|(name, _)| *name == "ttl")
        .unwrap()
        .1;
    let Ok(Ttl(Expiration::After(life))) = Ttl::read(&ttl.into()) else {
        panic!("{ttl} is no life")
    };
    let (clock, instant) = (ManualClock::new(), Duration::from_millis(1));
    let map = MapBackend::new(clock.clone());
    let cache = plain("users", map, &CacheConfig::default())
        .unwrap()
        .build()
        .unwrap();
    cache.set("key", 1).await.unwrap();
    clock.advance(life.saturating_sub(instant));
    assert!(cache.exists("key").await.unwrap());
    clock.advance(instant);
    assert!(!cache.exists("key").await.unwrap());
}

#[test]
fn every_option_of_a_builder_is_a_setting_or_has_a_reason_not_to_be_one() {
    let sources = [
        include_str!("../../cache-core/src/builder.rs"),
        include_str!("../../cache-core/src/loading/options.rs"),
        include_str!("../../cache-memory/src/config.rs"),
        include_str!("../../cache-redis/src/breaker.rs"),
        include_str!("../../cache-redis/src/config.rs"),
        include_str!("../../cache-redis/src/place.rs"),
        include_str!("../../cache-redis/src/tls.rs"),
        include_str!("../../cache-metrics/src/config.rs"),
        include_str!("../../cache-tracing/src/layer.rs"),
    ];
    // By another name: a name of a table, and what is the same.
    let renamed = [
        ("name", "[caches.users]"),
        ("loading", "## `loading`"),
        ("host", "`address`"),
        ("port", "`address`"),
        ("sentinel", "`sentinel.master`"),
        ("sentinel_credentials", "`sentinel.user`"),
        ("tls", "`tls.ca`"),
        ("ca_file", "`tls.ca`"),
        ("client_certificate", "`tls.certificate`"),
        ("breaker", "`breaker.enabled`"),
        ("keys", "`keys_in_logs`"),
    ];
    let mut options = 0;
    for source in sources {
        let signatures = source.split("pub ").filter(|part| {
            let line = part.split('{').next().unwrap();
            line.contains("mut self") && line.contains("-> Self")
        });
        for signature in signatures {
            let name = signature
                .split("fn ")
                .nth(1)
                .unwrap()
                .split(['(', '<'])
                .next()
                .unwrap();
            let documented = renamed
                .iter()
                .find(|(option, _)| *option == name)
                .map_or_else(|| format!("{name}`"), |(_, setting)| (*setting).to_owned());
            assert!(TEXT.contains(&documented), "{name}");
            options += 1;
        }
    }
    assert!(options > 50, "{options}");
}
