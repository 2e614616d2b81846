//! The Redis backend of the cache: one round trip per command, on a single node, a Cluster or behind Sentinels.
//!
//! ```no_run
//! # async fn example() -> cache_core::Result<()> {
//! use std::time::Duration;
//! use cache_core::Cache;
//! use cache_redis::RedisBackend;
//!
//! let backend = RedisBackend::builder().url("redis://127.0.0.1:6379/0").namespace("users").build()?;
//! let cache = Cache::builder(backend).name("users").ttl(Duration::from_secs(300)).build()?;
//! cache.set("user:7", "Ada".to_owned()).await?;
//! # Ok(()) }
//! ```
//!
//! # How it talks to the server
//!
//! A pool makes, bounds and replaces connections, but no command waits for one: commands run on held connections, one for
//! reads and one for writes, which carry the requests of all callers at once. A get is one `GET`, a set one `SET`, a delete one
//! `UNLINK`, and nothing else.
//!
//! Each operation has one deadline over all that it does: waiting for a connection, connecting, a retry. A connection
//! that breaks is replaced in the background, and reads and writes (all of them can be repeated) are tried once more.
//! While the server is down a breaker answers at once and lets one call through now and then. `docs/redis.md` says how
//! to set it up, `docs/faults.md` what callers see of each fault.
//!
//! # Features
//!
//! | feature | what it brings |
//! |---|---|
//! | `cluster` | Redis Cluster |
//! | `sentinel` | masters that Sentinels know |
//! | `tls` | TLS by rustls and ring, verified always |
//! | `compression` | LZ4 for large values |

mod address;
mod admission;
mod attempt;
mod backend;
mod breaker;
mod budget;
mod call;
mod cause;
mod check;
mod clear;
#[cfg(feature = "cluster")]
mod clear_cluster;
mod clear_failure;
#[cfg(feature = "cluster")]
mod cluster;
#[cfg(feature = "cluster")]
mod cluster_node;
mod command;
mod config;
mod contact;
mod count;
mod counters;
mod decode;
mod driver;
mod error;
mod failure;
mod given_up;
mod greeting;
mod held;
mod identity;
mod jitter;
mod lane;
mod link;
mod many;
#[cfg(feature = "cluster")]
mod nodes;
mod origin;
#[cfg(feature = "tls")]
mod pem;
mod place;
mod pool;
mod queue;
mod reply;
mod scalar;
mod secret;
mod sent;
mod shards;
mod side;
mod slot;
mod stored;
#[cfg(feature = "tls")]
mod tls;
mod transport;
mod wire;

pub use self::backend::RedisBackend;
pub use self::breaker::BreakerSettings;
pub use self::config::RedisBuilder;
#[cfg(feature = "tls")]
pub use self::tls::Tls;
