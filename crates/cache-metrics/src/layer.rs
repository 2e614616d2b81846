//! The layer that a cache is built with.

use std::sync::Arc;

use cache_core::{CacheBackend, Layer, LayerContext, Result};

use crate::backend::MetricsBackend;
use crate::handle::Metrics;

/// Measures the backend below it. [`Metrics::layer`] makes one.
#[derive(Clone, Debug)]
pub struct MetricsLayer {
    metrics: Metrics,
}

impl MetricsLayer {
    pub(crate) fn new(metrics: Metrics) -> Self {
        Self { metrics }
    }
}

impl Layer for MetricsLayer {
    fn layer(
        &self,
        inner: Arc<dyn CacheBackend>,
        context: &mut LayerContext,
    ) -> Result<Arc<dyn CacheBackend>> {
        let instruments = self.metrics.attach(context.cache_name(), inner)?;
        context.observe(Arc::clone(&instruments) as _);
        Ok(Arc::new(MetricsBackend::new(self.metrics.clone(), instruments)))
    }
}
