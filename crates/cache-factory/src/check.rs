//! What can be wrong between settings that are right one by one.

use cache_core::Cache;

use crate::config::{CacheConfig, Config, RedisConfig};
use crate::error::ConfigError;
use crate::kind::{BackendContext, Kinds, is_built_in};
use crate::loading;
use crate::section::Section;
use crate::setting::Size;

/// Says everything that is wrong.
pub(crate) fn check(config: &Config, kinds: &Kinds) -> Vec<ConfigError> {
    let mut errors = Vec::new();
    if config.caches.is_empty() {
        let message = "there is no cache; describe one, as in `caches.users.backend = \"memory\"`";
        errors.push(ConfigError::new("caches", message));
    }
    for (name, own) in &config.caches {
        errors.extend(check_cache(name, own, &config.filled(own), kinds));
    }
    errors.extend(shared_namespaces(config, kinds));
    errors
}

/// Finds caches that would see each other's keys.
fn shared_namespaces(config: &Config, kinds: &Kinds) -> Vec<ConfigError> {
    let mut errors = Vec::new();
    let mut seen: Vec<(RedisConfig, &str)> = Vec::new();
    for (name, own) in &config.caches {
        let filled = config.filled(own);
        if filled
            .backend
            .as_deref()
            .and_then(|word| kinds.resolve(word).ok())
            != Some("redis")
        {
            continue;
        }
        let redis = filled.redis.unwrap_or_default();
        let place = RedisConfig {
            url: redis.url,
            address: redis.address,
            unix_socket: redis.unix_socket,
            cluster: redis.cluster,
            sentinel: redis.sentinel,
            db: redis.db,
            namespace: redis.namespace.or_else(|| Some(name.clone())),
            ..RedisConfig::default()
        };
        if let Some((_, other)) = seen.iter().find(|(other, _)| *other == place) {
            let message =
                format!("is that of the cache `{other}` on the same server; give each cache its own");
            errors.push(ConfigError::new(
                format!("caches.{name}.redis.namespace"),
                message,
            ));
        }
        seen.push((place, name));
    }
    errors
}

/// Says what is wrong with one cache: `own` is what its section says, `filled` that with the defaults.
pub(crate) fn check_cache(
    name: &str,
    own: &CacheConfig,
    filled: &CacheConfig,
    kinds: &Kinds,
) -> Vec<ConfigError> {
    let path = format!("caches.{name}");
    let mut errors = Vec::new();
    let mut fail = |setting: &str, message: String| {
        errors.push(ConfigError::new(format!("{path}.{setting}"), message));
    };
    match filled.backend.as_deref().map(|word| kinds.resolve(word)) {
        None => fail(
            "backend",
            "no backend is named; name one here or in defaults.backend".to_owned(),
        ),
        Some(Err(message)) => fail("backend", message),
        Some(Ok(kind)) => {
            for setting in foreign(own, kind) {
                fail(
                    &setting,
                    format!("means nothing for the backend `{kind}`; drop it, or choose another backend"),
                );
            }
            if let Err(error) = kinds.check(kind, &BackendContext::new(name, filled)) {
                errors.push(ConfigError::of(format!("{path}.{kind}"), &error));
            }
        }
    }
    let mut fail = |setting: &str, message: String| {
        errors.push(ConfigError::new(format!("{path}.{setting}"), message));
    };
    if filled.max_key_len == Some(Size(0)) {
        fail(
            "max_key_len",
            "is 0, so no key would be short enough; give the longest key in bytes".to_owned(),
        );
    }
    for (setting, is_on, feature, is_compiled) in [
        ("metrics", filled.metrics, "metrics", cfg!(feature = "metrics")),
        ("tracing", filled.tracing, "tracing", cfg!(feature = "tracing")),
        (
            "keys_in_logs",
            filled.keys_in_logs.map(|_| true),
            "tracing",
            cfg!(feature = "tracing"),
        ),
    ] {
        if is_on == Some(true) && !is_compiled {
            fail(
                setting,
                format!("needs the feature `{feature}` of cache-factory; turn it on, or drop the setting"),
            );
        }
    }
    if filled.tracing == Some(false) && own.keys_in_logs.is_some() {
        fail(
            "keys_in_logs",
            "means nothing while tracing is false; drop one of them".to_owned(),
        );
    }
    if let Err(error) = loading::check(filled) {
        errors.push(ConfigError::of(format!("{path}.loading"), &error));
    }
    if let Err(error) = Cache::check_name(name) {
        errors.push(ConfigError::of(path, &error));
    }
    errors
}

/// Returns the settings of a cache that belong to other kinds of backends.
fn foreign(own: &CacheConfig, kind: &str) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(memory) = own.memory.as_ref().filter(|_| kind != "memory") {
        memory.given("memory", &mut found);
    }
    if let Some(redis) = own.redis.as_ref().filter(|_| kind != "redis") {
        redis.given("redis", &mut found);
    }
    if own.options.is_some() && is_built_in(kind) {
        found.push("options".to_owned());
    }
    found
}
