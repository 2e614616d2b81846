//! The first dashboard that people open: do the caches help, are they well, and are they big enough?

use crate::dashboard::Dashboard;
use crate::panel::Panel;
use crate::query::{
    error_ratio, hit_ratio, name, quantile, rate, series, series_with, sum_rate, sum_rate_by,
};
use crate::unit::Unit;
use crate::variable::{CACHE_NAME, INSTANCE, JOB};

const OBJECTIVES: (&str, &str) = ("Objectives and alerts", "cache-objectives");
const REDIS: (&str, &str) = ("Redis: pool and server", "cache-redis");

pub(crate) fn dashboard() -> Dashboard {
    Dashboard::new(
        "cache-overview",
        "Cache overview",
        "Hits, latency, contents and loads of the caches of all services.",
    )
    .variables(&[JOB, INSTANCE, CACHE_NAME])
    .row("Now", OBJECTIVES, now())
    .row("Traffic", OBJECTIVES, traffic())
    .row("Latency", OBJECTIVES, latency())
    .row("Contents", REDIS, contents())
    .row("Loading", OBJECTIVES, loading())
    .row("Process", REDIS, process())
}

fn now() -> [Panel; 6] {
    let latency = series_with("operation_latency_seconds_bucket", r#"operation="get""#);
    let (items, most) = (series("items_current"), series("max_items"));
    [
        Panel::stat(
            "Hit ratio",
            Unit::Ratio,
            "The share of lookups that the caches answered. What is good depends on the use; a sudden change never is.",
        )
        .colors("red", &[(0.5, "orange"), (0.8, "green")])
        .query("hit ratio", hit_ratio("")),
        Panel::stat("Lookups", Unit::PerSecond, "Hits and misses each second; each key of a get_many is one.")
            .query(
                "lookups",
                format!("{} + {}", sum_rate("hits_total"), sum_rate("misses_total")),
            ),
        Panel::stat(
            "Error ratio",
            Unit::Ratio,
            "The share of operations that failed. Orange is above the objective of 99.9 %, red spends the budget of 30 days in two.",
        )
        .colors("green", &[(0.001, "orange"), (0.0144, "red")])
        .decimals(3)
        .query("error ratio", error_ratio()),
        Panel::stat(
            "p99 of gets",
            Unit::Seconds,
            "One get of a hundred takes this long or longer. Gets from memory are sampled.",
        )
        .colors("green", &[(0.01, "orange"), (0.05, "red")])
        .query("p99", quantile(0.99, "", &latency)),
        Panel::stat(
            "Fill",
            Unit::Ratio,
            "The fullest of the caches that have a limit of entries; writers of the moment may be above it. A full cache is normal: it evicts.",
        )
        .colors("blue", &[])
        .query("fill", format!("clamp_max(max({items} / {most}), 1)")),
        Panel::stat(
            "Backends down",
            Unit::Count,
            "Caches whose backend gave no sign of life the last time. Alert: CacheBackendDown.",
        )
        .colors("green", &[(1.0, "red")])
        .query("down", format!("count({} == 0) or vector(0)", series("backend_up"))),
    ]
}

fn traffic() -> [Panel; 4] {
    [
        Panel::lines(
            "Hit ratio by cache",
            Unit::Ratio,
            "The share of lookups that each cache answered. Alert: CacheHitRatioLow, of busy caches only.",
        )
        .wide(12)
        .query("{{cache_name}}", hit_ratio("cache_name")),
        Panel::lines("Operations by kind", Unit::PerSecond, "Lookups that hit and missed, values stored, entries deleted, tags invalidated.")
            .wide(12)
            .query("hits", sum_rate("hits_total"))
            .query("misses", sum_rate("misses_total"))
            .query("sets", sum_rate("sets_total"))
            .query("deletes", sum_rate("deletes_total"))
            .query("tags invalidated", sum_rate("tag_invalidations_total")),
        Panel::lines(
            "Errors by kind",
            Unit::PerSecond,
            "Failed operations by what was wrong. Alerts: CacheErrorBudgetBurnFast, CacheErrorBudgetBurnSlow.",
        )
        .wide(12)
        .query("{{kind}}", sum_rate_by("kind", "errors_total")),
        Panel::lines("Errors by operation", Unit::PerSecond, "Failed operations by what was asked for.")
            .wide(12)
            .query("{{operation}}", sum_rate_by("operation", "errors_total")),
    ]
}

fn latency() -> [Panel; 5] {
    let buckets = series("operation_latency_seconds_bucket");
    let gets = series_with("operation_latency_seconds_bucket", r#"operation="get""#);
    let by_operation = |title, share, description| {
        Panel::lines(title, Unit::Seconds, description)
            .logarithmic()
            .query("{{operation}}", quantile(share, "operation", &buckets))
    };
    [
        by_operation("p50 by operation", 0.5, "Half of the operations take longer, failed ones included."),
        by_operation("p95 by operation", 0.95, "One operation of twenty takes longer."),
        by_operation("p99 by operation", 0.99, "One operation of a hundred takes longer."),
        Panel::heatmap(
            "Latency of gets",
            Unit::Seconds,
            "How many gets took how long: two bands are hits and misses, or near and far.",
        )
        .query("{{le}}", format!("sum by (le) (increase({gets}[$__rate_interval]))")),
        Panel::lines(
            "Gets by cache",
            Unit::Seconds,
            "The median, the twentieth and the hundredth slowest get of each cache. Alert: CacheGetLatencyHigh, not of memory.",
        )
        .logarithmic()
        .wide(12)
        .query("{{cache_name}} p50", quantile(0.5, "cache_name", &gets))
        .query("{{cache_name}} p95", quantile(0.95, "cache_name", &gets))
        .query("{{cache_name}} p99", quantile(0.99, "cache_name", &gets)),
    ]
}

fn contents() -> [Panel; 5] {
    let by_cache = |suffix: &str| format!("sum by (cache_name) ({})", series(suffix));
    // What several instances count on one server are the same entries.
    let items = format!(
        "sum by (cache_name) ({}) or max by (cache_name) ({})",
        series_with("items_current", "backend!=\"redis\""),
        series("items_current")
    );
    [
        Panel::lines("Entries and limits", Unit::Count, "Entries held now and the most that may be, of all instances. On Redis the highest of their last counts, if entries are counted.")
            .query("{{cache_name}}", items)
            .query("{{cache_name}} limit", by_cache("max_items")),
        Panel::lines(
            "Weight and limits",
            Unit::Count,
            "The weight of all entries in the unit of the weigher; empty for caches without one.",
        )
        .query("{{cache_name}}", by_cache("weight_current"))
        .query("{{cache_name}} limit", by_cache("max_weight")),
        Panel::lines(
            "Entries that went, by cause",
            Unit::PerSecond,
            "Evicted live for room, freed because their time had ended, or deleted.",
        )
        .query("evicted", sum_rate("evictions_total"))
        .query("expired", sum_rate("expirations_total"))
        .query("deleted", sum_rate("deletes_total")),
        Panel::lines(
            "Evictions by cause",
            Unit::PerSecond,
            "The limit for which live entries went: of items or of weight; too_heavy are new ones that alone were heavier than all may be. Alert: CacheEvictionThrash.",
        )
        .wide(12)
        .query("{{cause}}", sum_rate_by("cause", "evictions_total")),
        Panel::lines(
            "Evictions by cache",
            Unit::PerSecond,
            "Live entries that were taken for room: what a larger limit would keep.",
        )
        .wide(12)
        .query("{{cache_name}}", sum_rate_by("cache_name", "evictions_total")),
    ]
}

fn loading() -> [Panel; 9] {
    let durations = series("load_duration_seconds_bucket");
    let (coalesced, loads) = (sum_rate("coalesced_total"), sum_rate("loads_total"));
    let gauge = |suffix: &str| format!("sum({})", series(suffix));
    [
        Panel::lines(
            "Loads by result",
            Unit::PerSecond,
            "How the system behind the caches was asked, and how that ended. Alert: CacheLoaderFailing.",
        )
        .stacked()
        .query("{{result}}", sum_rate_by("result", "loads_total")),
        Panel::lines("Duration of loads", Unit::Seconds, "How long loads take, however they end.")
            .logarithmic()
            .query("p50", quantile(0.5, "", &durations))
            .query("p95", quantile(0.95, "", &durations))
            .query("p99", quantile(0.99, "", &durations)),
        Panel::lines("Loads under way", Unit::Count, "Loads that run now, and callers that wait for one of another.")
            .query("loads", gauge("loads_in_flight"))
            .query("waiting callers", gauge("coalesced_waiting")),
        Panel::lines(
            "Callers spared by another's load",
            Unit::Ratio,
            "The share of the callers that missed and did not have to load: what single flight is good for.",
        )
        .query("spared", format!("{coalesced} / ({coalesced} + {loads} > 0)")),
        Panel::lines(
            "Coalesced callers",
            Unit::PerSecond,
            "Callers that waited for the load of another. A peak is a stampede that did not reach the source.",
        )
        .query("{{cache_name}}", sum_rate_by("cache_name", "coalesced_total")),
        Panel::lines(
            "Stale answers by reason",
            Unit::PerSecond,
            "Values served past their time: while they are refreshed, or because a load failed. Alert: CacheServingStale.",
        )
        .query("{{reason}}", sum_rate_by("reason", "stale_served_total")),
        Panel::lines("Refreshes by result", Unit::PerSecond, "Loads in the background for entries that are there.")
            .query("{{result}}", sum_rate_by("result", "refreshes_total")),
        Panel::lines("Hits on \"there is none\"", Unit::PerSecond, "Lookups answered by a cached \"not found\".")
            .query("{{cache_name}}", sum_rate_by("cache_name", "negative_hits_total")),
        Panel::lines(
            "Loads refused, loads not stored",
            Unit::PerSecond,
            "Loads that were not begun because too many ran, and loaded values that could not be stored.",
        )
        .query("refused", sum_rate("loads_refused_total"))
        .query("not stored", sum_rate("load_store_failures_total")),
    ]
}

fn process() -> [Panel; 3] {
    let of_process = |metric: &str| format!(r#"{metric}{{job=~"$job", instance=~"$instance"}}"#);
    [
        Panel::lines(
            "Resident memory",
            Unit::Bytes,
            "Memory of each process, of which the caches are a part.",
        )
        .query("{{instance}}", of_process("process_resident_memory_bytes")),
        Panel::lines("CPU", Unit::Factor, "Processors that each process keeps busy.")
            .query("{{instance}}", rate(&of_process("process_cpu_seconds_total"))),
        Panel::table("Versions", "The version of the cache library in each process.").query(
            "",
            format!(r#"{}{{job=~"$job", instance=~"$instance"}}"#, name("build_info")),
        ),
    ]
}
