//! The contract on top of the store. Every answer is ready when it is asked for, but for close and for a clear that new
//! entries have to wait for.

use std::sync::Arc;

use cache_core::{BackendStats, CacheBackend, CacheFuture, Clock, Entry, Key, Result};

use crate::config::MemoryBuilder;
use crate::error;
use crate::maintenance::Maintenance;
use crate::store::Store;

/// Entries in the memory of this process.
///
/// Dropping it ends its thread; [`close`](CacheBackend::close) does so too and waits for it. Before it ends the thread removes
/// every entry, once and in one pass, in some microseconds for each beside what its value needs to be dropped: a million
/// entries take seconds. Every operation fails from the call of close on, so nothing is added meanwhile, and no runtime
/// thread is held up. Whoever cannot wait so long drops the future: the thread goes on without it.
///
/// Values are dropped by whoever removes them, while the cache is at work. The `Drop` of a value must not call a cache:
/// it could wait for itself.
#[derive(Debug)]
pub struct MemoryBackend {
    store: Arc<Store>,
    maintenance: Maintenance,
}

impl MemoryBackend {
    /// Starts to build a backend: no limit, least recently used first, no time to idle.
    pub fn builder() -> MemoryBuilder {
        MemoryBuilder::default()
    }

    pub(crate) fn start(config: &MemoryBuilder) -> Result<Self> {
        let store = Arc::new(Store::new(config));
        let maintenance =
            Maintenance::start(&store, config.maintenance_interval).map_err(error::no_thread)?;
        Ok(Self { store, maintenance })
    }

    /// Answers one key after the other. A closed cache fails them all at once.
    fn each<T, U>(
        &self,
        items: Vec<T>,
        one: impl FnMut(T) -> Result<U>,
    ) -> CacheFuture<'static, Vec<Result<U>>> {
        CacheFuture::ready(
            self.store
                .check_open()
                .map(|()| items.into_iter().map(one).collect()),
        )
    }
}

impl Drop for MemoryBackend {
    fn drop(&mut self) {
        self.maintenance.retire(Arc::clone(&self.store));
    }
}

impl CacheBackend for MemoryBackend {
    fn kind(&self) -> &'static str {
        "memory"
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(self.store.ledger().clock())
    }

    #[inline]
    fn get<'a>(&'a self, key: Key<'a>) -> CacheFuture<'a, Option<Entry>> {
        CacheFuture::ready(self.store.get(key))
    }

    fn set<'a>(&'a self, key: Key<'a>, entry: Entry) -> CacheFuture<'a, ()> {
        CacheFuture::ready(self.store.set(key, entry))
    }

    fn delete<'a>(&'a self, key: Key<'a>) -> CacheFuture<'a, bool> {
        CacheFuture::ready(self.store.delete(key))
    }

    fn exists<'a>(&'a self, key: Key<'a>) -> CacheFuture<'a, bool> {
        CacheFuture::ready(self.store.exists(key))
    }

    fn get_many<'a>(&'a self, keys: Vec<Key<'a>>) -> CacheFuture<'a, Vec<Result<Option<Entry>>>> {
        self.each(keys, |key| self.store.get(key))
    }

    fn set_many<'a>(&'a self, entries: Vec<(Key<'a>, Entry)>) -> CacheFuture<'a, Vec<Result<()>>> {
        self.each(entries, |(key, entry)| self.store.set(key, entry))
    }

    fn delete_many<'a>(&'a self, keys: Vec<Key<'a>>) -> CacheFuture<'a, Vec<Result<bool>>> {
        self.each(keys, |key| self.store.delete(key))
    }

    fn clear(&self) -> CacheFuture<'_, ()> {
        let clear = match self.store.clear() {
            Ok(Some(clear)) => clear,
            done => return CacheFuture::ready(done.map(drop)),
        };
        self.maintenance.wake();
        if !self.store.hidden_matter {
            return CacheFuture::ready(Ok(()));
        }
        CacheFuture::boxed(async move {
            let ages = self.store.ledger().ages();
            self.maintenance.works_until(|| ages.are_freed(clear)).await;
            if ages.are_freed(clear) {
                return Ok(());
            }
            // The thread has ended before.
            self.store.check_open()
        })
    }

    fn stats(&self) -> BackendStats {
        self.store.stats()
    }

    fn ping(&self) -> CacheFuture<'_, ()> {
        CacheFuture::ready(self.store.check_open())
    }

    fn close(&self) -> CacheFuture<'_, ()> {
        self.store.close();
        CacheFuture::boxed(async {
            self.maintenance.stop().await;
            Ok(())
        })
    }
}
