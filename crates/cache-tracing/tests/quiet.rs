//! The contract, for backends under the layer while nobody listens. A program of its own, since levels are the process's.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(dead_code, reason = "this program needs a part of what the other one does")]

#[path = "tracing/support.rs"]
mod support;

use std::sync::Arc;

use cache_core::CacheBackend;
use cache_testkit::{MapBackend, MapFixture, SlowBackend};

fn slow(map: MapBackend) -> Arc<dyn CacheBackend> {
    let slow = SlowBackend::new(map);
    slow.open();
    support::layered(slow)
}

cache_testkit::conformance!(over_ready_answers, MapFixture::new(|map| support::layered(map)));
cache_testkit::conformance!(over_answers_that_come_later, MapFixture::new(slow));
