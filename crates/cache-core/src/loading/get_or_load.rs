//! Reading a value, or loading it where the cache does not have it.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::answer::{Detailed, Give, Source, StaleReason};
use super::context::LoadContext;
use super::error;
use super::event::LoadEvent;
use super::loader::{Form, Loadable, Loader};
use super::options::LoadOptions;
use super::registry::Place;
use super::run::Work;
use super::settle::{Ask, Settled};
use crate::cache::Cache;
use crate::clock::Timestamp;
use crate::entry::Entry;
use crate::error::{ErrorKind, Result};
use crate::expiration::Expiration;
use crate::future::CacheFuture;
use crate::get::{Owned, Shared};
use crate::key::Key;
use crate::operation::Operation;

/// A read that loads what is not there, ready to run. See [`Cache::get_or_load`].
#[must_use = "a read runs when it is awaited"]
pub struct GetOrLoad<'a, T, L, S, M = Owned> {
    cache: &'a Cache,
    key: &'a str,
    loader: L,
    options: Option<&'a LoadOptions>,
    ttl: Expiration,
    mode: PhantomData<fn() -> (T, S, M)>,
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

    fn into_mode<N>(self) -> GetOrLoad<'a, T, L, S, N> {
        GetOrLoad {
            cache: self.cache,
            key: self.key,
            loader: self.loader,
            options: self.options,
            ttl: self.ttl,
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
        let Self {
            cache,
            key,
            loader,
            options,
            ttl,
            ..
        } = self;
        let place = Place::of(key);
        // Before the backend is asked, so that whatever changes from now on is noticed.
        let seen = cache.loads().registry.changes(place);
        let checked = match options {
            Some(own) => own.check(cache.shared().expiration),
            None => Ok(()),
        };
        let key = checked
            .map_err(|error| cache.report(Operation::GetOrLoad, Key::new(key).ok(), error))
            .and_then(|()| cache.check(Operation::GetOrLoad, key));
        let (answer, refused) = match key {
            Ok(key) => (cache.shared().backend.get(key), false),
            Err(error) => (CacheFuture::ready(Err(error)), true),
        };
        GetOrLoadFuture {
            ask: Ask {
                cache,
                place,
                seen,
                options: options.unwrap_or(&cache.loads().options),
                ttl,
            },
            loader: Some(loader),
            refused,
            state: State::Asks(answer),
            mode: PhantomData,
        }
    }
}

/// A read that runs, and loads what is not there.
#[must_use = "futures do nothing unless they are awaited"]
pub struct GetOrLoadFuture<'a, T, L, S, M> {
    ask: Ask<'a>,
    loader: Option<L>,
    /// Whether the call was refused before the backend was asked.
    refused: bool,
    state: State<'a>,
    mode: PhantomData<fn() -> (T, S, M)>,
}

enum State<'a> {
    Asks(CacheFuture<'a, Option<Entry>>),
    Waits(Pin<Box<dyn Future<Output = Result<Settled>> + Send + 'a>>),
}

/// What the look in the backend led to.
enum Looked<O> {
    Done(Result<O>),
    /// A load is needed. This is the older value, if there is one.
    Load(Option<Entry>),
}

// The loader is moved, never pinned.
impl<T, L, S, M> Unpin for GetOrLoadFuture<'_, T, L, S, M> {}

impl<T, L, S, M> Future for GetOrLoadFuture<'_, T, L, S, M>
where
    T: Loadable,
    L: Loader<T, S>,
    S: Form,
    M: Give<T>,
{
    type Output = Result<S::Answer<M::Output>>;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if let State::Asks(answer) = &mut this.state {
            let found = ready!(Pin::new(answer).poll(context));
            match this.look(found) {
                Looked::Done(answer) => return Poll::Ready(answer),
                Looked::Load(older) => this.load(older),
            }
        }
        let State::Waits(waits) = &mut this.state else {
            return Poll::Pending;
        };
        let settled = ready!(waits.as_mut().poll(context));
        Poll::Ready(this.give_settled(settled))
    }
}

