//! The calls of the handle that load.

use super::batch_loader::BatchLoader;
use super::get_or_load::GetOrLoad;
use super::get_or_load_many::GetOrLoadMany;
use super::loader::Loader;
use crate::cache::Cache;

impl Cache {
    /// Reads a value, or loads it where the cache does not have it.
    ///
    /// Callers that ask for one key at the same time share one load: it runs once in the process, and its value or its
    /// error is for all of them. A caller that goes does not take the load along as long as others wait. What is
    /// written or removed through this handle while a load runs wins: the loaded value goes to those who asked before
    /// and is not stored.
    ///
    /// ```
    /// # struct Db;
    /// # impl Db { async fn user(&self, _: u64) -> std::io::Result<String> { Ok("Ada".to_owned()) } }
    /// # async fn example(cache: cache_core::Cache, db: std::sync::Arc<Db>) -> cache_core::Result<()> {
    /// let user: String = cache.get_or_load("user:7", || async move { db.user(7).await }).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// A loader that takes a [`LoadContext`](crate::LoadContext) may also answer that there is nothing, which is
    /// remembered, and its caller gets an `Option`; see [`Loader`]. [`GetOrLoad`] has the options of a call,
    /// [`LoadOptions`](crate::LoadOptions) those of a cache: stale values, timeouts, refreshing ahead.
    ///
    /// A hit allocates nothing and needs no runtime. A load runs as a task of tokio, in a runtime with its timers on.
    ///
    /// # Errors
    /// [`Load`](crate::ErrorKind::Load) with the error of the loader as its cause,
    /// [`Panic`](crate::ErrorKind::Panic), [`Timeout`](crate::ErrorKind::Timeout) by the hard timeout,
    /// [`Exhausted`](crate::ErrorKind::Exhausted) over the limit of loads, [`Reentrant`](crate::ErrorKind::Reentrant)
    /// for a loader that waits for itself, [`NoRuntime`](crate::ErrorKind::NoRuntime) outside of tokio; those of keys
    /// and options. What the backend reports only with [`strict`](crate::LoadOptions::strict) or when it is closed.
    #[inline]
    pub fn get_or_load<'a, T, S, L>(&'a self, key: &'a str, loader: L) -> GetOrLoad<'a, T, L, S>
    where
        L: Loader<T, S>,
    {
        GetOrLoad::new(self, key, loader)
    }

    /// Reads several values, and loads those that the cache does not have: one result for each key, in the order of the
    /// keys. The cache is asked once for all of them, and the loader is called once for those that nobody else loads at
    /// this moment. A key that is given twice is loaded once; one that fails does not fail the others.
    ///
    /// ```
    /// # use cache_core::{Cache, Loaded};
    /// # async fn rows(_: &[String]) -> std::io::Result<Vec<(String, i64)>> { Ok(Vec::new()) }
    /// # async fn example(cache: Cache) {
    /// let found: Vec<cache_core::Result<Option<i64>>> = cache
    ///     .get_or_load_many(&["a", "b"], |keys: Vec<String>| async move {
    ///         let rows = rows(&keys).await?.into_iter();
    ///         // A key without a row was not found.
    ///         Ok::<Vec<_>, std::io::Error>(rows.map(|(key, row)| (key, Ok(Loaded::store(row)))).collect())
    ///     })
    ///     .await;
    /// # }
    /// ```
    pub fn get_or_load_many<'a, T, L>(
        &'a self,
        keys: impl IntoIterator<Item = &'a (impl AsRef<str> + ?Sized + 'a)>,
        loader: L,
    ) -> GetOrLoadMany<'a, T, L>
    where
        L: BatchLoader<T>,
    {
        GetOrLoadMany::new(self, keys.into_iter().map(AsRef::as_ref).collect(), loader)
    }

    /// Returns how many keys have a load under way, those included whose value is given already and is still being stored.
    pub fn loads_in_flight(&self) -> usize {
        self.loads().registry.flights()
    }
}
