//! Loaders of several keys with one call.

use std::error::Error;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;

use super::error::BoxError;
use super::loader::{Brought, Loadable, Loaded};

/// What fetches the values of several keys with one call: a closure
/// `|keys: Vec<String>| async move { Ok::<Vec<(String, Result<Loaded<T>, E>)>, E>(...) }`, or any other collection of
/// such pairs.
///
/// The keys are those that nobody else loads at this moment, each once. Each pair is the answer for a key, or the
/// failure of this key alone; a key without a pair was not found. Other keys are ignored. An error instead of the
/// collection is the failure of all keys.
///
/// It is `Clone`, as a closure is whose captures are: a key that joined the load of another caller is loaded with a clone
/// if that load turns out to have been invalidated before this caller asked.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not load several `{T}`",
    note = "a loader is `|keys: Vec<String>| async move {{ Ok::<Vec<(String, Result<Loaded<T>, E>)>, E>(..) }}`, owns what it uses, is `Clone`, and its future is `Send`"
)]
pub trait BatchLoader<T>: Clone + Send + 'static {
    /// Fetches the values.
    fn load(self, keys: Vec<String>) -> impl Future<Output = Result<Found<T>, BoxError>> + Send;
}

/// What a batch loader brought, by key.
pub type Found<T> = Vec<(String, Result<Loaded<T>, BoxError>)>;

impl<T, E, I, L, R> BatchLoader<T> for L
where
    T: Loadable,
    E: Into<Box<dyn Error + Send + Sync>> + 'static,
    I: IntoIterator<Item = (String, Result<Loaded<T>, E>)>,
    L: FnOnce(Vec<String>) -> R + Clone + Send + 'static,
    R: Future<Output = Result<I, E>> + Send,
{
    async fn load(self, keys: Vec<String>) -> Result<Found<T>, BoxError> {
        let found = self(keys).await.map_err(Into::into)?;
        Ok(found
            .into_iter()
            .map(|(key, one)| (key, one.map_err(Into::into)))
            .collect())
    }
}

/// What a batch loader brought, whatever its type.
type BroughtMany = Vec<(String, Result<Brought, BoxError>)>;
/// A batch loader that runs, whatever its type.
pub(crate) type RunningMany = Pin<Box<dyn Future<Output = Result<BroughtMany, BoxError>> + Send>>;

/// A batch loader that waits for the keys to run, whatever its type.
pub(crate) trait WorkMany: Send {
    fn run(self: Box<Self>, keys: Vec<String>) -> RunningMany;

    /// Makes another one.
    fn another(&self) -> Box<dyn WorkMany>;
}

/// Forgets the type of a loader.
pub(crate) fn work<T: Loadable>(loader: impl BatchLoader<T>) -> Box<dyn WorkMany> {
    Box::new(Erased(loader, PhantomData))
}

struct Erased<T, L>(L, PhantomData<fn() -> T>);

impl<T: Loadable, L: BatchLoader<T>> WorkMany for Erased<T, L> {
    fn run(self: Box<Self>, keys: Vec<String>) -> RunningMany {
        Box::pin(async move {
            let found = self.0.load(keys).await?.into_iter();
            Ok(found.map(|(key, one)| (key, one.map(Loaded::erase))).collect())
        })
    }

    fn another(&self) -> Box<dyn WorkMany> {
        work(self.0.clone())
    }
}
