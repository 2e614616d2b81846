//! Reading one value.

use std::future::IntoFuture;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use crate::cache::Cache;
use crate::clock::Timestamp;
use crate::entry::Entry;
use crate::error::{ErrorKind, Result};
use crate::future::CacheFuture;
use crate::key::Key;
use crate::operation::Operation;

/// How a value leaves the cache.
pub trait Take<T>: sealed::Sealed {
    /// What the caller gets.
    type Output;

    /// Takes the value out of the shared object.
    fn take(object: Arc<T>) -> Self::Output;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Owned {}
    impl Sealed for super::Shared {}
}

/// The caller gets a `T` of its own, a clone if others hold it too.
#[derive(Clone, Copy, Debug)]
pub struct Owned;

/// The caller gets the `Arc<T>` that the cache holds.
#[derive(Clone, Copy, Debug)]
pub struct Shared;

impl<T: Clone> Take<T> for Owned {
    type Output = T;

    fn take(object: Arc<T>) -> T {
        Arc::unwrap_or_clone(object)
    }
}

impl<T> Take<T> for Shared {
    type Output = Arc<T>;

    #[inline]
    fn take(object: Arc<T>) -> Arc<T> {
        object
    }
}

/// A read that is ready to run. See [`Cache::get`].
#[derive(Debug)]
#[must_use = "a read runs when it is awaited"]
pub struct Get<'a, T, M = Owned> {
    cache: &'a Cache,
    key: &'a str,
    mode: PhantomData<fn() -> (T, M)>,
}

impl<'a, T> Get<'a, T> {
    #[inline]
    pub(crate) fn new(cache: &'a Cache, key: &'a str) -> Self {
        Self {
            cache,
            key,
            mode: PhantomData,
        }
    }

    /// Returns the `Arc` that the cache holds instead of a clone of the value.
    #[inline]
    pub fn shared(self) -> Get<'a, T, Shared> {
        Get {
            cache: self.cache,
            key: self.key,
            mode: PhantomData,
        }
    }
}

impl<'a, T, M> IntoFuture for Get<'a, T, M>
where
    T: DeserializeOwned + Send + Sync + 'static,
    M: Take<T>,
    M::Output: 'a,
{
    type Output = Result<Option<M::Output>>;
    type IntoFuture = CacheFuture<'a, Option<M::Output>>;

    /// Asks the backend. An answer that is ready is read on the spot, so what moves on is no larger than the caller's
    /// answer.
    #[inline]
    fn into_future(self) -> Self::IntoFuture {
        let Self { cache, key, .. } = self;
        match cache.check(Operation::Get, key) {
            Ok(checked) => cache
                .shared()
                .reader()
                .get(checked)
                .map(move |answer| read::<T, M>(cache, Operation::Get, key, answer)),
            Err(error) => CacheFuture::ready(Err(error)),
        }
    }
}

/// Makes the caller's answer out of the backend's.
#[inline]
pub(crate) fn read<T, M>(
    cache: &Cache,
    operation: Operation,
    key: &str,
    answer: Result<Option<Entry>>,
) -> Result<Option<M::Output>>
where
    T: DeserializeOwned + Send + Sync + 'static,
    M: Take<T>,
{
    match answer {
        // A stale value is given by those calls only that say so.
        Ok(Some(entry)) if entry.stale_at() != Timestamp::MAX && cache.is_stale(&entry) => Ok(None),
        Ok(Some(entry)) => match cache.read::<T>(entry.into_value()) {
            Ok(object) => Ok(Some(M::take(object))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(cache.report(operation, Key::new(key).ok(), error)),
        },
        Ok(None) => Ok(None),
        Err(error) => Err(cache.context(operation, Key::new(key).ok(), error)),
    }
}
