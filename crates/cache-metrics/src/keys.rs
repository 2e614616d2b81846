//! The identities of the series of one cache: its names and labels, and those of the aliases.

use metrics::{Counter, Gauge, Histogram, Key, Label, Level, Metadata, Recorder};

use crate::config::MetricsBuilder;
use crate::names::{BACKEND, CACHE_NAME, CAUSE, Metric, alias_subsystem};

const METADATA: Metadata<'static> = Metadata::new(module_path!(), Level::INFO, Some(module_path!()));

/// What all series of one cache have in common.
#[derive(Debug)]
pub(crate) struct Names {
    prefix: String,
    labels: Vec<Label>,
    alias: Option<Alias>,
}

#[derive(Debug)]
struct Alias {
    prefix: String,
    labels: Vec<Label>,
}

impl Names {
    pub(crate) fn new(config: &MetricsBuilder, cache_name: &str, backend: &'static str) -> Self {
        let name = Label::new(CACHE_NAME, cache_name.to_owned());
        let with = |own: &[Label]| own.iter().chain(&config.labels).cloned().collect::<Vec<_>>();
        let subsystem = alias_subsystem(backend).filter(|alias| config.aliases && *alias != config.subsystem);
        Self {
            prefix: prefix(&config.namespace, &config.subsystem),
            labels: with(&[name.clone(), Label::new(BACKEND, backend)]),
            alias: subsystem.map(|subsystem| Alias {
                prefix: prefix(&config.namespace, subsystem),
                labels: with(&[name]),
            }),
        }
    }

    /// Returns the identity of a series of this cache. The source system does not tell causes apart, so those of one
    /// metric share an alias, which adds them up.
    pub(crate) fn keys(&self, metric: &Metric, values: &[&'static str]) -> Keys {
        let key = |prefix: &str, labels: &[Label], left_out: &str| {
            let further = metric.labels.iter().zip(values);
            let further = further.filter(|(name, _)| **name != left_out);
            let further = further.map(|(name, value)| Label::new(*name, *value));
            let labels: Vec<Label> = labels.iter().cloned().chain(further).collect();
            Key::from_parts(format!("{prefix}{}", metric.suffix), labels)
        };
        let alias = self.alias.as_ref().filter(|_| metric.aliased);
        Keys {
            canonical: key(&self.prefix, &self.labels, ""),
            alias: alias.map(|alias| key(&alias.prefix, &alias.labels, CAUSE)),
        }
    }
}

/// Returns what the names of a subsystem begin with.
pub(crate) fn prefix(namespace: &str, subsystem: &str) -> String {
    format!("{namespace}_{subsystem}_")
}

/// The identity of a series and, if it has one, of its alias.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    canonical: Key,
    alias: Option<Key>,
}

impl Keys {
    pub(crate) fn counters(&self, recorder: &dyn Recorder) -> impl Iterator<Item = Counter> {
        self.each().map(|key| recorder.register_counter(key, &METADATA))
    }

    pub(crate) fn histograms(&self, recorder: &dyn Recorder) -> impl Iterator<Item = Histogram> {
        self.each().map(|key| recorder.register_histogram(key, &METADATA))
    }

    pub(crate) fn each(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&self.canonical).chain(&self.alias)
    }
}

pub(crate) fn register_gauge(recorder: &dyn Recorder, key: &Key) -> Gauge {
    recorder.register_gauge(key, &METADATA)
}
