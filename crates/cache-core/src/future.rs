//! The future that every backend method returns. It exists so that an answer which is already known costs neither
//! an allocation nor a suspension, through any number of `dyn` layers.

use std::fmt;
use std::future::{self, Future};
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::error::Result;

/// The answer of a backend: known already, or still to come.
///
/// A backend that answers from memory returns [`Ready`](Self::Ready). One that does I/O returns
/// [`Boxed`](Self::Boxed), whose allocation disappears beside a round trip. A layer that only looks at the answer
/// uses [`map`](Self::map), which keeps a `Ready` a `Ready`.
///
/// ```
/// use cache_core::CacheFuture;
///
/// let known = CacheFuture::ready(Ok(20)).map(|answer| answer.map(|n| n + 1));
/// assert_eq!(known.into_ready().unwrap().unwrap(), 21);
///
/// let waiting = CacheFuture::boxed(async { Ok(1) });
/// assert!(waiting.into_ready().is_err());
/// ```
#[must_use = "futures do nothing unless they are awaited"]
pub enum CacheFuture<'a, T> {
    /// The answer is here.
    Ready(future::Ready<Result<T>>),
    /// The answer comes later.
    Boxed(Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>),
}

impl<'a, T> CacheFuture<'a, T> {
    /// Returns an answer that is here already.
    #[inline]
    pub fn ready(answer: Result<T>) -> Self {
        Self::Ready(future::ready(answer))
    }

    /// Boxes a future whose answer comes later.
    pub fn boxed(future: impl Future<Output = Result<T>> + Send + 'a) -> Self {
        Self::Boxed(Box::pin(future))
    }

    /// Takes the answer if it is here.
    ///
    /// # Errors
    /// Gives the future back when the answer is still to come.
    #[inline]
    pub fn into_ready(self) -> std::result::Result<Result<T>, Self> {
        match self {
            Self::Ready(ready) => Ok(ready.into_inner()),
            boxed @ Self::Boxed(_) => Err(boxed),
        }
    }

    /// Changes the answer: at once if it is here, otherwise when it comes.
    #[inline]
    pub fn map<U>(self, change: impl FnOnce(Result<T>) -> Result<U> + Send + 'a) -> CacheFuture<'a, U>
    where
        T: 'a,
    {
        match self {
            Self::Ready(ready) => CacheFuture::ready(change(ready.into_inner())),
            Self::Boxed(boxed) => CacheFuture::boxed(async move { change(boxed.await) }),
        }
    }
}

impl<T> Future for CacheFuture<'_, T> {
    type Output = Result<T>;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            Self::Ready(ready) => Pin::new(ready).poll(context),
            Self::Boxed(boxed) => boxed.as_mut().poll(context),
        }
    }
}

impl<T> fmt::Debug for CacheFuture<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ready(_) => "CacheFuture::Ready",
            Self::Boxed(_) => "CacheFuture::Boxed",
        })
    }
}
