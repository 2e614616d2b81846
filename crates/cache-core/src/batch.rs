//! What the operations on many keys share: bad keys are answered here and do not reach the backend, the answers of
//! the others go back to their places.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::cache::Cache;
use crate::error::{CacheError, ErrorKind, Result};
use crate::future::CacheFuture;
use crate::key::Key;
use crate::operation::Operation;

/// The keys of a call that is made ready.
#[derive(Debug)]
pub(crate) struct Batch<'a> {
    pub(crate) cache: &'a Cache,
    operation: Operation,
    keys: Vec<&'a str>,
}

/// The keys of a call that runs.
pub(crate) struct Checked<'a> {
    pub(crate) cache: &'a Cache,
    operation: Operation,
    keys: Vec<Result<Key<'a>>>,
}

impl<'a> Batch<'a> {
    pub(crate) fn new(cache: &'a Cache, operation: Operation, keys: impl Iterator<Item = &'a str>) -> Self {
        Self {
            cache,
            operation,
            keys: keys.collect(),
        }
    }

    /// Checks the keys and reports the bad ones.
    pub(crate) fn check(self) -> Checked<'a> {
        let Self {
            cache,
            operation,
            keys,
        } = self;
        Checked {
            cache,
            operation,
            keys: keys.into_iter().map(|key| cache.check(operation, key)).collect(),
        }
    }

    /// Answers every key with what is wrong with the call as a whole.
    pub(crate) fn refuse(self, error: &CacheError) -> Checked<'a> {
        let Self {
            cache,
            operation,
            keys,
        } = self;
        let refused = |key| Err(cache.report(operation, Key::new(key).ok(), error.clone()));
        Checked {
            cache,
            operation,
            keys: keys.into_iter().map(refused).collect(),
        }
    }
}

impl<'a> Checked<'a> {
    /// Returns the keys that may go to the backend.
    fn valid(&self) -> Vec<Key<'a>> {
        self.keys
            .iter()
            .filter_map(|key| key.as_ref().ok().copied())
            .collect()
    }

    /// Keeps, of what belongs to the keys one by one, what belongs to the valid ones.
    pub(crate) fn select<V>(&self, all: Vec<V>) -> Vec<V> {
        all.into_iter()
            .zip(&self.keys)
            .filter_map(|(one, key)| key.is_ok().then_some(one))
            .collect()
    }

    /// Asks the backend about the valid keys, unless there are none.
    pub(crate) fn ask<A: Send + 'a, T: 'a>(
        self,
        ask: impl FnOnce(&'a Cache, Vec<Key<'a>>) -> CacheFuture<'a, Vec<Result<A>>>,
        finish: impl Fn(&Cache, Key<'_>, Result<A>) -> Result<T> + Send + 'a,
    ) -> Many<'a, A, T> {
        let valid = self.valid();
        let answer = if valid.is_empty() {
            CacheFuture::ready(Ok(Vec::new()))
        } else {
            ask(self.cache, valid)
        };
        let merge = Box::new(move |answers| self.merge(answers, &finish));
        Many {
            answer,
            merge: Some(merge),
        }
    }

    /// Puts the answers of the backend in their places between the bad keys.
    fn merge<A, T>(
        self,
        answers: Result<Vec<Result<A>>>,
        finish: &impl Fn(&Cache, Key<'_>, Result<A>) -> Result<T>,
    ) -> Vec<Result<T>> {
        let Self {
            cache,
            operation,
            keys,
        } = self;
        let mut next = each(cache.shared().backend.kind(), answers);
        keys.into_iter()
            .map(|key| {
                let key = key?;
                finish(
                    cache,
                    key,
                    next().map_err(|error| cache.context(operation, Some(key), error)),
                )
            })
            .collect()
    }
}

/// Returns the answers of a backend one by one, for each key one: that there is none, or what failed all of them.
pub(crate) fn each<A>(kind: &str, answers: Result<Vec<Result<A>>>) -> impl FnMut() -> Result<A> + use<A> {
    let (mut answers, missing) = match answers {
        Ok(answers) => (answers.into_iter(), short(kind)),
        Err(error) => (Vec::new().into_iter(), error),
    };
    move || answers.next().unwrap_or_else(|| Err(missing.clone()))
}

/// Makes the error of a backend that gave fewer answers than it was asked for.
fn short(kind: &str) -> CacheError {
    CacheError::new(
        ErrorKind::Backend,
        format!("the {kind} backend gave no answer for this key; report it"),
    )
}

type Merge<'a, A, T> = Box<dyn FnOnce(Result<Vec<Result<A>>>) -> Vec<Result<T>> + Send + 'a>;

/// An operation on many keys that runs. It gives one result for each key, in their order.
#[must_use = "futures do nothing unless they are awaited"]
pub struct Many<'a, A, T> {
    answer: CacheFuture<'a, Vec<Result<A>>>,
    merge: Option<Merge<'a, A, T>>,
}

impl<A, T> Future for Many<'_, A, T> {
    type Output = Vec<Result<T>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let answers = ready!(Pin::new(&mut self.answer).poll(context));
        Poll::Ready(self.merge.take().map(|merge| merge(answers)).unwrap_or_default())
    }
}

impl<A, T> fmt::Debug for Many<'_, A, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Many")
            .field("answer", &self.answer)
            .finish_non_exhaustive()
    }
}
