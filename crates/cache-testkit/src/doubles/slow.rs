//! A layer that answers when the test says so, which orders concurrent calls without a sleep.

use std::sync::Arc;

use cache_core::{BackendStats, CacheBackend, CacheFuture, Clock, Entry, Key, Operation, Result};
use tokio::sync::{Semaphore, watch};

/// Holds calls at a gate, then passes them on. Every answer is [`CacheFuture::Boxed`] and suspends before
/// and after its work, as those of a server do. [`holding`](Self::holding) makes one that does so with a single operation, and
/// [`holding_answers`](Self::holding_answers) one that does the work before it holds a call.
///
/// The gate is shut at first. [`release`](Self::release) lets a number of calls through, [`open`](Self::open) all.
///
/// ```
/// use std::sync::Arc;
/// use cache_core::Cache;
/// use cache_testkit::{ManualClock, MapBackend, SlowBackend};
///
/// # async fn example() -> cache_core::Result<()> {
/// let slow = Arc::new(SlowBackend::new(MapBackend::new(ManualClock::new())));
/// let cache = Cache::builder(Arc::clone(&slow)).build()?;
/// let reader = tokio::spawn(async move { cache.get::<i64>("key").await });
/// slow.arrived(1).await; // The read waits at the gate now.
/// slow.release(1);
/// assert_eq!(reader.await.unwrap()?, None);
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct SlowBackend<B> {
    inner: B,
    /// The only operation that is held.
    only: Option<Operation>,
    /// Whether calls are held when their work is done.
    holds_answers: bool,
    /// Closed for good once the gate is open: that lets every call through.
    gate: Semaphore,
    arrivals: watch::Sender<usize>,
}

impl<B: CacheBackend> SlowBackend<B> {
    /// Wraps a backend. The gate is shut.
    pub fn new(inner: B) -> Self {
        Self {
            inner,
            only: None,
            holds_answers: false,
            gate: Semaphore::new(0),
            arrivals: watch::Sender::new(0),
        }
    }

    /// Wraps a backend. The gate is shut to this operation, and others do not come to it.
    pub fn holding(inner: B, operation: Operation) -> Self {
        Self {
            only: Some(operation),
            ..Self::new(inner)
        }
    }

    /// Wraps a backend. The gate is shut to the answers of this operation, and others do not come to it.
    pub fn holding_answers(inner: B, operation: Operation) -> Self {
        Self {
            holds_answers: true,
            ..Self::holding(inner, operation)
        }
    }

    /// Lets so many calls through, those that wait first.
    pub fn release(&self, calls: usize) {
        self.gate.add_permits(calls);
    }

    /// Opens the gate for good.
    pub fn open(&self) {
        self.gate.close();
    }

    /// Waits until so many calls have come to the gate since the backend was made.
    pub async fn arrived(&self, calls: usize) {
        // An error would mean that the sender is gone, and it is a part of this backend.
        let _ = self
            .arrivals
            .subscribe()
            .wait_for(|arrived| *arrived >= calls)
            .await;
    }

    /// Comes to the gate and waits until it is let through.
    async fn pass(&self) {
        self.arrivals.send_modify(|arrived| *arrived += 1);
        tokio::task::yield_now().await;
        if let Ok(permit) = self.gate.acquire().await {
            permit.forget();
        }
    }

    fn held<'a, T: Send + 'a>(
        &'a self,
        operation: Operation,
        call: impl FnOnce(&'a B) -> CacheFuture<'a, T> + Send + 'a,
    ) -> CacheFuture<'a, T> {
        if self.only.is_some_and(|only| only != operation) {
            return call(&self.inner);
        }
        CacheFuture::boxed(async move {
            if !self.holds_answers {
                self.pass().await;
            }
            let answer = call(&self.inner).await;
            if self.holds_answers {
                self.pass().await;
            }
            // The answer is on its way: whoever drops the future now loses it, though the work is done.
            tokio::task::yield_now().await;
            answer
        })
    }
}

#[deny(clippy::missing_trait_methods)]
impl<B: CacheBackend> CacheBackend for SlowBackend<B> {
    fn kind(&self) -> &'static str {
        self.inner.kind()
    }

    fn clock(&self) -> Arc<dyn Clock> {
        self.inner.clock()
    }

    fn get<'a>(&'a self, key: Key<'a>) -> CacheFuture<'a, Option<Entry>> {
        self.held(Operation::Get, move |inner| inner.get(key))
    }

    fn set<'a>(&'a self, key: Key<'a>, entry: Entry) -> CacheFuture<'a, ()> {
        self.held(Operation::Set, move |inner| inner.set(key, entry))
    }

    fn delete<'a>(&'a self, key: Key<'a>) -> CacheFuture<'a, bool> {
        self.held(Operation::Delete, move |inner| inner.delete(key))
    }

    fn exists<'a>(&'a self, key: Key<'a>) -> CacheFuture<'a, bool> {
        self.held(Operation::Exists, move |inner| inner.exists(key))
    }

    fn get_many<'a>(&'a self, keys: Vec<Key<'a>>) -> CacheFuture<'a, Vec<Result<Option<Entry>>>> {
        self.held(Operation::GetMany, move |inner| inner.get_many(keys))
    }

    fn set_many<'a>(&'a self, entries: Vec<(Key<'a>, Entry)>) -> CacheFuture<'a, Vec<Result<()>>> {
        self.held(Operation::SetMany, move |inner| inner.set_many(entries))
    }

    fn delete_many<'a>(&'a self, keys: Vec<Key<'a>>) -> CacheFuture<'a, Vec<Result<bool>>> {
        self.held(Operation::DeleteMany, move |inner| inner.delete_many(keys))
    }

    fn clear(&self) -> CacheFuture<'_, ()> {
        self.held(Operation::Clear, B::clear)
    }

    fn stats(&self) -> BackendStats {
        self.inner.stats()
    }

    fn ping(&self) -> CacheFuture<'_, ()> {
        self.held(Operation::Ping, B::ping)
    }

    fn close(&self) -> CacheFuture<'_, ()> {
        self.held(Operation::Close, B::close)
    }
}
