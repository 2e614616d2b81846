//! The reference of the metrics, from the module that names them.

use std::fmt::Write as _;

use cache_metrics::names::{
    ALL, DEFAULT_NAMESPACE, DEFAULT_SUBSYSTEM, LATENCY_BUCKETS, LOAD_BUCKETS, Metric, MetricKind,
    POOL_WAIT_BUCKETS, VALUE_SIZE_BUCKETS,
};

const HEAD: &str = "\
# Metrics

Every metric that the caches show. This page is made from `crates/cache-metrics/src/names.rs` by `just dashboards`.

All but `build_info` have the labels `cache_name` and `backend` (`memory`, `redis`), then those of the table, then the
constant ones of `Metrics::builder().label(..)`. Keys never are labels. The prefix `gofr_cache` is the default: see
`Metrics::builder().namespace(..)`. Those with a ✓ are shown under the names of the source system too, with `cache_name`
in place of both: `gofr_inmemory_cache_*` for memory and `gofr_redis_cache_*` for Redis. These aliases carry the same
numbers, evictions those of all causes, and those of caches that only differ in their subsystems add up; the dashboards do
not use them.

The causes of evictions are the limit that was reached, `items` or `weight`, and `too_heavy`: a new entry that alone is
heavier than all may be. An entry that a policy by frequency refuses counts under the limit. What was deleted, cleared,
written over or past its time is no eviction. `sum without (cause) (...)` is what the source system counts.

Value sizes are those of the bytes that a backend keeps: on Redis what is sent as the value, compressed if it was, with its
header of 72 bytes (none in raw mode). Each value that the server took counts once, those of a `set_many` and loaded ones
too. A memory keeps objects and encodes none to measure it, so it has no such series: give it a weigher, or `max_bytes`, and
look at `weight_current`.

";

/// Returns `docs/metrics.md`.
pub(crate) fn metrics() -> String {
    let mut text = HEAD.to_owned();
    text += "| metric | kind | unit | further labels | alias | |\n|---|---|---|---|---|---|\n";
    for metric in ALL {
        text += &row(&metric);
    }
    for (suffix, unit, buckets) in [
        ("operation_latency_seconds", "seconds", &LATENCY_BUCKETS[..]),
        ("load_duration_seconds", "seconds", &LOAD_BUCKETS[..]),
        ("pool_wait_seconds", "seconds", &POOL_WAIT_BUCKETS[..]),
        ("value_bytes", "bytes", &VALUE_SIZE_BUCKETS[..]),
    ] {
        let bounds: Vec<String> = buckets.iter().map(f64::to_string).collect();
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "\nUpper bounds of the buckets of `{DEFAULT_NAMESPACE}_{DEFAULT_SUBSYSTEM}_{suffix}`, in {unit}: {}.",
            bounds.join(", ")
        );
    }
    text += "\nA ratio has no value while nothing happens: divide by `(... > 0)`, as the dashboards and rules do. \
             `docs/monitoring.md`\nsays where each metric is shown, `docs/runbooks.md` what to do when an alert fires.\n";
    text
}

fn row(metric: &Metric) -> String {
    let kind = match metric.kind {
        MetricKind::Counter => "counter",
        MetricKind::Gauge => "gauge",
        _ => "histogram",
    };
    let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
    format!(
        "| `{DEFAULT_NAMESPACE}_{DEFAULT_SUBSYSTEM}_{}` | {kind} | {} | {} | {} | {} |\n",
        metric.suffix,
        metric.unit.as_str(),
        labels.join(", "),
        if metric.aliased { "✓" } else { "" },
        metric.help,
    )
}
