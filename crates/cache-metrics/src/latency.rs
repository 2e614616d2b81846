//! The latency of one operation of one cache. Unlike counters a histogram must go to the recorder sample by sample,
//! so the first samples wait here until there is one.

use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use metrics::{Histogram, Recorder};

use crate::keys::Keys;

/// How many samples wait for a recorder at most. What comes later is left out; counters lose nothing.
const EARLY: usize = 1_024;

#[derive(Debug)]
pub(crate) struct Latency {
    keys: Keys,
    handles: OnceLock<Box<[Histogram]>>,
    early: Mutex<Vec<f64>>,
}

impl Latency {
    pub(crate) fn new(keys: Keys) -> Self {
        Self {
            keys,
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
        match self.handles.get() {
            Some(handles) => record(handles, seconds),
            None if early.len() < EARLY => early.push(seconds),
            None => {}
        }
    }

    /// Takes the series of a recorder, once.
    pub(crate) fn connect(&self, recorder: &dyn Recorder) {
        if self.handles.get().is_some() {
            return;
        }
        let mut early = self.early.lock().unwrap_or_else(PoisonError::into_inner);
        let handles = self
            .handles
            .get_or_init(|| self.keys.histograms(recorder).collect());
        for seconds in early.drain(..) {
            record(handles, seconds);
        }
    }
}

fn record(handles: &[Histogram], seconds: f64) {
    for handle in handles {
        handle.record(seconds);
    }
}
