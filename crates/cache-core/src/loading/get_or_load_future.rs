//! The call that runs: it looks in the backend, gives a hit on the spot, and settles only what is not there.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::answer::{Give, Source, StaleReason};
use super::context::LoadContext;
use super::error;
use super::event::LoadEvent;
use super::get_or_load::Mode;
use super::loader::{Form, Loadable, Loader, unread};
use super::run::Work;
use super::settle::{Ask, Settled};
use crate::clock::Timestamp;
use crate::entry::Entry;
use crate::error::{CacheError, ErrorKind, Result};
use crate::future::CacheFuture;
use crate::key::Key;
use crate::operation::Operation;

/// A read that runs, and loads what is not there.
#[must_use = "futures do nothing unless they are awaited"]
pub struct GetOrLoadFuture<'a, T, L, S, M>
where
    S: Form,
    M: Give<T>,
{
    ask: Ask<'a>,
    loader: Option<L>,
    /// Whether the call was refused before the backend was asked.
    refused: bool,
    state: State<'a, S::Answer<M::Output>>,
    mode: PhantomData<Mode<T, S, M>>,
}

enum State<'a, O> {
    Asks(CacheFuture<'a, Option<Entry>>),
    /// In one box, so that a hit, which is dropped in the other state, has two to tell apart.
    Waits(Box<Waiting<'a, O>>),
}

enum Waiting<'a, O> {
    Settles(Boxed<'a, Settled>),
    /// All of it, run within a scope.
    Followed(Boxed<'a, O>),
}

type Boxed<'a, O> = Pin<Box<dyn Future<Output = Result<O>> + Send + 'a>>;

/// What the look in the backend led to.
enum Looked<O> {
    Done(Result<O>),
    /// A load is needed. This is the older value, if there is one.
    Load(Option<Entry>),
}

// The loader is moved, never pinned.
impl<T, L, S, M> Unpin for GetOrLoadFuture<'_, T, L, S, M>
where
    S: Form,
    M: Give<T>,
{
}

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
        let State::Waits(waiting) = &mut this.state else {
            return Poll::Pending;
        };
        match &mut **waiting {
            Waiting::Settles(waits) => {
                let settled = ready!(waits.as_mut().poll(context));
                Poll::Ready(this.give_settled(settled))
            }
            Waiting::Followed(call) => call.as_mut().poll(context),
        }
    }
}

impl<'a, T, L, S, M> GetOrLoadFuture<'a, T, L, S, M>
where
    T: Loadable,
    L: Loader<T, S>,
    S: Form,
    M: Give<T>,
{
    #[inline]
    pub(crate) fn new(
        ask: Ask<'a>,
        loader: L,
        refused: bool,
        answer: CacheFuture<'a, Option<Entry>>,
    ) -> Self {
        Self {
            ask,
            loader: Some(loader),
            refused,
            state: State::Asks(answer),
            mode: PhantomData,
        }
    }

    /// Makes the call that is run by another future.
    pub(crate) fn followed(
        ask: Ask<'a>,
        call: impl Future<Output = Result<S::Answer<M::Output>>> + Send + 'a,
    ) -> Self {
        Self {
            ask,
            loader: None,
            refused: false,
            state: State::Waits(Box::new(Waiting::Followed(Box::pin(call)))),
            mode: PhantomData,
        }
    }

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
                // Observers hear of it also where a load makes good for it.
                let key = Key::new(self.ask.place.key).ok();
                let error = self.ask.cache.context(Operation::GetOrLoad, key, error);
                if goes_on {
                    // It is not asked again before the load, so that a slow failure costs its time once.
                    self.ask.failed = true;
                    self.ask.seen = self.ask.cache.loads().registry.changes(self.ask.place);
                    Looked::Load(None)
                } else {
                    Looked::Done(Err(error))
                }
            }
        }
    }

    #[inline]
    fn hit(&self, entry: Entry) -> Looked<S::Answer<M::Output>> {
        let created = entry.created();
        match self.ask.cache.read::<T>(entry.into_value()) {
            Ok(object) => {
                let value = M::give(object, Source::Hit, || self.facts(created));
                Looked::Done(S::answer(Some(value)).ok_or_else(error::not_found))
            }
            Err(error) => self.unreadable(error),
        }
    }

    /// What was found fresh does not read.
    #[cold]
    fn unreadable(&self, error: CacheError) -> Looked<S::Answer<M::Output>> {
        let cache = self.ask.cache;
        if error.kind() == ErrorKind::NotFound {
            cache.tell(self.ask.place.key, LoadEvent::NegativeHit);
            return Looked::Done(self.nothing());
        }
        // What does not read is loaded again and written over.
        cache.tell(self.ask.place.key, LoadEvent::Unreadable);
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
                // What does not read needs the loader for itself.
                let why = unread::<T>(&entry, ask.cache);
                if let Some(error) = why.filter(|error| error.kind() != ErrorKind::NotFound) {
                    return self.unreadable(error);
                }
                // The value is fresh: without a runtime it is given as it is.
                let _ = ask.refresh(entry.clone(), || self.work(), unread::<T>);
            }
            return self.hit(entry);
        }
        if let Some(error) = unread::<T>(&entry, ask.cache) {
            // A stale entry is a miss already. Remembered answers never become stale.
            ask.cache
                .report(Operation::GetOrLoad, Key::new(ask.place.key).ok(), error);
            return Looked::Load(None);
        }
        if ask.options.may_revalidate(&entry, now)
            && ask.refresh(entry.clone(), || self.work(), unread::<T>).is_ok()
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
        let settles = self.ask.settle(older, work, unread::<T>);
        self.state = State::Waits(Box::new(Waiting::Settles(Box::pin(settles))));
    }

    fn give_settled(&self, settled: Result<Settled>) -> Result<S::Answer<M::Output>> {
        let cache = self.ask.cache;
        let key = Key::new(self.ask.place.key).ok();
        let report = |error| cache.report(Operation::GetOrLoad, key, error);
        match settled {
            Ok(Settled::Found(entry, source)) => {
                let created = entry.created();
                let object = cache.read::<T>(entry.into_value()).map_err(report)?;
                let value = M::give(object, source, || self.facts(created));
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

    /// Returns the age of a value, and the word of the backend.
    fn facts(&self, created: Timestamp) -> (Duration, &'static str) {
        let cache = self.ask.cache;
        (cache.now().since(created), cache.backend_kind())
    }
}

impl<T, L, S, M> fmt::Debug for GetOrLoadFuture<'_, T, L, S, M>
where
    S: Form,
    M: Give<T>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.state {
            State::Asks(_) => "GetOrLoadFuture::Asks",
            State::Waits(_) => "GetOrLoadFuture::Waits",
        })
    }
}
