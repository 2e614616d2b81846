//! What is measured of loads, and of invalidations of tags: counted when it happens, since a load costs far more than an atomic, and sent as the
//! difference since the last time, so that caches of one name add up.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use cache_core::{LoadEvent, LoadResult, StaleReason};
use metrics::Recorder;

use crate::keys::{Keys, Names};
use crate::latency::Latency;
use crate::names::{self, Metric};

const RESULTS: usize = LoadResult::ALL.len();
const REASONS: usize = StaleReason::ALL.len();

/// The loads of one cache.
#[derive(Debug)]
pub(crate) struct Loading {
    duration: Latency,
    started: AtomicU64,
    /// By result, in the order of [`LoadResult::ALL`].
    loads: [AtomicU64; RESULTS],
    refreshes: [AtomicU64; RESULTS],
    joined: AtomicU64,
    left: AtomicU64,
    /// By reason, in the order of [`StaleReason::ALL`].
    stale: [AtomicU64; REASONS],
    negative_hits: AtomicU64,
    store_failures: AtomicU64,
    refused: AtomicU64,
    tag_invalidations: AtomicU64,
    sent: Mutex<Vec<Sent>>,
}

/// A series and how much of it the recorder has.
#[derive(Debug)]
struct Sent {
    keys: Keys,
    value: u64,
}

impl Loading {
    pub(crate) fn new(names: &Names) -> Self {
        let results = |metric| LoadResult::ALL.map(|result| names.keys(&metric, &[result.as_str()]));
        let reasons = StaleReason::ALL.map(|reason| names.keys(&names::STALE_SERVED, &[reason.as_str()]));
        let plain = [
            names::COALESCED,
            names::NEGATIVE_HITS,
            names::LOAD_STORE_FAILURES,
            names::LOADS_REFUSED,
            names::TAG_INVALIDATIONS,
        ];
        let keys = results(names::LOADS)
            .into_iter()
            .chain(results(names::REFRESHES))
            .chain(reasons)
            .chain(plain.iter().map(|metric| names.keys(metric, &[])));
        Self {
            duration: Latency::new(
                names.keys(&names::LOAD_DURATION, &[]),
                Arc::from(names::LOAD_BUCKETS),
            ),
            started: AtomicU64::new(0),
            loads: [const { AtomicU64::new(0) }; RESULTS],
            refreshes: [const { AtomicU64::new(0) }; RESULTS],
            joined: AtomicU64::new(0),
            left: AtomicU64::new(0),
            stale: [const { AtomicU64::new(0) }; REASONS],
            negative_hits: AtomicU64::new(0),
            store_failures: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            tag_invalidations: AtomicU64::new(0),
            sent: Mutex::new(keys.map(|keys| Sent { keys, value: 0 }).collect()),
        }
    }

    pub(crate) fn count(&self, event: LoadEvent) {
        match event {
            LoadEvent::Started => add(&self.started),
            LoadEvent::Ended {
                result,
                elapsed,
                refresh,
            } => {
                self.duration.record(elapsed);
                let Some(at) = LoadResult::ALL.iter().position(|one| *one == result) else {
                    return;
                };
                add(&self.loads[at]);
                if refresh {
                    add(&self.refreshes[at]);
                }
            }
            LoadEvent::Joined => add(&self.joined),
            LoadEvent::Left => add(&self.left),
            LoadEvent::StaleServed(reason) => {
                if let Some(at) = StaleReason::ALL.iter().position(|one| *one == reason) {
                    add(&self.stale[at]);
                }
            }
            LoadEvent::NegativeHit => add(&self.negative_hits),
            LoadEvent::StoreFailed => add(&self.store_failures),
            LoadEvent::Refused => add(&self.refused),
            _ => {}
        }
    }

    /// Counts tags that were invalidated.
    pub(crate) fn count_invalidated(&self, tags: usize) {
        self.tag_invalidations
            .fetch_add(u64::try_from(tags).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Sends what changed to the recorder.
    pub(crate) fn send(&self, recorder: &dyn Recorder) {
        self.duration.connect(recorder);
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        let counters = self
            .loads
            .iter()
            .chain(&self.refreshes)
            .chain(&self.stale)
            .map(value)
            .chain([
                value(&self.joined),
                value(&self.negative_hits),
                value(&self.store_failures),
                value(&self.refused),
                value(&self.tag_invalidations),
            ]);
        for (sent, now) in sent.iter_mut().zip(counters) {
            let now = now.max(sent.value);
            for counter in sent.keys.counters(recorder) {
                counter.increment(now - sent.value);
            }
            sent.value = now;
        }
    }

    /// Returns what is under way now.
    pub(crate) fn gauges(&self) -> [(Metric, u64); 2] {
        // What ended is read before what began, so that neither falls below zero.
        let ended: u64 = self.loads.iter().map(value).sum();
        let left = value(&self.left);
        let since = |begun: &AtomicU64, ended| value(begun).saturating_sub(ended);
        [
            (names::LOADS_IN_FLIGHT, since(&self.started, ended)),
            (names::COALESCED_WAITING, since(&self.joined, left)),
        ]
    }
}

fn add(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

fn value(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}
