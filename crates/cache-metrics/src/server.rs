//! The series of backends on a server: whether it is alive, connections, breaker, rejected values.

use cache_core::{BackendStats, ConnectionStats, RejectReason};

use crate::gauges::Together;
use crate::names::{self, Metric};

/// A counter that only backends on a server have.
#[derive(Debug)]
pub(crate) struct ServerCounter {
    pub(crate) metric: Metric,
    /// The value of its label, if it has one.
    pub(crate) label: Option<&'static str>,
    pub(crate) value: u64,
}

/// Returns the counters, always in the same order. A backend without a server has none.
pub(crate) fn counters(stats: &BackendStats) -> Vec<ServerCounter> {
    let plain = stats.connections.iter().flat_map(|connections| {
        [
            (names::POOL_TIMEOUTS, None, connections.wait_timeouts),
            (names::CONNECTS, Some("success"), connections.connects),
            (names::CONNECTS, Some("error"), connections.connect_failures),
            (names::BREAKER_OPENINGS, None, connections.breaker_openings),
            (names::RETRIES, None, connections.retries),
        ]
    });
    let counts = stats
        .item_count_failures
        .map(|failures| (names::ITEM_COUNT_FAILURES, None, failures));
    let rejected = stats.rejected.iter().flat_map(|rejected| {
        RejectReason::ALL.map(|reason| (names::REJECTED, Some(reason.as_str()), rejected.get(reason)))
    });
    plain
        .chain(counts)
        .chain(rejected)
        .map(|(metric, label, value)| ServerCounter { metric, label, value })
        .collect()
}

/// Returns the gauges, `None` for those that do not exist. Caches that share them are up if each is, since one that does
/// not answer is what an alert has to see.
pub(crate) fn gauges(stats: &BackendStats) -> [(Metric, Together, Option<u64>); 5] {
    let connections = |value: fn(&ConnectionStats) -> u64| stats.connections.as_ref().map(value);
    [
        (names::BACKEND_UP, Together::All, stats.up.map(u64::from)),
        (
            names::POOL_CONNECTIONS,
            Together::Sum,
            connections(|all| all.open),
        ),
        (
            names::POOL_MAX_CONNECTIONS,
            Together::Sum,
            connections(|all| all.max),
        ),
        (names::POOL_WAITING, Together::Sum, connections(|all| all.waiting)),
        (
            names::BREAKER_OPEN,
            Together::Any,
            connections(|all| u64::from(all.breaker_open)),
        ),
    ]
}
