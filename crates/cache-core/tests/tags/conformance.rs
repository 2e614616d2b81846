//! The layer that knows tags keeps the contract of the backend below it, whatever the tags.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use cache_core::{Cache, CacheBackend, Layer, LayerContext, Result};
use cache_testkit::{Fixture, MapBackend, MapFixture, Passing, SlowBackend};

/// Shows the stack below it.
struct Below(Arc<Mutex<Option<Arc<dyn CacheBackend>>>>);

impl Layer for Below {
    fn layer(&self, inner: Arc<dyn CacheBackend>, _: &mut LayerContext) -> Result<Arc<dyn CacheBackend>> {
        *self.0.lock().unwrap() = Some(Arc::clone(&inner));
        Ok(inner)
    }
}

/// Returns the layer over a backend.
fn tagged(backend: impl CacheBackend) -> Arc<dyn CacheBackend> {
    let below = Arc::new(Mutex::new(None));
    Cache::builder(backend)
        .tags(true)
        .layer(Below(Arc::clone(&below)))
        .build()
        .unwrap();
    below.lock().unwrap().take().unwrap()
}

fn slow(map: MapBackend) -> Arc<dyn CacheBackend> {
    let slow = SlowBackend::new(map);
    slow.open();
    tagged(slow)
}

/// The fixture below, where exists is a use.
struct Tagged(MapFixture);

impl Fixture for Tagged {
    fn backend(&self) -> Arc<dyn CacheBackend> {
        self.0.backend()
    }

    fn neighbour(&self) -> Arc<dyn CacheBackend> {
        self.0.neighbour()
    }

    fn pass(&self, time: Duration) -> Passing<'_> {
        self.0.pass(time)
    }

    fn keeps_objects(&self) -> bool {
        self.0.keeps_objects()
    }

    fn exists_is_a_use(&self) -> bool {
        true
    }

    fn with_max_items(&self, items: usize) -> Option<Arc<dyn CacheBackend>> {
        self.0.with_max_items(items)
    }

    fn with_time_to_idle(&self, idle: Duration) -> Option<Arc<dyn CacheBackend>> {
        self.0.with_time_to_idle(idle)
    }
}

cache_testkit::conformance!(over_ready_answers, Tagged(MapFixture::new(|map| tagged(map))));
cache_testkit::conformance!(over_answers_that_come_later, Tagged(MapFixture::new(slow)));
cache_testkit::conformance!(over_bytes, Tagged(MapFixture::new(slow).encoding()));
