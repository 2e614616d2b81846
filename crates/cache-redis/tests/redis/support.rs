//! What the tests share: namespaces of their own on servers that are started once, and generous budgets.

use std::env;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
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

/// Runs a test in a process of its own, where no other test takes memory, and fails if the process does.
pub(crate) fn in_a_process_of_its_own<F: Future<Output = ()>>(test: &str, case: impl FnOnce() -> F) {
    const CHILD: &str = "CACHE_REDIS_CHILD";
    if env::var_os(CHILD).is_some() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        return runtime.unwrap().block_on(case());
    }
    let child = Command::new(env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let (out, err) = (
        String::from_utf8_lossy(&child.stdout),
        String::from_utf8_lossy(&child.stderr),
    );
    assert!(
        child.status.success() && out.contains("1 passed"),
        "{}:\n{out}\n{err}",
        child.status
    );
}

/// Returns the most memory that this process ever had, in bytes, on Linux.
pub(crate) fn peak_memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or(0, |line| {
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
    })
}

/// Takes a connection and answers what a client says to begin with.
pub(crate) fn greeted(listener: &TcpListener) -> TcpStream {
    let (mut stream, _) = listener.accept().unwrap();
    let (mut said, mut buffer) = (Vec::new(), [0; 512]);
    while !said.ends_with(concat!(env!("CARGO_PKG_VERSION"), "\r\n").as_bytes()) {
        let read = stream.read(&mut buffer).unwrap();
        said.extend_from_slice(&buffer[..read]);
    }
    stream.write_all(b"+OK\r\n+OK\r\n").unwrap();
    stream
}
