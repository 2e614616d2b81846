//! The metrics of loading.

use metrics::Unit;

use super::metric::{Metric, MetricKind, counter, gauge};

pub(crate) const LOADS: Metric = Metric {
    labels: &["result"],
    ..counter(
        "loads_total",
        "Loaders that ended, by result, refreshes included.",
    )
};
pub(crate) const LOAD_DURATION: Metric = Metric {
    suffix: "load_duration_seconds",
    kind: MetricKind::Histogram,
    unit: Unit::Seconds,
    help: "How long loaders ran, however they ended.",
    labels: &[],
    aliased: false,
    of_server: false,
};
pub(crate) const LOADS_IN_FLIGHT: Metric = gauge("loads_in_flight", "Loaders that run now.");
pub(crate) const COALESCED: Metric = counter(
    "coalesced_total",
    "Callers that joined the load of another caller.",
);
pub(crate) const COALESCED_WAITING: Metric = gauge(
    "coalesced_waiting",
    "Callers that wait for the load of another caller now.",
);
pub(crate) const STALE_SERVED: Metric = Metric {
    labels: &["reason"],
    ..counter("stale_served_total", "Stale values that were given, by reason.")
};
pub(crate) const REFRESHES: Metric = Metric {
    labels: &["result"],
    ..counter(
        "refreshes_total",
        "Loaders that ended and had run in the background to renew a value, by result.",
    )
};
pub(crate) const NEGATIVE_HITS: Metric = counter(
    "negative_hits_total",
    "Remembered answers that there is nothing, which were given.",
);
pub(crate) const LOAD_STORE_FAILURES: Metric = counter(
    "load_store_failures_total",
    "Loaded values that could not be stored.",
);
pub(crate) const LOADS_REFUSED: Metric = counter(
    "loads_refused_total",
    "Loads that the limit of concurrent loads refused.",
);
pub(crate) const TAG_INVALIDATIONS: Metric =
    counter("tag_invalidations_total", "Tags whose values were invalidated.");
/// Upper bounds of the buckets of `load_duration_seconds`, in seconds: 1 ms, below which nothing is worth a cache, to
/// 30 s, the hard timeout unless it is told.
pub const LOAD_BUCKETS: [f64; 14] = [
    1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];
