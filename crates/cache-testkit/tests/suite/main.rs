//! The suite on the doubles themselves: before it may judge others it must be right about a backend that is right.

mod doubles;

use std::sync::Arc;
use std::time::Duration;

use cache_core::{CacheBackend, Codec};
use cache_testkit::{
    CountingBackend, FailingBackend, Fixture, ManualClock, MapBackend, MapFixture, NullBackend, Passing,
    SlowBackend, conformance,
};

fn bare() -> MapFixture {
    MapFixture::new(|map| Arc::new(map))
}

/// A slow backend whose gate is open: it lets every call through, but never answers at once.
fn slow(map: MapBackend) -> Arc<dyn CacheBackend> {
    let slow = SlowBackend::new(map);
    slow.open();
    Arc::new(slow)
}

conformance!(map, bare());
conformance!(
    boxed,
    MapFixture::new(|map| Arc::new(Box::new(map) as Box<dyn CacheBackend>))
);
conformance!(arced, MapFixture::new(|map| Arc::new(Arc::new(map))));
conformance!(
    counting,
    MapFixture::new(|map| Arc::new(CountingBackend::new(map)))
);
conformance!(
    failing_nothing,
    MapFixture::new(|map| Arc::new(FailingBackend::new(map)))
);
conformance!(slow_objects, MapFixture::new(slow));
conformance!(slow_bytes, MapFixture::new(slow).encoding());
conformance!(json, bare().encoding());
conformance!(postcard, bare().with_codec(Codec::postcard()).encoding());
conformance!(message_pack, bare().with_codec(Codec::message_pack()).encoding());
conformance!(objects_beside_postcard, bare().with_codec(Codec::postcard()));
conformance!(null, Null::new());

/// A backend that refuses every set: what may be declared is heeded by every case.
struct Null {
    clock: Arc<ManualClock>,
    backend: Arc<dyn CacheBackend>,
}

impl Null {
    fn new() -> Self {
        let clock = ManualClock::new();
        Self {
            backend: Arc::new(NullBackend::new(clock.clone())),
            clock,
        }
    }
}

impl Fixture for Null {
    fn backend(&self) -> Arc<dyn CacheBackend> {
        Arc::clone(&self.backend)
    }

    fn neighbour(&self) -> Arc<dyn CacheBackend> {
        Arc::new(NullBackend::new(self.clock.clone()))
    }

    fn pass(&self, time: Duration) -> Passing<'_> {
        Box::pin(async move { self.clock.advance(time) })
    }

    fn keeps_every_set(&self) -> bool {
        false
    }

    fn counts_items(&self) -> bool {
        false
    }
}
