//! One line of configuration: named caches out of a file, the environment or code, a registry of them, and their
//! health.
//!
//! ```
//! # #[cfg(feature = "memory")]
//! # fn example() -> cache_core::Result<()> {
//! use std::time::Duration;
//!
//! // In code, in the manner of the source system:
//! let users = cache_factory::in_memory("users").ttl(Duration::from_secs(300)).max_items(10_000).build()?;
//! // The backend by a word:
//! let sessions = cache_factory::cache("inmemory", "sessions").build()?;
//! # Ok(()) }
//! ```
//!
//! Out of a file of any format that serde knows, here TOML:
//!
//! ```
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use cache_factory::{Draft, Factory};
//!
//! let file: Draft = toml::from_str(r#"
//!     [defaults]
//!     backend = "memory"
//!     ttl = "5m"
//!
//!     [caches.users]
//!     memory.max_items = 10000
//!
//!     [caches.sessions]
//!     ttl = "30m"
//! "#)?;
//! let environment = Draft::from_env("CACHE", std::env::vars_os());
//! let factory = Factory::new();
//! let caches = factory.open(&factory.read(&file.overlay(environment))?).await?;
//! let users = caches.get("users")?;
//! # Ok(()) }
//! ```
//!
//! `docs/configuration.md` says what can be set and what wrong settings print. [`Factory`] says in which order layers
//! stand around a backend.
//!
//! # Features
//!
//! | feature | what it brings |
//! |---|---|
//! | `memory` | the backend `memory`; on unless default features are off |
//! | `redis` | the backend `redis`, with Cluster, Sentinel, TLS and compression |
//! | `metrics` | each cache is measured, unless its configuration says `metrics = false` |
//! | `tracing` | each cache tells of itself in spans and events, unless its configuration says `tracing = false` |
//! | `postcard`, `message-pack` | the codecs `postcard` and `messagepack` |
//! | `schema` | `schema()`, the JSON Schema of the configuration |

mod blame;
mod builder;
mod check;
mod choice;
mod codec;
mod config;
#[cfg(test)]
mod documented;
mod draft;
mod error;
mod expand;
mod factory;
mod health;
mod kind;
mod loading;
#[cfg(feature = "memory")]
mod memory;
mod nearest;
mod options;
mod reader;
#[cfg(feature = "redis")]
mod redis;
mod registry;
#[cfg(feature = "schema")]
mod schema;
mod section;
mod setting;
mod stack;
mod together;
mod units;
mod word;
mod wrong;

#[cfg(feature = "memory")]
pub use self::builder::in_memory;
#[cfg(feature = "redis")]
pub use self::builder::redis;
pub use self::builder::{Setup, cache};
pub use self::config::{
    BreakerConfig, CacheConfig, Config, LoadingConfig, MemoryConfig, RedisConfig, SentinelConfig, TlsConfig,
};
pub use self::draft::Draft;
pub use self::error::{CloseErrors, ConfigError, ConfigErrors};
pub use self::factory::Factory;
pub use self::health::{CacheHealth, Down, Health, HealthReport, Status};
pub use self::kind::{BackendContext, NoOptions};
pub use self::registry::Registry;
#[cfg(feature = "schema")]
pub use self::schema::schema;
pub use self::setting::{Bound, Options, Secret, Size, Span, Ttl};
pub use self::word::{CodecName, KeysInLogs, OnAbandon, Policy};
