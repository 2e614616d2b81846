//! The contract for pointers to a backend. One macro writes it, so no pointer can differ from another.

use std::sync::Arc;

use crate::backend::CacheBackend;
use crate::clock::Clock;
use crate::entry::Entry;
use crate::error::Result;
use crate::future::CacheFuture;
use crate::key::Key;
use crate::stats::BackendStats;

macro_rules! forward {
    ($pointer:ty) => {
        #[deny(clippy::missing_trait_methods)]
        impl<B: CacheBackend + ?Sized> CacheBackend for $pointer {
            fn kind(&self) -> &'static str {
                (**self).kind()
            }

            fn clock(&self) -> Arc<dyn Clock> {
                (**self).clock()
            }

            fn get<'a>(&'a self, key: Key<'a>) -> CacheFuture<'a, Option<Entry>> {
                (**self).get(key)
            }

            fn set<'a>(&'a self, key: Key<'a>, entry: Entry) -> CacheFuture<'a, ()> {
                (**self).set(key, entry)
            }

            fn delete<'a>(&'a self, key: Key<'a>) -> CacheFuture<'a, bool> {
                (**self).delete(key)
            }

            fn exists<'a>(&'a self, key: Key<'a>) -> CacheFuture<'a, bool> {
                (**self).exists(key)
            }

            fn get_many<'a>(&'a self, keys: Vec<Key<'a>>) -> CacheFuture<'a, Vec<Result<Option<Entry>>>> {
                (**self).get_many(keys)
            }

            fn set_many<'a>(&'a self, entries: Vec<(Key<'a>, Entry)>) -> CacheFuture<'a, Vec<Result<()>>> {
                (**self).set_many(entries)
            }

            fn delete_many<'a>(&'a self, keys: Vec<Key<'a>>) -> CacheFuture<'a, Vec<Result<bool>>> {
                (**self).delete_many(keys)
            }

            fn clear(&self) -> CacheFuture<'_, ()> {
                (**self).clear()
            }

            fn stats(&self) -> BackendStats {
                (**self).stats()
            }

            fn ping(&self) -> CacheFuture<'_, ()> {
                (**self).ping()
            }

            fn close(&self) -> CacheFuture<'_, ()> {
                (**self).close()
            }
        }
    };
}

forward!(Arc<B>);
forward!(Box<B>);
