//! The backend that counts what goes through it. A ready answer is counted on the spot and stays ready.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use cache_core::{BackendStats, CacheBackend, CacheFuture, Clock, Entry, ErrorKind, Key, Operation, Result};

use crate::handle::Metrics;
use crate::instruments::Instruments;
use crate::stripes::{Event, Mine};

/// A backend that is measured.
pub(crate) struct MetricsBackend {
    metrics: Metrics,
    instruments: Arc<Instruments>,
}

impl MetricsBackend {
    pub(crate) fn new(metrics: Metrics, instruments: Arc<Instruments>) -> Self {
        Self { metrics, instruments }
    }

    fn inner(&self) -> &dyn CacheBackend {
        &*self.instruments.backend
    }

    /// Runs an operation, counts what its answer says and times it: always if the answer comes later, even if nobody waits
    /// for it to the end, and if it is ready when a start is given.
    #[inline]
    fn measure<'a, T: Send + 'a>(
        &'a self,
        operation: Operation,
        start: Option<Instant>,
        answer: CacheFuture<'a, T>,
        count: fn(&Instruments, &T),
    ) -> CacheFuture<'a, T> {
        match answer.into_ready() {
            Ok(answer) => {
                if let Some(start) = start {
                    self.time(operation, start);
                }
                self.count(operation, &answer, count);
                CacheFuture::ready(answer)
            }
            Err(pending) => {
                let start = start.unwrap_or_else(Instant::now);
                CacheFuture::boxed(async move {
                    let mut under_way = UnderWay {
                        backend: self,
                        operation,
                        start,
                        answered: false,
                    };
                    let answer = pending.await;
                    under_way.answered = true;
                    self.count(operation, &answer, count);
                    answer
                })
            }
        }
    }

    #[inline]
    fn count<T>(&self, operation: Operation, answer: &Result<T>, count: impl FnOnce(&Instruments, &T)) {
        match answer {
            Ok(answer) => count(&self.instruments, answer),
            Err(error) => self.instruments.count_error(operation, error.kind()),
        }
    }

    #[cold]
    fn time(&self, operation: Operation, start: Instant) {
        if let Some(latency) = self.instruments.latency(operation) {
            latency.record(start.elapsed());
        }
    }

    /// Returns the start of an operation that may be answered from memory, if it is one of those that are timed.
    #[inline]
    fn sample(&self) -> Option<Instant> {
        let mine = self.instruments.stripes.mine();
        mine.is_sampled(self.instruments.sampling).then(Instant::now)
    }
}

/// An operation whose answer comes later. It is timed when it ends, and one that its caller drops before counts as an error,
/// since its answer, which would have been counted, never comes.
struct UnderWay<'a> {
    backend: &'a MetricsBackend,
    operation: Operation,
    start: Instant,
    answered: bool,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.backend.time(self.operation, self.start);
        if !self.answered {
            let instruments = &self.backend.instruments;
            // A backend that panics is none whose caller has gone.
            let kind = if std::thread::panicking() {
                ErrorKind::Backend
            } else {
                ErrorKind::Cancelled
            };
            instruments.count_error(self.operation, kind);
        }
    }
}

/// Counts the answers of several keys, and their failures as those of the operation.
fn each<T>(instruments: &Instruments, operation: Operation, answers: &[Result<T>], count: impl Fn(&T)) {
    for answer in answers {
        match answer {
            Ok(answer) => count(answer),
            Err(error) => instruments.count_error(operation, error.kind()),
        }
    }
}

#[inline]
fn count_lookup(mine: Mine<'_>, found: bool) {
    mine.add(if found { Event::Hit } else { Event::Miss }, 1);
}

fn count_set(instruments: &Instruments) {
    instruments.stripes.mine().add(Event::Set, 1);
}

fn count_delete(instruments: &Instruments, went: bool) {
    instruments.stripes.mine().add(Event::Delete, u64::from(went));
}

