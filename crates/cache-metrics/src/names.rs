//! Every metric: its name, kind, unit, help and labels. Nothing else in the workspace spells a metric name.
//!
//! A full name is `{namespace}_{subsystem}_{suffix}`, `gofr_cache_hits_total` by default. Every metric but `build_info`
//! has the labels `cache_name` and `backend`, then those of the table, then the constant ones of the builder.
//!
//! | suffix | kind | further labels | moves when |
//! |---|---|---|---|
//! | `hits_total` | counter | | a get finds a fresh entry; each key of a `get_many` counts, and each caller of `get_or_load` |
//! | `misses_total` | counter | | a get finds none, or one that is over or stale. Hits and misses are all gets |
//! | `sets_total` | counter | | a value was stored |
//! | `deletes_total` | counter | | a delete removed a live entry |
//! | `evictions_total` | counter | | a live entry was taken for room |
//! | `items_current` | gauge | | entries held now |
//! | `operation_latency_seconds` | histogram | `operation` | an operation ended, well or not; answers from memory to `get` and `exists` are sampled |
//! | `expirations_total` | counter | | an entry was freed whose time had ended |
//! | `errors_total` | counter | `operation`, `kind` | an operation failed |
//! | `max_items` | gauge | | the limit of entries, absent without one |
//! | `weight_current` | gauge | | the weight of all entries, absent without a weigher |
//! | `max_weight` | gauge | | the limit of weight, absent without one |
//! | `backend_up` | gauge | | 1 if the backend was alive when it was last asked for anything, else 0; absent before |
//! | `pool_connections` | gauge | | connections to the server now |
//! | `pool_max_connections` | gauge | | the limit of connections |
//! | `pool_waiting` | gauge | | callers that wait for a connection now |
//! | `pool_waits_total` | counter | | a caller had to wait for a connection |
//! | `pool_wait_seconds_total` | counter | | callers have waited for connections another whole second, in all |
//! | `pool_timeouts_total` | counter | | a caller waited for a connection until its deadline |
//! | `connects_total` | counter | `result` | an attempt to connect ended, as `success` or `error` |
//! | `breaker_open` | gauge | | 1 while a breaker answers calls without asking the server, else 0 |
//! | `breaker_openings_total` | counter | | a breaker opened |
//! | `retries_total` | counter | | a command was sent again because its connection broke |
//! | `rejected_entries_total` | counter | `reason` | a stored value was not what it had to be; a miss too |
//! | `loads_total` | counter | `result` | a loader ended; callers that shared it count once, refreshes too |
//! | `load_duration_seconds` | histogram | | a loader ended, however |
//! | `loads_in_flight` | gauge | | loaders that run now |
//! | `coalesced_total` | counter | | a caller joined the load of another one |
//! | `coalesced_waiting` | gauge | | callers that wait for the load of another one now |
//! | `stale_served_total` | counter | `reason` | a caller got a stale value |
//! | `refreshes_total` | counter | `result` | a loader ended that ran in the background to renew a value |
//! | `negative_hits_total` | counter | | a caller got the remembered answer that there is nothing; it is a hit too |
//! | `load_store_failures_total` | counter | | a loaded value could not be stored; its callers got it |
//! | `loads_refused_total` | counter | | the limit of concurrent loads refused a load |
//! | `build_info` | gauge | `version` | always 1 |
//!
//! The first seven are those of the source system. It also shows them with the backend in the name and `cache_name` as
//! the only label: `gofr_inmemory_cache_*` and `gofr_redis_cache_*`. These aliases carry the same numbers and can be
//! switched off.
//!
//! What begins with `pool_`, and connects, breakers, retries and rejected entries, exist for backends on a server only.

use cache_core::{ErrorKind, Operation};
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
}

const fn counter(suffix: &'static str, help: &'static str) -> Metric {
    Metric {
        suffix,
        kind: MetricKind::Counter,
        unit: Unit::Count,
        help,
        labels: &[],
        aliased: false,
    }
}

const fn gauge(suffix: &'static str, help: &'static str) -> Metric {
    Metric {
        suffix,
        kind: MetricKind::Gauge,
        unit: Unit::Count,
        help,
        labels: &[],
        aliased: false,
    }
}

