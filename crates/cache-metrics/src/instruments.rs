//! All that is measured of one cache, and how it goes to the recorder: as differences since the last time, so caches
//! that come and go under one name add up.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use cache_core::{
    BackendStats, CacheBackend, CacheError, Clock, Entry, ErrorKind, EvictionCause, Key, LoadEvent, Observer,
    Operation, Timestamp, ValueSizes, WaitTimes,
};
use metrics::Recorder;

use crate::config::MetricsBuilder;
use crate::counted::Counted;
use crate::gauges::{self, Speaker, Together};
use crate::keys::{Keys, Names};
use crate::latency::Latency;
use crate::loading::Loading;
use crate::names::{self, OPERATIONS};
use crate::server::{self, ServerCounter};
use crate::stripes::{Event, Stripes};

const KINDS: usize = ErrorKind::ALL.len();

pub(crate) struct Instruments {
    pub(crate) stripes: Stripes,
    pub(crate) sampling: u64,
    pub(crate) backend: Arc<dyn CacheBackend>,
    clock: Arc<dyn Clock>,
    loading: Loading,
    waits: Counted<WaitTimes>,
    value_sizes: Counted<ValueSizes>,
    /// Hits of the backend that were none to the caller, who could not read what was found.
    unreadable: AtomicU64,
    /// Lookups of loads for callers that had counted before, those that layers took for hits and those for misses.
    again: [AtomicU64; 2],
    cache_name: Arc<str>,
    names: Names,
    latencies: Box<[Latency]>,
    /// One for each operation and kind, in the order of [`Operation::ALL`] and [`ErrorKind::ALL`].
    errors: Box<[AtomicU64]>,
    sent: Mutex<BTreeMap<Source, Sent>>,
}

/// Where the value of a counter comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    Hits,
    Misses,
    Sets,
    Deletes,
    /// By cause, by its place in [`EvictionCause::ALL`].
    Evictions(usize),
    Expirations,
    /// One of [`server::counters`], by its place there.
    Server(usize),
    Error(usize),
}

impl Source {
    const PLAIN: [(Self, names::Metric); 5] = [
        (Self::Hits, names::HITS),
        (Self::Misses, names::MISSES),
        (Self::Sets, names::SETS),
        (Self::Deletes, names::DELETES),
        (Self::Expirations, names::EXPIRATIONS),
    ];
}

/// A counter and how much of it the recorder has.
#[derive(Debug)]
struct Sent {
    keys: Keys,
    value: u64,
}

impl Sent {
    /// Adds what the recorder does not have yet.
    fn send(&mut self, recorder: &dyn Recorder, now: u64) {
        let now = now.max(self.value);
        for counter in self.keys.counters(recorder) {
            counter.increment(now - self.value);
        }
        self.value = now;
    }
}

impl Instruments {
    pub(crate) fn new(
        config: &MetricsBuilder,
        cache_name: &Arc<str>,
        backend: Arc<dyn CacheBackend>,
    ) -> Self {
        let kind = backend.kind();
        let names = Names::new(config, cache_name, kind);
        let bounds: Arc<[f64]> = Arc::from(config.latency_buckets.as_slice());
        let latency = |operation: &Operation| {
            let keys = names.keys(&names::latency_of(*operation), &[operation.as_str()]);
            Latency::new(keys, Arc::clone(&bounds))
        };
        let latencies = OPERATIONS.iter().map(latency).collect();
        let plain = Source::PLAIN
            .iter()
            .map(|(source, metric)| (*source, names.keys(metric, &[])));
        let evictions = EvictionCause::ALL.iter().enumerate().map(|(place, cause)| {
            (
                Source::Evictions(place),
                names.keys(&names::EVICTIONS, &[cause.as_str()]),
            )
        });
        let expected = OPERATIONS.iter().flat_map(|operation| {
            names::expected_errors(*operation, kind).filter_map(|kind| place(*operation, kind))
        });
        let errors = expected.map(|place| (Source::Error(place), error_keys(&names, place)));
        let sent = plain
            .chain(evictions)
            .chain(errors)
            .map(|(source, keys)| (source, Sent { keys, value: 0 }))
            .collect();
        Self {
            stripes: Stripes::default(),
            sampling: u64::from(config.latency_sampling),
            clock: backend.clock(),
            loading: Loading::new(&names),
            waits: Counted::new(&names, &names::POOL_WAIT, &names::POOL_WAIT_BUCKETS),
            value_sizes: Counted::new(&names, &names::VALUE_SIZE, &names::VALUE_SIZE_BUCKETS),
            unreadable: AtomicU64::new(0),
            again: [const { AtomicU64::new(0) }; 2],
            backend,
            cache_name: Arc::clone(cache_name),
            latencies,
            errors: (0..Operation::ALL.len() * KINDS)
                .map(|_| AtomicU64::new(0))
                .collect(),
            sent: Mutex::new(sent),
            names,
        }
    }

    /// Returns what tells this cache from others that share its gauges.
    pub(crate) fn speaker(&self) -> Speaker {
        Speaker::of(self)
    }

    pub(crate) fn latency(&self, operation: Operation) -> Option<&Latency> {
        let at = OPERATIONS.iter().position(|measured| *measured == operation)?;
        self.latencies.get(at)
    }

