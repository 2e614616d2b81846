//! Loaders: what people write to fetch a value, and what a loader can answer.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::context::LoadContext;
use super::error::BoxError;
use crate::cache::Cache;
use crate::entry::Entry;
use crate::error::CacheError;
use crate::expiration::Expiration;
use crate::value::Value;

/// What a loader brought, and what is to become of it.
///
/// ```
/// # use std::time::Duration;
/// # use cache_core::Loaded;
/// let token = Loaded::store("secret".to_owned()).ttl(Duration::from_secs(30));
/// let nobody = Loaded::<String>::not_found();
/// ```
#[must_use]
pub struct Loaded<T> {
    outcome: Outcome<Arc<T>>,
    ttl: Expiration,
    tags: Vec<Box<str>>,
}

/// What a loader brought, whatever its type.
#[derive(Clone)]
pub(crate) enum Outcome<V> {
    Store(V),
    DoNotStore(V),
    NotFound,
    NotModified,
}

/// An outcome with what else the loader gave.
pub(crate) struct Brought {
    pub(crate) outcome: Outcome<Value>,
    pub(crate) ttl: Expiration,
    pub(crate) tags: Vec<Box<str>>,
}

impl Brought {
    /// What a batch loader says of a key that it leaves out.
    pub(crate) fn nothing() -> Self {
        Self {
            outcome: Outcome::NotFound,
            ttl: Expiration::Default,
            tags: Vec::new(),
        }
    }
}

impl<T> Loaded<T> {
    /// A value to give and to store.
    pub fn store(value: T) -> Self {
        Self::store_shared(Arc::new(value))
    }

    /// A value to give and to store that others share. Nothing is copied.
    pub fn store_shared(value: Arc<T>) -> Self {
        Self::new(Outcome::Store(value))
    }

    /// A value to give and not to store.
    pub fn do_not_store(value: T) -> Self {
        Self::new(Outcome::DoNotStore(Arc::new(value)))
    }

    /// There is nothing. That is remembered for the negative TTL.
    pub fn not_found() -> Self {
        Self::new(Outcome::NotFound)
    }

    /// The older value, which [`LoadContext::stale`] gave, still holds: it is kept for another TTL.
    pub fn not_modified() -> Self {
        Self::new(Outcome::NotModified)
    }

    /// Lets this answer live for this long instead of what the options say. Zero does not store it.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Expiration::After(ttl);
        self
    }

    /// Lets this answer carry these tags, beside those of the call: [`Cache::invalidate_tag`](crate::Cache::invalidate_tag).
    /// [`not_modified`](Self::not_modified) keeps the tags of the older value as well.
    ///
    /// A call does better to give the tags that it knows itself, with [`GetOrLoad::tags`](crate::GetOrLoad::tags): those are
    /// also protected from invalidations by other processes while the loader runs.
    pub fn tags(mut self, tags: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.tags
            .extend(tags.into_iter().map(|tag| tag.into().into_boxed_str()));
        self
    }

    fn new(outcome: Outcome<Arc<T>>) -> Self {
        Self {
            outcome,
            ttl: Expiration::Default,
            tags: Vec::new(),
        }
    }
}

impl<T: Serialize + Send + Sync + 'static> Loaded<T> {
    pub(crate) fn erase(self) -> Brought {
        let outcome = match self.outcome {
            Outcome::Store(value) => Outcome::Store(Value::shared(value)),
            Outcome::DoNotStore(value) => Outcome::DoNotStore(Value::shared(value)),
            Outcome::NotFound => Outcome::NotFound,
            Outcome::NotModified => Outcome::NotModified,
        };
        Brought {
            outcome,
            ttl: self.ttl,
            tags: self.tags,
        }
    }
}

impl<T> From<T> for Loaded<T> {
    fn from(value: T) -> Self {
        Self::store(value)
    }
}

/// Prints what it is, never the value: it may be a secret.
impl<T> fmt::Debug for Loaded<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.outcome {
            Outcome::Store(_) => "Loaded::store",
            Outcome::DoNotStore(_) => "Loaded::do_not_store",
            Outcome::NotFound => "Loaded::not_found",
            Outcome::NotModified => "Loaded::not_modified",
        })
    }
}

/// A type that may be loaded.
pub trait Loadable: Serialize + DeserializeOwned + Send + Sync + 'static {}

