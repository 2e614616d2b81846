//! The in-memory backend of the cache: entries in [moka], bounded, expiring, observable.
//!
//! ```
//! # fn main() -> cache_core::Result<()> {
//! use std::time::Duration;
//! use cache_core::Cache;
//! use cache_memory::MemoryBackend;
//!
//! let backend = MemoryBackend::builder().max_items(10_000).build()?;
//! let cache = Cache::builder(backend).name("users").ttl(Duration::from_secs(300)).build()?;
//! # Ok(()) }
//! ```
//!
//! A hit is answered at once, without an allocation or a lock of ours: the future is ready when it is made. No async
//! runtime is needed.
//!
//! # What least recently used means here
//!
//! - A write takes effect on the policy before it returns. Under one caller at a time eviction is exact: at the limit
//!   a new key evicts the live entry whose last get or set is the longest ago, and nothing else.
//! - Entries whose time has ended go before any live entry does.
//! - Under many callers reads reach the policy through a bounded queue. A read that finds it full is not recorded, so
//!   which entry is the least recently used is approximate then. The limit is not: live entries exceed it by at most
//!   the number of writes that run at the moment.
//!
//! [moka]: https://docs.rs/moka

mod afresh;
mod ages;
mod backend;
mod config;
mod deadlines;
mod error;
mod idle;
mod ledger;
mod maintenance;
mod order;
mod policy;
pub mod presets;
mod store;
mod stored;
mod sync;
mod weigher;

pub use self::backend::MemoryBackend;
pub use self::config::MemoryBuilder;
pub use self::policy::EvictionPolicy;
pub use self::weigher::Weigher;