    /// Says whether a get found what it looked for. A stale entry is there, but is no hit.
    #[inline]
    pub(crate) fn is_fresh(&self, found: Option<&Entry>) -> bool {
        found.is_some_and(|entry| {
            // Most entries never become stale, so most hits need no clock.
            entry.stale_at() == Timestamp::MAX || self.clock.coarse() < entry.stale_at()
        })
    }

    #[cold]
    pub(crate) fn count_error(&self, operation: Operation, kind: ErrorKind) {
        if let Some(counter) = place(operation, kind).and_then(|place| self.errors.get(place)) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Sends all numbers and waiting samples to the recorder.
    pub(crate) fn send(&self, recorder: &dyn Recorder) {
        let stats = &self.backend.stats();
        self.send_counters(recorder, stats);
        self.send_gauges(recorder, stats);
    }

    fn send_counters(&self, recorder: &dyn Recorder, stats: &BackendStats) {
        for latency in &self.latencies {
            latency.connect(recorder);
        }
        self.loading.send(recorder);
        if let Some(connections) = &stats.connections {
            self.waits.send(recorder, &connections.waits);
        }
        if let Some(sizes) = &stats.value_sizes {
            self.value_sizes.send(recorder, sizes);
        }
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        for (place, errors) in self.errors.iter().enumerate() {
            if errors.load(Ordering::Relaxed) > 0 {
                let new = || Sent {
                    keys: error_keys(&self.names, place),
                    value: 0,
                };
                sent.entry(Source::Error(place)).or_insert_with(new);
            }
        }
        let server = server::counters(stats);
        for (place, counter) in server.iter().enumerate() {
            let new = || Sent {
                keys: self.names.keys(&counter.metric, counter.label.as_slice()),
                value: 0,
            };
            sent.entry(Source::Server(place)).or_insert_with(new);
        }
        for (source, sent) in sent.iter_mut() {
            sent.send(recorder, self.value(*source, stats, &server));
        }
    }

    fn send_gauges(&self, recorder: &dyn Recorder, stats: &BackendStats) {
        let held = [
            (names::ITEMS, stats.items),
            (names::MAX_ITEMS, stats.max_items),
            (names::WEIGHT, stats.weight),
            (names::MAX_WEIGHT, stats.max_weight),
        ];
        let loads = self.loading.gauges().map(|(metric, value)| (metric, Some(value)));
        let sums = held
            .into_iter()
            .chain(loads)
            .map(|(metric, value)| (metric, Together::Sum, value));
        for (metric, together, value) in sums.chain(server::gauges(stats)) {
            if let Some(value) = value {
                let keys = self.names.keys(&metric, &[]);
                gauges::set(recorder, self.speaker(), &keys, together, value);
            }
        }
    }

    fn value(&self, source: Source, stats: &BackendStats, server: &[ServerCounter]) -> u64 {
        match source {
            // What is taken off first: each was counted by the stripes before.
            Source::Hits => {
                let taken_off =
                    self.unreadable.load(Ordering::Acquire) + self.again[0].load(Ordering::Acquire);
                self.stripes.sum(Event::Hit).saturating_sub(taken_off)
            }
            Source::Misses => {
                let (again, unreadable) = (&self.again[1], &self.unreadable);
                let taken_off = again.load(Ordering::Acquire);
                let added = unreadable.load(Ordering::Acquire);
                (added + self.stripes.sum(Event::Miss)).saturating_sub(taken_off)
            }
            Source::Sets => self.stripes.sum(Event::Set),
            Source::Deletes => self.stripes.sum(Event::Delete),
            Source::Evictions(place) => stats.evictions.unwrap_or_default().get(EvictionCause::ALL[place]),
            Source::Expirations => stats.expirations.unwrap_or_default(),
            Source::Error(place) => self.errors[place].load(Ordering::Relaxed),
            Source::Server(place) => server.get(place).map_or(0, |counter| counter.value),
        }
    }
}

/// Counts what the handle reports: keys, values and loads that no layer sees.
impl Observer for Instruments {
    fn failed(&self, operation: Operation, error: &CacheError) {
        self.count_error(operation, error.kind());
    }

    fn load(&self, _: Key<'_>, event: LoadEvent) {
        match event {
            LoadEvent::Unreadable => add(&self.unreadable),
            LoadEvent::LookedAgain { hit } => add(&self.again[usize::from(!hit)]),
            other => self.loading.count(other),
        }
    }

    fn invalidated(&self, tags: usize) {
        self.loading.count_invalidated(tags);
    }
}

fn add(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Release);
}

/// Returns the place of the counter of an operation and a kind of error.
fn place(operation: Operation, kind: ErrorKind) -> Option<usize> {
    let operation = Operation::ALL.iter().position(|one| *one == operation)?;
    let kind = ErrorKind::ALL.iter().position(|one| *one == kind)?;
    Some(operation * KINDS + kind)
}

fn error_keys(names: &Names, place: usize) -> Keys {
    let (operation, kind) = (Operation::ALL[place / KINDS], ErrorKind::ALL[place % KINDS]);
    names.keys(&names::ERRORS, &[operation.as_str(), kind.as_str()])
}

impl fmt::Debug for Instruments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instruments")
            .field("cache_name", &self.cache_name)
            .finish_non_exhaustive()
    }
}
