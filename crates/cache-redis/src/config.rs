//! The settings of a Redis cache, checked before anything is connected.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cache_core::{CacheBackend, Clock, Codec, Namespace, Result, SystemClock};

use crate::address;
use crate::backend::RedisBackend;
use crate::breaker::BreakerSettings;
use crate::budget::Budgets;
use crate::call::Caller;
use crate::count::Counting;
use crate::pool::{self, Connector};
use crate::secret::Secret;
use crate::shards::Shards;
use crate::stored::{Form, longest_stored};
#[cfg(feature = "tls")]
use crate::tls::Tls;

/// The settings of a [`RedisBackend`]. Of a setting that is given twice the last counts.
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until build or connect is called"]
pub struct RedisBuilder {
    pub(crate) url: Option<Secret>,
    pub(crate) host: Option<String>,
    pub(crate) port: Option<u16>,
    pub(crate) unix_socket: Option<PathBuf>,
    #[cfg(feature = "cluster")]
    pub(crate) cluster: Option<Vec<Secret>>,
    #[cfg(feature = "sentinel")]
    pub(crate) sentinel: Option<(String, Vec<Secret>)>,
    #[cfg(feature = "sentinel")]
    pub(crate) sentinel_user: Option<String>,
    #[cfg(feature = "sentinel")]
    pub(crate) sentinel_password: Option<Secret>,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<Tls>,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<Secret>,
    pub(crate) db: Option<i64>,
    pub(crate) resp3: bool,
    pub(crate) connect_timeout: Duration,
    namespace: String,
    pub(crate) connections: usize,
    pub(crate) max_connections: usize,
    pub(crate) budgets: Budgets,
    pub(crate) count_interval: Option<Duration>,
    pub(crate) breaker: BreakerSettings,
    codec: Codec,
    raw: bool,
    pub(crate) max_value_len: usize,
    #[cfg(feature = "compression")]
    compress_from: Option<usize>,
    clock: Arc<dyn Clock>,
}

impl Default for RedisBuilder {
    fn default() -> Self {
        Self {
            url: None,
            host: None,
            port: None,
            unix_socket: None,
            #[cfg(feature = "cluster")]
            cluster: None,
            #[cfg(feature = "sentinel")]
            sentinel: None,
            #[cfg(feature = "sentinel")]
            sentinel_user: None,
            #[cfg(feature = "sentinel")]
            sentinel_password: None,
            #[cfg(feature = "tls")]
            tls: None,
            user: None,
            password: None,
            db: None,
            resp3: false,
            connect_timeout: Duration::from_millis(500),
            namespace: "cache".to_owned(),
            connections: 1,
            max_connections: 8,
            budgets: Budgets {
                read: Duration::from_millis(100),
                write: Duration::from_millis(250),
                clear: Duration::from_secs(30),
            },
            count_interval: None,
            breaker: BreakerSettings::default(),
            codec: Codec::default(),
            raw: false,
            max_value_len: Codec::DEFAULT_MAX_LEN,
            #[cfg(feature = "compression")]
            compress_from: None,
            clock: SystemClock::shared(),
        }
    }
}

