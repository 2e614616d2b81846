//! A layer that says which calls reach the backend below it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cache_core::{BackendStats, CacheBackend, CacheFuture, Clock, Entry, Key, Operation, Result};

/// Counts the calls of each operation and passes them on.
///
/// ```
/// use std::sync::Arc;
/// use cache_core::{Cache, Operation};
/// use cache_testkit::{CountingBackend, ManualClock, NullBackend};
///
/// # async fn example() -> cache_core::Result<()> {
/// let calls = Arc::new(CountingBackend::new(NullBackend::new(ManualClock::new())));
/// let cache = Cache::builder(Arc::clone(&calls)).build()?;
/// cache.set("key", 1).await?;
/// assert_eq!((calls.count(Operation::Set), calls.total()), (1, 1));
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct CountingBackend<B> {
    inner: B,
    counts: Mutex<HashMap<Operation, u64>>,
}

impl<B: CacheBackend> CountingBackend<B> {
    /// Wraps a backend.
    pub fn new(inner: B) -> Self {
        Self {
            inner,
            counts: Mutex::default(),
        }
    }

    /// Returns the backend below.
    pub fn inner(&self) -> &B {
        &self.inner
    }

    /// Returns how often an operation was called, awaited or not.
    pub fn count(&self, operation: Operation) -> u64 {
        self.counts().get(&operation).copied().unwrap_or_default()
    }

    /// Returns how often any operation was called.
    pub fn total(&self) -> u64 {
        self.counts().values().sum()
    }

    fn saw(&self, operation: Operation) -> &B {
        *self.counts().entry(operation).or_default() += 1;
        &self.inner
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<Operation, u64>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[deny(clippy::missing_trait_methods)]
impl<B: CacheBackend> CacheBackend for CountingBackend<B> {
    fn kind(&self) -> &'static str {
        self.inner.kind()
    }

    fn clock(&self) -> Arc<dyn Clock> {
        self.inner.clock()
    }

    fn get<'a>(&'a self, key: Key<'a>) -> CacheFuture<'a, Option<Entry>> {
        self.saw(Operation::Get).get(key)
    }

    fn set<'a>(&'a self, key: Key<'a>, entry: Entry) -> CacheFuture<'a, ()> {
        self.saw(Operation::Set).set(key, entry)
    }

    fn delete<'a>(&'a self, key: Key<'a>) -> CacheFuture<'a, bool> {
        self.saw(Operation::Delete).delete(key)
    }

    fn exists<'a>(&'a self, key: Key<'a>) -> CacheFuture<'a, bool> {
        self.saw(Operation::Exists).exists(key)
    }

    fn get_many<'a>(&'a self, keys: Vec<Key<'a>>) -> CacheFuture<'a, Vec<Result<Option<Entry>>>> {
        self.saw(Operation::GetMany).get_many(keys)
    }

    fn set_many<'a>(&'a self, entries: Vec<(Key<'a>, Entry)>) -> CacheFuture<'a, Vec<Result<()>>> {
        self.saw(Operation::SetMany).set_many(entries)
    }

    fn delete_many<'a>(&'a self, keys: Vec<Key<'a>>) -> CacheFuture<'a, Vec<Result<bool>>> {
        self.saw(Operation::DeleteMany).delete_many(keys)
    }

    fn clear(&self) -> CacheFuture<'_, ()> {
        self.saw(Operation::Clear).clear()
    }

    fn stats(&self) -> BackendStats {
        self.inner.stats()
    }

    fn ping(&self) -> CacheFuture<'_, ()> {
        self.saw(Operation::Ping).ping()
    }

    fn close(&self) -> CacheFuture<'_, ()> {
        self.saw(Operation::Close).close()
    }
}
