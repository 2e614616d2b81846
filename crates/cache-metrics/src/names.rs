//! Every metric: its name, kind, unit, help and labels. Nothing else in the workspace spells a metric name.
//!
//! A full name is `{namespace}_{subsystem}_{suffix}`, `gofr_cache_hits_total` by default. Every metric but `build_info`
//! has the labels `cache_name` and `backend`, then those of the table, then the constant ones of the builder.
//!
//! | suffix | kind | further labels | moves when |
//! |---|---|---|---|
//! | `hits_total` | counter | | a get finds a fresh entry; each key of a `get_many` counts, and each caller of `get_or_load` |
//! | `misses_total` | counter | | a get finds none, or one that is over or stale. Each get is a hit, a miss or an error, also one that is dropped before its answer comes, but for a hit that does not read: that is an error beside |
//! | `sets_total` | counter | | a set succeeded, also where the backend did not keep the value: one that is too heavy, or that TinyLFU refused, is an eviction beside. A set with a TTL of zero is a delete and counts as one |
//! | `deletes_total` | counter | | a delete removed a live entry |
//! | `evictions_total` | counter | `cause` | a live entry was taken for room, or a new one not kept for want of it |
//! | `items_current` | gauge | | entries held now; on Redis as last counted, if they are counted |
//! | `operation_latency_seconds` | histogram | `operation` | an operation ended, well, not, or by being dropped; answers from memory to `get` and `exists` are sampled |
//! | `expirations_total` | counter | | an entry was freed whose time had ended |
//! | `errors_total` | counter | `operation`, `kind` | an operation failed, or was dropped before its answer came: `cancelled`, a batch once |
//! | `max_items` | gauge | | the limit of entries, absent without one |
//! | `weight_current` | gauge | | the weight of all entries, absent without a weigher |
//! | `max_weight` | gauge | | the limit of weight, absent without one |
//! | `backend_up` | gauge | | 1 if the backend was alive when it was last asked for anything, else 0; absent before |
//! | `pool_connections` | gauge | | connections to the server now |
//! | `pool_max_connections` | gauge | | the limit of connections |
//! | `pool_waiting` | gauge | | callers that wait for a connection now |
//! | `pool_wait_seconds` | histogram | | a caller that had to wait for a connection got it or gave up |
//! | `pool_timeouts_total` | counter | | a caller waited for a connection until its deadline |
//! | `connects_total` | counter | `result` | an attempt to connect ended, as `success` or `error` |
//! | `breaker_open` | gauge | | 1 while a breaker answers calls without asking the server, else 0 |
//! | `breaker_openings_total` | counter | | a breaker opened |
//! | `retries_total` | counter | | a command was sent again because its connection broke |
//! | `item_count_failures_total` | counter | | a count of the entries on the server failed, where they are counted at intervals |
//! | `value_bytes` | histogram | | a value was stored; its stored form, compressed if it was, with its header |
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
//! | `tag_invalidations_total` | counter | | a tag was invalidated, once for each tag of a call |
//! | `build_info` | gauge | `version` | always 1 |
//!
//! The first seven are those of the source system. It also shows them with the backend in the name and `cache_name` as
//! the only label beside `operation`: `gofr_inmemory_cache_*` and `gofr_redis_cache_*`. These aliases carry the same
//! numbers, evictions those of all causes, and can be switched off. Caches that only differ in their subsystems share
//! them: there they add up.
//!
//! What begins with `pool_`, and connects, breakers, retries, failed counts and rejected entries, exist for backends on a server
//! only, failed counts only where entries are counted. Value sizes exist for backends that keep bytes: one that keeps objects, as
//! the memory does, has none, and none are made to be measured.

mod load;
mod metric;
mod server;

use cache_core::{ErrorKind, Operation};
use metrics::Unit;

pub use self::load::LOAD_BUCKETS;
pub(crate) use self::load::{
    COALESCED, COALESCED_WAITING, LOAD_DURATION, LOAD_STORE_FAILURES, LOADS, LOADS_IN_FLIGHT, LOADS_REFUSED,
    NEGATIVE_HITS, REFRESHES, STALE_SERVED, TAG_INVALIDATIONS,
};
pub use self::metric::{Metric, MetricKind};
use self::metric::{aliased, counter, gauge};
pub(crate) use self::server::{
    BACKEND_UP, BREAKER_OPEN, BREAKER_OPENINGS, CONNECTS, ITEM_COUNT_FAILURES, POOL_CONNECTIONS,
    POOL_MAX_CONNECTIONS, POOL_TIMEOUTS, POOL_WAIT, POOL_WAITING, REJECTED, RETRIES, VALUE_SIZE,
};
pub use self::server::{POOL_WAIT_BUCKETS, VALUE_SIZE_BUCKETS};

pub(crate) const HITS: Metric = aliased(counter("hits_total", "Gets that found a fresh entry."));
pub(crate) const MISSES: Metric = aliased(counter(
    "misses_total",
    "Gets that found no entry, one that was over or stale, or, in a call that loads, one that does not read.",
));
pub(crate) const SETS: Metric = aliased(counter(
    "sets_total",
    "Sets that succeeded, those whose value was not kept for want of room included; one with a TTL of zero is a delete.",
));
pub(crate) const DELETES: Metric = aliased(counter("deletes_total", "Deletes that removed a live entry."));
pub(crate) const EVICTIONS: Metric = Metric {
    labels: &["cause"],
    ..aliased(counter(
        "evictions_total",
        "Live entries that were taken for room, new ones that were not kept for want of it included.",
    ))
};
pub(crate) const EXPIRATIONS: Metric = counter(
    "expirations_total",
    "Entries that were freed because their time had ended.",
);
pub(crate) const ERRORS: Metric = Metric {
    labels: &["operation", "kind"],
    ..counter(
        "errors_total",
        "Operations that failed, by operation and kind of error; those whose callers dropped them are cancelled.",
    )
};
pub(crate) const ITEMS: Metric = aliased(gauge(
    "items_current",
    "Entries that the cache holds now; on Redis those of the last count, if they are counted.",
));
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
    of_server: false,
};
pub(crate) const BUILD_INFO: Metric = Metric {
    labels: &["version"],
    ..gauge("build_info", "The version of the cache library; always 1.")
};

/// Every metric, in the order of the table.
pub const ALL: [Metric; 37] = [
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
    POOL_WAIT,
    POOL_TIMEOUTS,
    CONNECTS,
    BREAKER_OPEN,
    BREAKER_OPENINGS,
    RETRIES,
    ITEM_COUNT_FAILURES,
    VALUE_SIZE,
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
    TAG_INVALIDATIONS,
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
/// The label that says for want of which room an entry went.
pub const CAUSE: &str = "cause";
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
        ErrorKind::Cancelled,
    ];
    let is_remote = backend != "memory";
    always
        .chain(decoding)
        .chain(remote.into_iter().filter(move |_| is_remote))
}