#[deny(clippy::missing_trait_methods)]
impl CacheBackend for MetricsBackend {
    fn kind(&self) -> &'static str {
        self.inner().kind()
    }

    fn clock(&self) -> Arc<dyn Clock> {
        self.inner().clock()
    }

    #[inline]
    fn get<'a>(&'a self, key: Key<'a>) -> CacheFuture<'a, Option<Entry>> {
        let mine = self.instruments.stripes.mine();
        let start = mine.is_sampled(self.instruments.sampling).then(Instant::now);
        match self.inner().get(key).into_ready() {
            // The way of a hit in memory, which looks its stripe up once.
            Ok(answer) => {
                if let Some(start) = start {
                    self.time(Operation::Get, start);
                }
                self.count(Operation::Get, &answer, |_, entry| {
                    count_lookup(mine, self.instruments.is_fresh(entry.as_ref()));
                });
                CacheFuture::ready(answer)
            }
            Err(pending) => self.measure(Operation::Get, start, pending, |instruments, entry| {
                count_lookup(instruments.stripes.mine(), instruments.is_fresh(entry.as_ref()));
            }),
        }
    }

    fn set<'a>(&'a self, key: Key<'a>, entry: Entry) -> CacheFuture<'a, ()> {
        let start = Instant::now();
        self.measure(
            Operation::Set,
            Some(start),
            self.inner().set(key, entry),
            |instruments, ()| count_set(instruments),
        )
    }

    fn delete<'a>(&'a self, key: Key<'a>) -> CacheFuture<'a, bool> {
        let start = Instant::now();
        self.measure(
            Operation::Delete,
            Some(start),
            self.inner().delete(key),
            |instruments, went| {
                count_delete(instruments, *went);
            },
        )
    }

    fn exists<'a>(&'a self, key: Key<'a>) -> CacheFuture<'a, bool> {
        let start = self.sample();
        self.measure(Operation::Exists, start, self.inner().exists(key), |_, _| {})
    }

    fn get_many<'a>(&'a self, keys: Vec<Key<'a>>) -> CacheFuture<'a, Vec<Result<Option<Entry>>>> {
        let start = Instant::now();
        self.measure(
            Operation::GetMany,
            Some(start),
            self.inner().get_many(keys),
            |instruments, answers| {
                each(instruments, Operation::GetMany, answers, |entry| {
                    count_lookup(instruments.stripes.mine(), instruments.is_fresh(entry.as_ref()));
                });
            },
        )
    }

    fn set_many<'a>(&'a self, entries: Vec<(Key<'a>, Entry)>) -> CacheFuture<'a, Vec<Result<()>>> {
        let start = Instant::now();
        self.measure(
            Operation::SetMany,
            Some(start),
            self.inner().set_many(entries),
            |instruments, answers| {
                each(instruments, Operation::SetMany, answers, |()| {
                    count_set(instruments);
                });
            },
        )
    }

    fn delete_many<'a>(&'a self, keys: Vec<Key<'a>>) -> CacheFuture<'a, Vec<Result<bool>>> {
        let start = Instant::now();
        self.measure(
            Operation::DeleteMany,
            Some(start),
            self.inner().delete_many(keys),
            |instruments, answers| {
                each(instruments, Operation::DeleteMany, answers, |went| {
                    count_delete(instruments, *went);
                });
            },
        )
    }

    fn clear(&self) -> CacheFuture<'_, ()> {
        let start = Instant::now();
        self.measure(Operation::Clear, Some(start), self.inner().clear(), |_, ()| {})
    }

    fn stats(&self) -> BackendStats {
        self.inner().stats()
    }

    fn ping(&self) -> CacheFuture<'_, ()> {
        self.measure(Operation::Ping, None, self.inner().ping(), |_, ()| {})
    }

    fn close(&self) -> CacheFuture<'_, ()> {
        let closing = self.measure(Operation::Close, None, self.inner().close(), |_, ()| {});
        CacheFuture::boxed(async move {
            let closed = closing.await;
            // The last numbers, now that background work has ended.
            self.metrics.collect();
            closed
        })
    }
}

impl Drop for MetricsBackend {
    fn drop(&mut self) {
        self.metrics.detach(&self.instruments);
    }
}

impl fmt::Debug for MetricsBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Metrics").field(&self.inner()).finish()
    }
}