const fn aliased(metric: Metric) -> Metric {
    Metric {
        aliased: true,
        ..metric
    }
}

pub(crate) const HITS: Metric = aliased(counter("hits_total", "Gets that found a fresh entry."));
pub(crate) const MISSES: Metric = aliased(counter(
    "misses_total",
    "Gets that found no entry, or one that was over or stale.",
));
pub(crate) const SETS: Metric = aliased(counter("sets_total", "Values that were stored."));
pub(crate) const DELETES: Metric = aliased(counter("deletes_total", "Deletes that removed a live entry."));
pub(crate) const EVICTIONS: Metric = aliased(counter(
    "evictions_total",
    "Live entries that were taken to make room for others.",
));
pub(crate) const EXPIRATIONS: Metric = counter(
    "expirations_total",
    "Entries that were freed because their time had ended.",
);
pub(crate) const ERRORS: Metric = Metric {
    labels: &["operation", "kind"],
    ..counter(
        "errors_total",
        "Operations that failed, by operation and kind of error.",
    )
};
pub(crate) const ITEMS: Metric = aliased(gauge("items_current", "Entries that the cache holds now."));
pub(crate) const MAX_ITEMS: Metric = gauge("max_items", "The most entries that the cache may hold.");
pub(crate) const WEIGHT: Metric = gauge(
    "weight_current",
    "The weight of all entries now, in the unit of the weigher.",
);
pub(crate) const MAX_WEIGHT: Metric =
    gauge("max_weight", "The most weight that the entries may have in all.");
pub(crate) const LATENCY: Metric = Metric {
    suffix: "operation_latency_seconds",
    kind: MetricKind::Histogram,
    unit: Unit::Seconds,
    help: "How long whole operations took, well or not. Answers from memory are sampled.",
    labels: &["operation"],
    aliased: true,
};
pub(crate) const BACKEND_UP: Metric = gauge(
    "backend_up",
    "1 if the backend was alive when it was last asked for anything, else 0.",
);
pub(crate) const POOL_CONNECTIONS: Metric = gauge("pool_connections", "Connections to the server now.");
pub(crate) const POOL_MAX_CONNECTIONS: Metric = gauge(
    "pool_max_connections",
    "The most connections that there may be to the server.",
);
pub(crate) const POOL_WAITING: Metric = gauge("pool_waiting", "Callers that wait for a connection now.");
pub(crate) const POOL_WAITS: Metric = counter(
    "pool_waits_total",
    "Times that a caller had to wait for a connection.",
);
pub(crate) const POOL_WAIT_SECONDS: Metric = Metric {
    unit: Unit::Seconds,
    ..counter(
        "pool_wait_seconds_total",
        "How long callers have waited for connections in all, in whole seconds.",
    )
};
pub(crate) const POOL_TIMEOUTS: Metric = counter(
    "pool_timeouts_total",
    "Times that a caller waited for a connection until its deadline.",
);
pub(crate) const CONNECTS: Metric = Metric {
    labels: &["result"],
    ..counter(
        "connects_total",
        "Attempts to connect to the server, by how they ended.",
    )
};
pub(crate) const BREAKER_OPEN: Metric = gauge(
    "breaker_open",
    "1 while a breaker answers calls without asking the server, else 0.",
);
pub(crate) const BREAKER_OPENINGS: Metric = counter("breaker_openings_total", "Times that a breaker opened.");
pub(crate) const RETRIES: Metric = counter(
    "retries_total",
    "Commands that were sent again because their connection broke.",
);
pub(crate) const REJECTED: Metric = Metric {
    labels: &["reason"],
    ..counter(
        "rejected_entries_total",
        "Stored values that were not what they had to be, by reason.",
    )
};
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
pub(crate) const BUILD_INFO: Metric = Metric {
    labels: &["version"],
    ..gauge("build_info", "The version of the cache library; always 1.")
};

