//! The configuration of named caches. What every cache has stands at the top, what only one backend has in the section
//! of its name.

use std::collections::BTreeMap;
use std::env;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::draft::Draft;
use crate::error::{ConfigError, ConfigErrors};
use crate::expand::Lookup;
use crate::reader::Reader;
use crate::section::{Section, section};
use crate::setting::{Options, Size, Span, Ttl, words};

/// Several named caches, with what they have in common.
///
/// It deserializes from any format that describes itself; all that is wrong is told at once.
/// [`Factory::read`](crate::Factory::read) tells more: where values came from, and what only a factory knows.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(deny_unknown_fields, default))]
#[non_exhaustive]
pub struct Config {
    /// What holds for every cache that does not say otherwise. A section for a backend is heeded by the caches that use
    /// that backend.
    pub defaults: CacheConfig,
    /// The caches by their names: a lower-case letter, then at most 62 lower-case letters, digits, `_` and `-`.
    pub caches: BTreeMap<String, CacheConfig>,
}

section! {
    /// One cache. What is absent is taken from the defaults of the configuration, then from the library.
    pub struct CacheConfig {
        /// Where entries live: `memory` (or `inmemory`), `redis`, or what the program has registered.
        backend: String,
        /// How long values live unless a write says otherwise: `5m`, or `never`. One minute.
        ttl: Ttl,
        /// The longest key. 64 KiB.
        max_key_len: Size,
        /// Whether the cache must answer when it is opened, and whether the service counts as unready while it does
        /// not. Off: a cache that does not answer is opened all the same and recovers by itself.
        required: bool,
        /// Whether the cache is measured. On if the program has metrics.
        metrics: bool,
        /// Whether the cache tells of itself in spans and log events. On if the program has tracing.
        tracing: bool,
        /// What spans and log events say of keys. `redacted`.
        keys_in_logs: KeysInLogs,
        /// Settings of the backend `memory`.
        memory: MemoryConfig,
        /// Settings of a backend that the program has registered.
        options: Options,
    }
}

section! {
    /// Settings of the backend `memory`.
    pub struct MemoryConfig {
        /// The most entries; 0 for no limit, which is what holds unless it is told.
        max_items: u64,
        /// The most bytes of all keys and values, these as JSON. Each write is encoded once to be measured. Not together
        /// with `max_items`.
        max_bytes: Size,
        /// Which entry goes when room is needed. `lru`.
        policy: Policy,
        /// Ends entries that were neither read nor written for so long. Off.
        time_to_idle: Span,
        /// How often entries whose time has ended are freed without traffic. 500 ms.
        maintenance_interval: Span,
    }
}

words! {
    /// Which entry makes room for another.
    pub enum Policy {
        /// The least recently used one.
        Lru = "lru",
        /// The least frequently used one.
        TinyLfu = "tinylfu",
    }
}

words! {
    /// What spans and log events say of keys.
    pub enum KeysInLogs {
        /// Their length and hash.
        Redacted = "redacted",
        /// The keys themselves.
        Shown = "shown",
    }
}

impl Config {
    /// Reads a draft. `${NAME}` in texts stands for the environment variable `NAME`.
    ///
    /// # Errors
    /// Everything that is wrong with single settings. What is wrong between settings, a
    /// [`Factory`](crate::Factory::read) finds.
    pub fn read(draft: &Draft) -> Result<Self, ConfigErrors> {
        let (config, errors) = Self::read_all(draft, &|name| env::var(name).ok());
        ConfigErrors::check(errors).map(|()| config)
    }

    /// Reads what can be read, and says what cannot.
    pub(crate) fn read_all(draft: &Draft, lookup: Lookup<'_>) -> (Self, Vec<ConfigError>) {
        let mut config = Self::default();
        let mut reader = Reader::new(lookup, &draft.origins);
        for (name, value) in &draft.tree {
            reader.within(name, |reader| match name.as_str() {
                "defaults" => config.defaults = reader.section(value),
                "caches" => reader.fields(value, |reader, name, value| {
                    let cache = if value.is_null() {
                        CacheConfig::default()
                    } else {
                        reader.section(value)
                    };
                    config.caches.insert(name.to_owned(), cache);
                }),
                other => reader.unknown(other, &["defaults", "caches"]),
            });
        }
        let mut errors = draft.errors.clone();
        errors.extend(reader.into_errors());
        (config, errors)
    }

    /// Returns a cache as it is with the defaults.
    pub(crate) fn filled(&self, own: &CacheConfig) -> CacheConfig {
        let mut filled = own.clone();
        filled.fill(&self.defaults);
        filled
    }
}

impl<'de> Deserialize<'de> for Config {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::read(&Draft::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl Options {
    /// Returns the settings as values.
    pub fn values(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.values.iter().map(|(name, value)| (name.as_str(), value))
    }
}
