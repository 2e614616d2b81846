//! Help for the Prometheus exporter, behind the feature `exporter`.

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder};

use crate::handle::Metrics;

impl Metrics {
    /// Puts the buckets of the histograms into an exporter that is being built.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use cache_metrics::Metrics;
    /// use metrics_exporter_prometheus::PrometheusBuilder;
    ///
    /// let metrics = Metrics::builder().build()?;
    /// let recorder = metrics.set_buckets(PrometheusBuilder::new())?.build_recorder();
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Those of the exporter, which the checks of [`MetricsBuilder::build`](crate::MetricsBuilder::build) leave none
    /// of.
    pub fn set_buckets(&self, mut exporter: PrometheusBuilder) -> Result<PrometheusBuilder, BuildError> {
        for (name, bounds) in self.buckets() {
            exporter = exporter.set_buckets_for_metric(Matcher::Full(name), &bounds)?;
        }
        Ok(exporter)
    }
}
