//! The contract, for backends under the layer while somebody listens to everything. `tests/quiet.rs` has it for a layer
//! that nobody listens to.

use std::sync::{Arc, Once};
use std::time::Duration;

use cache_core::{Cache, CacheBackend};
use cache_memory::{MemoryBackend, MemoryBuilder};
use cache_metrics::Metrics;
use cache_testkit::{Fixture, ManualClock, MapBackend, MapFixture, Passing, SlowBackend};
use cache_tracing::Tracing;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Layer, Registry};

use crate::support::{Ear, layered, stack_of};

/// Puts somebody who listens around the process.
fn listen() {
    static LISTEN: Once = Once::new();
    LISTEN.call_once(|| {
        let subscriber = Registry::default().with(Ear::default().with_filter(LevelFilter::DEBUG));
        tracing::subscriber::set_global_default(subscriber).unwrap();
    });
}

/// Puts the layer around a backend that somebody listens to.
fn heard(backend: impl CacheBackend) -> Arc<dyn CacheBackend> {
    listen();
    layered(backend)
}

/// As programs stack them: a memory, measured, followed.
fn heard_and_measured(backend: MemoryBackend) -> Arc<dyn CacheBackend> {
    listen();
    let metrics = Metrics::builder().build().unwrap();
    let cache = Cache::builder(backend);
    stack_of(cache.layer(metrics.layer()).layer(Tracing::new()))
}

/// A memory with layers around it.
struct Memory {
    clock: Arc<ManualClock>,
    wrap: fn(MemoryBackend) -> Arc<dyn CacheBackend>,
    backend: Arc<dyn CacheBackend>,
}

impl Memory {
    fn new(wrap: fn(MemoryBackend) -> Arc<dyn CacheBackend>) -> Self {
        let clock = ManualClock::new();
        let backend = wrap(MemoryBackend::builder().clock(clock.clone()).build().unwrap());
        Self { clock, wrap, backend }
    }

    fn another(&self, configure: impl FnOnce(MemoryBuilder) -> MemoryBuilder) -> Arc<dyn CacheBackend> {
        let builder = MemoryBackend::builder().clock(self.clock.clone());
        (self.wrap)(configure(builder).build().unwrap())
    }
}

impl Fixture for Memory {
    fn backend(&self) -> Arc<dyn CacheBackend> {
        Arc::clone(&self.backend)
    }

    fn neighbour(&self) -> Arc<dyn CacheBackend> {
        self.another(|builder| builder)
    }

    fn pass(&self, time: Duration) -> Passing<'_> {
        Box::pin(async move { self.clock.advance(time) })
    }

    fn with_max_items(&self, items: usize) -> Option<Arc<dyn CacheBackend>> {
        Some(self.another(|builder| builder.max_items(items as u64)))
    }

    fn with_time_to_idle(&self, idle: Duration) -> Option<Arc<dyn CacheBackend>> {
        Some(self.another(|builder| builder.time_to_idle(idle)))
    }
}

fn slow(map: MapBackend) -> Arc<dyn CacheBackend> {
    let slow = SlowBackend::new(map);
    slow.open();
    heard(slow)
}

cache_testkit::conformance!(over_ready_answers, MapFixture::new(|map| heard(map)));
cache_testkit::conformance!(over_answers_that_come_later, MapFixture::new(slow));
cache_testkit::conformance!(over_memory, Memory::new(|memory| heard(memory)));
cache_testkit::conformance!(over_metrics_over_memory, Memory::new(heard_and_measured));
