//! The latency of one operation of one cache. Unlike counters a histogram must go to the recorder sample by sample, so
//! samples wait here until there is one: in the buckets that the exporter is told of, so that any number of them takes the
//! same room and all are counted.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use metrics::{Histogram, Recorder};

use crate::keys::Keys;

#[derive(Debug)]
pub(crate) struct Latency {
    keys: Keys,
    /// The upper bounds of the buckets in seconds.
    bounds: Arc<[f64]>,
    handles: OnceLock<Box<[Histogram]>>,
    early: Mutex<Vec<Bucket>>,
}

/// Samples that wait for a recorder.
#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    count: usize,
    total: f64,
}

impl Latency {
    pub(crate) fn new(keys: Keys, bounds: Arc<[f64]>) -> Self {
        Self {
            keys,
            bounds,
            handles: OnceLock::new(),
            early: Mutex::default(),
        }
    }

    pub(crate) fn record(&self, elapsed: Duration) {
        let seconds = elapsed.as_secs_f64();
        if let Some(handles) = self.handles.get() {
            return record(handles, seconds);
        }
        let mut early = self.early.lock().unwrap_or_else(PoisonError::into_inner);
        // A recorder that came meanwhile has taken what was here, so this sample must go after it.
        if let Some(handles) = self.handles.get() {
            return record(handles, seconds);
        }
        early.resize(self.bounds.len() + 1, Bucket::default());
        let place = self.bounds.partition_point(|bound| *bound < seconds);
        early[place].count += 1;
        early[place].total += seconds;
    }

    /// Takes the series of a recorder, once. It gets each bucket as that many samples of its mean.
    pub(crate) fn connect(&self, recorder: &dyn Recorder) {
        if self.handles.get().is_some() {
            return;
        }
        let mut early = self.early.lock().unwrap_or_else(PoisonError::into_inner);
        let handles = self
            .handles
            .get_or_init(|| self.keys.histograms(recorder).collect());
        for (place, bucket) in std::mem::take(&mut *early).into_iter().enumerate() {
            if bucket.count > 0 {
                let mean = mean(bucket.total, bucket.count as f64, self.bounds.get(place));
                for handle in handles {
                    handle.record_many(mean, bucket.count);
                }
            }
        }
    }
}

/// Returns the mean of samples of one bucket. Rounding must not take it past the bound of the bucket.
pub(crate) fn mean(total: f64, count: f64, bound: Option<&f64>) -> f64 {
    let mean = total / count;
    bound.map_or(mean, |bound| mean.min(*bound))
}

fn record(handles: &[Histogram], seconds: f64) {
    for handle in handles {
        handle.record(seconds);
    }
}

#[cfg(test)]
mod tests {
    use metrics_exporter_prometheus::PrometheusBuilder;

    use super::*;
    use crate::keys::Names;
    use crate::names::LOAD_DURATION;
    use crate::{Metrics, MetricsBuilder};

    fn latency(config: &MetricsBuilder) -> Latency {
        let names = Names::new(config, "users", "memory");
        Latency::new(names.keys(&LOAD_DURATION, &[]), Arc::from([0.001, 0.01]))
    }

    #[test]
    fn early_samples_come_in_their_buckets_and_with_their_sum_however_many_they_are() {
        let latency = latency(&Metrics::builder());
        for (millis, times) in [(1, 2_000), (2, 1_500), (6, 500), (20, 3)] {
            (0..times).for_each(|_| latency.record(Duration::from_millis(millis)));
        }
        let exporter = PrometheusBuilder::new().set_buckets(&[0.001, 0.01]).unwrap();
        let recorder = exporter.build_recorder();
        latency.connect(&recorder);
        // Once there is a recorder, samples go to it.
        latency.record(Duration::from_millis(40));
        latency.connect(&recorder);
        let rendered = recorder.handle().render();
        let values: Vec<&str> = rendered
            .lines()
            .filter(|line| line.starts_with("gofr_cache_load_duration_seconds"))
            .map(|line| line.rsplit(' ').next().unwrap())
            .collect();
        let [first, second, all, sum, count] = values[..] else {
            unreachable!("{rendered}")
        };
        assert_eq!([first, second, all, count], ["2000", "4000", "4004", "4004"]);
        assert!((sum.parse::<f64>().unwrap() - 8.1).abs() < 1e-6, "{sum}");
    }
}