impl RedisBuilder {
    /// Sets the namespace, `cache` unless it is told. Every key of this cache begins with it, and nothing outside of it
    /// is read, changed or removed. Two caches on one server have two namespaces, or they are the same cache.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = namespace.into();
        self
    }

    /// Sets how many connections carry reads, 1 unless it is told. One carries the requests of any number of callers
    /// and batches them best; more help where one core cannot serve one, or where values are large. Writes have a
    /// connection to themselves.
    pub fn connections(mut self, connections: usize) -> Self {
        self.connections = connections;
        self
    }

    /// Sets how many connections there may be at all, 8 unless it is told: those for reads, the one for writes, and
    /// those that clears and counts use for themselves. A connection to a Cluster counts as one and has one to each node.
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.max_connections = connections;
        self
    }

    /// Sets how long a get, an exists, a get of many and a ping take at most, all included: 100 ms unless it is told.
    pub fn read_budget(mut self, budget: Duration) -> Self {
        self.budgets.read = budget;
        self
    }

    /// Sets how long sets and deletes take at most, all included: 250 ms unless it is told. Each step of a clear or a count has as
    /// long.
    pub fn write_budget(mut self, budget: Duration) -> Self {
        self.budgets.write = budget;
        self
    }

    /// Sets how long a whole clear takes at most: 30 s unless it is told. It looks at every key of the server.
    pub fn clear_budget(mut self, budget: Duration) -> Self {
        self.budgets.clear = budget;
        self
    }

    /// Sets how long an attempt to connect goes on in the background: 500 ms unless it is told. Callers wait for it no
    /// longer than their budget. To a Cluster it goes on for twice as long, and each of its nodes has half of it.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Sets how often the keys of the namespace are counted in the background, from 1 ms to 1 h: off unless it is told. The stats
    /// say as `items` what the last count found, and nothing before the first, which begins with the first call. The pause after
    /// a count is between half of the interval and all of it, by chance, so that processes do not scan at the same time. A count
    /// scans all keys of the database, a thousand at a time and with pauses, over a connection of the pool; of several processes
    /// with one namespace one is enough. Keys that are stored or moved meanwhile may be missed, or count twice.
    /// [`connect`](Self::connect) also checks that the user may scan.
    pub fn count_interval(mut self, interval: Duration) -> Self {
        self.count_interval = Some(interval);
        self
    }

    /// Sets when the breaker opens.
    pub fn breaker(mut self, breaker: BreakerSettings) -> Self {
        self.breaker = breaker;
        self
    }

    /// Sets the codec that values are stored with, JSON unless it is told. Give the cache the same one.
    pub fn codec(mut self, codec: Codec) -> Self {
        self.codec = codec;
        self
    }

    /// Says whether values are stored without a header, as other programs store and read them. Then nothing tells
    /// whether a value belongs to its key, arrived whole or is stale, and types are not checked. Off unless it is told;
    /// values without a header are read in any case.
    pub fn raw(mut self, raw: bool) -> Self {
        self.raw = raw;
        self
    }

    /// Sets how long an encoded value may be in bytes, 64 MiB unless it is told. Longer ones are refused before they
    /// are sent, and before they are decoded or decompressed.
    pub fn max_value_len(mut self, bytes: usize) -> Self {
        self.max_value_len = bytes;
        self
    }

    /// Compresses values from this length in bytes on, if that makes them smaller. Off unless it is told; compressed
    /// values are read in any case. Values without a header are not compressed.
    #[cfg(feature = "compression")]
    pub fn compress_from(mut self, bytes: usize) -> Self {
        self.compress_from = Some(bytes);
        self
    }

    /// Sets the clock, that of the machine unless it is told.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Checks the settings and makes the backend. It connects when it is first used.
    ///
    /// # Errors
    /// [`InvalidConfig`](cache_core::ErrorKind::InvalidConfig) for an address, an identity or a duration that makes no
    /// sense and for files that are not there; [`InvalidName`](cache_core::ErrorKind::InvalidName) for an empty
    /// namespace; [`InvalidLimit`](cache_core::ErrorKind::InvalidLimit) for limits that contradict each other.
    pub fn build(self) -> Result<RedisBackend> {
        self.check()?;
        let target = address::target(&self)?;
        #[cfg(feature = "cluster")]
        let sharded = self.cluster.is_some();
        #[cfg(not(feature = "cluster"))]
        let sharded = false;
        #[cfg(feature = "cluster")]
        let shards = if sharded {
            Shards::many(&self.breaker)
        } else {
            Shards::one(&self.breaker)
        };
        #[cfg(not(feature = "cluster"))]
        let shards = Shards::one(&self.breaker);
        let connector = Connector::new(
            target,
            address::connect_limit(&self),
            longest_stored(self.max_value_len),
            shards,
        );
        let pool = pool::build(connector, self.max_connections)?;
        let form = Form {
            namespace: Namespace::new(&self.namespace)?,
            codec: self.codec.clone(),
            clock: Arc::clone(&self.clock),
            raw: self.raw,
            max_value_len: self.max_value_len,
            #[cfg(feature = "compression")]
            compress_from: self.compress_from.filter(|_| !self.raw),
        };
        Ok(RedisBackend::new(
            form,
            Caller::new(pool, self.connections),
            self.budgets,
            Counting::new(self.count_interval),
            sharded,
        ))
    }

    /// Checks the settings, makes the backend and asks the server for a sign of life.
    ///
    /// # Errors
    /// As [`build`](Self::build), and [`Unavailable`](cache_core::ErrorKind::Unavailable),
    /// [`Timeout`](cache_core::ErrorKind::Timeout) or [`Denied`](cache_core::ErrorKind::Denied) if the server does not
    /// answer, or not to this user.
    pub async fn connect(self) -> Result<RedisBackend> {
        let limit = address::connect_limit(&self).max(self.budgets.read);
        let backend = self.build()?;
        match backend.first_contact(limit).await {
            Ok(()) => Ok(backend),
            Err(error) => {
                backend.close().await?;
                Err(error)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a time as the page writes it.
    fn written(time: Duration) -> String {
        match (time.as_millis(), time.as_secs()) {
            (millis, secs) if millis == u128::from(secs) * 1_000 => format!("{secs} s"),
            (millis, _) => format!("{millis} ms"),
        }
    }

    /// Whoever changes a default changes what services meet that never named it. Those of the breaker and of the address are
    /// tested beside them.
    #[test]
    fn what_nobody_told_is_as_documented() {
        const PAGE: &str = include_str!("../../../docs/redis.md");
        let builder = RedisBuilder::default();
        let budgets = builder.budgets;
        let off = |is_off: bool| if is_off { "off" } else { "on" }.to_owned();
        let defaults = [
            ("resp3", off(!builder.resp3)),
            ("namespace", format!("`{}`", builder.namespace)),
            ("connections", builder.connections.to_string()),
            ("max_connections", builder.max_connections.to_string()),
            ("read_budget", written(budgets.read)),
            ("write_budget", written(budgets.write)),
            ("clear_budget", written(budgets.clear)),
            ("connect_timeout", written(builder.connect_timeout)),
            ("count_interval", off(builder.count_interval.is_none())),
            ("codec", builder.codec.id().to_string()),
            ("raw", off(!builder.raw)),
            ("max_value_len", format!("{} MiB", builder.max_value_len >> 20)),
            #[cfg(feature = "compression")]
            ("compress_from", off(builder.compress_from.is_none())),
            #[cfg(feature = "tls")]
            ("tls", off(builder.tls.is_none())),
        ];
        for (setting, default) in defaults {
            let row = format!("| `{setting}` | {default} |");
            assert!(PAGE.contains(&row), "docs/redis.md does not say {row}");
        }
    }
}
