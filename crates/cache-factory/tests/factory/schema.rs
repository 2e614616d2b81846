//! The JSON Schema that is shipped is the one of the types.

use cache_factory::{Config, schema};
use serde_json::{Value, json};

use crate::support::{draft, read};
use crate::table;
use crate::valid::complaint;

#[test]
fn the_shipped_schema_is_up_to_date() {
    let shipped: Value = serde_json::from_str(include_str!("../../cache-config.schema.json")).unwrap();
    assert!(
        shipped == schema(),
        "run `cargo run -p cache-factory --example write_schema --features schema`"
    );
}

#[test]
fn every_setting_is_described() {
    fn look(path: &str, schema: &Value) {
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            assert!(property["description"].is_string(), "{path}.{name}: {property}");
        }
    }
    let schema = schema();
    look("configuration", &schema);
    for (name, definition) in schema["$defs"].as_object().unwrap() {
        look(name, definition);
    }
}

#[test]
fn unknown_settings_are_refused_by_it_too() {
    let schema = schema();
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(schema["$defs"]["CacheConfig"]["additionalProperties"], false);
}

#[test]
fn the_documentation_names_every_setting() {
    let text = include_str!("../../../../docs/configuration.md");
    let schema = schema();
    for (section, definition) in schema["$defs"].as_object().unwrap() {
        for name in definition["properties"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, _)| name)
        {
            let is_named = ["`", "."]
                .iter()
                .any(|before| text.contains(&format!("{before}{name}`")));
            let is_section = text.contains(&format!("## `{name}`")) || text.contains(&format!("`{name}."));
            assert!(is_named || is_section, "{section}.{name}");
        }
    }
}

/// What the schema has to say about a text of TOML.
fn refused(text: &str) -> Option<String> {
    let value: Value = toml::from_str(text).unwrap();
    complaint(&schema(), &value)
}

#[test]
fn the_files_that_are_shown_are_valid() {
    let page = include_str!("../../../../docs/configuration.md");
    let block = page
        .split("```toml\n")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    assert!(block.contains("[caches.pages]"), "{block}");
    for text in [block, include_str!("../../../../examples/using-cache/cache.toml")] {
        assert_eq!(refused(text), None, "{text}");
        assert!(toml::from_str::<Config>(text).is_ok(), "{text}");
    }
}

/// Forms that the page on configuration lists, and that are read.
const ACCEPTED: [&str; 25] = [
    "ttl = '5m'",
    "ttl = '1h30m'",
    "ttl = 'never'",
    "ttl = '0'",
    "ttl = 0",
    "ttl = '${TTL}'",
    "codec = '${CODEC}'",
    "codec = 'json'",
    "max_key_len = '64KiB'",
    "max_key_len = 512",
    "required = true",
    "required = 'true'",
    "required = '${REQUIRED}'",
    "memory.max_items = 5",
    "memory.max_items = '5'",
    "memory.max_items = '${ITEMS}'",
    "memory.policy = '${POLICY}'",
    "loading.jitter = 0.05",
    "loading.jitter = '0.05'",
    "loading.jitter = '${JITTER}'",
    "loading.negative_ttl = 'off'",
    "redis.cluster = ['a:7000', 'redis://b:7001']",
    "redis.cluster = 'a:7000, b:7001'",
    "redis.db = '3'",
    "redis.breaker.enabled = 'false'",
];

#[test]
fn every_form_that_is_read_is_valid() {
    for setting in ACCEPTED {
        let backend = if setting.starts_with("redis") {
            "redis"
        } else {
            "memory"
        };
        let text = format!("[caches.users]\nbackend = '{backend}'\n{setting}");
        assert_eq!(refused(&text), None, "{setting}");
    }
    for word in ["memory", "inmemory", "redis", "shelf", "${BACKEND}"] {
        assert_eq!(
            refused(&format!("caches.users.backend = '{word}'")),
            None,
            "{word}"
        );
    }
}

#[test]
fn the_forms_that_are_valid_are_read() {
    for setting in ACCEPTED.iter().filter(|setting| !setting.contains("${")) {
        let backend = if setting.starts_with("redis") {
            "redis"
        } else {
            "memory"
        };
        // Only whether single settings can be read: a Cluster has no other database.
        let text = format!("[caches.users]\nbackend = '{backend}'\n{setting}");
        assert!(
            Config::read(&draft(&text)).is_ok(),
            "{setting}: {:?}",
            read(&text)
        );
    }
}

#[test]
fn an_editor_is_offered_the_backends() {
    let backend = &schema()["$defs"]["CacheConfig"]["properties"]["backend"];
    let offered = schema()["$defs"]["Backend"]["anyOf"][0]["enum"].clone();
    assert_eq!(offered, json!(["memory", "inmemory", "redis"]), "{backend}");
    assert!(backend.to_string().contains("#/$defs/Backend"), "{backend}");
}

#[test]
fn what_no_setting_is_called_is_refused_by_it_too() {
    let rows = table::rows();
    let rows = rows
        .iter()
        .filter(|(_, told)| told.contains("there is no such setting"));
    let mut seen = 0;
    for (setting, told) in rows {
        assert!(refused(setting).is_some(), "{setting}: {told}");
        seen += 1;
    }
    assert!(seen >= 6, "{seen}");
}

#[test]
fn values_of_the_wrong_kind_are_refused_by_it() {
    for setting in [
        "ttl = 30",
        "ttl = 'soon'",
        "codec = 'yaml'",
        "required = 'yes'",
        "memory.max_items = -1",
        "memory.max_items = 'many'",
        "memory.max_bytes = '64TB'",
        "loading.jitter = 'much'",
        "redis.cluster = 5",
        "backend = 5",
    ] {
        assert!(refused(&format!("caches.users.{setting}")).is_some(), "{setting}");
    }
}
