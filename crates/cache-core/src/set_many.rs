//! Storing many values.

use std::future::IntoFuture;
use std::time::Duration;

use crate::batch::{Batch, Many};
use crate::cache::Cache;
use crate::entry::Entry;
use crate::error::Result;
use crate::expiration::{Expiration, Life};
use crate::operation::Operation;
use crate::set::tagged;
use crate::value::Value;

/// A write of many values that is ready to run. See [`Cache::set_many`].
#[derive(Debug)]
#[must_use = "a write runs when it is awaited"]
pub struct SetMany<'a> {
    batch: Batch<'a>,
    values: Vec<Value>,
    expiration: Expiration,
    tags: &'a [&'a str],
}

impl<'a> SetMany<'a> {
    pub(crate) fn new(cache: &'a Cache, entries: Vec<(&'a str, Value)>) -> Self {
        let batch = Batch::new(cache, Operation::SetMany, entries.iter().map(|(key, _)| *key));
        let values = entries.into_iter().map(|(_, value)| value).collect();
        Self {
            batch,
            values,
            expiration: Expiration::Default,
            tags: &[],
        }
    }

    /// Lets the values live for this long. Zero means that their time is over already: what is stored is removed.
    pub fn ttl(self, ttl: Duration) -> Self {
        self.expiration(Expiration::After(ttl))
    }

    /// Lets the values live as the expiration says.
    pub fn expiration(mut self, expiration: Expiration) -> Self {
        self.expiration = expiration;
        self
    }

    /// Lets each of the values carry these tags: see [`Set::tags`](crate::Set::tags).
    pub fn tags(mut self, tags: &'a [&'a str]) -> Self {
        self.tags = tags;
        self
    }
}

impl<'a> IntoFuture for SetMany<'a> {
    type Output = Vec<Result<()>>;
    type IntoFuture = Many<'a, (), ()>;

    fn into_future(self) -> Self::IntoFuture {
        let Self {
            batch,
            values,
            expiration,
            tags,
        } = self;
        let tags = batch.cache.wanted_tags(tags);
        let batch = match &tags {
            Ok(_) => batch.check(),
            Err(error) => batch.refuse(error),
        };
        let tags = tags.unwrap_or_default();
        let (now, life) = batch.cache.life(expiration);
        let values = batch.select(values);
        batch.ask(
            move |cache, keys| {
                let backend = &cache.shared().backend;
                let all = keys.into_iter().zip(values).collect();
                cache.fenced_many(Operation::SetMany, all, move |all| {
                    let Life::Until(end) = life else {
                        let forget = |went: Result<bool>| went.map(|_| ());
                        let keys = all.into_iter().map(|(key, _)| key).collect();
                        return backend.delete_many(keys).map(move |answers| {
                            answers.map(|answers| answers.into_iter().map(forget).collect())
                        });
                    };
                    let entry = |value| tagged(Entry::new(value, now).with_expires_at(end), tags.clone());
                    let entries = all.into_iter().map(|(key, value)| (key, entry(value)));
                    backend.set_many(entries.collect())
                })
            },
            |_, _, answer| answer,
        )
    }
}
