//! The recorder that applications install: Prometheus, with buckets, and with the upkeep without which its
//! histograms grow for ever.

#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a benchmark ends when it cannot record"
)]

use std::thread;
use std::time::Duration;

use cache_metrics::Metrics;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};

use crate::usual;

/// Installs the recorder for this process and returns metrics that go to it.
pub fn install() -> Metrics {
    let metrics = Metrics::builder().build().expect("the defaults are right");
    let mut exporter = PrometheusBuilder::new();
    let usual = (usual::LATENCY.to_owned(), cache_metrics::LATENCY_BUCKETS.to_vec());
    for (name, bounds) in metrics.buckets().into_iter().chain([usual]) {
        exporter = exporter
            .set_buckets_for_metric(Matcher::Full(name), &bounds)
            .expect("there are buckets");
    }
    let recorder = exporter.build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder).expect("there is one recorder");
    thread::spawn(move || {
        loop {
            thread::sleep(Duration::from_secs(1));
            handle.run_upkeep();
        }
    });
    metrics
}
