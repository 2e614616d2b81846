//! The layer that knows tags. It stands next to the backend, below all others, so that to them an entry whose tag was
//! invalidated is a miss like any other.

use std::fmt;
use std::sync::Arc;

use super::generations::is_unresolved;
use super::invalidations::Invalidations;
use super::makers::Makers;
use crate::backend::CacheBackend;
use crate::clock::Clock;
use crate::enclosing::EnclosingOperation;
use crate::entry::Entry;
use crate::error::Result;
use crate::future::CacheFuture;
use crate::key::Key;
use crate::operation::Operation;
use crate::stats::BackendStats;

/// A backend that gives no entry of which a tag was invalidated.
pub(crate) struct TaggedBackend {
    inner: Arc<dyn CacheBackend>,
    makers: Makers,
    invalidations: Invalidations,
}

impl TaggedBackend {
    pub(crate) fn new(inner: Arc<dyn CacheBackend>) -> Self {
        Self {
            inner,
            makers: Makers::new(),
            invalidations: Invalidations::new(),
        }
    }

    pub(super) fn inner(&self) -> &dyn CacheBackend {
        &*self.inner
    }

    pub(super) fn makers(&self) -> &Makers {
        &self.makers
    }

    pub(crate) fn invalidations(&self) -> &Invalidations {
        &self.invalidations
    }
}

#[deny(clippy::missing_trait_methods)]
impl CacheBackend for TaggedBackend {
    fn kind(&self) -> &'static str {
        self.inner.kind()
    }

    fn clock(&self) -> Arc<dyn Clock> {
        self.inner.clock()
    }

    fn get<'a>(&'a self, key: Key<'a>) -> CacheFuture<'a, Option<Entry>> {
        match self.inner.get(key).into_ready() {
            Ok(Ok(Some(entry))) if !entry.tags().is_empty() => self.compare(entry),
            Ok(answer) => CacheFuture::ready(answer),
            Err(later) => CacheFuture::boxed(async move {
                let get = EnclosingOperation::begin(Operation::Get);
                match later.await? {
                    Some(entry) if !entry.tags().is_empty() => get.enclose(|| self.compare(entry)).await,
                    found => Ok(found),
                }
            }),
        }
    }

    fn set<'a>(&'a self, key: Key<'a>, entry: Entry) -> CacheFuture<'a, ()> {
        if !is_unresolved(&entry) {
            return self.inner.set(key, entry);
        }
        CacheFuture::boxed(EnclosingOperation::of(Operation::Set, move || async move {
            let entry = self.resolve(entry).await?;
            self.inner.set(key, entry).await
        }))
    }

    /// An entry whose tag was invalidated is taken for one that went: to know better, it would have to be read first.
    fn delete<'a>(&'a self, key: Key<'a>) -> CacheFuture<'a, bool> {
        self.inner.delete(key)
    }

    /// The entry is read, which counts as a use, since its tags are not known otherwise.
    fn exists<'a>(&'a self, key: Key<'a>) -> CacheFuture<'a, bool> {
        self.get(key).map(|found| found.map(|entry| entry.is_some()))
    }

    fn get_many<'a>(&'a self, keys: Vec<Key<'a>>) -> CacheFuture<'a, Vec<Result<Option<Entry>>>> {
        match self.inner.get_many(keys).into_ready() {
            Ok(Ok(found)) if carries_tags(&found) => {
                CacheFuture::boxed(async move { self.compare_many(found).await })
            }
            Ok(answer) => CacheFuture::ready(answer),
            Err(later) => CacheFuture::boxed(async move {
                let get = EnclosingOperation::begin(Operation::GetMany);
                let found = later.await?;
                if carries_tags(&found) {
                    get.enclose(|| self.compare_many(found)).await
                } else {
                    Ok(found)
                }
            }),
        }
    }

    fn set_many<'a>(&'a self, entries: Vec<(Key<'a>, Entry)>) -> CacheFuture<'a, Vec<Result<()>>> {
        if !entries.iter().any(|(_, entry)| is_unresolved(entry)) {
            return self.inner.set_many(entries);
        }
        CacheFuture::boxed(EnclosingOperation::of(Operation::SetMany, move || async move {
            let entries = self.resolve_many(entries).await?;
            self.inner.set_many(entries).await
        }))
    }

    fn delete_many<'a>(&'a self, keys: Vec<Key<'a>>) -> CacheFuture<'a, Vec<Result<bool>>> {
        self.inner.delete_many(keys)
    }

    /// The markers go as well. That makes no difference to entries that are gone.
    fn clear(&self) -> CacheFuture<'_, ()> {
        self.inner.clear()
    }

    fn stats(&self) -> BackendStats {
        self.inner.stats()
    }

    fn ping(&self) -> CacheFuture<'_, ()> {
        self.inner.ping()
    }

    fn close(&self) -> CacheFuture<'_, ()> {
        self.inner.close()
    }
}

fn carries_tags(found: &[Result<Option<Entry>>]) -> bool {
    found
        .iter()
        .flatten()
        .flatten()
        .any(|entry| !entry.tags().is_empty())
}

impl fmt::Debug for TaggedBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tags").field(&self.inner).finish()
    }
}
