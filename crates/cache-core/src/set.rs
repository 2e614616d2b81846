//! Storing one value.

use std::future::IntoFuture;
use std::time::Duration;

use crate::cache::Cache;
use crate::entry::Entry;
use crate::error::Result;
use crate::expiration::{Expiration, Life};
use crate::future::CacheFuture;
use crate::operation::Operation;
use crate::tags::Tag;
use crate::value::Value;

/// A write that is ready to run. See [`Cache::set`].
#[derive(Debug)]
#[must_use = "a write runs when it is awaited"]
pub struct Set<'a> {
    cache: &'a Cache,
    key: &'a str,
    value: Value,
    expiration: Expiration,
    tags: &'a [&'a str],
}

impl<'a> Set<'a> {
    pub(crate) fn new(cache: &'a Cache, key: &'a str, value: Value) -> Self {
        Self {
            cache,
            key,
            value,
            expiration: Expiration::Default,
            tags: &[],
        }
    }

    /// Lets the value live for this long. Zero means that its time is over already: what is stored is removed.
    pub fn ttl(self, ttl: Duration) -> Self {
        self.expiration(Expiration::After(ttl))
    }

    /// Lets the value live as the expiration says.
    pub fn expiration(mut self, expiration: Expiration) -> Self {
        self.expiration = expiration;
        self
    }

    /// Lets the value carry these tags: [`Cache::invalidate_tag`] on one of them makes it a miss. It carries these only, not
    /// those of the value that it replaces.
    pub fn tags(mut self, tags: &'a [&'a str]) -> Self {
        self.tags = tags;
        self
    }
}

impl<'a> IntoFuture for Set<'a> {
    type Output = Result<()>;
    type IntoFuture = CacheFuture<'a, ()>;

    fn into_future(self) -> Self::IntoFuture {
        let Self {
            cache,
            key,
            value,
            expiration,
            tags,
        } = self;
        let key = match cache.check(Operation::Set, key) {
            Ok(key) => key,
            Err(error) => return CacheFuture::ready(Err(error)),
        };
        let tags = match cache.wanted_tags(tags) {
            Ok(tags) => tags,
            Err(error) => return CacheFuture::ready(Err(cache.report(Operation::Set, Some(key), error))),
        };
        let backend = &cache.shared().backend;
        let (now, life) = cache.life(expiration);
        let write = move || match life {
            Life::Until(end) => backend.set(key, tagged(Entry::new(value, now).with_expires_at(end), tags)),
            Life::Ended => backend.delete(key).map(|went| went.map(|_| ())),
        };
        cache.fenced(Operation::Set, key, write)
    }
}

/// Gives an entry its tags, if it has some.
pub(crate) fn tagged(entry: Entry, tags: Box<[Tag]>) -> Entry {
    if tags.is_empty() {
        return entry;
    }
    entry.with_tags(tags)
}
