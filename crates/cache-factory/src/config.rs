//! The configuration of named caches. What every cache has stands at the top, what only one backend has in the section
//! of its name.

use std::collections::BTreeMap;
use std::env;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::choice;
use crate::draft::Draft;
use crate::error::{ConfigError, ConfigErrors};
use crate::expand::Lookup;
use crate::reader::Reader;
use crate::section::{Section, section};
use crate::setting::{Bound, Options, Secret, Size, Span, Ttl};
use crate::word::{CodecName, KeysInLogs, OnAbandon, Policy};

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
        #[cfg_attr(feature = "schema", schemars(with = "Option<crate::schema::Backend>"))]
        backend: String,
        /// How long values live unless a write says otherwise: `5m`, or `never`. One minute.
        ttl: Ttl,
        /// How values become bytes, where they do: on a server, and when one is read as another type. `json`.
        codec: CodecName,
        /// The longest key. 64 KiB.
        max_key_len: Size,
        /// Whether the cache must answer when it is opened, and whether the service counts as unready while it does
        /// not. Off: a cache that does not answer is opened all the same and recovers by itself.
        required: bool,
        /// Whether values may carry tags, by which they are invalidated together. Off.
        tags: bool,
        /// Whether the cache is measured. On if the program has metrics.
        metrics: bool,
        /// Whether the cache tells of itself in spans and log events. On if the program has tracing.
        tracing: bool,
        /// What spans and log events say of keys. `redacted`.
        keys_in_logs: KeysInLogs,
        /// How long nothing more is logged about one kind of failure once it was; `0s` for a line about each. 10 s.
        failure_interval: Span,
        /// How `get_or_load` loads values, unless a call says otherwise.
        loading: LoadingConfig,
        /// Settings of the backend `memory`.
        memory: MemoryConfig,
        /// Settings of the backend `redis`.
        redis: RedisConfig,
        /// Settings of a backend that the program has registered.
        options: Options,
    }
}

section! {
    /// How `get_or_load` loads values. `docs/loading.md` explains it with a picture.
    pub struct LoadingConfig {
        /// How long a loaded value is fresh. The `ttl` of the cache.
        ttl: Ttl,
        /// How long the answer that there is nothing is remembered, or `off`. 5 s.
        negative_ttl: Bound,
        /// The share of the TTL, 0 to 0.5, by which a loaded value may live shorter, by chance. 0.05.
        jitter: f64,
        /// Up to which age, counted from its load, a stale value is given at once while a new one is loaded. Off.
        stale_while_revalidate: Bound,
        /// Up to which age, counted from its load, a stale value is given if the load fails. Off.
        stale_if_error: Bound,
        /// How long after a failed load the next is tried if there is a stale value to give. 1 s.
        retry_after: Span,
        /// After which wait callers get the stale value. Off.
        soft_timeout: Bound,
        /// How long a load may run, or `off`. 30 s.
        hard_timeout: Bound,
        /// How eagerly values are renewed shortly before their TTL ends: the beta of XFetch, 1.0 to begin with. Off.
        refresh_ahead: f64,
        /// How long the error of a failed load is given instead of loading again. Off.
        error_memory: Bound,
        /// What becomes of a load when all who waited for it have gone. `abort`.
        on_abandon: OnAbandon,
        /// Whether a failure of the backend is an error and not a reason to load. Off.
        strict: bool,
        /// How many loads may run at the same time. No limit.
        max_concurrent_loads: usize,
        /// How long a load waits for others to end where there is a limit. 1 s.
        load_wait: Span,
    }
}

section! {
    /// Settings of the backend `memory`.
    pub struct MemoryConfig {
        /// The most entries; 0 for no limit, which is what holds unless it is told.
        max_items: u64,
        /// The most bytes of all keys and values, these as the codec encodes them. Each write is encoded once to be
        /// measured. Not together with `max_items`.
        max_bytes: Size,
        /// Which entry goes when room is needed. `lru`.
        policy: Policy,
        /// Ends entries that were neither read nor written for so long. Off.
        time_to_idle: Span,
        /// How often entries whose time has ended are freed without traffic. 500 ms.
        maintenance_interval: Span,
    }
}

section! {
    /// Settings of the backend `redis`. Where the server is, one of `url`, `address`, `unix_socket`, `cluster` and
    /// `sentinel` says; without a word it is `127.0.0.1:6379`.
    pub struct RedisConfig {
        /// A URL: `redis://user:password@host:6379/0`, `rediss://` for TLS, `unix:///path`. It is never printed.
        url: Secret,
        /// Host and port: `localhost:6379`.
        address: String,
        /// The path of a unix socket.
        unix_socket: String,
        /// Some nodes of a Cluster, each as `host:port` or a URL.
        cluster: Vec<Secret>,
        /// Sentinels that know the master.
        sentinel: SentinelConfig,
        /// TLS, which a URL that begins with `rediss` asks for too.
        tls: TlsConfig,
        /// The user, for servers with an access control list.
        user: String,
        /// The password. Give it as `${NAME}`, or by `password_file`.
        password: Secret,
        /// A file that holds the password.
        password_file: String,
        /// The number of the database. 0.
        db: i64,
        /// Whether RESP3 is spoken. Off.
        resp3: bool,
        /// What the keys of this cache begin with on the server. The name of the cache.
        namespace: String,
        /// How many connections carry reads. Writes have one to themselves. 1.
        connections: usize,
        /// How many connections there may be at all. 8.
        max_connections: usize,
        /// How long a read takes at most, all included. 100 ms.
        read_budget: Span,
        /// How long a write takes at most, all included. 250 ms.
        write_budget: Span,
        /// How long a clear takes at most. 30 s.
        clear_budget: Span,
        /// How long an attempt to connect goes on in the background. 500 ms.
        connect_timeout: Span,
        /// How often the keys of the namespace are counted, in the background. Off.
        count_interval: Span,
        /// When calls fail at once because the server does not answer.
        breaker: BreakerConfig,
        /// Whether values are stored without a header, for other programs. Off.
        raw: bool,
        /// The longest encoded value. 64 MiB.
        max_value_len: Size,
        /// From which length on values are compressed. Off.
        compress_from: Size,
    }
}

section! {
    /// Sentinels, which know the address of a master.
    pub struct SentinelConfig {
        /// The name of the master.
        master: String,
        /// The Sentinels, each as `host:port`.
        nodes: Vec<Secret>,
        /// The user for the Sentinels themselves.
        user: String,
        /// The password for the Sentinels themselves.
        password: Secret,
        /// A file that holds that password.
        password_file: String,
    }
}

section! {
    /// TLS. The certificate of the server and its host name are always verified.
    pub struct TlsConfig {
        /// The path of a PEM file of the authorities that are trusted. Those of the system.
        ca: String,
        /// The path of a PEM file of the certificate that is shown to the server.
        certificate: String,
        /// The path of a PEM file of its private key.
        key: String,
    }
}

section! {
    /// When calls fail at once because the server does not answer.
    pub struct BreakerConfig {
        /// Whether there is a breaker. On.
        enabled: bool,
        /// How many failures in a row open it. 5.
        failures_in_a_row: u32,
        /// Of how many calls in a second at least half must have failed. 20.
        calls_in_window: u64,
        /// The longest time between two calls that are let through while it is open. 400 ms.
        probe_interval: Span,
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
        filled.fill(&choice::without_others(&self.defaults, own));
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
