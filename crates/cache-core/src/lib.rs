//! The contract of the cache: one interface over memory and servers, with typed values.
//!
//! People who use a cache hold a [`Cache`]. People who write a backend implement [`CacheBackend`]; those who watch
//! or limit one implement [`Layer`]. This crate does no I/O; [`Cache::get_or_load`] runs loaders as tasks of tokio, and
//! nothing else is started.
//!
//! ```
//! # async fn example(backend: impl cache_core::CacheBackend) -> cache_core::Result<()> {
//! use cache_core::Cache;
//!
//! let cache = Cache::builder(backend).name("users").build()?;
//! cache.set("user:7", "Ada".to_owned()).await?;
//! assert_eq!(cache.get::<String>("user:7").await?.as_deref(), Some("Ada"));
//! # Ok(()) }
//! ```

mod backend;
mod batch;
mod builder;
mod cache;
mod clock;
pub mod codec;
mod delete_many;
mod enclosing;
mod encoded;
mod entry;
pub mod envelope;
mod error;
mod evictions;
mod expiration;
mod fingerprint;
mod forward;
mod future;
mod get;
mod get_many;
mod into_value;
mod invalidate;
mod key;
mod layer;
mod loading;
mod namespace;
mod negative;
mod operation;
mod report;
mod set;
mod set_many;
mod stats;
mod tags;
mod value;
mod value_sizes;
mod wait_times;
mod weak_value;

pub use self::backend::CacheBackend;
pub use self::batch::Many;
pub use self::builder::CacheBuilder;
pub use self::cache::Cache;
pub use self::clock::{Clock, SystemClock, Timestamp};
pub use self::codec::Codec;
pub use self::delete_many::DeleteMany;
pub use self::enclosing::EnclosingOperation;
pub use self::entry::Entry;
pub use self::error::{CacheError, ErrorKind, Result};
pub use self::evictions::{EvictedEntries, EvictionCause};
pub use self::expiration::Expiration;
pub use self::fingerprint::{KeyFingerprint, TypeFingerprint};
pub use self::future::CacheFuture;
pub use self::get::{Get, Owned, Shared, Take};
pub use self::get_many::GetMany;
pub use self::into_value::IntoValue;
pub use self::key::Key;
pub use self::layer::{Layer, LayerContext, Observer};
pub use self::loading::{
    Abandon, Answer, BatchLoader, Choosing, Detailed, Ended, Follower, Form, Found, GetOrLoad,
    GetOrLoadFuture, GetOrLoadMany, GetOrLoadManyFuture, Give, LoadContext, LoadEvent, LoadOptions,
    LoadResult, Loadable, Loaded, Loader, Plain, Random, Scope, Source, StaleReason,
};
pub use self::namespace::Namespace;
pub use self::operation::Operation;
pub use self::set::Set;
pub use self::set_many::SetMany;
pub use self::stats::{BackendStats, ConnectionStats, RejectReason, RejectedEntries};
pub use self::tags::Tag;
pub use self::value::{Payload, Value};
pub use self::value_sizes::{Sizes, ValueSizes};
pub use self::wait_times::{WaitTimes, Waits};
pub use self::weak_value::WeakValue;
