//! Loaders of several keys with one call.

use std::error::Error;
use std::future::Future;

use super::error::BoxError;
use super::loader::{Brought, Loadable, Loaded};

/// What fetches the values of several keys with one call: a closure
/// `|keys: Vec<String>| async move { Ok::<Vec<(String, Result<Loaded<T>, E>)>, E>(...) }`, or any other collection of
/// such pairs.
///
/// The keys are those that nobody else loads at this moment, each once. Each pair is the answer for a key, or the
/// failure of this key alone; a key without a pair was not found. Other keys are ignored. An error instead of the
/// collection is the failure of all keys.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not load several `{T}`",
    note = "a loader is `|keys: Vec<String>| async move {{ Ok::<Vec<(String, Result<Loaded<T>, E>)>, E>(..) }}`, owns what it uses, and its future is `Send`"
)]
pub trait BatchLoader<T>: Send + 'static {
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
    L: FnOnce(Vec<String>) -> R + Send + 'static,
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
pub(crate) type BroughtMany = Vec<(String, Result<Brought, BoxError>)>;

pub(crate) fn erase<T: Loadable>(found: Found<T>) -> BroughtMany {
    found
        .into_iter()
        .map(|(key, one)| (key, one.map(Loaded::erase)))
        .collect()
}
