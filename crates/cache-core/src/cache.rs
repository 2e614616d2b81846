//! The handle that people hold: typed, named, cheap to clone.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::backend::CacheBackend;
use crate::batch::Batch;
use crate::builder::{CacheBuilder, check_name};
use crate::clock::{Clock, Timestamp};
use crate::codec::Codec;
use crate::delete_many::DeleteMany;
use crate::entry::Entry;
use crate::error::Result;
use crate::expiration::{DefaultExpiration, Expiration, Life};
use crate::future::CacheFuture;
use crate::get::Get;
use crate::get_many::GetMany;
use crate::into_value::IntoValue;
use crate::key::Key;
use crate::layer::{Observer, Shortcut};
use crate::loading::{Follower, Loads};
use crate::operation::Operation;
use crate::set::Set;
use crate::set_many::SetMany;
use crate::stats::BackendStats;
use crate::tags::TaggedBackend;
use crate::value::Value;

/// A cache.
///
/// One cache holds values of any types. Calls that have options are made ready by their method and run when they are
/// awaited, so the options stand between the two; the others may begin at once.
///
/// ```
/// # use std::{sync::Arc, time::Duration};
/// # async fn example(cache: cache_core::Cache) -> cache_core::Result<()> {
/// cache.set("answer", 42_i64).await?;
/// cache.set("greeting", "hello".to_owned()).ttl(Duration::from_secs(5)).await?;
///
/// let answer: Option<i64> = cache.get("answer").await?;
/// let shared: Option<Arc<String>> = cache.get("greeting").shared().await?;
/// # Ok(()) }
/// ```
///
/// The value that is set belongs to the cache from then on; nothing that the caller does later changes it, unless it is a
/// type that can be changed through a shared reference, such as a `Mutex`, and the caller keeps an `Arc` of it. Errors say
/// the operation, the name of the cache and a short form of the key.
#[derive(Clone)]
pub struct Cache(Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) backend: Arc<dyn CacheBackend>,
    pub(crate) shortcut: Option<Shortcut>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) name: Arc<str>,
    pub(crate) expiration: DefaultExpiration,
    pub(crate) codec: Codec,
    pub(crate) max_key_len: usize,
    pub(crate) observers: Box<[Arc<dyn Observer>]>,
    pub(crate) follower: Option<Arc<dyn Follower>>,
    pub(crate) loads: Loads,
    /// What knows tags, within the stack of layers, if they are on.
    pub(crate) tagged: Option<Arc<TaggedBackend>>,
}

impl Shared {
    /// Returns whom to ask for one value: the outermost layer, or what is below it while that is idle.
    #[inline]
    pub(crate) fn reader(&self) -> &dyn CacheBackend {
        match &self.shortcut {
            Some(shortcut) if shortcut.idle.load(Ordering::Relaxed) => &*shortcut.inner,
            _ => &*self.backend,
        }
    }
}

impl Cache {
    /// Starts to build a cache on a backend.
    pub fn builder(backend: impl CacheBackend) -> CacheBuilder {
        CacheBuilder::new(Arc::new(backend))
    }

    /// Says whether a cache may have this name, before anything is built.
    ///
    /// # Errors
    /// [`InvalidName`](crate::ErrorKind::InvalidName), as [`CacheBuilder::build`] reports it.
    pub fn check_name(name: &str) -> Result<()> {
        check_name(name)
    }

    pub(crate) fn from_shared(shared: Shared) -> Self {
        Self(Arc::new(shared))
    }

