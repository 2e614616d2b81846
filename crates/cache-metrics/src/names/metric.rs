//! What is said of a metric.

use metrics::Unit;

/// What kind of series a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MetricKind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
    /// It counts observations in buckets.
    Histogram,
}

/// A metric of the table.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Metric {
    /// The end of the name, behind namespace and subsystem.
    pub suffix: &'static str,
    /// What kind of series it is.
    pub kind: MetricKind,
    /// The unit.
    pub unit: Unit,
    /// What the exposition says about it.
    pub help: &'static str,
    /// The labels beside `cache_name` and `backend`.
    pub labels: &'static [&'static str],
    /// Whether the source system has it, and so the aliases do.
    pub aliased: bool,
    /// Whether only backends have it that keep bytes on a server, and not those that keep objects in this process.
    pub of_server: bool,
}

pub(super) const fn counter(suffix: &'static str, help: &'static str) -> Metric {
    Metric {
        suffix,
        kind: MetricKind::Counter,
        unit: Unit::Count,
        help,
        labels: &[],
        aliased: false,
        of_server: false,
    }
}

pub(super) const fn gauge(suffix: &'static str, help: &'static str) -> Metric {
    Metric {
        suffix,
        kind: MetricKind::Gauge,
        unit: Unit::Count,
        help,
        labels: &[],
        aliased: false,
        of_server: false,
    }
}

pub(super) const fn aliased(metric: Metric) -> Metric {
    Metric {
        aliased: true,
        ..metric
    }
}

pub(super) const fn of_server(metric: Metric) -> Metric {
    Metric {
        of_server: true,
        ..metric
    }
}
