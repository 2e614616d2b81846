//! The call that runs: a hit is given on the spot, and only what is not there is settled.

use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::answer::Give;
use super::call::{Call, Looked};
use super::loader::{Form, Loadable, Loader};
use super::settle::Ask;
use crate::entry::Entry;
use crate::error::{CacheError, Result};
use crate::future::CacheFuture;

/// A read that runs, and loads what is not there.
#[must_use = "futures do nothing unless they are awaited"]
pub struct GetOrLoadFuture<'a, T, L, S, M>(State<'a, T, L, S, M>)
where
    S: Form,
    M: Give<T>;

enum State<'a, T, L, S, M>
where
    S: Form,
    M: Give<T>,
{
    /// The answer is here, until it is taken.
    Done(Option<Result<S::Answer<M::Output>>>),
    // What a hit does not need is boxed, so that it does not move about with it.
    Asks(Box<Asks<'a, T, L, S, M>>),
    /// A load, or all of the call where it is run within a scope.
    Waits(Boxed<'a, S::Answer<M::Output>>),
}

struct Asks<'a, T, L, S, M> {
    call: Call<'a, T, L, S, M>,
    answer: CacheFuture<'a, Option<Entry>>,
}

type Boxed<'a, O> = Pin<Box<dyn Future<Output = Result<O>> + Send + 'a>>;

// Nothing in it is pinned by itself.
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
        let state = &mut self.get_mut().0;
        match state {
            State::Done(answer) => answer.take().map_or(Poll::Pending, Poll::Ready),
            waits => waits.wait(context),
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
    /// Runs a call that has asked the backend. A hit that is here is read on the spot; what only a load needs is put
    /// together where one is needed.
    #[inline]
    pub(crate) fn new(
        ask: Ask<'a>,
        loader: L,
        refused: bool,
        answer: CacheFuture<'a, Option<Entry>>,
    ) -> Self {
        let answer = match answer.into_ready() {
            Ok(Ok(Some(entry))) if ask.is_plainly_fresh(&entry) || ask.is_fresh_for_long(&entry) => {
                return Self(match ask.read::<T, S, M>(entry) {
                    Ok(answer) => State::Done(Some(answer)),
                    Err(error) => State::unreadable(Call::new(ask, loader, refused), error),
                });
            }
            Ok(answer) => CacheFuture::ready(answer),
            Err(later) => later,
        };
        Self(State::ask(Call::new(ask, loader, refused), answer))
    }

    /// Makes the call that is run by another future.
    pub(crate) fn followed(call: impl Future<Output = Result<S::Answer<M::Output>>> + Send + 'a) -> Self {
        Self(State::Waits(Box::pin(call)))
    }
}

impl<'a, T, L, S, M> State<'a, T, L, S, M>
where
    T: Loadable,
    L: Loader<T, S>,
    S: Form,
    M: Give<T>,
{
    #[cold]
    fn unreadable(call: Call<'a, T, L, S, M>, error: CacheError) -> Self {
        let looked = call.unreadable(error);
        Self::after(call, looked)
    }

    /// Goes on with what is no plain hit. What needs a runtime waits until it is polled.
    #[cold]
    fn ask(mut call: Call<'a, T, L, S, M>, answer: CacheFuture<'a, Option<Entry>>) -> Self {
        let answer = match answer.into_ready() {
            Ok(Ok(None)) => return Self::load(call, None),
            Ok(Ok(Some(entry))) if call.is_hit(&entry) => {
                let looked = call.hit(entry);
                return Self::after(call, looked);
            }
            Ok(answer) => CacheFuture::ready(answer),
            Err(later) => later,
        };
        Self::Asks(Box::new(Asks { call, answer }))
    }

    fn after(call: Call<'a, T, L, S, M>, looked: Looked<S::Answer<M::Output>>) -> Self {
        match looked {
            Looked::Done(answer) => Self::Done(Some(answer)),
            Looked::Load(older) => Self::load(call, older),
        }
    }

    fn load(call: Call<'a, T, L, S, M>, older: Option<Entry>) -> Self {
        Self::Waits(Box::pin(call.load(older)))
    }

    fn wait(&mut self, context: &mut Context<'_>) -> Poll<Result<S::Answer<M::Output>>> {
        if let Self::Asks(asks) = self {
            let found = ready!(Pin::new(&mut asks.answer).poll(context));
            match asks.call.look(found) {
                Looked::Done(answer) => return Poll::Ready(answer),
                Looked::Load(older) => {
                    if let Self::Asks(asks) = mem::replace(self, Self::Done(None)) {
                        *self = Self::load(asks.call, older);
                    }
                }
            }
        }
        match self {
            Self::Waits(call) => call.as_mut().poll(context),
            Self::Done(_) | Self::Asks(_) => Poll::Pending,
        }
    }
}

impl<T, L, S, M> fmt::Debug for GetOrLoadFuture<'_, T, L, S, M>
where
    S: Form,
    M: Give<T>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            State::Done(_) => "GetOrLoadFuture::Done",
            State::Asks(_) => "GetOrLoadFuture::Asks",
            State::Waits(_) => "GetOrLoadFuture::Waits",
        })
    }
}
