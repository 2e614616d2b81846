//! What the tests share: namespaces of their own on servers that are started once, and generous budgets.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cache_redis::{RedisBackend, RedisBuilder};
use cache_testkit::servers::{RedisCluster, RedisSentinel, RedisServer};

/// The commands of `docs/redis.md` that a user needs, and the prefix that the user of the tests is confined to.
pub(crate) const RIGHTS: &str = "+ping +get +getrange +mget +set +unlink +scan";
pub(crate) const USER: &str = "app";
pub(crate) const PASSWORD: &str = "of-the-app";

/// Returns a namespace that no other test has.
pub(crate) fn namespace() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    format!("app-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A builder with budgets that a busy machine does not use up: no test is about time unless it says so.
pub(crate) fn patient() -> RedisBuilder {
    let long = Duration::from_secs(20);
    RedisBackend::builder()
        .namespace(namespace())
        .read_budget(long)
        .write_budget(long)
        .connect_timeout(long)
}

/// A backend on the shared server.
pub(crate) fn single() -> RedisBackend {
    patient().url(RedisServer::shared().url()).build().unwrap()
}

/// A server with TLS, and a user who may do only what a cache needs, below one prefix.
pub(crate) fn secured() -> &'static RedisServer {
    static SECURED: OnceLock<RedisServer> = OnceLock::new();
    SECURED.get_or_init(|| {
        RedisServer::builder()
            .password("of-the-admin")
            .user(format!("{USER} on >{PASSWORD} ~app-* -@all {RIGHTS}"))
            .tls()
            .start()
    })
}

/// Returns the servers of the shared Cluster.
pub(crate) fn cluster_nodes() -> Vec<&'static RedisServer> {
    RedisCluster::shared().nodes().iter().collect()
}

/// Returns the servers behind the shared Sentinels.
pub(crate) fn sentinel_nodes() -> Vec<&'static RedisServer> {
    vec![RedisSentinel::shared().primary()]
}
