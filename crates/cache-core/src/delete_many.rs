//! Removing many values.

use std::future::IntoFuture;

use crate::batch::{Batch, Many};
use crate::error::Result;
use crate::operation::Operation;

/// A removal of many values that is ready to run. See [`Cache::delete_many`](crate::Cache::delete_many).
#[derive(Debug)]
#[must_use = "a removal runs when it is awaited"]
pub struct DeleteMany<'a> {
    batch: Batch<'a>,
}

impl<'a> DeleteMany<'a> {
    pub(crate) fn new(batch: Batch<'a>) -> Self {
        Self { batch }
    }
}

impl<'a> IntoFuture for DeleteMany<'a> {
    type Output = Vec<Result<bool>>;
    type IntoFuture = Many<'a, bool, bool>;

    fn into_future(self) -> Self::IntoFuture {
        self.batch.check().ask(
            |cache, keys| {
                let keys = keys.into_iter().map(|key| (key, ()));
                cache.fenced_many(Operation::DeleteMany, keys.collect(), |keys| {
                    let keys = keys.into_iter().map(|(key, ())| key);
                    cache.shared().backend.delete_many(keys.collect())
                })
            },
            |_, _, answer| answer,
        )
    }
}
