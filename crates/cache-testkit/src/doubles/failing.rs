//! A layer that fails on demand: how a layer or a program behaves in an outage needs no outage.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cache_core::{
    BackendStats, CacheBackend, CacheError, CacheFuture, Clock, Entry, ErrorKind, Key, Operation, Result,
};

/// Passes calls on until it is told to fail: single operations, all of them, or all that touch one key.
///
/// A call that fails does not reach the backend below. In a call with many keys a failing key fails alone.
///
/// ```
/// use cache_core::{CacheBackend, ErrorKind, Key, Operation};
/// use cache_testkit::{FailingBackend, ManualClock, NullBackend};
///
/// # async fn example() -> cache_core::Result<()> {
/// let backend = FailingBackend::new(NullBackend::new(ManualClock::new()));
/// backend.fail(Operation::Get, ErrorKind::Timeout);
/// assert_eq!(backend.get(Key::new("key")?).await.unwrap_err().kind(), ErrorKind::Timeout);
/// backend.heal();
/// assert!(backend.get(Key::new("key")?).await?.is_none());
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct FailingBackend<B> {
    inner: B,
    failures: Mutex<Failures>,
}

#[derive(Debug, Default)]
struct Failures {
    operations: HashMap<Operation, ErrorKind>,
    keys: HashMap<String, ErrorKind>,
}

impl<B: CacheBackend> FailingBackend<B> {
    /// Wraps a backend. Nothing fails at first.
    pub fn new(inner: B) -> Self {
        Self {
            inner,
            failures: Mutex::default(),
        }
    }

    /// Lets an operation fail from now on.
    pub fn fail(&self, operation: Operation, kind: ErrorKind) {
        self.failures().operations.insert(operation, kind);
    }

    /// Lets every operation fail from now on.
    pub fn fail_all(&self, kind: ErrorKind) {
        self.failures().operations = Operation::ALL.map(|operation| (operation, kind)).into();
    }

    /// Lets every operation on this key fail from now on.
    pub fn fail_key(&self, key: &str, kind: ErrorKind) {
        self.failures().keys.insert(key.to_owned(), kind);
    }

    /// Lets nothing fail any longer.
    pub fn heal(&self) {
        *self.failures() = Failures::default();
    }

    fn failures(&self) -> MutexGuard<'_, Failures> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn whole<'a, T>(
        &'a self,
        operation: Operation,
        call: impl FnOnce(&'a B) -> CacheFuture<'a, T>,
    ) -> CacheFuture<'a, T> {
        let kind = self.failures().operations.get(&operation).copied();
        kind.map_or_else(|| call(&self.inner), |kind| CacheFuture::ready(Err(error(kind))))
    }

    fn keyed<'a, T>(
        &'a self,
        operation: Operation,
        key: Key<'a>,
        call: impl FnOnce(&'a B) -> CacheFuture<'a, T>,
    ) -> CacheFuture<'a, T> {
        let kind = self.failures().keys.get(key.as_str()).copied();
        kind.map_or_else(
            || self.whole(operation, call),
            |kind| CacheFuture::ready(Err(error(kind))),
        )
    }

    /// Calls with the items whose keys do not fail, and puts the failures of the others in their places.
    fn many<'a, I, T: 'a>(
        &'a self,
        operation: Operation,
        items: Vec<I>,
        key: impl Fn(&I) -> Key<'a>,
        call: impl FnOnce(&'a B, Vec<I>) -> CacheFuture<'a, Vec<Result<T>>>,
    ) -> CacheFuture<'a, Vec<Result<T>>> {
        let kinds: Vec<Option<ErrorKind>> = {
            let failures = self.failures();
            items
                .iter()
                .map(|item| failures.keys.get(key(item).as_str()).copied())
                .collect()
        };
        let passed = items
            .into_iter()
            .zip(&kinds)
            .filter_map(|(item, kind)| kind.is_none().then_some(item));
        let passed = passed.collect();
        self.whole(operation, |inner| call(inner, passed)).map(|answers| {
            let mut answers = answers?.into_iter();
            Ok(kinds
                .into_iter()
                .filter_map(|kind| kind.map_or_else(|| answers.next(), |kind| Some(Err(error(kind)))))
                .collect())
        })
    }
}

fn error(kind: ErrorKind) -> CacheError {
    CacheError::new(kind, "the test told this backend to fail")
}

#[deny(clippy::missing_trait_methods)]
impl<B: CacheBackend> CacheBackend for FailingBackend<B> {
    fn kind(&self) -> &'static str {
        self.inner.kind()
    }

    fn clock(&self) -> Arc<dyn Clock> {
        self.inner.clock()
    }

    fn get<'a>(&'a self, key: Key<'a>) -> CacheFuture<'a, Option<Entry>> {
        self.keyed(Operation::Get, key, |inner| inner.get(key))
    }

    fn set<'a>(&'a self, key: Key<'a>, entry: Entry) -> CacheFuture<'a, ()> {
        self.keyed(Operation::Set, key, |inner| inner.set(key, entry))
    }

    fn delete<'a>(&'a self, key: Key<'a>) -> CacheFuture<'a, bool> {
        self.keyed(Operation::Delete, key, |inner| inner.delete(key))
    }

    fn exists<'a>(&'a self, key: Key<'a>) -> CacheFuture<'a, bool> {
        self.keyed(Operation::Exists, key, |inner| inner.exists(key))
    }

    fn get_many<'a>(&'a self, keys: Vec<Key<'a>>) -> CacheFuture<'a, Vec<Result<Option<Entry>>>> {
        self.many(Operation::GetMany, keys, |key| *key, B::get_many)
    }

    fn set_many<'a>(&'a self, entries: Vec<(Key<'a>, Entry)>) -> CacheFuture<'a, Vec<Result<()>>> {
        self.many(Operation::SetMany, entries, |(key, _)| *key, B::set_many)
    }

    fn delete_many<'a>(&'a self, keys: Vec<Key<'a>>) -> CacheFuture<'a, Vec<Result<bool>>> {
        self.many(Operation::DeleteMany, keys, |key| *key, B::delete_many)
    }

    fn clear(&self) -> CacheFuture<'_, ()> {
        self.whole(Operation::Clear, B::clear)
    }

    fn stats(&self) -> BackendStats {
        self.inner.stats()
    }

    fn ping(&self) -> CacheFuture<'_, ()> {
        self.whole(Operation::Ping, B::ping)
    }

    fn close(&self) -> CacheFuture<'_, ()> {
        self.whole(Operation::Close, B::close)
    }
}
