//! The fixture of the reference backend. Whoever writes a layer runs the suite on it, with the layer around.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use cache_core::codec::CodecId;
use cache_core::{CacheBackend, Codec};

use crate::clock::ManualClock;
use crate::doubles::MapBackend;
use crate::fixture::{Fixture, Passing};

type Wrap = dyn Fn(MapBackend) -> Arc<dyn CacheBackend> + Send + Sync;

/// A [`MapBackend`] on a manual clock, with whatever a test puts around it.
///
/// ```
/// use std::sync::Arc;
/// use cache_testkit::{CountingBackend, MapFixture, conformance};
///
/// // Put the layer under test in the place of `CountingBackend`.
/// let fixture = MapFixture::new(|map| Arc::new(CountingBackend::new(map)));
/// cache_testkit::run(conformance::get::the_last_set_is_returned(&fixture));
/// ```
pub struct MapFixture {
    clock: Arc<ManualClock>,
    codec: Codec,
    encodes: bool,
    wrap: Box<Wrap>,
    backend: OnceLock<Arc<dyn CacheBackend>>,
}

impl MapFixture {
    /// Makes a fixture. `wrap` puts around each map what is to be tested.
    pub fn new(wrap: impl Fn(MapBackend) -> Arc<dyn CacheBackend> + Send + Sync + 'static) -> Self {
        let clock = ManualClock::new();
        Self {
            clock,
            codec: Codec::default(),
            encodes: false,
            wrap: Box::new(wrap),
            backend: OnceLock::new(),
        }
    }

    /// Sets the codec.
    #[must_use]
    pub fn with_codec(mut self, codec: Codec) -> Self {
        self.codec = codec;
        self
    }

    /// Lets the map keep bytes, as a server does.
    #[must_use]
    pub fn encoding(mut self) -> Self {
        self.encodes = true;
        self
    }

    fn make(&self, change: impl FnOnce(MapBackend) -> MapBackend) -> Arc<dyn CacheBackend> {
        let map = MapBackend::new(self.clock.clone());
        let map = if self.encodes {
            map.encoding(self.codec.clone())
        } else {
            map
        };
        (self.wrap)(change(map))
    }
}

impl Fixture for MapFixture {
    fn backend(&self) -> Arc<dyn CacheBackend> {
        Arc::clone(self.backend.get_or_init(|| self.make(|map| map)))
    }

    fn neighbour(&self) -> Arc<dyn CacheBackend> {
        self.make(|map| map)
    }

    fn pass(&self, time: Duration) -> Passing<'_> {
        Box::pin(async move { self.clock.advance(time) })
    }

    fn codec(&self) -> Codec {
        self.codec.clone()
    }

    fn converts_types(&self) -> bool {
        self.codec.id() != CodecId::POSTCARD
    }

    fn keeps_objects(&self) -> bool {
        !self.encodes
    }

    fn with_max_items(&self, items: usize) -> Option<Arc<dyn CacheBackend>> {
        Some(self.make(|map| map.max_items(items)))
    }

    fn with_time_to_idle(&self, idle: Duration) -> Option<Arc<dyn CacheBackend>> {
        Some(self.make(|map| map.time_to_idle(idle)))
    }
}

impl fmt::Debug for MapFixture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MapFixture")
            .field("backend", &self.backend())
            .finish_non_exhaustive()
    }
}
