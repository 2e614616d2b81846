//! What a backend tells the suite about itself: how to reach it, how to let its time pass, and where it may differ.
//!
//! Differences are declared here and nowhere else. No case knows which backend it runs on.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use cache_core::{CacheBackend, Codec};

/// Time that passes.
pub type Passing<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// One backend to run cases on, and what it is like.
///
/// A default promises the most that a backend can, so forgetting to declare a difference fails a case instead of
/// hiding one. The exceptions are [`with_max_items`](Self::with_max_items) and
/// [`with_time_to_idle`](Self::with_time_to_idle): a backend without such a feature has nothing to prove.
pub trait Fixture: Send + Sync {
    /// Returns the backend under test: the same one at each call, empty at first.
    fn backend(&self) -> Arc<dyn CacheBackend>;

    /// Returns the backend of another cache that stands beside the first: in this process, on the same server, by
    /// the same clock.
    fn neighbour(&self) -> Arc<dyn CacheBackend>;

    /// Lets time pass for the backends: advances their manual clock, or waits.
    fn pass(&self, time: Duration) -> Passing<'_>;

    /// Returns how far the time at a backend may be from what [`pass`](Self::pass) was asked for, with the duration
    /// of some calls. Zero says that the clock is manual: then cases look at the very millisecond of an end, and
    /// let months pass.
    fn slack(&self) -> Duration {
        Duration::ZERO
    }

    /// Returns the codec that the caches under test are built with, and that a backend which keeps bytes uses.
    fn codec(&self) -> Codec {
        Codec::default()
    }

    /// Says whether the codec reads a value as another type that it fits. Those that do not describe themselves
    /// answer with a type mismatch instead.
    fn converts_types(&self) -> bool {
        true
    }

    /// Says whether the backend keeps the objects that it was given. Then an `Arc` that was shared with it is the
    /// very one that it returns, and a value need not encode. If not, it keeps bytes, and a value that does not
    /// encode fails the write.
    fn keeps_objects(&self) -> bool {
        true
    }

    /// Says whether every set is kept. If its policy may refuse some, a get after a set may also find nothing, but
    /// never anything else.
    fn keeps_every_set(&self) -> bool {
        true
    }

    /// Says whether exists counts as a use, as it does with tags on: those stand in the entry, which has to be read for them.
    fn exists_is_a_use(&self) -> bool {
        false
    }

    /// Says whether [`items`](cache_core::BackendStats::items) is known.
    fn counts_items(&self) -> bool {
        true
    }

    /// Returns another empty backend that holds so many items and drops the least recently used for room, if there
    /// is such a kind of this backend.
    fn with_max_items(&self, items: usize) -> Option<Arc<dyn CacheBackend>> {
        let _ = items;
        None
    }

    /// Returns another empty backend that ends entries which were not used for so long, if there is such a kind of
    /// this backend.
    fn with_time_to_idle(&self, idle: Duration) -> Option<Arc<dyn CacheBackend>> {
        let _ = idle;
        None
    }
}
