//! The metrics of the process: installs the Prometheus recorder, hands out the metrics that caches are built with, and
//! renders all of it for a scrape.

use std::time::Duration;

use cache_metrics::Metrics;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use metrics_process::Collector;
use tokio::task::{self, JoinError};
use tokio::time;

use crate::failure::Failure;

/// How often waiting samples of histograms are put into their buckets. Between two scrapes they pile up otherwise,
/// and a recorder that is installed without its own listener, as here, leaves that to its owner.
const UPKEEP: Duration = Duration::from_secs(5);

/// The recorder and what goes into it. Clones are handles on the same one.
#[derive(Clone)]
pub(crate) struct Telemetry {
    caches: Metrics,
    process: Collector,
    recorder: PrometheusHandle,
}

impl Telemetry {
    /// Installs the recorder for the whole process.
    pub(crate) fn install() -> Result<Self, Failure> {
        let caches = Metrics::builder().build()?;
        let recorder = caches.set_buckets(PrometheusBuilder::new())?.install_recorder()?;
        let process = Collector::default();
        process.describe();
        Ok(Self {
            caches,
            process,
            recorder,
        })
    }

    /// Returns what caches are built with to be measured.
    pub(crate) fn caches(&self) -> &Metrics {
        &self.caches
    }

    /// Brings every number up to date and renders it. It is work for milliseconds, so it is done off the threads that
    /// answer requests.
    pub(crate) async fn render(&self) -> Result<String, JoinError> {
        let telemetry = self.clone();
        task::spawn_blocking(move || {
            telemetry.caches.collect();
            telemetry.process.collect();
            telemetry.recorder.render()
        })
        .await
    }

    /// Does the recorder's upkeep until it is aborted.
    pub(crate) async fn keep_up(self) {
        let mut tick = time::interval(UPKEEP);
        loop {
            tick.tick().await;
            let recorder = self.recorder.clone();
            // It fails only if the upkeep panicked; the next one may not.
            let _ = task::spawn_blocking(move || recorder.run_upkeep()).await;
        }
    }
}
