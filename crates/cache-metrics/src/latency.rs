//! The latency of one operation of one cache. Unlike counters a histogram must go to the recorder sample by sample, so
//! samples wait here until there is one: in the buckets that the exporter is told of, so that any number of them takes the
//! same room and all are counted. Hits are among them, so nobody takes a lock here and nothing is allocated.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use metrics::{Histogram, Recorder};

use crate::keys::Keys;

#[derive(Debug)]
pub(crate) struct Latency {
    keys: Keys,
    /// The upper bounds of the buckets in seconds.
    bounds: Arc<[f64]>,
    handles: OnceLock<Box<[Histogram]>>,
    early: Box<[Bucket]>,
}

/// Samples that wait for a recorder.
#[derive(Debug, Default)]
struct Bucket {
    nanos: AtomicU64,
    count: AtomicU64,
}

impl Bucket {
    fn add(&self, elapsed: Duration) {
        let nanos = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
        self.nanos.fetch_add(nanos, Ordering::Relaxed);
        self.count.fetch_add(1, Ordering::Release);
    }

    /// Takes the samples: how many there are and their sum in seconds. Of one that comes at this moment the sum may be taken now
    /// and the count the next time.
    fn take(&self) -> (u64, f64) {
        let count = self.count.swap(0, Ordering::Acquire);
        let nanos = if count > 0 {
            self.nanos.swap(0, Ordering::Relaxed)
        } else {
            0
        };
        (count, Duration::from_nanos(nanos).as_secs_f64())
    }
}

impl Latency {
    pub(crate) fn new(keys: Keys, bounds: Arc<[f64]>) -> Self {
        Self {
            keys,
            handles: OnceLock::new(),
            early: (0..=bounds.len()).map(|_| Bucket::default()).collect(),
            bounds,
        }
    }

    pub(crate) fn record(&self, elapsed: Duration) {
        let seconds = elapsed.as_secs_f64();
        match self.handles.get() {
            Some(handles) => handles.iter().for_each(|handle| handle.record(seconds)),
            None => self.early[self.bounds.partition_point(|bound| *bound < seconds)].add(elapsed),
        }
    }

    /// Takes the series of a recorder, once, and sends it what waits: each bucket as that many samples of its mean. A sample
    /// that came while the series were taken goes the next time.
    pub(crate) fn connect(&self, recorder: &dyn Recorder) {
        let handles = self
            .handles
            .get_or_init(|| self.keys.histograms(recorder).collect());
        for (place, bucket) in self.early.iter().enumerate() {
            let (count, total) = bucket.take();
            if count > 0 {
                let mean = mean(total, count as f64, self.bounds.get(place));
                // What came while the bucket was emptied may miss in the sum, which must not take it to another bucket.
                let below = place.checked_sub(1).map_or(0.0, |lower| self.bounds[lower]);
                let mean = if mean > below { mean } else { below.next_up() };
                for handle in handles {
                    handle.record_many(mean, usize::try_from(count).unwrap_or(usize::MAX));
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

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "the values are counts")]
mod tests {
    use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};

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
        let recorder = recorder();
        latency.connect(&recorder);
        // Once there is a recorder, samples go to it.
        latency.record(Duration::from_millis(40));
        latency.connect(&recorder);
        let [first, second, all, sum, count] = said(&recorder);
        assert_eq!([first, second, all, count], [2_000.0, 4_000.0, 4_004.0, 4_004.0]);
        assert!((sum - 8.1).abs() < 1e-6, "{sum}");
    }

    #[test]
    fn samples_that_come_together_with_the_recorder_are_all_counted_in_their_bucket() {
        const THREADS: u32 = 4;
        const SAMPLES: u32 = 20_000;
        let (latency, recorder) = (latency(&Metrics::builder()), recorder());
        let begun = std::sync::Barrier::new(THREADS as usize + 1);
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    begun.wait();
                    (0..SAMPLES).for_each(|_| latency.record(Duration::from_millis(3)));
                });
            }
            begun.wait();
            latency.connect(&recorder);
        });
        latency.connect(&recorder);
        let all = f64::from(THREADS * SAMPLES);
        let [first, second, _, _, count] = said(&recorder);
        assert_eq!([first, second, count], [0.0, all, all]);
    }

    #[test]
    fn a_sample_whose_sum_has_gone_before_stays_in_its_bucket() {
        let (latency, recorder) = (latency(&Metrics::builder()), recorder());
        latency.record(Duration::from_millis(3));
        latency.early[1].nanos.store(0, Ordering::Relaxed);
        latency.connect(&recorder);
        let [first, second, ..] = said(&recorder);
        assert_eq!([first, second], [0.0, 1.0]);
    }

    /// One that took the series a moment ago does not know of a sample that came just before.
    #[test]
    fn a_sample_that_is_late_for_the_recorder_goes_the_next_time() {
        let (latency, recorder) = (latency(&Metrics::builder()), recorder());
        latency.connect(&recorder);
        latency.early[1].add(Duration::from_millis(3));
        latency.connect(&recorder);
        assert_eq!(said(&recorder)[1], 1.0);
    }

    fn recorder() -> PrometheusRecorder {
        let exporter = PrometheusBuilder::new().set_buckets(&[0.001, 0.01]).unwrap();
        exporter.build_recorder()
    }

    /// What the exposition says: the three buckets, the sum and the count.
    fn said(recorder: &PrometheusRecorder) -> [f64; 5] {
        let rendered = recorder.handle().render();
        let values: Vec<f64> = rendered
            .lines()
            .filter(|line| line.starts_with("gofr_cache_load_duration_seconds"))
            .map(|line| line.rsplit(' ').next().unwrap().parse().unwrap())
            .collect();
        values.try_into().unwrap()
    }
}
