//! What can be wrong between settings that are right one by one.

use cache_core::{Cache, Expiration, LoadOptions};

use crate::blame::{Fault, faults};
use crate::codec::codec;
use crate::config::{CacheConfig, Config, RedisConfig};
use crate::error::ConfigError;
use crate::kind::{Kinds, is_built_in};
use crate::loading;
use crate::section::{Section, given, is_within};
use crate::setting::Size;

/// Says everything that is wrong.
pub(crate) fn check(config: &Config, kinds: &Kinds) -> Vec<ConfigError> {
    let mut errors = Vec::new();
    if config.caches.is_empty() {
        let message = "there is no cache; describe one, as in `caches.users.backend = \"memory\"`";
        errors.push(ConfigError::new("caches", message));
    }
    for (name, own) in &config.caches {
        for error in check_cache(name, own, &config.filled(own), kinds) {
            // What is wrong with the defaults is wrong for each cache, and told once.
            if !errors.contains(&error) {
                errors.push(error);
            }
        }
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
    let mut told = Told::new(name, own, filled);
    match filled.backend.as_deref().map(|word| kinds.resolve(word)) {
        None => told.own(
            "backend",
            "no backend is named; name one here or in defaults.backend",
        ),
        Some(Err(message)) => told.of("backend", message),
        Some(Ok(kind)) => {
            for setting in foreign(own, kind) {
                let message =
                    format!("means nothing for the backend `{kind}`; drop it, or choose another backend");
                told.own(&setting, message);
            }
            for fault in kinds.check(kind, name, filled) {
                let section = if is_built_in(kind) { kind } else { "options" };
                told.fault(section, &fault);
            }
        }
    }
    if let Err(error) = LoadOptions::new().check_for(filled.ttl.map_or(Expiration::Default, |ttl| ttl.0)) {
        told.fault(
            "ttl",
            &Fault {
                settings: vec!["ttl".to_owned()],
                error,
            },
        );
    }
    if let Err(message) = codec(filled) {
        told.of("codec", message);
    }
    if filled.max_key_len == Some(Size(0)) {
        told.of(
            "max_key_len",
            "is 0, so no key would be short enough; give the longest key in bytes",
        );
    }
    let is_raw = filled.redis.as_ref().is_some_and(|redis| redis.raw == Some(true));
    if filled.tags == Some(true) && is_raw {
        told.of(
            "tags",
            "is true and so is redis.raw, which leaves no room for tags; drop one of them",
        );
    }
    check_layers(&mut told, own, filled);
    for fault in faults(filled, "loading", loading::check) {
        told.fault("loading", &fault);
    }
    let mut errors = told.errors;
    if let Err(error) = Cache::check_name(name) {
        errors.push(ConfigError::of(format!("caches.{name}"), &error));
    }
    errors
}

/// Says what is wrong with the settings of the layers.
fn check_layers(told: &mut Told<'_>, own: &CacheConfig, filled: &CacheConfig) {
    for (setting, is_on, feature, is_compiled) in [
        ("metrics", filled.metrics, "metrics", cfg!(feature = "metrics")),
        ("tracing", filled.tracing, "tracing", cfg!(feature = "tracing")),
        (
            "keys_in_logs",
            filled.keys_in_logs.map(|_| true),
            "tracing",
            cfg!(feature = "tracing"),
        ),
        (
            "failure_interval",
            filled.failure_interval.map(|_| true),
            "tracing",
            cfg!(feature = "tracing"),
        ),
    ] {
        if is_on == Some(true) && !is_compiled {
            let message =
                format!("needs the feature `{feature}` of cache-factory; turn it on, or drop the setting");
            told.of(setting, message);
        }
    }
    for (setting, is_given) in [
        ("keys_in_logs", own.keys_in_logs.is_some()),
        ("failure_interval", own.failure_interval.is_some()),
    ] {
        if filled.tracing == Some(false) && is_given {
            told.own(setting, "means nothing while tracing is false; drop one of them");
        }
    }
}

/// What is wrong with a cache, each with the path of the place where it was given.
struct Told<'a> {
    name: &'a str,
    own: Vec<String>,
    filled: Vec<String>,
    errors: Vec<ConfigError>,
}

impl<'a> Told<'a> {
    fn new(name: &'a str, own: &CacheConfig, filled: &CacheConfig) -> Self {
        Self {
            name,
            own: given(own),
            filled: given(filled),
            errors: Vec::new(),
        }
    }

    /// Tells of a setting of the cache itself.
    fn own(&mut self, setting: &str, message: impl Into<String>) {
        let path = format!("caches.{}.{setting}", self.name);
        self.errors.push(ConfigError::new(path, message));
    }

    /// Tells of a setting, which may come out of the defaults.
    fn of(&mut self, setting: &str, message: impl Into<String>) {
        let path = self.path(setting);
        self.errors.push(ConfigError::new(path, message));
    }

    /// Tells of a fault in a section. If several settings cause it, its message names them.
    fn fault(&mut self, section: &str, fault: &Fault) {
        let error = match fault.settings.as_slice() {
            [setting] => {
                let name = setting.rsplit('.').next().unwrap_or(setting);
                let message = fault.error.message();
                // The path names the setting already.
                let rest = message.strip_prefix(name).and_then(|rest| rest.strip_prefix(' '));
                let message = rest.filter(|rest| rest.starts_with("is ")).unwrap_or(message);
                ConfigError::of(self.path(setting), &fault.error).with_message(message)
            }
            several => {
                let is_default =
                    !several.is_empty() && several.iter().all(|setting| self.is_default(setting));
                let place = if is_default {
                    "defaults".to_owned()
                } else {
                    format!("caches.{}", self.name)
                };
                ConfigError::of(format!("{place}.{section}"), &fault.error)
            }
        };
        self.errors.push(error);
    }

    fn path(&self, setting: &str) -> String {
        if self.is_default(setting) {
            format!("defaults.{setting}")
        } else {
            format!("caches.{}.{setting}", self.name)
        }
    }

    /// Says whether a setting was given, and not by the cache itself.
    fn is_default(&self, setting: &str) -> bool {
        let holds = |given: &[String]| given.iter().any(|one| is_within(setting, one));
        holds(&self.filled) && !holds(&self.own)
    }
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
