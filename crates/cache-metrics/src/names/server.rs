//! The metrics of backends on a server.

use cache_core::{ValueSizes, WaitTimes};
use metrics::Unit;

use super::metric::{Metric, MetricKind, counter, gauge, of_server};

pub(crate) const BACKEND_UP: Metric = gauge(
    "backend_up",
    "1 if the backend was alive when it was last asked for anything, else 0.",
);
pub(crate) const POOL_CONNECTIONS: Metric =
    of_server(gauge("pool_connections", "Connections to the server now."));
pub(crate) const POOL_MAX_CONNECTIONS: Metric = of_server(gauge(
    "pool_max_connections",
    "The most connections that there may be to the server.",
));
pub(crate) const POOL_WAITING: Metric =
    of_server(gauge("pool_waiting", "Callers that wait for a connection now."));
pub(crate) const POOL_WAIT: Metric = Metric {
    suffix: "pool_wait_seconds",
    kind: MetricKind::Histogram,
    unit: Unit::Seconds,
    help: "How long callers waited that had to wait for a connection, in vain or not.",
    labels: &[],
    aliased: false,
    of_server: true,
};
pub(crate) const POOL_TIMEOUTS: Metric = of_server(counter(
    "pool_timeouts_total",
    "Times that a caller waited for a connection until its deadline.",
));
pub(crate) const CONNECTS: Metric = of_server(Metric {
    labels: &["result"],
    ..counter(
        "connects_total",
        "Attempts to connect to the server, by how they ended.",
    )
});
pub(crate) const BREAKER_OPEN: Metric = of_server(gauge(
    "breaker_open",
    "1 while a breaker answers calls without asking the server, else 0.",
));
pub(crate) const BREAKER_OPENINGS: Metric =
    of_server(counter("breaker_openings_total", "Times that a breaker opened."));
pub(crate) const RETRIES: Metric = of_server(counter(
    "retries_total",
    "Commands that were sent again because their connection broke.",
));
pub(crate) const ITEM_COUNT_FAILURES: Metric = of_server(counter(
    "item_count_failures_total",
    "Counts of the entries on the server that failed; the gauge shows the last that did not.",
));
pub(crate) const VALUE_SIZE: Metric = Metric {
    suffix: "value_bytes",
    kind: MetricKind::Histogram,
    unit: Unit::Bytes,
    help: "How long the stored forms of values were that were stored: after compression, with the header.",
    labels: &[],
    aliased: false,
    of_server: true,
};
pub(crate) const REJECTED: Metric = of_server(Metric {
    labels: &["reason"],
    ..counter(
        "rejected_entries_total",
        "Stored values that were not what they had to be, by reason.",
    )
});

/// Upper bounds of the buckets of `pool_wait_seconds`, in seconds: those that backends count in.
pub const POOL_WAIT_BUCKETS: [f64; WaitTimes::BOUNDS.len()] = {
    let mut seconds = [0.0; WaitTimes::BOUNDS.len()];
    let mut place = 0;
    while place < seconds.len() {
        seconds[place] = WaitTimes::BOUNDS[place].as_secs_f64();
        place += 1;
    }
    seconds
};

/// Upper bounds of the buckets of `value_bytes`, in bytes: those that backends count in.
pub const VALUE_SIZE_BUCKETS: [f64; ValueSizes::BOUNDS.len()] = {
    let mut bytes = [0.0; ValueSizes::BOUNDS.len()];
    let mut place = 0;
    while place < bytes.len() {
        bytes[place] = ValueSizes::BOUNDS[place] as f64;
        place += 1;
    }
    bytes
};
