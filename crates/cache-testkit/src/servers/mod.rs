//! Real Redis servers for tests: each on a free loopback port, in a folder of its own, gone with the test process.
//!
//! ```no_run
//! use cache_testkit::servers::RedisServer;
//!
//! let server = RedisServer::builder().password("canary").line("maxmemory 4mb").start();
//! assert_eq!(server.command(["SET", "key", "value"]).text(), "OK");
//! assert_eq!(server.calls()["set"], 1);
//! server.freeze(); // Clients see a server that does not answer.
//! server.thaw();
//! ```
//!
//! | type | what it starts |
//! |---|---|
//! | [`RedisServer`] | one server: plain, TLS, unix socket, ACL, a replica |
//! | [`RedisCluster`] | three primaries with a replica each |
//! | [`RedisSentinel`] | a primary, its replicas, three sentinels |
//!
//! The program is `redis-server`, or what the environment variable `CACHE_TEST_REDIS_SERVER` names: another version, or
//! Valkey. Nothing else is needed; no server is ever found or ended by its name.
//!
//! Everything here blocks for a few milliseconds, which a test may do. A server that does not start panics with the
//! end of its log.

#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod announce;
mod ask;
mod builder;
mod certificates;
mod cluster;
mod port;
mod process;
mod reply;
mod sentinel;
mod server;
mod shared_tls;

pub use self::builder::RedisServerBuilder;
pub use self::certificates::Certificates;
pub use self::cluster::RedisCluster;
pub use self::port::free_port;
pub use self::reply::{Pending, Reply};
pub use self::sentinel::RedisSentinel;
pub use self::server::RedisServer;
