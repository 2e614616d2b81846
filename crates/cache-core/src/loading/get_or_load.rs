//! Reading a value, or loading it where the cache does not have it.

use std::fmt;
use std::future::IntoFuture;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use super::answer::{Detailed, Give};
use super::get_or_load_future::GetOrLoadFuture;
use super::loader::{Form, Loadable, Loader};
use super::options::LoadOptions;
use super::place::Place;
use super::scope::{Ended, Follower, Within};
use super::settle::Ask;
use crate::cache::Cache;
use crate::error::Result;
use crate::expiration::Expiration;
use crate::future::CacheFuture;
use crate::get::{Owned, Shared};
use crate::key::Key;
use crate::operation::Operation;

/// What a call asks for: the type, the form of its loader, the form of its answer.
pub(crate) type Mode<T, S, M> = fn() -> (T, S, M);

/// A read that loads what is not there, ready to run. See [`Cache::get_or_load`].
#[must_use = "a read runs when it is awaited"]
pub struct GetOrLoad<'a, T, L, S, M = Owned> {
    cache: &'a Cache,
    key: &'a str,
    loader: L,
    options: Option<&'a LoadOptions>,
    ttl: Expiration,
    tags: &'a [&'a str],
    mode: PhantomData<Mode<T, S, M>>,
}

impl<'a, T, L, S> GetOrLoad<'a, T, L, S> {
    #[inline]
    pub(crate) fn new(cache: &'a Cache, key: &'a str, loader: L) -> Self {
        Self {
            cache,
            key,
            loader,
            options: None,
            ttl: Expiration::Default,
            tags: &[],
            mode: PhantomData,
        }
    }

    /// Returns the `Arc` that the cache holds instead of a clone of the value.
    #[inline]
    pub fn shared(self) -> GetOrLoad<'a, T, L, S, Shared> {
        self.into_mode()
    }
}

impl<'a, T, L, S, M> GetOrLoad<'a, T, L, S, M> {
    /// Returns an [`Answer`](crate::Answer): the value with its age and where it came from.
    pub fn detailed(self) -> GetOrLoad<'a, T, L, S, Detailed<M>> {
        self.into_mode()
    }

    /// Takes these options in the place of those of the cache.
    pub fn options(mut self, options: &'a LoadOptions) -> Self {
        self.options = Some(options);
        self
    }

    /// Lets the value live for this long if it is loaded. Zero does not store it.
    pub fn ttl(self, ttl: Duration) -> Self {
        self.expiration(Expiration::After(ttl))
    }

    /// Lets the value live as the expiration says if it is loaded.
    pub fn expiration(mut self, expiration: Expiration) -> Self {
        self.ttl = expiration;
        self
    }

    /// Lets what is loaded carry these tags, also the answer that there is nothing: [`Cache::invalidate_tag`] on one of them
    /// makes it a miss. If one is invalidated while the loader runs, in any process, what it brings is not kept. Of the
    /// callers that share a load, those of the one that leads it count.
    pub fn tags(mut self, tags: &'a [&'a str]) -> Self {
        self.tags = tags;
        self
    }

    fn into_mode<N>(self) -> GetOrLoad<'a, T, L, S, N> {
        GetOrLoad {
            cache: self.cache,
            key: self.key,
            loader: self.loader,
            options: self.options,
            ttl: self.ttl,
            tags: self.tags,
            mode: PhantomData,
        }
    }
}

impl<'a, T, L, S, M> IntoFuture for GetOrLoad<'a, T, L, S, M>
where
    T: Loadable,
    L: Loader<T, S>,
    S: Form,
    M: Give<T>,
{
    type Output = Result<S::Answer<M::Output>>;
    type IntoFuture = GetOrLoadFuture<'a, T, L, S, M>;

    #[inline]
    fn into_future(self) -> Self::IntoFuture {
        match &self.cache.shared().follower {
            Some(follower) if follower.listens() => self.follow(follower),
            _ => self.begin(),
        }
    }
}

impl<'a, T, L, S, M> GetOrLoad<'a, T, L, S, M>
where
    T: Loadable,
    L: Loader<T, S>,
    S: Form,
    M: Give<T>,
{
    /// Runs all of it within a scope, the look in the backend included, if there is one.
    #[cold]
    #[inline(never)]
    fn follow(self, follower: &Arc<dyn Follower>) -> GetOrLoadFuture<'a, T, L, S, M> {
        let Some(scope) = follower.call(Operation::GetOrLoad, Key::new(self.key).ok(), 1) else {
            return self.begin();
        };
        let ask = self.ask();
        let call = self.into_mode::<Detailed<Shared>>();
        GetOrLoadFuture::followed(async move {
            let answer = Within::new(&scope, async move { call.begin().await }).await;
            scope.end(Ended::of([match &answer {
                Ok(answer) => Ok(S::found(answer).map(|found| found.source.as_str())),
                Err(error) => Err(error),
            }]));
            answer.map(|answer| {
                S::map(answer, |found| {
                    M::give(found.value, found.source, || {
                        (found.age, ask.cache.backend_kind())
                    })
                })
            })
        })
    }

    #[inline]
    fn ask(&self) -> Ask<'a> {
        let place = Place::of(self.key);
        Ask {
            cache: self.cache,
            place,
            // Before the backend is asked, so that whatever changes from now on is noticed.
            seen: self.cache.loads().registry.changes(place),
            options: self.options.unwrap_or(&self.cache.loads().options),
            ttl: self.ttl,
            tags: self.tags,
            failed: false,
        }
    }

    #[expect(
        clippy::inline_always,
        reason = "the future is large, and each call that hands it on copies it"
    )]
    #[inline(always)]
    fn begin(self) -> GetOrLoadFuture<'a, T, L, S, M> {
        let ask = self.ask();
        let Self {
            cache,
            key,
            loader,
            options,
            ..
        } = self;
        let mut checked = match options {
            Some(own) => own.check(cache.shared().expiration),
            None => Ok(()),
        };
        if !ask.tags.is_empty() {
            checked = checked.and_then(|()| cache.wanted_tags(ask.tags).map(drop));
        }
        let key = checked
            .map_err(|error| cache.report(Operation::GetOrLoad, Key::new(key).ok(), error))
            .and_then(|()| cache.check(Operation::GetOrLoad, key));
        let (answer, refused) = match key {
            Ok(key) => (cache.shared().reader().get(key), false),
            Err(error) => (CacheFuture::ready(Err(error)), true),
        };
        GetOrLoadFuture::new(ask, loader, refused, answer)
    }
}

impl<T, L, S, M> fmt::Debug for GetOrLoad<'_, T, L, S, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GetOrLoad")
            .field("cache", self.cache)
            .field("options", &self.options)
            .field("ttl", &self.ttl)
            .finish_non_exhaustive()
    }
}
