//! Are the promises kept? The numbers are the recorded ones that the alerts are made of, so what people see is what wakes
//! them.

use crate::dashboard::Dashboard;
use crate::panel::Panel;
use crate::query::CHOSEN;
use crate::unit::Unit;
use crate::variable::{CACHE_NAME, INSTANCE, JOB};

const OVERVIEW: (&str, &str) = ("All caches", "cache-overview");

/// Caches of one name on two backends are two caches here, as they are for the alerts.
const BY_CACHE: &str = "{{cache_name}} on {{backend}}";

/// The share of operations that may fail: the objective is 99.9 %.
const BUDGET: f64 = 0.001;

pub(crate) fn dashboard() -> Dashboard {
    Dashboard::new(
        "cache-objectives",
        "Cache objectives",
        "Availability of the caches against 99.9 %, how fast the error budget is spent, and what fires. Alerts look at all instances.",
    )
    .variables(&[JOB, INSTANCE, CACHE_NAME])
    .row("Now", OVERVIEW, now())
    .row("Over time", OVERVIEW, over_time())
    .row("Alerts", OVERVIEW, alerts())
}

/// The share of operations that failed in a window, by cache.
fn error_ratio(window: &str) -> String {
    let (failed, all) = (
        recorded(&format!("errors:rate{window}")),
        recorded(&format!("operations:rate{window}")),
    );
    format!("{failed} / ({all} > 0)")
}

/// What the recording rules have counted by instance, of those that are chosen, as the rules of the alerts add it up.
fn recorded(name: &str) -> String {
    format!("sum by (cache_name, backend) ({})", series(name))
}

fn series(name: &str) -> String {
    format!("instance_cache_name:gofr_cache_{name}{{{CHOSEN}}}")
}

fn burn_rate(window: &str) -> String {
    format!("{} / {BUDGET}", error_ratio(window))
}

fn now() -> [Panel; 5] {
    [
        Panel::stat("Availability, 5 minutes", Unit::Ratio, "The share of operations of the worst cache that did what was asked.")
            .colors("red", &[(0.9856, "orange"), (0.999, "green")])
            .decimals(3)
            .query("availability", format!("1 - max({})", error_ratio("5m"))),
        Panel::stat("Availability, 3 days", Unit::Ratio, "The same over three days.")
            .colors("red", &[(0.9856, "orange"), (0.999, "green")])
            .decimals(3)
            .query("availability", format!("1 - max({})", error_ratio("3d"))),
        Panel::stat(
            "Burn rate, 1 hour",
            Unit::Factor,
            "How many times faster than it may the worst cache spends its error budget. Alert: CacheErrorBudgetBurnFast, above 14.4.",
        )
        .colors("green", &[(1.0, "orange"), (14.4, "red")])
        .decimals(1)
        .query("burn rate", format!("max({})", burn_rate("1h"))),
        Panel::stat("Burn rate, 6 hours", Unit::Factor, "The same over six hours. Alert: CacheErrorBudgetBurnSlow, above 6.")
            .colors("green", &[(1.0, "orange"), (6.0, "red")])
            .decimals(1)
            .query("burn rate", format!("max({})", burn_rate("6h"))),
        Panel::stat("Alerts that fire", Unit::Count, "All alerts on caches and Redis that want somebody; the watchdog does not count.")
            .colors("green", &[(1.0, "red")])
            .wide(8)
            .query(
                "firing",
                r#"count(ALERTS{alertname=~"(Cache|Redis).+", alertstate="firing", severity=~"critical|warning"}) or vector(0)"#.to_owned(),
            ),
    ]
}

fn over_time() -> [Panel; 6] {
    let buckets = series("get_latency_seconds_bucket:rate5m");
    let p99 = format!("histogram_quantile(0.99, sum by (cache_name, backend, le) ({buckets})) >= 0");
    [
        Panel::lines("Availability by cache", Unit::Ratio, "The share of operations in five minutes that did what was asked.")
            .soft_minimum(0.99)
            .decimals(2)
            .wide(12)
            .query(BY_CACHE, format!("1 - {}", error_ratio("5m"))),
        Panel::lines(
            "Burn rate by window",
            Unit::Factor,
            "Of the worst cache. At 1 the budget lasts exactly 30 days; the lines are where the alerts begin.",
        )
        .colors("transparent", &[(1.0, "green"), (6.0, "orange"), (14.4, "red")])
        .wide(12)
        .query("5 minutes", format!("max({})", burn_rate("5m")))
        .query("30 minutes", format!("max({})", burn_rate("30m")))
        .query("1 hour", format!("max({})", burn_rate("1h")))
        .query("6 hours", format!("max({})", burn_rate("6h")))
        .query("3 days", format!("max({})", burn_rate("3d"))),
        Panel::lines("Hit ratio", Unit::Ratio, "As CacheHitRatioLow sees it: over five minutes.")
            .colors("transparent", &[(0.5, "orange")])
            .query(BY_CACHE, format!("{} / ({} > 0)", recorded("hits:rate5m"), recorded("lookups:rate5m"))),
        Panel::lines("p99 of gets", Unit::Seconds, "As CacheGetLatencyHigh sees it: over five minutes. It leaves out memory.")
            .logarithmic()
            .colors("transparent", &[(0.05, "orange")])
            .query(BY_CACHE, p99),
        Panel::lines("Lookups", Unit::PerSecond, "Below one each second the alerts on ratios and latency stay quiet.")
            .query(BY_CACHE, recorded("lookups:rate5m")),
        Panel::lines("Operations", Unit::PerSecond, "What the error ratios are shares of.")
            .wide(24)
            .query(BY_CACHE, recorded("operations:rate5m")),
    ]
}

fn alerts() -> [Panel; 1] {
    [Panel::table("Pending and firing", "Alerts on caches and Redis, the watchdog included, which always fires. docs/runbooks.md says what to do.")
        .high(10)
        .wide(24)
        .query("", r#"ALERTS{alertname=~"(Cache|Redis).+"}"#.to_owned())]
}
