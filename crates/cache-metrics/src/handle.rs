//! The handle that an application holds on its metrics, and the thread that brings the numbers to the recorder.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use cache_core::{CacheBackend, Result};
use metrics::{Key, KeyName, Label, Recorder};

use crate::config::MetricsBuilder;
use crate::error;
use crate::gauges;
use crate::instruments::Instruments;
use crate::keys::{prefix, register_gauge};
use crate::layer::MetricsLayer;
use crate::names::{self, ALL, BUILD_INFO, MetricKind, VERSION};

/// The metrics of any number of caches, cheap to clone.
///
/// ```
/// # fn main() -> cache_core::Result<()> {
/// use cache_core::Cache;
/// use cache_memory::MemoryBackend;
/// use cache_metrics::Metrics;
///
/// let metrics = Metrics::builder().label("region", "eu").build()?;
/// let users = Cache::builder(MemoryBackend::builder().build()?).name("users").layer(metrics.layer()).build()?;
/// # Ok(()) }
/// ```
///
/// The numbers go to the recorder once a second and when [`collect`](Self::collect) is called. The recorder may be
/// installed before or after the caches are built: all numbers wait for it, latencies in the buckets that
/// [`buckets`](Self::buckets) tells of, so that an exporter with others sees those of that time less exactly. Caches of one name and backend add up, also those of several handles that go to one recorder.
#[derive(Clone)]
pub struct Metrics(Arc<Shared>);

struct Shared {
    config: MetricsBuilder,
    caches: Mutex<Caches>,
    /// Held while numbers go to the recorder, so that no older ones come after newer ones.
    sending: Mutex<()>,
    signal: Arc<Signal>,
}

#[derive(Default)]
struct Caches {
    list: Vec<Weak<Instruments>>,
    collector_runs: bool,
    described: bool,
}

#[derive(Default)]
struct Signal {
    stop: Mutex<bool>,
    changed: Condvar,
}

impl Metrics {
    /// Starts to set up metrics.
    pub fn builder() -> MetricsBuilder {
        MetricsBuilder::default()
    }

    pub(crate) fn from_config(config: MetricsBuilder) -> Self {
        Self(Arc::new(Shared {
            config,
            caches: Mutex::default(),
            sending: Mutex::default(),
            signal: Arc::default(),
        }))
    }

    /// Returns a layer that measures a cache.
    pub fn layer(&self) -> MetricsLayer {
        MetricsLayer::new(self.clone())
    }

    /// Sends all numbers to the recorder now. Call it before the exposition is rendered if it must not lag.
    pub fn collect(&self) {
        self.0.collect();
    }

    /// Returns the full name of each histogram and the upper bounds of its buckets, for an exporter to be told.
    /// Without them the Prometheus exporter renders summaries.
    pub fn buckets(&self) -> Vec<(String, Vec<f64>)> {
        let config = &self.0.config;
        let name = |subsystem| prefix(&config.namespace, subsystem) + names::LATENCY.suffix;
        let own = |suffix| prefix(&config.namespace, &config.subsystem) + suffix;
        let loads = own(names::LOAD_DURATION.suffix);
        let waits = own(names::POOL_WAIT.suffix);
        let sizes = own(names::VALUE_SIZE.suffix);
        config
            .subsystems()
            .map(|subsystem| (name(subsystem), config.latency_buckets.clone()))
            .chain([(loads, names::LOAD_BUCKETS.to_vec())])
            .chain([(waits, names::POOL_WAIT_BUCKETS.to_vec())])
            .chain([(sizes, names::VALUE_SIZE_BUCKETS.to_vec())])
            .collect()
    }

    /// Begins to measure a backend.
    pub(crate) fn attach(
        &self,
        cache_name: &Arc<str>,
        backend: Arc<dyn CacheBackend>,
    ) -> Result<Arc<Instruments>> {
        let instruments = Arc::new(Instruments::new(&self.0.config, cache_name, backend));
        let mut caches = self.0.caches();
        if !caches.collector_runs {
            start_collector(&self.0)?;
            caches.collector_runs = true;
        }
        caches.list.push(Arc::downgrade(&instruments));
        drop(caches);
        self.collect();
        Ok(instruments)
    }

