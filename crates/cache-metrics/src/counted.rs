//! The histograms that backends count in buckets: waits for a connection, sizes of values. The recorder takes samples, so each
//! bucket goes to it as that many samples of its mean: counts and the sum stay exact.

use std::sync::{Mutex, PoisonError};

use cache_core::{ValueSizes, WaitTimes};
use metrics::Recorder;

use crate::keys::{Keys, Names};
use crate::latency::mean;
use crate::names::Metric;

/// One such histogram of one cache, and how much of it the recorder has.
#[derive(Debug)]
pub(crate) struct Counted<T> {
    keys: Keys,
    /// The upper bounds of the buckets, in the unit of the metric.
    bounds: &'static [f64],
    sent: Mutex<T>,
}

/// What a backend has counted, in buckets.
pub(crate) trait Buckets: Copy + Default {
    /// Returns how many came to each bucket since an earlier look, and how much they are together in the unit of the metric.
    fn since(&self, earlier: &Self) -> impl Iterator<Item = (u64, f64)>;
}

impl Buckets for WaitTimes {
    fn since(&self, earlier: &Self) -> impl Iterator<Item = (u64, f64)> {
        let pairs = self.buckets().iter().zip(earlier.buckets());
        pairs.map(|(now, earlier)| {
            let total = now.total.saturating_sub(earlier.total);
            (now.count.saturating_sub(earlier.count), total.as_secs_f64())
        })
    }
}

impl Buckets for ValueSizes {
    fn since(&self, earlier: &Self) -> impl Iterator<Item = (u64, f64)> {
        let pairs = self.buckets().iter().zip(earlier.buckets());
        pairs.map(|(now, earlier)| {
            let total = now.total.saturating_sub(earlier.total);
            (now.count.saturating_sub(earlier.count), total as f64)
        })
    }
}

impl<T: Buckets> Counted<T> {
    pub(crate) fn new(names: &Names, metric: &Metric, bounds: &'static [f64]) -> Self {
        Self {
            keys: names.keys(metric, &[]),
            bounds,
            sent: Mutex::default(),
        }
    }

    /// Adds what the recorder does not have yet.
    pub(crate) fn send(&self, recorder: &dyn Recorder, now: &T) {
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        for histogram in self.keys.histograms(recorder) {
            for (place, (count, total)) in now.since(&sent).enumerate() {
                if count > 0 {
                    let mean = mean(total, count as f64, self.bounds.get(place));
                    histogram.record_many(mean, usize::try_from(count).unwrap_or(usize::MAX));
                }
            }
        }
        *sent = *now;
    }
}