impl<T: Serialize + DeserializeOwned + Send + Sync + 'static> Loadable for T {}

/// Says why an entry does not read as the type that is asked for.
pub(crate) type Unread = fn(&Entry, &Cache) -> Option<CacheError>;

pub(crate) fn unread<T: Loadable>(entry: &Entry, cache: &Cache) -> Option<CacheError> {
    cache.read::<T>(entry.value().clone()).err()
}

/// What fetches the value of a key that is not in the cache. Closures of two forms are loaders:
///
/// - `|| async { Ok::<User, DbError>(...) }`: brings the value or fails. The caller gets a `User`.
/// - `|context: LoadContext<User>| async move { Ok::<Loaded<User>, DbError>(...) }`: has the whole choice of [`Loaded`],
///   and is told of the older value. The caller gets an `Option<User>`, since the answer may be that there is nothing.
///
/// A loader runs as a task of tokio, so it owns what it uses, and it runs to its end even if the caller that brought it
/// goes, as long as others wait. Its error may be any error type, `String` and `Box<dyn Error + Send + Sync>` included.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not load a `{T}`",
    note = "a loader is `|| async {{ Ok::<T, E>(value) }}` or `|context: LoadContext<T>| async move {{ Ok::<Loaded<T>, E>(..) }}`, owns what it uses, and its future is `Send`"
)]
pub trait Loader<T, S>: Send + 'static {
    /// Fetches the value.
    fn load(self, context: LoadContext<T>) -> impl Future<Output = Result<Loaded<T>, BoxError>> + Send;
}

/// The form of a loader that brings a value or fails.
#[derive(Clone, Copy, Debug)]
pub struct Plain;

/// The form of a loader that has the whole choice of [`Loaded`].
#[derive(Clone, Copy, Debug)]
pub struct Choosing;

/// What the callers of a form of loader get.
pub trait Form: sealed::Sealed + 'static {
    /// The answer with a value of this type.
    type Answer<V: Send>: Send;

    /// Makes it of a value, or of nothing.
    fn answer<V: Send>(found: Option<V>) -> Option<Self::Answer<V>>;

    /// Returns its value, if there is one.
    fn found<V: Send>(answer: &Self::Answer<V>) -> Option<&V>;

    /// Changes its value, if there is one.
    fn map<V: Send, W: Send>(answer: Self::Answer<V>, change: impl FnOnce(V) -> W) -> Self::Answer<W>;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Plain {}
    impl Sealed for super::Choosing {}
}

impl Form for Plain {
    type Answer<V: Send> = V;

    #[inline]
    fn answer<V: Send>(found: Option<V>) -> Option<V> {
        found
    }

    fn found<V: Send>(answer: &V) -> Option<&V> {
        Some(answer)
    }

    fn map<V: Send, W: Send>(answer: V, change: impl FnOnce(V) -> W) -> W {
        change(answer)
    }
}

impl Form for Choosing {
    type Answer<V: Send> = Option<V>;

    #[inline]
    fn answer<V: Send>(found: Option<V>) -> Option<Option<V>> {
        Some(found)
    }

    fn found<V: Send>(answer: &Option<V>) -> Option<&V> {
        answer.as_ref()
    }

    fn map<V: Send, W: Send>(answer: Option<V>, change: impl FnOnce(V) -> W) -> Option<W> {
        answer.map(change)
    }
}

impl<T, E, L, R> Loader<T, Plain> for L
where
    T: Loadable,
    E: Into<Box<dyn Error + Send + Sync>> + 'static,
    L: FnOnce() -> R + Send + 'static,
    R: Future<Output = Result<T, E>> + Send,
{
    async fn load(self, _: LoadContext<T>) -> Result<Loaded<T>, BoxError> {
        self().await.map(Loaded::store).map_err(Into::into)
    }
}

impl<T, E, L, R> Loader<T, Choosing> for L
where
    T: Loadable,
    E: Into<Box<dyn Error + Send + Sync>> + 'static,
    L: FnOnce(LoadContext<T>) -> R + Send + 'static,
    R: Future<Output = Result<Loaded<T>, E>> + Send,
{
    async fn load(self, context: LoadContext<T>) -> Result<Loaded<T>, BoxError> {
        self(context).await.map_err(Into::into)
    }
}
