//! What a caller gets: the value, and how fresh it is and where it came from, if the caller wants to know.

use std::sync::Arc;
use std::time::Duration;

use crate::get::{Owned, Shared, Take};

/// A value and what is known about it. [`GetOrLoad::detailed`](crate::GetOrLoad::detailed) asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answer<V> {
    /// The value.
    pub value: V,
    /// Where it came from.
    pub source: Source,
    /// The word of the backend that held it, `memory` or `redis`, for a hit and for a stale value. `None` for a value
    /// that a load brought.
    pub tier: Option<&'static str>,
    /// How long ago it was stored or loaded, in whole milliseconds.
    pub age: Duration,
}

impl<V> Answer<V> {
    /// Says whether the time to live of the value had ended when it was given.
    pub fn is_stale(&self) -> bool {
        matches!(self.source, Source::Stale(_))
    }
}

/// Where an answer came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Source {
    /// The cache had it, fresh.
    Hit,
    /// This caller's load brought it.
    Loaded,
    /// The load of another caller brought it.
    Coalesced,
    /// The cache had it, stale.
    Stale(StaleReason),
}

impl Source {
    /// Returns the word for logs and spans, in snake case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Loaded => "loaded",
            Self::Coalesced => "coalesced",
            Self::Stale(_) => "stale",
        }
    }

    /// Says whether the cache had the value, fresh or stale.
    pub const fn is_from_cache(self) -> bool {
        matches!(self, Self::Hit | Self::Stale(_))
    }
}

/// Why a stale value was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StaleReason {
    /// It is being loaded again in the background.
    Revalidate,
    /// The load failed, or failed a short time ago.
    Error,
    /// The load took longer than a timeout.
    Timeout,
    /// The limit of concurrent loads was reached.
    Overload,
}

impl StaleReason {
    /// Every reason, in the order of the declaration.
    pub const ALL: [Self; 4] = [Self::Revalidate, Self::Error, Self::Timeout, Self::Overload];

    /// Returns the word for metrics and logs, in snake case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Revalidate => "revalidate",
            Self::Error => "error",
            Self::Timeout => "timeout",
            Self::Overload => "overload",
        }
    }
}

/// The form in which a caller gets its answer.
pub trait Give<T>: sealed::Sealed + 'static {
    /// What the caller gets.
    type Output: Send;

    /// Makes it. The facts, which are the age and the word of the backend, are asked for only by those who want to know.
    fn give(object: Arc<T>, source: Source, facts: impl FnOnce() -> (Duration, &'static str))
    -> Self::Output;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Owned {}
    impl Sealed for super::Shared {}
    impl<M: Sealed> Sealed for super::Detailed<M> {}
}

/// The caller gets an [`Answer`].
#[derive(Clone, Copy, Debug)]
pub struct Detailed<M>(std::marker::PhantomData<M>);

impl<T: Clone + Send> Give<T> for Owned {
    type Output = T;

    fn give(object: Arc<T>, _: Source, _: impl FnOnce() -> (Duration, &'static str)) -> T {
        <Self as Take<T>>::take(object)
    }
}

impl<T: Send + Sync> Give<T> for Shared {
    type Output = Arc<T>;

    #[inline]
    fn give(object: Arc<T>, _: Source, _: impl FnOnce() -> (Duration, &'static str)) -> Arc<T> {
        object
    }
}

impl<T, M: Give<T>> Give<T> for Detailed<M> {
    type Output = Answer<M::Output>;

    fn give(
        object: Arc<T>,
        source: Source,
        facts: impl FnOnce() -> (Duration, &'static str),
    ) -> Self::Output {
        let (age, backend) = facts();
        Answer {
            value: M::give(object, source, || (age, backend)),
            source,
            tier: source.is_from_cache().then_some(backend),
            age,
        }
    }
}