    /// Returns the name of the cache, which stands in its metrics, logs and errors.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Returns the word for the backend: `memory`, `redis`.
    pub fn backend_kind(&self) -> &'static str {
        self.0.backend.kind()
    }

    /// Reads a value. A key that is absent or over is `None`, and so is one whose value is stale: those are given by
    /// [`get_or_load`](Self::get_or_load) only, which says so.
    ///
    /// Awaiting it clones the value out of the cache; [`shared`](Get::shared) returns the `Arc` that the cache holds
    /// instead, which on a memory hit allocates and copies nothing.
    ///
    /// Where a backend keeps objects, as the memory does, each read as another type than the stored one encodes the object and
    /// decodes it anew: what it made is not kept. A value that was stored
    /// [`encoded`](crate::Value::encoded) spares it the encoding.
    ///
    /// # Errors
    /// [`EmptyKey`](crate::ErrorKind::EmptyKey), [`KeyTooLong`](crate::ErrorKind::KeyTooLong);
    /// [`TypeMismatch`](crate::ErrorKind::TypeMismatch) or [`Decode`](crate::ErrorKind::Decode) if the stored value
    /// does not read as a `T`; what the backend reports.
    #[inline]
    pub fn get<'a, T>(&'a self, key: &'a str) -> Get<'a, T> {
        Get::new(self, key)
    }

    /// Stores a value, which replaces an older one and its life.
    ///
    /// It takes the value itself, or a [`Value`]: `Value::shared(arc)` stores an `Arc` without a copy. A value is best
    /// read as the type that was stored: store a `String` and not a `&str` if a `String` is to be read.
    /// [`ttl`](Set::ttl) sets a life of its own; zero removes what is there.
    ///
    /// # Errors
    /// [`EmptyKey`](crate::ErrorKind::EmptyKey), [`KeyTooLong`](crate::ErrorKind::KeyTooLong);
    /// [`Encode`](crate::ErrorKind::Encode) and [`ValueTooLarge`](crate::ErrorKind::ValueTooLarge) on a backend that
    /// stores bytes; what the backend reports.
    pub fn set<'a>(&'a self, key: &'a str, value: impl IntoValue) -> Set<'a> {
        Set::new(self, key, value.into_value())
    }

    /// Removes a value and says whether there was one: a stale value, or the remembered answer that there is nothing,
    /// is one too. Removing an absent key succeeds.
    ///
    /// # Errors
    /// [`EmptyKey`](crate::ErrorKind::EmptyKey), [`KeyTooLong`](crate::ErrorKind::KeyTooLong), what the backend
    /// reports.
    pub fn delete<'a>(&'a self, key: &'a str) -> CacheFuture<'a, bool> {
        match self.check(Operation::Delete, key) {
            Ok(key) => self.fenced(Operation::Delete, key, move || self.0.backend.delete(key)),
            Err(error) => CacheFuture::ready(Err(error)),
        }
    }

    /// Says whether a get would return a value. It is neither a hit nor a miss, and no use for eviction unless
    /// [tags](crate::CacheBuilder::tags) are on.
    ///
    /// What [`get_or_load`](Self::get_or_load) left may differ: a stale value and the remembered answer that there is
    /// nothing exist for the backend, and a get returns neither.
    ///
    /// # Errors
    /// [`EmptyKey`](crate::ErrorKind::EmptyKey), [`KeyTooLong`](crate::ErrorKind::KeyTooLong), what the backend
    /// reports.
    pub fn exists<'a>(&'a self, key: &'a str) -> CacheFuture<'a, bool> {
        self.keyed(Operation::Exists, key, |key| self.0.backend.exists(key))
    }

    /// Reads several values: one result for each key, in the order of the keys.
    ///
    /// ```
    /// # async fn example(cache: cache_core::Cache) -> cache_core::Result<()> {
    /// let found: Vec<Option<i64>> = cache.get_many(&["a", "b"]).await.into_iter().collect::<Result<_, _>>()?;
    /// # Ok(()) }
    /// ```
    pub fn get_many<'a, T>(
        &'a self,
        keys: impl IntoIterator<Item = &'a (impl AsRef<str> + ?Sized + 'a)>,
    ) -> GetMany<'a, T> {
        GetMany::new(self, keys.into_iter().map(AsRef::as_ref))
    }

    /// Stores several values: one result for each, in their order.
    pub fn set_many<'a, V: IntoValue>(
        &'a self,
        entries: impl IntoIterator<Item = (&'a str, V)>,
    ) -> SetMany<'a> {
        let entries: Vec<(&'a str, Value)> = entries
            .into_iter()
            .map(|(key, value)| (key, value.into_value()))
            .collect();
        SetMany::new(self, entries)
    }

    /// Removes several values: for each key, in their order, whether there was one.
    ///
    /// ```
    /// # async fn example(cache: cache_core::Cache) -> cache_core::Result<()> {
    /// let went = cache.delete_many(&["a", "b"]).await.into_iter().collect::<Result<Vec<bool>, _>>()?;
    /// let existed = went.into_iter().filter(|went| *went).count();
    /// # Ok(()) }
    /// ```
    pub fn delete_many<'a>(
        &'a self,
        keys: impl IntoIterator<Item = &'a (impl AsRef<str> + ?Sized + 'a)>,
    ) -> DeleteMany<'a> {
        DeleteMany::new(Batch::new(
            self,
            Operation::DeleteMany,
            keys.into_iter().map(AsRef::as_ref),
        ))
    }

    /// Removes every value of this cache, and nothing that belongs to others.
    ///
    /// # Errors
    /// What the backend reports.
    pub fn clear(&self) -> CacheFuture<'_, ()> {
        self.whole(Operation::Clear, self.fenced_clear())
    }

    /// Asks the backend for a sign of life.
    ///
    /// # Errors
    /// What the backend reports.
    pub fn ping(&self) -> CacheFuture<'_, ()> {
        self.whole(Operation::Ping, self.0.backend.ping())
    }

    /// Ends the cache, for all clones of this handle, and returns when the background work of its backend has ended.
    /// Loaders that run are told to end and do so at their next await. Every later operation fails with
    /// [`Closed`](crate::ErrorKind::Closed); a second close succeeds.
    ///
    /// # Errors
    /// What the backend reports.
    pub fn close(&self) -> CacheFuture<'_, ()> {
        self.whole(Operation::Close, self.close_loads())
    }

    /// Returns what the backend knows about itself, at no cost to others.
    pub fn stats(&self) -> BackendStats {
        self.0.backend.stats()
    }

    #[inline]
    pub(crate) fn shared(&self) -> &Shared {
        &self.0
    }

    /// Checks a key and runs an operation on it.
    fn keyed<'a, T: 'a>(
        &'a self,
        operation: Operation,
        key: &'a str,
        run: impl FnOnce(Key<'a>) -> CacheFuture<'a, T>,
    ) -> CacheFuture<'a, T> {
        match self.check(operation, key) {
            Ok(key) => {
                run(key).map(move |answer| answer.map_err(|error| self.context(operation, Some(key), error)))
            }
            Err(error) => CacheFuture::ready(Err(error)),
        }
    }

    fn whole<'a, T: 'a>(&'a self, operation: Operation, answer: CacheFuture<'a, T>) -> CacheFuture<'a, T> {
        answer.map(move |answer| answer.map_err(|error| self.context(operation, None, error)))
    }

    /// Checks a key before any I/O.
    #[inline]
    pub(crate) fn check<'a>(&self, operation: Operation, key: &'a str) -> Result<Key<'a>> {
        Key::with_max_len(key, self.0.max_key_len)
            .and_then(|checked| self.check_reserved(key).map(|()| checked))
            .map_err(|error| self.report(operation, Key::new(key).ok(), error))
    }

    /// Returns the time, exact to the millisecond.
    pub(crate) fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// Says whether an entry is still there but no longer fresh.
    #[cold]
    pub(crate) fn is_stale(&self, entry: &Entry) -> bool {
        self.0.clock.coarse() >= entry.stale_at()
    }

    /// Makes the life of a write that was told to live so long.
    pub(crate) fn life(&self, expiration: Expiration) -> (Timestamp, Life) {
        let now = self.0.clock.now();
        (now, expiration.resolve(self.0.expiration, now))
    }
}

/// Prints the name and the stack of layers down to the backend.
impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache")
            .field("name", &self.0.name)
            .field("backend", &self.0.backend)
            .finish_non_exhaustive()
    }
}
