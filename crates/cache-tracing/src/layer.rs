//! The layer that a cache is built with, and its settings.

use std::sync::Arc;
use std::time::Duration;

use cache_core::{CacheBackend, Layer, LayerContext, Result};
use tracing::info;

use crate::backend::TracingBackend;
use crate::failures::Failures;
use crate::follow::Loads;
use crate::keys::Keys;
use crate::listeners;
use crate::scene::{Scene, TARGET};

/// Makes spans and log events of what a cache does. Of a setting that is given twice the last counts.
///
/// Added after the metrics it is outside of them, so that a span covers all that an operation costs.
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing until a cache is built with it"]
pub struct Tracing {
    keys: Keys,
    failure_interval: Duration,
}

impl Default for Tracing {
    fn default() -> Self {
        Self::new()
    }
}

impl Tracing {
    /// Returns the layer as it is unless it is told: keys redacted, a line about each kind of failure every 10 s.
    pub const fn new() -> Self {
        Self {
            keys: Keys::Redacted,
            failure_interval: Duration::from_secs(10),
        }
    }

    /// Sets what is said of keys, [`Keys::Redacted`] unless it is told.
    pub const fn keys(mut self, keys: Keys) -> Self {
        self.keys = keys;
        self
    }

    /// Sets how long a cache says nothing more about one kind of failure once it has said it: 10 s unless it is told;
    /// zero for a line about each. It goes by the clock of the backend.
    pub const fn failure_interval(mut self, interval: Duration) -> Self {
        self.failure_interval = interval;
        self
    }
}

impl Layer for Tracing {
    fn layer(
        &self,
        inner: Arc<dyn CacheBackend>,
        context: &mut LayerContext,
    ) -> Result<Arc<dyn CacheBackend>> {
        let scene = Scene::new(context.cache_name(), inner.kind(), self.keys);
        let failures = Arc::new(Failures::new(scene.clone(), inner.clock(), self.failure_interval));
        context.observe(Arc::clone(&failures) as _);
        context.follow(Arc::new(Loads::new(scene.clone())));
        context.pass_by_while(listeners::absent());
        info!(target: TARGET, { cache.name = scene.name(), cache.backend = scene.backend() }, "cache built");
        Ok(Arc::new(TracingBackend::new(inner, scene, failures)))
    }
}
