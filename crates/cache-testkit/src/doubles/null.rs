//! A backend for programs that are to run without a cache, and for measuring what a layer costs by itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cache_core::{BackendStats, CacheBackend, CacheError, CacheFuture, Clock, Entry, Key, Result};

/// A backend that takes every entry and keeps none.
#[derive(Debug)]
pub struct NullBackend {
    clock: Arc<dyn Clock>,
    closed: AtomicBool,
}

impl NullBackend {
    /// Makes a backend.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            closed: AtomicBool::new(false),
        }
    }

    fn answer<T>(&self, answer: T) -> CacheFuture<'_, T> {
        let closed = self.closed.load(Ordering::Acquire);
        CacheFuture::ready(if closed {
            Err(CacheError::closed())
        } else {
            Ok(answer)
        })
    }
}

impl CacheBackend for NullBackend {
    fn kind(&self) -> &'static str {
        "null"
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    fn get<'a>(&'a self, _: Key<'a>) -> CacheFuture<'a, Option<Entry>> {
        self.answer(None)
    }

    fn set<'a>(&'a self, _: Key<'a>, _: Entry) -> CacheFuture<'a, ()> {
        self.answer(())
    }

    fn delete<'a>(&'a self, _: Key<'a>) -> CacheFuture<'a, bool> {
        self.answer(false)
    }

    fn exists<'a>(&'a self, _: Key<'a>) -> CacheFuture<'a, bool> {
        self.answer(false)
    }

    fn get_many<'a>(&'a self, keys: Vec<Key<'a>>) -> CacheFuture<'a, Vec<Result<Option<Entry>>>> {
        self.answer(keys.into_iter().map(|_| Ok(None)).collect())
    }

    fn set_many<'a>(&'a self, entries: Vec<(Key<'a>, Entry)>) -> CacheFuture<'a, Vec<Result<()>>> {
        self.answer(entries.into_iter().map(|_| Ok(())).collect())
    }

    fn delete_many<'a>(&'a self, keys: Vec<Key<'a>>) -> CacheFuture<'a, Vec<Result<bool>>> {
        self.answer(keys.into_iter().map(|_| Ok(false)).collect())
    }

    fn clear(&self) -> CacheFuture<'_, ()> {
        self.answer(())
    }

    fn stats(&self) -> BackendStats {
        BackendStats::default()
    }

    fn ping(&self) -> CacheFuture<'_, ()> {
        self.answer(())
    }

    fn close(&self) -> CacheFuture<'_, ()> {
        self.closed.store(true, Ordering::Release);
        CacheFuture::ready(Ok(()))
    }
}
