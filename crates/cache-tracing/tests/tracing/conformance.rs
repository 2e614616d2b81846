//! The contract, for backends under the layer while somebody listens to everything. `tests/quiet.rs` has it for a layer
//! that nobody listens to.

use std::sync::{Arc, Once};

use cache_core::CacheBackend;
use cache_testkit::{MapBackend, MapFixture, SlowBackend};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Layer, Registry};

use crate::support::Ear;

/// Puts the layer around a backend, and somebody who listens around the process.
fn heard(backend: impl CacheBackend) -> Arc<dyn CacheBackend> {
    static LISTEN: Once = Once::new();
    LISTEN.call_once(|| {
        let subscriber = Registry::default().with(Ear::default().with_filter(LevelFilter::DEBUG));
        tracing::subscriber::set_global_default(subscriber).unwrap();
    });
    crate::support::layered(backend)
}

fn slow(map: MapBackend) -> Arc<dyn CacheBackend> {
    let slow = SlowBackend::new(map);
    slow.open();
    heard(slow)
}

cache_testkit::conformance!(over_ready_answers, MapFixture::new(|map| heard(map)));
cache_testkit::conformance!(over_answers_that_come_later, MapFixture::new(slow));
