//! What is between a cache and its Redis, and Redis itself as `redis_exporter` sees it.

use crate::dashboard::Dashboard;
use crate::panel::Panel;
use crate::query::{quantile, rate, series, series_with, sum_rate, sum_rate_by};
use crate::unit::Unit;
use crate::variable::{INSTANCE, JOB, Variable};

const OVERVIEW: (&str, &str) = ("All caches", "cache-overview");
const OBJECTIVES: (&str, &str) = ("Objectives and alerts", "cache-objectives");

/// Caches in memory have neither a pool nor a server.
const CACHE_NAME: Variable = Variable {
    name: "cache_name",
    label: "Cache",
    values: r#"label_values(gofr_cache_hits_total{job=~"$job", instance=~"$instance", backend!="memory"}, cache_name)"#,
};
const SERVER: Variable = Variable {
    name: "redis",
    label: "Redis",
    values: "label_values(redis_up, instance)",
};

pub(crate) fn dashboard() -> Dashboard {
    Dashboard::new(
        "cache-redis",
        "Cache on Redis",
        "Connections, waits and the breaker of caches on Redis, and the server below them.",
    )
    .variables(&[JOB, INSTANCE, CACHE_NAME, SERVER])
    .row("Client, now", OBJECTIVES, now())
    .row("Client", OVERVIEW, client())
    .row("Server, now", OVERVIEW, server_now())
    .row("Server", OVERVIEW, server())
}

