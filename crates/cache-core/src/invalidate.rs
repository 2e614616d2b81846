//! Tags as the handle knows them: which a call may give, and how all values of one are invalidated.

use std::sync::Arc;

use serde::de::DeserializeOwned;

use crate::cache::Cache;
use crate::enclosing::EnclosingOperation;
use crate::error::{CacheError, Result};
use crate::future::CacheFuture;
use crate::loading::{Ended, Within, patience};
use crate::operation::Operation;
use crate::tags::{self, Tag, TaggedBackend};
use crate::value::Value;

impl Cache {
    /// Makes every value that carries this tag a miss, however many there are and whichever process stored them.
    ///
    /// It takes a few short commands, since it is not the values that are touched: they stay where they are and are given no
    /// more. Loads that are under way and carry the tag give their value to those who asked before and do not store it.
    /// The cache has to be built with [`tags`](crate::CacheBuilder::tags).
    ///
    /// ```
    /// # async fn example(cache: cache_core::Cache) -> cache_core::Result<()> {
    /// cache.set("user:7", "Ada".to_owned()).tags(&["users", "team:3"]).await?;
    /// cache.invalidate_tag("team:3").await?;
    /// assert_eq!(cache.get::<String>("user:7").await?, None);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`InvalidTag`](crate::ErrorKind::InvalidTag) for a tag that is empty, `*` or longer than 256 bytes, and on a cache
    /// without tags; what the backend reports. After an error the values may or may not be invalidated.
    pub fn invalidate_tag<'a>(&'a self, tag: &'a str) -> CacheFuture<'a, ()> {
        self.invalidate(vec![tag])
    }

    /// Makes every value that carries one of these tags a miss, with one request for all of them, sent twice.
    ///
    /// # Errors
    /// As [`invalidate_tag`](Self::invalidate_tag). One bad tag fails the call before anything is done.
    pub fn invalidate_tags<'a>(&'a self, tags: &'a [&'a str]) -> CacheFuture<'a, ()> {
        self.invalidate(tags.to_vec())
    }

    fn invalidate<'a>(&'a self, mut names: Vec<&'a str>) -> CacheFuture<'a, ()> {
        names.sort_unstable();
        names.dedup();
        let checked = self.tagged().and_then(|tagged| {
            names.iter().try_for_each(|name| Tag::new(name, 0, 0).map(drop))?;
            Ok(tagged)
        });
        let tagged = match checked {
            Ok(_) if names.is_empty() => return CacheFuture::ready(Ok(())),
            Ok(tagged) => tagged,
            Err(error) => {
                return CacheFuture::ready(Err(self.report(Operation::InvalidateTags, None, error)));
            }
        };
        let follower = self
            .shared()
            .follower
            .as_ref()
            .filter(|follower| follower.listens());
        let scope = follower.and_then(|follower| follower.call(Operation::InvalidateTags, None, names.len()));
        let tags = names.len();
        let work = async move {
            let done = EnclosingOperation::of(Operation::InvalidateTags, || tagged.invalidate(&names)).await;
            // Who found a stale value before has to look again before it is given.
            let storing = self.loads().registry.note_invalidation(&names);
            // No layer sees this operation.
            done.map_err(|error| self.report(Operation::InvalidateTags, None, error))?;
            // What is just being stored is out of date already; it is waited for so that it is not in the way of what is loaded
            // from now on.
            let _ = patience::wait_for_stores(&storing).await;
            for observer in &self.shared().observers {
                observer.invalidated(names.len());
            }
            Ok(())
        };
        CacheFuture::boxed(async move {
            let Some(scope) = scope else { return work.await };
            let done = Within::new(&scope, work).await;
            let each = done.as_ref().map(|()| Some("invalidated"));
            scope.end(Ended::of((0..tags).map(|_| each)));
            done
        })
    }

    /// Returns what knows tags.
    ///
    /// # Errors
    /// On a cache that was built without them.
    pub(crate) fn tagged(&self) -> Result<&Arc<TaggedBackend>> {
        self.shared().tagged.as_ref().ok_or_else(tags::off)
    }

    /// Makes the tags of a value that is to be stored.
    pub(crate) fn wanted_tags(&self, names: &[&str]) -> Result<Box<[Tag]>> {
        if names.is_empty() {
            return Ok(Box::default());
        }
        self.tagged()?;
        Tag::wanted(names.iter().copied())
    }

    /// Reads a value that the backend gave.
    ///
    /// # Errors
    /// As [`Value::read`]. A value with tags is none to a cache that cannot tell whether they were invalidated.
    #[inline]
    pub(crate) fn read<T: DeserializeOwned + Send + Sync + 'static>(&self, value: Value) -> Result<Arc<T>> {
        if !value.tags().is_empty() && self.shared().tagged.is_none() {
            return Err(tags::off());
        }
        value.read(&self.shared().codec)
    }

    /// Refuses the keys that markers have.
    #[inline]
    pub(crate) fn check_reserved(&self, key: &str) -> Result<()> {
        if self.shared().tagged.is_some() && Tag::is_marker(key) {
            return Err(reserved());
        }
        Ok(())
    }
}

#[cold]
fn reserved() -> CacheError {
    tags::invalid("the key begins as the markers of tags do, with U+FDD0 and `tag:`; take another one")
}
