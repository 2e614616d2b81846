//! The backend that tells of what goes through it. A ready answer is told of on the spot and stays ready.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use cache_core::{BackendStats, CacheBackend, CacheFuture, Clock, Entry, Key, Operation, Result};
use tracing::level_filters::LevelFilter;
use tracing::metadata::Kind;
use tracing::{Instrument, Level, Span, enabled};

use crate::answer::{Answer, Outcome};
use crate::failures::Failures;
use crate::scene::{Scene, Subject, TARGET};

/// A backend that is traced.
pub(crate) struct TracingBackend {
    inner: Arc<dyn CacheBackend>,
    scene: Scene,
    failures: Arc<Failures>,
}

/// Says whether surely nobody listens to single operations: one load and one comparison.
#[inline]
pub(crate) fn is_quiet() -> bool {
    LevelFilter::current() < LevelFilter::DEBUG
}

/// Says whether anybody listens to single operations.
pub(crate) fn is_heard() -> bool {
    enabled!(kind: Kind::SPAN, target: TARGET, Level::DEBUG)
        || enabled!(kind: Kind::EVENT, target: TARGET, Level::DEBUG)
}

impl TracingBackend {
    pub(crate) fn new(inner: Arc<dyn CacheBackend>, scene: Scene, failures: Arc<Failures>) -> Self {
        Self {
            inner,
            scene,
            failures,
        }
    }

    /// Runs an operation, in a span of its own if anybody listens. If nobody does, the answer is not even looked at.
    #[inline]
    fn run<'a, T: Answer + Send + 'a>(
        &'a self,
        operation: Operation,
        subject: Subject<'a>,
        call: impl FnOnce(&'a dyn CacheBackend) -> CacheFuture<'a, T>,
    ) -> CacheFuture<'a, T> {
        if is_quiet() {
            return call(&*self.inner);
        }
        self.run_heard(operation, subject, call)
    }

    /// Apart from [`get`](CacheBackend::get), so that a hit does not make ready what only this needs.
    #[cold]
    #[inline(never)]
    fn get_heard<'a>(&'a self, key: Key<'a>) -> CacheFuture<'a, Option<Entry>> {
        self.run_heard(Operation::Get, Subject::Key(key), |inner| inner.get(key))
    }

    /// Runs an operation where somebody listens at this level, though perhaps not to this target.
    fn run_heard<'a, T: Answer + Send + 'a>(
        &'a self,
        operation: Operation,
        subject: Subject<'a>,
        call: impl FnOnce(&'a dyn CacheBackend) -> CacheFuture<'a, T>,
    ) -> CacheFuture<'a, T> {
        if is_heard() {
            self.traced(operation, subject, call)
        } else {
            call(&*self.inner)
        }
    }

    fn traced<'a, T: Answer + Send + 'a>(
        &'a self,
        operation: Operation,
        subject: Subject<'a>,
        call: impl FnOnce(&'a dyn CacheBackend) -> CacheFuture<'a, T>,
    ) -> CacheFuture<'a, T> {
        let span = self.scene.span(operation, subject);
        let start = Instant::now();
        let answer = span.in_scope(|| call(&*self.inner));
        match answer.into_ready() {
            Ok(answer) => {
                span.in_scope(|| self.end(&span, (operation, subject), start, &answer));
                CacheFuture::ready(answer)
            }
            Err(pending) => {
                let within = span.clone();
                let told = async move {
                    let answer = pending.await;
                    self.end(&within, (operation, subject), start, &answer);
                    answer
                };
                CacheFuture::boxed(told.instrument(span))
            }
        }
    }

    /// Tells how an operation ended, within its span.
    fn end<T: Answer>(
        &self,
        span: &Span,
        (operation, subject): (Operation, Subject<'_>),
        start: Instant,
        answer: &Result<T>,
    ) {
        let (outcome, error) = match answer {
            Ok(answer) => (answer.outcome(operation), None),
            Err(error) => (Outcome::ERROR, Some(error)),
        };
        self.scene.end(span, (operation, subject), start, outcome, error);
    }
}

#[deny(clippy::missing_trait_methods)]
impl CacheBackend for TracingBackend {
    fn kind(&self) -> &'static str {
        self.inner.kind()
    }

    fn clock(&self) -> Arc<dyn Clock> {
        self.inner.clock()
    }

    #[inline]
    fn get<'a>(&'a self, key: Key<'a>) -> CacheFuture<'a, Option<Entry>> {
        if is_quiet() {
            return self.inner.get(key);
        }
        self.get_heard(key)
    }

    fn set<'a>(&'a self, key: Key<'a>, entry: Entry) -> CacheFuture<'a, ()> {
        self.run(Operation::Set, Subject::Key(key), |inner| inner.set(key, entry))
    }

    fn delete<'a>(&'a self, key: Key<'a>) -> CacheFuture<'a, bool> {
        self.run(Operation::Delete, Subject::Key(key), |inner| inner.delete(key))
    }

    fn exists<'a>(&'a self, key: Key<'a>) -> CacheFuture<'a, bool> {
        self.run(Operation::Exists, Subject::Key(key), |inner| inner.exists(key))
    }

    fn get_many<'a>(&'a self, keys: Vec<Key<'a>>) -> CacheFuture<'a, Vec<Result<Option<Entry>>>> {
        let subject = Subject::Keys(keys.len());
        self.run(Operation::GetMany, subject, |inner| inner.get_many(keys))
    }

    fn set_many<'a>(&'a self, entries: Vec<(Key<'a>, Entry)>) -> CacheFuture<'a, Vec<Result<()>>> {
        let subject = Subject::Keys(entries.len());
        self.run(Operation::SetMany, subject, |inner| inner.set_many(entries))
    }

    fn delete_many<'a>(&'a self, keys: Vec<Key<'a>>) -> CacheFuture<'a, Vec<Result<bool>>> {
        let subject = Subject::Keys(keys.len());
        self.run(Operation::DeleteMany, subject, |inner| inner.delete_many(keys))
    }

    fn clear(&self) -> CacheFuture<'_, ()> {
        self.traced(Operation::Clear, Subject::Cache, |inner| inner.clear())
    }

    fn stats(&self) -> BackendStats {
        self.inner.stats()
    }

    fn ping(&self) -> CacheFuture<'_, ()> {
        self.run(Operation::Ping, Subject::Cache, |inner| inner.ping())
    }

    fn close(&self) -> CacheFuture<'_, ()> {
        let closing = self.traced(Operation::Close, Subject::Cache, |inner| inner.close());
        closing.map(|closed| {
            self.failures.tell_rest();
            closed
        })
    }
}

impl fmt::Debug for TracingBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tracing").field(&self.inner).finish()
    }
}
