//! Reading several values, and loading those that the cache does not have with one call.

use std::collections::HashMap;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::answer::{Detailed, Give};
use super::batch_loader::{self, BatchLoader};
use super::loader::{Loadable, unread};
use super::options::LoadOptions;
use super::scope::{Ended, Scope, Within};
use super::settle::Settled;
use super::settle_many::AskMany;
use crate::cache::Cache;
use crate::error::Result;
use crate::expiration::Expiration;
use crate::get::{Owned, Shared};
use crate::key::Key;
use crate::operation::Operation;

/// A read of many values that loads what is not there, ready to run. See [`Cache::get_or_load_many`].
#[must_use = "a read runs when it is awaited"]
pub struct GetOrLoadMany<'a, T, L, M = Owned> {
    cache: &'a Cache,
    keys: Vec<&'a str>,
    loader: L,
    options: Option<&'a LoadOptions>,
    ttl: Expiration,
    tags: &'a [&'a str],
    mode: PhantomData<fn() -> (T, M)>,
}

impl<'a, T, L> GetOrLoadMany<'a, T, L> {
    pub(crate) fn new(cache: &'a Cache, keys: Vec<&'a str>, loader: L) -> Self {
        Self {
            cache,
            keys,
            loader,
            options: None,
            ttl: Expiration::Default,
            tags: &[],
            mode: PhantomData,
        }
    }

    /// Returns the `Arc`s that the cache holds instead of clones of the values.
    pub fn shared(self) -> GetOrLoadMany<'a, T, L, Shared> {
        self.into_mode()
    }
}

impl<'a, T, L, M> GetOrLoadMany<'a, T, L, M> {
    /// Returns [`Answer`](crate::Answer)s: the values with their ages and where they came from.
    pub fn detailed(self) -> GetOrLoadMany<'a, T, L, Detailed<M>> {
        self.into_mode()
    }

    /// Takes these options in the place of those of the cache.
    pub fn options(mut self, options: &'a LoadOptions) -> Self {
        self.options = Some(options);
        self
    }

    /// Lets the values live for this long that are loaded. Zero does not store them.
    pub fn ttl(self, ttl: Duration) -> Self {
        self.expiration(Expiration::After(ttl))
    }

    /// Lets the values live as the expiration says that are loaded.
    pub fn expiration(mut self, expiration: Expiration) -> Self {
        self.ttl = expiration;
        self
    }

    /// Lets each value that is loaded carry these tags: see [`GetOrLoad::tags`](crate::GetOrLoad::tags).
    pub fn tags(mut self, tags: &'a [&'a str]) -> Self {
        self.tags = tags;
        self
    }

    fn into_mode<N>(self) -> GetOrLoadMany<'a, T, L, N> {
        GetOrLoadMany {
            cache: self.cache,
            keys: self.keys,
            loader: self.loader,
            options: self.options,
            ttl: self.ttl,
            tags: self.tags,
            mode: PhantomData,
        }
    }
}

impl<'a, T, L, M> IntoFuture for GetOrLoadMany<'a, T, L, M>
where
    T: Loadable,
    L: BatchLoader<T>,
    M: Give<T>,
{
    type Output = Vec<Result<Option<M::Output>>>;
    type IntoFuture = GetOrLoadManyFuture<'a, T, M>;

    fn into_future(self) -> Self::IntoFuture {
        let Self {
            cache,
            keys,
            loader,
            options,
            ttl,
            tags,
            ..
        } = self;
        let refused = options
            .and_then(|own| own.check(cache.shared().expiration).err())
            .or_else(|| cache.wanted_tags(tags).err());
        let mut unique: Vec<Key<'a>> = Vec::new();
        let mut places: HashMap<&str, usize> = HashMap::new();
        let asked: Vec<Asked<'a>> = keys
            .into_iter()
            .map(|key| {
                let checked = match &refused {
                    Some(error) => {
                        Err(cache.report(Operation::GetOrLoadMany, Key::new(key).ok(), error.clone()))
                    }
                    None => cache.check(Operation::GetOrLoadMany, key),
                };
                checked.map(|key| {
                    let place = *places.entry(key.as_str()).or_insert_with(|| {
                        unique.push(key);
                        unique.len() - 1
                    });
                    (key, place)
                })
            })
            .collect();
        let ask = AskMany {
            cache,
            options: options.unwrap_or(&cache.loads().options),
            ttl,
            tags,
        };
        let follower = cache.shared().follower.as_ref();
        let scope = follower
            .filter(|follower| follower.listens())
            .and_then(|follower| follower.call(Operation::GetOrLoadMany, None, unique.len()));
        let settling = ask.settle(unique, batch_loader::work(loader), unread::<T>);
        GetOrLoadManyFuture {
            cache,
            asked,
            answers: match scope {
                None => Box::pin(settling),
                Some(scope) => Box::pin(followed(scope, settling)),
            },
            mode: PhantomData,
        }
    }
}

/// Runs a call within a scope.
async fn followed(
    scope: Arc<dyn Scope>,
    settling: impl Future<Output = Vec<Result<Settled>>> + Send,
) -> Vec<Result<Settled>> {
    let answers = Within::new(&scope, settling).await;
    scope.end(Ended::of(answers.iter().map(|answer| match answer {
        Ok(Settled::Found(_, source)) => Ok(Some(source.as_str())),
        Ok(Settled::NotFound) => Ok(None),
        Err(error) => Err(error),
    })));
    answers
}

/// A key as it was asked for, with its place among the different ones, or what is wrong with it.
type Asked<'a> = Result<(Key<'a>, usize)>;

/// A read of many values that runs. It gives one result for each key, in their order.
#[must_use = "futures do nothing unless they are awaited"]
pub struct GetOrLoadManyFuture<'a, T, M> {
    cache: &'a Cache,
    asked: Vec<Asked<'a>>,
    answers: Pin<Box<dyn Future<Output = Vec<Result<Settled>>> + Send + 'a>>,
    mode: PhantomData<fn() -> (T, M)>,
}

impl<T, M> Future for GetOrLoadManyFuture<'_, T, M>
where
    T: Loadable,
    M: Give<T>,
{
    type Output = Vec<Result<Option<M::Output>>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let answers = ready!(self.answers.as_mut().poll(context));
        let (cache, asked) = (self.cache, std::mem::take(&mut self.asked));
        let one = |asked: Asked<'_>| {
            let (key, place) = asked?;
            let report = |error| cache.report(Operation::GetOrLoadMany, Some(key), error);
            match answers.get(place) {
                Some(Ok(Settled::Found(entry, source))) => {
                    let object = cache.read::<T>(entry.value().clone());
                    let facts = || (cache.now().since(entry.created()), cache.backend_kind());
                    Ok(Some(M::give(object.map_err(report)?, *source, facts)))
                }
                Some(Ok(Settled::NotFound)) | None => Ok(None),
                Some(Err(error)) => Err(report(error.clone())),
            }
        };
        Poll::Ready(asked.into_iter().map(one).collect())
    }
}

impl<T, L, M> fmt::Debug for GetOrLoadMany<'_, T, L, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GetOrLoadMany")
            .field("cache", self.cache)
            .field("keys", &self.keys.len())
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl<T, M> fmt::Debug for GetOrLoadManyFuture<'_, T, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GetOrLoadManyFuture")
            .field("keys", &self.asked.len())
            .finish_non_exhaustive()
    }
}
