//! The seam for those who follow calls that load, which stand above all layers: spans are made here. A cache that
//! nobody follows pays one comparison for it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::error::CacheError;
use crate::key::Key;
use crate::operation::Operation;

/// Follows the calls and loads of a cache. [`LayerContext::follow`](crate::LayerContext::follow) takes one.
pub trait Follower: Send + Sync {
    /// Says whether anybody may listen at this moment. Each hit pays for it, so it is a load and a comparison; if it is
    /// `false`, [`call`](Self::call) is not asked; [`load`](Self::load) still is.
    fn listens(&self) -> bool;

    /// A call begins: [`GetOrLoad`](Operation::GetOrLoad) with its key, unless that is empty,
    /// [`GetOrLoadMany`](Operation::GetOrLoadMany) with the number of its different keys, or
    /// [`InvalidateTags`](Operation::InvalidateTags) with that of its tags. `None` if nobody follows it.
    fn call(&self, operation: Operation, key: Option<Key<'_>>, keys: usize) -> Option<Arc<dyn Scope>>;

    /// A load of a key is about to run in a task of its own; the caller that leads it is the one that calls. A batch is
    /// named by its first key. `refresh` says whether it renews a value that callers still get. `None` if nobody follows
    /// it.
    fn load(&self, key: Key<'_>, refresh: bool) -> Option<Arc<dyn Scope>>;
}

/// What a call or a load runs in, such as a span.
pub trait Scope: Send + Sync {
    /// Runs a part of it: calls `part` once.
    fn within(&self, part: &mut dyn FnMut());

    /// A call has ended. Loads say how they end as [`LoadEvent`](crate::LoadEvent)s, within their scope.
    fn end(&self, ended: Ended<'_>);
}

/// How a call ended.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Ended<'a> {
    /// One word: that of the [`Source`](crate::Source) of the value, `miss` where there is none, `error`, or `mixed` for
    /// several keys that differ; `invalidated` of tags.
    pub result: &'static str,
    /// How many of the keys have a value, or how many tags were invalidated.
    pub found: usize,
    /// The error of the call, or one of them if all its keys have one.
    pub error: Option<&'a CacheError>,
}

impl<'a> Ended<'a> {
    /// Makes it of what became of each key: the word of the source of its value, nothing, or an error.
    pub(crate) fn of(each: impl IntoIterator<Item = Result<Option<&'static str>, &'a CacheError>>) -> Self {
        let one = |end: Result<Option<&'static str>, &'a CacheError>| match end {
            Ok(Some(result)) => Self {
                result,
                found: 1,
                error: None,
            },
            Ok(None) => Self {
                result: "miss",
                found: 0,
                error: None,
            },
            Err(error) => Self {
                result: "error",
                found: 0,
                error: Some(error),
            },
        };
        let both = |all: Self, next: Self| {
            let is_same = all.result == next.result;
            Self {
                result: if is_same { all.result } else { "mixed" },
                found: all.found + next.found,
                error: all.error.filter(|_| is_same),
            }
        };
        let nothing = Self {
            result: "miss",
            found: 0,
            error: None,
        };
        each.into_iter().map(one).reduce(both).unwrap_or(nothing)
    }
}

/// A future that runs within a scope, and is dropped within it.
pub(crate) struct Within<'a, O> {
    scope: Arc<dyn Scope>,
    future: Option<Pin<Box<dyn Future<Output = O> + Send + 'a>>>,
}

impl<'a, O> Within<'a, O> {
    pub(crate) fn new(scope: &Arc<dyn Scope>, future: impl Future<Output = O> + Send + 'a) -> Self {
        Self {
            scope: Arc::clone(scope),
            future: Some(Box::pin(future)),
        }
    }
}

impl<O> Future for Within<'_, O> {
    type Output = O;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<O> {
        let this = self.get_mut();
        let mut polled = Poll::Pending;
        let Some(future) = &mut this.future else {
            return polled;
        };
        this.scope.within(&mut || polled = future.as_mut().poll(context));
        polled
    }
}

impl<O> Drop for Within<'_, O> {
    fn drop(&mut self) {
        let mut future = self.future.take();
        self.scope.within(&mut || drop(future.take()));
    }
}

impl<O> fmt::Debug for Within<'_, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Within")
    }
}