impl<T, L, S, M> GetOrLoadFuture<'_, T, L, S, M>
where
    T: Loadable,
    L: Loader<T, S>,
    S: Form,
    M: Give<T>,
{
    #[inline]
    fn look(&mut self, found: Result<Option<Entry>>) -> Looked<S::Answer<M::Output>> {
        match found {
            Ok(Some(entry)) => {
                // Most entries never become stale, so most hits need no clock.
                if entry.stale_at() == Timestamp::MAX && self.ask.options.refresh_ahead.is_none() {
                    self.hit(entry)
                } else {
                    self.look_closer(entry)
                }
            }
            Ok(None) => Looked::Load(None),
            Err(error) => {
                let goes_on = !self.refused && !self.ask.options.strict && error.kind() != ErrorKind::Closed;
                if goes_on {
                    return Looked::Load(None);
                }
                let key = Key::new(self.ask.place.key).ok();
                Looked::Done(Err(self.ask.cache.context(Operation::GetOrLoad, key, error)))
            }
        }
    }

    #[inline]
    fn hit(&self, entry: Entry) -> Looked<S::Answer<M::Output>> {
        let created = entry.created();
        match entry.into_value().read::<T>(&self.ask.cache.shared().codec) {
            Ok(object) => {
                let value = M::give(object, Source::Hit, || self.age(created));
                Looked::Done(S::answer(Some(value)).ok_or_else(error::not_found))
            }
            Err(error) => self.unreadable(error),
        }
    }

    #[cold]
    fn unreadable(&self, error: crate::error::CacheError) -> Looked<S::Answer<M::Output>> {
        let cache = self.ask.cache;
        if error.kind() == ErrorKind::NotFound {
            cache.tell(self.ask.place.key, LoadEvent::NegativeHit);
            return Looked::Done(self.nothing());
        }
        // What does not read is loaded again and written over.
        cache.report(Operation::GetOrLoad, Key::new(self.ask.place.key).ok(), error);
        Looked::Load(None)
    }

    /// Looks at an entry that may be stale, or is renewed ahead.
    #[cold]
    fn look_closer(&mut self, entry: Entry) -> Looked<S::Answer<M::Output>> {
        let ask = self.ask;
        let now = ask.cache.shared().clock.coarse();
        if now < entry.stale_at() {
            let random = &*ask.cache.loads().random;
            if ask.options.is_due(&entry, now, random) {
                // The value is fresh: without a runtime it is given as it is.
                let _ = ask.refresh(entry.clone(), || self.work());
            }
            return self.hit(entry);
        }
        if ask.options.may_revalidate(&entry, now)
            && entry.value().clone().read::<T>(&ask.cache.shared().codec).is_ok()
            && ask.refresh(entry.clone(), || self.work()).is_ok()
        {
            let settled = Ok(ask.stale(entry, StaleReason::Revalidate));
            return Looked::Done(self.give_settled(settled));
        }
        Looked::Load(Some(entry))
    }

    /// Makes the loader ready to run as a task.
    fn work(&mut self) -> Work {
        let loader = self.loader.take();
        Box::new(move |cache, key, older| {
            let context = LoadContext::new(key, older, &cache.shared().codec);
            Box::pin(async move {
                match loader {
                    Some(loader) => Ok(loader.load(context).await?.erase()),
                    None => Err(error::no_answer().into()),
                }
            })
        })
    }

    #[cold]
    fn load(&mut self, older: Option<Entry>) {
        let work = self.work();
        self.state = State::Waits(Box::pin(self.ask.settle(older, work)));
    }

    fn give_settled(&self, settled: Result<Settled>) -> Result<S::Answer<M::Output>> {
        let cache = self.ask.cache;
        let key = Key::new(self.ask.place.key).ok();
        let report = |error| cache.report(Operation::GetOrLoad, key, error);
        match settled {
            Ok(Settled::Found(entry, source)) => {
                let created = entry.created();
                let object = entry
                    .into_value()
                    .read::<T>(&cache.shared().codec)
                    .map_err(report)?;
                let value = M::give(object, source, || self.age(created));
                S::answer(Some(value)).ok_or_else(error::not_found)
            }
            Ok(Settled::NotFound) => self.nothing(),
            Err(error) => Err(report(error)),
        }
    }

    fn nothing(&self) -> Result<S::Answer<M::Output>> {
        let key = Key::new(self.ask.place.key).ok();
        S::answer(None).ok_or_else(|| {
            self.ask
                .cache
                .report(Operation::GetOrLoad, key, error::not_found())
        })
    }

    fn age(&self, created: Timestamp) -> Duration {
        self.ask.cache.now().since(created)
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

impl<T, L, S, M> fmt::Debug for GetOrLoadFuture<'_, T, L, S, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.state {
            State::Asks(_) => "GetOrLoadFuture::Asks",
            State::Waits(_) => "GetOrLoadFuture::Waits",
        })
    }
}
