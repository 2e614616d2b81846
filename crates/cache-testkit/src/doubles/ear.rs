//! An observer that writes down what it hears: no layer sees what happens to loads.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cache_core::{
    CacheBackend, CacheError, Key, Layer, LayerContext, LoadEvent, LoadResult, Observer, Operation, Result,
};

/// Hears what a cache tells its observers, once it is one of its layers. Clones hear the same.
///
/// ```
/// use cache_core::{Cache, LoadResult};
/// use cache_testkit::{Ear, ManualClock, NullBackend, SourceDown};
///
/// # async fn example() -> cache_core::Result<()> {
/// let ear = Ear::default();
/// let cache = Cache::builder(NullBackend::new(ManualClock::new())).layer(ear.clone()).build()?;
/// let load = || async { Err::<i64, _>(SourceDown(1)) };
/// assert!(cache.get_or_load("key", load).await.is_err());
/// assert_eq!(ear.results(), [LoadResult::Error]);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Ear(Arc<Mutex<Heard>>);

#[derive(Debug, Default)]
struct Heard {
    loads: Vec<LoadEvent>,
    failed: Vec<Operation>,
    returned: Vec<Operation>,
    invalidated: Vec<usize>,
}

impl Ear {
    /// Says how many events of loads are such.
    pub fn count(&self, matches: impl Fn(&LoadEvent) -> bool) -> usize {
        self.heard().loads.iter().filter(|event| matches(event)).count()
    }

    /// Returns how loaders ended, in this order.
    pub fn results(&self) -> Vec<LoadResult> {
        let heard = self.heard();
        let results = heard.loads.iter().filter_map(|event| match event {
            LoadEvent::Ended { result, .. } => Some(*result),
            _ => None,
        });
        results.collect()
    }

    /// Returns the operations that failed where no layer sees it.
    pub fn failed(&self) -> Vec<Operation> {
        self.heard().failed.clone()
    }

    /// Returns the operations that ended with an error.
    pub fn returned(&self) -> Vec<Operation> {
        self.heard().returned.clone()
    }

    /// Returns how many tags each invalidation had.
    pub fn invalidated(&self) -> Vec<usize> {
        self.heard().invalidated.clone()
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Ear {
    fn failed(&self, operation: Operation, _: &CacheError) {
        self.heard().failed.push(operation);
    }

    fn returned(&self, operation: Operation, _: &CacheError) {
        self.heard().returned.push(operation);
    }

    fn invalidated(&self, tags: usize) {
        self.heard().invalidated.push(tags);
    }

    fn load(&self, _: Key<'_>, event: LoadEvent) {
        self.heard().loads.push(event);
    }
}

impl Layer for Ear {
    fn layer(
        &self,
        inner: Arc<dyn CacheBackend>,
        context: &mut LayerContext,
    ) -> Result<Arc<dyn CacheBackend>> {
        context.observe(Arc::new(self.clone()));
        Ok(inner)
    }
}
