//! The histogram of waits for a connection. Backends count in buckets, and the recorder takes samples, so each bucket goes
//! to it as that many samples of its mean: counts and the sum stay exact.

use std::sync::{Mutex, PoisonError};

use cache_core::WaitTimes;
use metrics::Recorder;

use crate::keys::{Keys, Names};
use crate::latency::mean;
use crate::names;

/// The waits of one cache, and how much of them the recorder has.
#[derive(Debug)]
pub(crate) struct PoolWaits {
    keys: Keys,
    sent: Mutex<WaitTimes>,
}

impl PoolWaits {
    pub(crate) fn new(names: &Names) -> Self {
        Self {
            keys: names.keys(&names::POOL_WAIT, &[]),
            sent: Mutex::default(),
        }
    }

    /// Adds what the recorder does not have yet.
    pub(crate) fn send(&self, recorder: &dyn Recorder, now: &WaitTimes) {
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        for histogram in self.keys.histograms(recorder) {
            for (place, (now, sent)) in now.buckets().iter().zip(sent.buckets()).enumerate() {
                let count = now.count.saturating_sub(sent.count);
                if count > 0 {
                    let total = now.total.saturating_sub(sent.total).as_secs_f64();
                    let mean = mean(total, count as f64, names::POOL_WAIT_BUCKETS.get(place));
                    histogram.record_many(mean, usize::try_from(count).unwrap_or(usize::MAX));
                }
            }
        }
        *sent = *now;
    }
}