/// Selects the chosen series of a metric of the server.
fn server_series(metric: &str) -> String {
    format!(r#"{metric}{{instance=~"$redis"}}"#)
}

fn now() -> [Panel; 6] {
    let gets = series_with(
        "operation_latency_seconds_bucket",
        r#"operation="get", backend!="memory""#,
    );
    let total = |suffix: &str| format!("sum({})", series(suffix));
    [
        Panel::stat("Backends up", Unit::Ratio, "The share of caches whose backend gave a sign of life. Alert: CacheBackendDown.")
            .colors("red", &[(1.0, "green")])
            .query("up", format!("avg({})", series("backend_up"))),
        Panel::stat("Breakers open", Unit::Count, "Caches that refuse operations at once since their backend failed too often. Alert: CacheBreakerOpen.")
            .colors("green", &[(1.0, "red")])
            .query("open", total("breaker_open")),
        Panel::stat("p99 of gets", Unit::Seconds, "One get of a hundred takes this long or longer, the way to Redis included. Alert: CacheGetLatencyHigh.")
            .colors("green", &[(0.01, "orange"), (0.05, "red")])
            .query("p99", quantile(0.99, "", &gets)),
        Panel::stat("Connections", Unit::Count, "Open connections of all pools.")
            .query("connections", total("pool_connections")),
        Panel::stat("Waiting", Unit::Count, "Operations that wait for a connection. Alert: CachePoolSaturated.")
            .colors("green", &[(1.0, "orange")])
            .query("waiting", total("pool_waiting")),
        Panel::stat("Gave up waiting", Unit::PerSecond, "Operations that got no connection in time. Alert: CachePoolTimeouts.")
            .colors("green", &[(0.001, "red")])
            .query("timeouts", sum_rate("pool_timeouts_total")),
    ]
}

fn client() -> [Panel; 11] {
    let by_cache = |suffix: &str| format!("sum by (cache_name) ({})", series(suffix));
    let wait = |share| {
        let waits = quantile(share, "", &series("pool_wait_seconds_bucket"));
        format!("{waits} or 0 * {}", sum_rate("pool_wait_seconds_count"))
    };
    let size = |share| quantile(share, "cache_name", &series("value_bytes_bucket"));
    [
        Panel::lines("Connections and limits", Unit::Count, "Open connections, and the most that the pools may open.")
            .query("{{cache_name}}", by_cache("pool_connections"))
            .query("{{cache_name}} limit", by_cache("pool_max_connections")),
        Panel::lines("Operations that wait for a connection", Unit::Count, "More than none for long: the pool is too small, or Redis too slow.")
            .query("{{cache_name}}", by_cache("pool_waiting")),
        Panel::lines("Time spent waiting", Unit::Seconds, "Seconds that operations wait for a connection, each second: how many wait on average.")
            .query("{{cache_name}}", sum_rate_by("cache_name", "pool_wait_seconds_sum")),
        Panel::lines("Length of waits", Unit::Seconds, "How long those waited for a connection that had to wait; zero while nobody does.")
            .query("p50", wait(0.5))
            .query("p99", wait(0.99)),
        Panel::lines("Waits and timeouts", Unit::PerSecond, "Operations that had to wait for a connection, and those that gave up.")
            .query("waits", sum_rate("pool_wait_seconds_count"))
            .query("timeouts", sum_rate("pool_timeouts_total")),
        Panel::lines("Connects by result", Unit::PerSecond, "New connections. A steady rate says that connections do not last.")
            .query("{{result}}", sum_rate_by("result", "connects_total")),
        Panel::lines("Retries and failed counts", Unit::PerSecond, "Operations that were sent again on another connection, and counts of the entries that failed.")
            .query("{{cache_name}} retries", sum_rate_by("cache_name", "retries_total"))
            .query("{{cache_name}} failed counts", sum_rate_by("cache_name", "item_count_failures_total")),
        Panel::lines("Breaker", Unit::Count, "1 while it is open, and how often it opened each second.")
            .query("{{cache_name}} open", by_cache("breaker_open"))
            .query("{{cache_name}} openings", sum_rate_by("cache_name", "breaker_openings_total")),
        Panel::lines("Backend", Unit::Count, "1 while the last thing that was heard of the backend is a sign of life.")
            .query("{{instance}} {{cache_name}}", series("backend_up")),
        Panel::lines(
            "Stored values rejected, by reason",
            Unit::PerSecond,
            "Values that were not what they must be: of another key, damaged, of an unknown version. They count as misses. Alert: CacheEntriesRejected.",
        )
        .wide(12)
        .query("{{reason}}", sum_rate_by("reason", "rejected_entries_total")),
        Panel::lines(
            "Sizes of values",
            Unit::Bytes,
            "How long the values are that were stored lately, compressed if they were, with their header. Those near the limit of a value are sooner or later refused.",
        )
        .logarithmic()
        .wide(12)
        .query("{{cache_name}} p50", size(0.5))
        .query("{{cache_name}} p99", size(0.99)),
    ]
}

fn server_now() -> [Panel; 6] {
    let (used, most) = (
        server_series("redis_memory_used_bytes"),
        server_series("redis_memory_max_bytes"),
    );
    let (hits, misses) = (
        rate(&server_series("redis_keyspace_hits_total")),
        rate(&server_series("redis_keyspace_misses_total")),
    );
    [
        Panel::stat(
            "Redis up",
            Unit::Ratio,
            "The share of servers that answer redis_exporter. Alert: RedisDown.",
        )
        .colors("red", &[(1.0, "green")])
        .query("up", format!("avg({})", server_series("redis_up"))),
        Panel::stat(
            "Memory in use",
            Unit::Ratio,
            "Of the limit; nothing without one. Alert: RedisMemoryHigh, unless any key may be evicted.",
        )
        .colors("green", &[(0.9, "orange")])
        .query("in use", format!("clamp_max(max({used} / ({most} > 0)), 1)")),
        Panel::stat(
            "Hit ratio of Redis",
            Unit::Ratio,
            "As the server counts it, of all its clients.",
        )
        .query("hit ratio", format!("sum({hits}) / (sum({hits} + {misses}) > 0)")),
        Panel::stat("Clients", Unit::Count, "Connections that the servers have.").query(
            "clients",
            format!("sum({})", server_series("redis_connected_clients")),
        ),
        Panel::stat(
            "Blocked clients",
            Unit::Count,
            "Clients in a blocking call; the caches make none.",
        )
        .query(
            "blocked",
            format!("sum({})", server_series("redis_blocked_clients")),
        ),
        Panel::stat(
            "Up since",
            Unit::Age,
            "The age of the youngest server process: a restart empties it.",
        )
        .query(
            "uptime",
            format!("min({})", server_series("redis_uptime_in_seconds")),
        ),
    ]
}

fn server() -> [Panel; 7] {
    let by_instance = |metric: &str| format!("sum by (instance) ({})", rate(&server_series(metric)));
    let commands = format!("sum by (cmd) ({})", rate(&server_series("redis_commands_total")));
    let busy = format!(
        "sum by (cmd) ({})",
        rate(&server_series("redis_commands_duration_seconds_total"))
    );
    [
        Panel::lines(
            "Commands",
            Unit::PerSecond,
            "What the server is asked, by command; those that are not used are left out.",
        )
        .query("{{cmd}}", format!("{commands} > 0")),
        Panel::lines(
            "Time per command",
            Unit::Seconds,
            "How long the server works on a command, without the way to it.",
        )
        .logarithmic()
        .query("{{cmd}}", format!("{busy} / ({commands} > 0)")),
        Panel::lines("Memory", Unit::Bytes, "Memory of the data, and the limit.")
            .query("{{instance}}", server_series("redis_memory_used_bytes"))
            .query("{{instance}} limit", server_series("redis_memory_max_bytes")),
        Panel::lines(
            "Keys that went",
            Unit::PerSecond,
            "Keys that expired, and keys that were evicted for room.",
        )
        .query("{{instance}} expired", by_instance("redis_expired_keys_total"))
        .query("{{instance}} evicted", by_instance("redis_evicted_keys_total")),
        Panel::lines("Keys", Unit::Count, "Keys in each database that has some.").query(
            "{{instance}} {{db}}",
            format!("{} > 0", server_series("redis_db_keys")),
        ),
        Panel::lines(
            "Network",
            Unit::BytesPerSecond,
            "Bytes that the server receives and sends.",
        )
        .query("{{instance}} in", by_instance("redis_net_input_bytes_total"))
        .query("{{instance}} out", by_instance("redis_net_output_bytes_total")),
        Panel::lines(
            "Refused connections",
            Unit::PerSecond,
            "Connections beyond maxclients. Alert: RedisRejectedConnections.",
        )
        .wide(24)
        .query("{{instance}}", by_instance("redis_rejected_connections_total")),
    ]
}
