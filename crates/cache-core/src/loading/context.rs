//! What a loader is told: the key, and the older value, so that it can ask whether that still holds.

use std::fmt;
use std::sync::Arc;

use super::loader::Loadable;
use crate::clock::Timestamp;
use crate::codec::Codec;
use crate::entry::Entry;

/// What a loader is told.
///
/// ```
/// # use cache_core::{Cache, LoadContext, Loaded, Timestamp};
/// # struct Page { body: String }
/// # async fn fetch(_: &str, _: Option<Timestamp>) -> std::io::Result<Option<Page>> { Ok(None) }
/// # async fn example(cache: Cache) -> cache_core::Result<()> {
/// let page: Option<String> = cache
///     .get_or_load("page:7", |context: LoadContext<String>| async move {
///         // A conditional request: `None` is the answer that nothing has changed.
///         let since = context.stale().map(|(_, created)| created);
///         match fetch(context.key(), since).await? {
///             Some(page) => Ok::<_, std::io::Error>(Loaded::store(page.body)),
///             None => Ok(Loaded::not_modified()),
///         }
///     })
///     .await?;
/// # Ok(()) }
/// ```
pub struct LoadContext<T> {
    key: Arc<str>,
    older: Option<(Arc<T>, Timestamp)>,
}

impl<T> LoadContext<T> {
    /// Returns the key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Returns the older value and when it was made, if there is one: it is stale, or is renewed ahead.
    pub fn stale(&self) -> Option<(&Arc<T>, Timestamp)> {
        self.older.as_ref().map(|(value, created)| (value, *created))
    }
}

impl<T: Loadable> LoadContext<T> {
    /// An older value that does not read as a `T` is none.
    pub(crate) fn new(key: &Arc<str>, older: Option<Entry>, codec: &Codec) -> Self {
        let older = older.and_then(|entry| {
            let created = entry.created();
            Some((entry.into_value().read(codec).ok()?, created))
        });
        Self {
            key: Arc::clone(key),
            older,
        }
    }
}

/// Prints how old the older value is, never the value: it may be a secret.
impl<T> fmt::Debug for LoadContext<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoadContext")
            .field("older", &self.older.as_ref().map(|(_, created)| created))
            .finish_non_exhaustive()
    }
}
