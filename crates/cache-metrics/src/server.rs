//! The series of backends on a server: whether it is alive, connections, breaker, rejected values.

use cache_core::{BackendStats, ConnectionStats, RejectReason};

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
    let rejected = stats.rejected.iter().flat_map(|rejected| {
        RejectReason::ALL.map(|reason| (names::REJECTED, Some(reason.as_str()), rejected.get(reason)))
    });
    plain
        .chain(rejected)
        .map(|(metric, label, value)| ServerCounter { metric, label, value })
        .collect()
}

/// Returns the gauges, `None` for those that do not exist.
pub(crate) fn gauges(stats: &BackendStats) -> [(Metric, Option<u64>); 5] {
    let connections = |value: fn(&ConnectionStats) -> u64| stats.connections.as_ref().map(value);
    [
        (names::BACKEND_UP, stats.up.map(u64::from)),
        (names::POOL_CONNECTIONS, connections(|all| all.open)),
        (names::POOL_MAX_CONNECTIONS, connections(|all| all.max)),
        (names::POOL_WAITING, connections(|all| all.waiting)),
        (
            names::BREAKER_OPEN,
            connections(|all| u64::from(all.breaker_open)),
        ),
    ]
}

/// Says of a backend that is gone what its gauges are to stand at.
pub(crate) fn zero(nothing: &mut BackendStats, last: &BackendStats) {
    nothing.up = last.up.map(|_| false);
    nothing.connections = last.connections.map(|_| ConnectionStats::default());
}

/// Adds up what caches of one name say, as far as gauges show it. Together they are up if each is.
pub(crate) fn add(sum: &mut BackendStats, one: &BackendStats) {
    sum.up = match (sum.up, one.up) {
        (Some(all), Some(this)) => Some(all && this),
        (all, this) => all.or(this),
    };
    if let Some(this) = &one.connections {
        let all = sum.connections.get_or_insert_default();
        all.open = all.open.saturating_add(this.open);
        all.max = all.max.saturating_add(this.max);
        all.waiting = all.waiting.saturating_add(this.waiting);
        all.breaker_open |= this.breaker_open;
    }
}