/// Every metric, in the order of the table.
pub const ALL: [Metric; 35] = [
    HITS,
    MISSES,
    SETS,
    DELETES,
    EVICTIONS,
    ITEMS,
    LATENCY,
    EXPIRATIONS,
    ERRORS,
    MAX_ITEMS,
    WEIGHT,
    MAX_WEIGHT,
    BACKEND_UP,
    POOL_CONNECTIONS,
    POOL_MAX_CONNECTIONS,
    POOL_WAITING,
    POOL_WAITS,
    POOL_WAIT_SECONDS,
    POOL_TIMEOUTS,
    CONNECTS,
    BREAKER_OPEN,
    BREAKER_OPENINGS,
    RETRIES,
    REJECTED,
    LOADS,
    LOAD_DURATION,
    LOADS_IN_FLIGHT,
    COALESCED,
    COALESCED_WAITING,
    STALE_SERVED,
    REFRESHES,
    NEGATIVE_HITS,
    LOAD_STORE_FAILURES,
    LOADS_REFUSED,
    BUILD_INFO,
];

/// The label that names the cache.
pub const CACHE_NAME: &str = "cache_name";
/// The label that names the backend: `memory`, `redis`.
pub const BACKEND: &str = "backend";
/// The label that names the operation.
pub const OPERATION: &str = "operation";
/// The label that names the kind of an error.
pub const KIND: &str = "kind";
/// The label that says how something ended.
pub const RESULT: &str = "result";
/// The label that says why something happened.
pub const REASON: &str = "reason";
/// The label that names the version of the library.
pub const VERSION: &str = "version";

/// The namespace unless the builder is told another.
pub const DEFAULT_NAMESPACE: &str = "gofr";
/// The subsystem unless the builder is told another.
pub const DEFAULT_SUBSYSTEM: &str = "cache";

/// Upper bounds of the latency buckets in seconds: 250 ns, which a hit in memory stays below, to 2.5 s, which is past
/// every deadline.
pub const LATENCY_BUCKETS: [f64; 22] = [
    2.5e-7, 5e-7, 1e-6, 2.5e-6, 5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2,
    2.5e-2, 5e-2, 0.1, 0.25, 0.5, 1.0, 2.5,
];

/// Upper bounds of the buckets of `load_duration_seconds`, in seconds: 1 ms, below which nothing is worth a cache, to
/// 30 s, the hard timeout unless it is told.
pub const LOAD_BUCKETS: [f64; 14] = [
    1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

/// Returns the subsystem under which the source system shows a backend of this kind.
pub(crate) fn alias_subsystem(kind: &str) -> Option<&'static str> {
    match kind {
        "memory" => Some("inmemory_cache"),
        "redis" => Some("redis_cache"),
        _ => None,
    }
}

/// The operations that are measured.
pub(crate) const OPERATIONS: [Operation; 8] = [
    Operation::Get,
    Operation::Set,
    Operation::Delete,
    Operation::Exists,
    Operation::GetMany,
    Operation::SetMany,
    Operation::DeleteMany,
    Operation::Clear,
];

/// Returns the latency metric as it is for an operation: the source system has none on several keys, so those have no
/// alias.
pub(crate) fn latency_of(operation: Operation) -> Metric {
    let several = matches!(
        operation,
        Operation::GetMany | Operation::SetMany | Operation::DeleteMany
    );
    Metric {
        aliased: !several,
        ..LATENCY
    }
}

/// Returns the errors whose series start at zero: those that an operation of a working program meets. Others appear
/// when they first occur.
pub(crate) fn expected_errors(operation: Operation, backend: &str) -> impl Iterator<Item = ErrorKind> {
    let always = [ErrorKind::Closed].into_iter();
    let reads = matches!(operation, Operation::Get | Operation::GetMany);
    let decoding = [ErrorKind::Decode, ErrorKind::TypeMismatch]
        .into_iter()
        .filter(move |_| reads);
    let remote = [
        ErrorKind::Unavailable,
        ErrorKind::Timeout,
        ErrorKind::Exhausted,
        ErrorKind::Denied,
        ErrorKind::Backend,
    ];
    let is_remote = backend != "memory";
    always
        .chain(decoding)
        .chain(remote.into_iter().filter(move |_| is_remote))
}
