//! The contract, for a memory backend under the layer, and for a backend under it whose answers come later.

use std::sync::Arc;
use std::time::Duration;

use cache_core::{Cache, CacheBackend, CacheError, Layer, LayerContext};
use cache_testkit::{Fixture, ManualClock, Passing, SlowBackend};

use crate::support::{Watched, memory};

/// Lays a wrapper over the backend before the layer gets it.
type Below = fn(Arc<dyn CacheBackend>) -> Arc<dyn CacheBackend>;

struct Layered {
    clock: Arc<ManualClock>,
    watched: Watched,
    below: Below,
    backend: Arc<dyn CacheBackend>,
}

impl Layered {
    fn new(below: Below) -> Self {
        let clock = ManualClock::new();
        let watched = Watched::new(|builder| builder);
        let backend = layered(&watched, below(Arc::new(memory(&clock).build().unwrap())));
        Self {
            clock,
            watched,
            below,
            backend,
        }
    }
}

/// Takes the backend out of a cache that is built with the layer.
fn layered(watched: &Watched, backend: Arc<dyn CacheBackend>) -> Arc<dyn CacheBackend> {
    /// Shows the stack below it to the test.
    struct Show(std::sync::mpsc::Sender<Arc<dyn CacheBackend>>);

    impl Layer for Show {
        fn layer(
            &self,
            inner: Arc<dyn CacheBackend>,
            _: &mut LayerContext,
        ) -> Result<Arc<dyn CacheBackend>, CacheError> {
            self.0.send(Arc::clone(&inner)).unwrap();
            Ok(inner)
        }
    }

    let (sender, receiver) = std::sync::mpsc::channel();
    Cache::builder(backend)
        .layer(watched.metrics.layer())
        .layer(Show(sender))
        .build()
        .unwrap();
    receiver.recv().unwrap()
}

impl Fixture for Layered {
    fn backend(&self) -> Arc<dyn CacheBackend> {
        Arc::clone(&self.backend)
    }

    fn neighbour(&self) -> Arc<dyn CacheBackend> {
        layered(
            &self.watched,
            (self.below)(Arc::new(memory(&self.clock).build().unwrap())),
        )
    }

    fn pass(&self, time: Duration) -> Passing<'_> {
        Box::pin(async move { self.clock.advance(time) })
    }

    fn with_max_items(&self, items: usize) -> Option<Arc<dyn CacheBackend>> {
        let backend = memory(&self.clock).max_items(items as u64).build().unwrap();
        Some(layered(&self.watched, (self.below)(Arc::new(backend))))
    }

    fn with_time_to_idle(&self, idle: Duration) -> Option<Arc<dyn CacheBackend>> {
        let backend = memory(&self.clock).time_to_idle(idle).build().unwrap();
        Some(layered(&self.watched, (self.below)(Arc::new(backend))))
    }
}

fn as_it_is(backend: Arc<dyn CacheBackend>) -> Arc<dyn CacheBackend> {
    backend
}

fn slow(backend: Arc<dyn CacheBackend>) -> Arc<dyn CacheBackend> {
    let slow = SlowBackend::new(backend);
    slow.open();
    Arc::new(slow)
}

cache_testkit::conformance!(over_memory, Layered::new(as_it_is));
cache_testkit::conformance!(over_answers_that_come_later, Layered::new(slow));