    /// Ends to measure a backend, with its last numbers.
    pub(crate) fn detach(&self, instruments: &Arc<Instruments>) {
        self.collect();
        let sending = self.0.sending();
        let is_gone = |other: &Weak<_>| std::ptr::eq(other.as_ptr(), Arc::as_ptr(instruments));
        self.0.caches().list.retain(|other| !is_gone(other));
        let speaker = instruments.speaker();
        self.0
            .with_recorder(|recorder| gauges::take_back(recorder, speaker));
        gauges::forget(speaker);
        drop(sending);
    }
}

impl Shared {
    fn collect(&self) {
        let sending = self.sending();
        let live: Vec<_> = {
            let mut caches = self.caches();
            caches.list.retain(|cache| cache.strong_count() > 0);
            caches.list.iter().filter_map(Weak::upgrade).collect()
        };
        self.with_recorder(|recorder| {
            if !std::mem::replace(&mut self.caches().described, true) {
                self.describe(recorder);
            }
            self.send_build_info(recorder);
            for cache in &live {
                cache.send(recorder);
            }
        });
        // The caches may go with `live`, and their ends are sent too.
        drop(sending);
    }

    /// Runs with the recorder, unless there is none yet.
    fn with_recorder(&self, run: impl FnOnce(&dyn Recorder)) {
        match &self.config.recorder {
            Some(recorder) => run(&**recorder),
            None => metrics::with_recorder(|recorder| {
                // The facade does not say whether a recorder is installed. The one that stands in for it holds
                // nothing, not even a byte; one that records must hold something.
                if size_of_val(recorder) > 0 {
                    run(recorder);
                }
            }),
        }
    }

    fn describe(&self, recorder: &dyn Recorder) {
        let config = &self.config;
        for subsystem in config.subsystems() {
            let is_alias = subsystem != config.subsystem;
            for metric in ALL.iter().filter(|metric| metric.aliased || !is_alias) {
                let name = KeyName::from(prefix(&config.namespace, subsystem) + metric.suffix);
                let (unit, help) = (Some(metric.unit), metric.help.into());
                match metric.kind {
                    MetricKind::Counter => recorder.describe_counter(name, unit, help),
                    MetricKind::Gauge => recorder.describe_gauge(name, unit, help),
                    MetricKind::Histogram => recorder.describe_histogram(name, unit, help),
                }
            }
        }
    }

    fn send_build_info(&self, recorder: &dyn Recorder) {
        let name = prefix(&self.config.namespace, &self.config.subsystem) + BUILD_INFO.suffix;
        let mut labels = vec![Label::from_static_parts(VERSION, env!("CARGO_PKG_VERSION"))];
        labels.extend(self.config.labels.iter().cloned());
        register_gauge(recorder, &Key::from_parts(name, labels)).set(1.0);
    }

    fn sending(&self) -> MutexGuard<'_, ()> {
        self.sending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn caches(&self) -> MutexGuard<'_, Caches> {
        self.caches.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        *self.signal.stop.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.signal.changed.notify_all();
    }
}

/// Starts the thread that collects. It ends when the last handle and the last cache are gone.
fn start_collector(shared: &Arc<Shared>) -> Result<()> {
    let (weak, signal) = (Arc::downgrade(shared), Arc::clone(&shared.signal));
    let interval = shared.config.collect_interval;
    let run = move || {
        while signal.wait(interval) {
            let Some(shared) = weak.upgrade() else { return };
            shared.collect();
        }
    };
    thread::Builder::new()
        .name("cache-metrics".to_owned())
        .spawn(run)
        .map_err(error::no_thread)?;
    Ok(())
}

impl Signal {
    /// Waits for the interval and says whether to go on.
    fn wait(&self, interval: Duration) -> bool {
        let stop = self.stop.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(stop, interval, |stop| !*stop);
        let (stop, _) = waited.unwrap_or_else(PoisonError::into_inner);
        !*stop
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Metrics").field(&self.0.config).finish()
    }
}
