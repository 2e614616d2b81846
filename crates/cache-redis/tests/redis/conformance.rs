//! The contract, on every kind of server and through every kind of connection.

use std::sync::Arc;
use std::time::Duration;

use cache_core::{CacheBackend, Codec};
use cache_redis::{RedisBuilder, Tls};
use cache_testkit::servers::{RedisCluster, RedisSentinel, RedisServer, Reply};
use cache_testkit::{Fixture, ManualClock, Passing};

use crate::support::{PASSWORD, USER, cluster_nodes, namespace, patient, secured, sentinel_nodes};

/// How long the calls of a case may take of the lives of its entries: the time of the server does not stand still.
const SLACK: Duration = Duration::from_millis(250);

/// A backend on servers whose time the test moves.
struct Redis {
    clock: Arc<ManualClock>,
    configure: fn(RedisBuilder) -> RedisBuilder,
    servers: Vec<&'static RedisServer>,
    namespaces: [String; 2],
    foreign: Vec<Foreign>,
    backend: Arc<dyn CacheBackend>,
}

/// A key that is not of the cache, and where it is.
struct Foreign {
    server: &'static RedisServer,
    key: String,
}

/// What such a key holds.
const UNTOUCHED: &str = "untouched";

impl Foreign {
    /// Stores one, on a Cluster where its slot is.
    fn plant(servers: &[&'static RedisServer], key: String) -> Self {
        let takes_it =
            |server: &&RedisServer| matches!(server.command(["SET", &key, UNTOUCHED]), Reply::Bytes(_));
        let server = servers.iter().copied().find(takes_it).unwrap();
        Self { server, key }
    }
}

impl Redis {
    fn new(configure: fn(RedisBuilder) -> RedisBuilder, servers: Vec<&'static RedisServer>) -> Self {
        let (clock, namespaces) = (ManualClock::new(), [namespace(), namespace()]);
        let builder = configure(patient()).namespace(&namespaces[0]);
        let backend = builder.clock(clock.clone()).build().unwrap();
        Self {
            clock,
            configure,
            foreign: [
                format!("{}-beside:key", namespaces[0]),
                namespaces[0].clone(),
                format!("beside-{}:key", namespaces[0]),
            ]
            .map(|key| Foreign::plant(&servers, key))
            .into(),
            servers,
            namespaces,
            backend: Arc::new(backend),
        }
    }
}

/// Whatever a case does, keys of others are as they were.
impl Drop for Redis {
    fn drop(&mut self) {
        for Foreign { server, key } in &self.foreign {
            let found = server.command(["GET", key]);
            let is_untouched = found == Reply::Bytes(UNTOUCHED.into());
            assert!(is_untouched || std::thread::panicking(), "{key} holds {found:?}");
        }
    }
}

impl Fixture for Redis {
    fn backend(&self) -> Arc<dyn CacheBackend> {
        Arc::clone(&self.backend)
    }

    fn neighbour(&self) -> Arc<dyn CacheBackend> {
        let builder = (self.configure)(patient()).namespace(&self.namespaces[1]);
        Arc::new(builder.clock(self.clock.clone()).build().unwrap())
    }

    /// Moves the clock of the cache, and on the servers brings each end so much nearer, so that nobody has to wait.
    fn pass(&self, time: Duration) -> Passing<'_> {
        Box::pin(async move {
            self.clock.advance(time);
            for server in self.servers.iter().filter(|server| server.is_primary()) {
                for namespace in &self.namespaces {
                    age(server, namespace, time);
                }
            }
        })
    }

    fn slack(&self) -> Duration {
        SLACK
    }

    fn codec(&self) -> Codec {
        Codec::json()
    }

    fn keeps_objects(&self) -> bool {
        false
    }

    fn counts_items(&self) -> bool {
        false
    }
}

/// Makes every key of a namespace older.
fn age(server: &RedisServer, namespace: &str, time: Duration) {
    let keys = server.command(["KEYS", &format!("{namespace}:*")]);
    for key in keys.items() {
        let key = key.text();
        let left = server.command(["PTTL", &key]).integer();
        let passed = i64::try_from(time.as_millis()).unwrap();
        if left > passed {
            server.command(["PEXPIRE", &key, &(left - passed).to_string()]);
        } else if left >= 0 {
            server.command(["DEL", &key]);
        }
    }
}

cache_testkit::conformance!(
    single,
    Redis::new(
        |builder| builder.url(RedisServer::shared().url()),
        vec![RedisServer::shared()],
    )
);
cache_testkit::conformance!(
    unix_socket_with_resp3,
    Redis::new(
        |builder| builder.unix_socket(RedisServer::shared().socket()).resp3(true),
        vec![RedisServer::shared()],
    )
);
cache_testkit::conformance!(
    tls_and_acl,
    Redis::new(
        |builder| {
            let tls = Tls::new().ca_file(&secured().certificates().ca);
            builder
                .url(secured().url())
                .tls(tls)
                .user(USER)
                .password(PASSWORD)
        },
        vec![secured()],
    )
);
cache_testkit::conformance!(
    cluster,
    Redis::new(
        |builder| builder.cluster(RedisCluster::shared().urls()),
        cluster_nodes()
    )
);
cache_testkit::conformance!(
    sentinel,
    Redis::new(
        |builder| builder.sentinel(RedisSentinel::SERVICE, RedisSentinel::shared().urls()),
        sentinel_nodes(),
    )
);
