//! Reading many values.

use std::future::IntoFuture;
use std::marker::PhantomData;

use serde::de::DeserializeOwned;

use crate::batch::{Batch, Many};
use crate::cache::Cache;
use crate::entry::Entry;
use crate::error::Result;
use crate::get::{Owned, Shared, Take, read};
use crate::operation::Operation;

/// A read of many values that is ready to run. See [`Cache::get_many`].
#[derive(Debug)]
#[must_use = "a read runs when it is awaited"]
pub struct GetMany<'a, T, M = Owned> {
    batch: Batch<'a>,
    mode: PhantomData<fn() -> (T, M)>,
}

impl<'a, T> GetMany<'a, T> {
    pub(crate) fn new(cache: &'a Cache, keys: impl Iterator<Item = &'a str>) -> Self {
        Self {
            batch: Batch::new(cache, Operation::GetMany, keys),
            mode: PhantomData,
        }
    }

    /// Returns the `Arc`s that the cache holds instead of clones of the values.
    pub fn shared(self) -> GetMany<'a, T, Shared> {
        GetMany {
            batch: self.batch,
            mode: PhantomData,
        }
    }
}

impl<'a, T, M> IntoFuture for GetMany<'a, T, M>
where
    T: DeserializeOwned + Send + Sync + 'static,
    M: Take<T>,
    M::Output: 'a,
{
    type Output = Vec<Result<Option<M::Output>>>;
    type IntoFuture = Many<'a, Option<Entry>, Option<M::Output>>;

    fn into_future(self) -> Self::IntoFuture {
        self.batch.check().ask(
            |cache, keys| cache.shared().backend.get_many(keys),
            // A failure is complete already; a second context would tell the observers of it twice.
            |cache, key, answer| read::<T, M>(cache, Operation::GetMany, key.as_str(), Ok(answer?)),
        )
    }
}
