//! The settings of the metrics, checked before anything starts.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use cache_core::Result;
use metrics::{Label, Recorder};

use crate::error;
use crate::handle::Metrics;
use crate::names::{
    BACKEND, CACHE_NAME, CAUSE, DEFAULT_NAMESPACE, DEFAULT_SUBSYSTEM, KIND, LATENCY_BUCKETS, OPERATION,
    REASON, RESULT, VERSION, alias_subsystem,
};

pub(crate) type SharedRecorder = Arc<dyn Recorder + Send + Sync>;

/// The settings of [`Metrics`]. Of a setting that is given twice the last counts.
#[derive(Clone)]
#[must_use = "a builder does nothing until build is called"]
pub struct MetricsBuilder {
    pub(crate) namespace: String,
    pub(crate) subsystem: String,
    pub(crate) labels: Vec<Label>,
    pub(crate) aliases: bool,
    pub(crate) latency_sampling: u32,
    pub(crate) latency_buckets: Vec<f64>,
    pub(crate) collect_interval: Duration,
    pub(crate) recorder: Option<SharedRecorder>,
}

impl Default for MetricsBuilder {
    fn default() -> Self {
        Self {
            namespace: DEFAULT_NAMESPACE.to_owned(),
            subsystem: DEFAULT_SUBSYSTEM.to_owned(),
            labels: Vec::new(),
            aliases: true,
            latency_sampling: 64,
            latency_buckets: LATENCY_BUCKETS.to_vec(),
            collect_interval: Duration::from_secs(1),
            recorder: None,
        }
    }
}

impl MetricsBuilder {
    /// Sets the first part of every name, `gofr` unless it is told.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = namespace.into();
        self
    }

    /// Sets the second part of every name, `cache` unless it is told.
    pub fn subsystem(mut self, subsystem: impl Into<String>) -> Self {
        self.subsystem = subsystem.into();
        self
    }

    /// Adds a label that every series has, such as the region. A second label of the same name replaces the first.
    pub fn label(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let name = name.into();
        self.labels.retain(|label| label.key() != name);
        self.labels.push(Label::new(name, value.into()));
        self
    }

    /// Says whether the source system's names with the backend in them are shown too. They are unless it is told.
    pub fn aliases(mut self, shown: bool) -> Self {
        self.aliases = shown;
        self
    }

    /// Sets of how many gets and exists that are answered from memory one is timed: 64 unless it is told, 1 for each.
    /// Everything slower is timed each time.
    pub fn latency_sampling(mut self, one_in: u32) -> Self {
        self.latency_sampling = one_in;
        self
    }

    /// Sets the upper bounds of the latency buckets in seconds, [`LATENCY_BUCKETS`] unless it is told. They come into
    /// force through [`Metrics::buckets`], since buckets are the exporter's.
    pub fn latency_buckets(mut self, bounds: impl Into<Vec<f64>>) -> Self {
        self.latency_buckets = bounds.into();
        self
    }

    /// Sets how often the numbers go to the recorder: every second unless it is told, from 10 ms to 1 h. Between two
    /// times the exposition lags; [`Metrics::collect`] brings it up to date.
    pub fn collect_interval(mut self, interval: Duration) -> Self {
        self.collect_interval = interval;
        self
    }

    /// Sets the recorder, the global one unless it is told. Tests use it to keep apart.
    ///
    /// The facade does not say whether there is a global recorder, so one of a type that holds nothing, not even a byte,
    /// is taken for none. Such a recorder, which keeps its data in statics, must be given here.
    pub fn recorder(mut self, recorder: SharedRecorder) -> Self {
        self.recorder = Some(recorder);
        self
    }

    /// Checks the settings.
    ///
    /// # Errors
    /// [`InvalidName`](cache_core::ErrorKind::InvalidName) for a namespace, a subsystem or a label that cannot stand in
    /// a metric, [`InvalidConfig`](cache_core::ErrorKind::InvalidConfig) for a sampling of zero, bad buckets or an
    /// interval out of its range.
    pub fn build(self) -> Result<Metrics> {
        for (part, given) in [("namespace", &self.namespace), ("subsystem", &self.subsystem)] {
            if !is_name(given) {
                return Err(error::bad_prefix(part, given));
            }
        }
        if let Some(label) = self.labels.iter().find(|label| !is_free_label(label.key())) {
            return Err(error::bad_label(label.key()));
        }
        if self.latency_sampling == 0 {
            return Err(error::bad_sampling());
        }
        let ascending = self.latency_buckets.windows(2).all(|pair| pair[0] < pair[1]);
        let usable = self
            .latency_buckets
            .iter()
            .all(|bound| bound.is_finite() && *bound > 0.0);
        if self.latency_buckets.is_empty() || !ascending || !usable {
            return Err(error::bad_buckets());
        }
        let interval = self.collect_interval;
        if interval < Duration::from_millis(10) || interval > Duration::from_secs(3_600) {
            return Err(error::bad_interval(interval));
        }
        Ok(Metrics::from_config(self))
    }

    /// Returns the subsystem and those of the aliases.
    pub(crate) fn subsystems(&self) -> impl Iterator<Item = &str> {
        let aliases = ["memory", "redis"].into_iter().filter_map(alias_subsystem);
        let shown = aliases.filter(|alias| self.aliases && *alias != self.subsystem);
        let own: &str = &self.subsystem;
        [own].into_iter().chain(shown.map(|alias| -> &str { alias }))
    }
}

/// Says whether a text can be part of a metric or label name, as the Prometheus data model defines them.
fn is_name(text: &str) -> bool {
    let begins = text
        .bytes()
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic() || first == b'_');
    begins
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn is_free_label(name: &str) -> bool {
    let taken = [
        CACHE_NAME, BACKEND, OPERATION, KIND, RESULT, REASON, CAUSE, VERSION, "le", "quantile",
    ];
    is_name(name) && !name.starts_with("__") && !taken.contains(&name)
}

impl fmt::Debug for MetricsBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetricsBuilder")
            .field("namespace", &self.namespace)
            .field("subsystem", &self.subsystem)
            .field("labels", &self.labels)
            .field("aliases", &self.aliases)
            .field("latency_sampling", &self.latency_sampling)
            .field("collect_interval", &self.collect_interval)
            .finish_non_exhaustive()
    }
}
