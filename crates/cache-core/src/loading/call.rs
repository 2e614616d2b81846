//! A call of `get_or_load` before it waits for anything: what it found in the backend is its answer, or asks for a load.

use std::marker::PhantomData;
use std::sync::Arc;

use super::answer::{Give, Source, StaleReason};
use super::context::LoadContext;
use super::error;
use super::event::LoadEvent;
use super::get_or_load::Mode;
use super::loader::{Form, Loadable, Loader, unread};
use super::run::Work;
use super::settle::{Ask, Settled};
use crate::cache::Cache;
use crate::clock::Timestamp;
use crate::entry::Entry;
use crate::error::{CacheError, ErrorKind, Result};
use crate::key::Key;
use crate::operation::Operation;

/// What a call asks for, and its loader until that is handed on.
pub(crate) struct Call<'a, T, L, S, M> {
    pub(super) ask: Ask<'a>,
    loader: Option<L>,
    /// Whether the call was refused before the backend was asked.
    refused: bool,
    /// Whether chance has said that what was found is to be renewed ahead.
    due: bool,
    mode: PhantomData<Mode<T, S, M>>,
}

/// What the look in the backend led to.
pub(super) enum Looked<O> {
    Done(Result<O>),
    /// A load is needed. This is the older value, if there is one.
    Load(Option<Entry>),
}

impl<'a, T, L, S, M> Call<'a, T, L, S, M>
where
    T: Loadable,
    L: Loader<T, S>,
    S: Form,
    M: Give<T>,
{
    #[inline]
    pub(super) fn new(ask: Ask<'a>, loader: L, refused: bool) -> Self {
        Self {
            ask,
            loader: Some(loader),
            refused,
            due: false,
            mode: PhantomData,
        }
    }

    /// Says whether an entry is a hit, with which nothing is to be done but to give it.
    pub(super) fn is_hit(&mut self, entry: &Entry) -> bool {
        self.ask.is_plainly_fresh(entry) || self.is_fresh(entry)
    }

    fn is_fresh(&mut self, entry: &Entry) -> bool {
        let (cache, options) = (self.ask.cache, self.ask.options);
        let now = cache.shared().clock.coarse();
        if now >= entry.stale_at() {
            return false;
        }
        // Chance is asked once.
        self.due = self.due || options.is_due(entry, now, &*cache.loads().random);
        !self.due
    }

    /// Says what follows from what was found.
    pub(super) fn look(&mut self, found: Result<Option<Entry>>) -> Looked<S::Answer<M::Output>> {
        match found {
            Ok(Some(entry)) if self.is_hit(&entry) => self.hit(entry),
            Ok(Some(entry)) => self.look_closer(entry),
            Ok(None) => Looked::Load(None),
            Err(error) => {
                let goes_on = !self.refused && !self.ask.options.strict && error.kind() != ErrorKind::Closed;
                // Observers hear of it also where a load makes good for it.
                let key = Key::new(self.ask.place.key).ok();
                let error = self.ask.cache.context(Operation::GetOrLoad, key, error);
                if goes_on {
                    self.ask.failed = error.is_transient();
                    Looked::Load(None)
                } else {
                    Looked::Done(Err(error))
                }
            }
        }
    }

    pub(super) fn hit(&self, entry: Entry) -> Looked<S::Answer<M::Output>> {
        match self.ask.read::<T, S, M>(entry) {
            Ok(answer) => Looked::Done(answer),
            Err(error) => self.unreadable(error),
        }
    }

    /// What was found fresh does not read.
    #[cold]
    pub(super) fn unreadable(&self, error: CacheError) -> Looked<S::Answer<M::Output>> {
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

    /// Looks at an entry that is stale, or is renewed ahead.
    #[cold]
    pub(super) fn look_closer(&mut self, entry: Entry) -> Looked<S::Answer<M::Output>> {
        let ask = self.ask;
        let now = ask.cache.shared().clock.coarse();
        if now < entry.stale_at() {
            // What does not read needs the loader for itself.
            let why = unread::<T>(&entry, ask.cache);
            if let Some(error) = why.filter(|error| error.kind() != ErrorKind::NotFound) {
                return self.unreadable(error);
            }
            // The value is fresh: without a runtime it is given as it is.
            let _ = ask.refresh(entry.clone(), || self.work(), unread::<T>);
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

    /// Loads, or waits for a load of another caller.
    pub(super) async fn load(mut self, older: Option<Entry>) -> Result<S::Answer<M::Output>> {
        let settled = self.ask.settle(older, || self.work(), unread::<T>).await;
        self.give_settled(settled)
    }

    fn give_settled(&self, settled: Result<Settled>) -> Result<S::Answer<M::Output>> {
        let cache = self.ask.cache;
        let key = Key::new(self.ask.place.key).ok();
        let report = |error| cache.report(Operation::GetOrLoad, key, error);
        match settled {
            Ok(Settled::Found(entry, source)) => {
                let created = entry.created();
                let object = cache.read::<T>(entry.into_value()).map_err(report)?;
                give::<T, S, M>(cache, object, source, created)
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
}

impl Ask<'_> {
    /// Says whether an entry is a hit without a look at the clock: most entries never become stale.
    #[inline]
    pub(super) fn is_plainly_fresh(&self, entry: &Entry) -> bool {
        entry.stale_at() == Timestamp::MAX && self.options.refresh_ahead.is_none()
    }

    /// Says whether an entry is a hit by the clock, and not so close to its end that chance is asked whether to renew it.
    #[inline]
    pub(super) fn is_fresh_for_long(&self, entry: &Entry) -> bool {
        let now = self.cache.shared().clock.coarse();
        now < entry.stale_at() && !self.options.may_be_due(entry, now)
    }

    /// Gives a hit.
    ///
    /// # Errors
    /// If it does not read.
    #[inline]
    pub(super) fn read<T, S, M>(&self, entry: Entry) -> Result<Result<S::Answer<M::Output>>>
    where
        T: Loadable,
        S: Form,
        M: Give<T>,
    {
        let created = entry.created();
        let object = self.cache.read::<T>(entry.into_value())?;
        Ok(give::<T, S, M>(self.cache, object, Source::Hit, created))
    }
}

#[inline]
fn give<T, S, M>(
    cache: &Cache,
    object: Arc<T>,
    source: Source,
    created: Timestamp,
) -> Result<S::Answer<M::Output>>
where
    S: Form,
    M: Give<T>,
{
    // The age of a value, and the word of the backend.
    let facts = || (cache.now().since(created), cache.backend_kind());
    S::answer(Some(M::give(object, source, facts))).ok_or_else(error::not_found)
}
