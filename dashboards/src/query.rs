//! The pieces that the queries of panels are put together from, so that each is written once.

use cache_metrics::names::{DEFAULT_NAMESPACE, DEFAULT_SUBSYSTEM};

/// The series of the caches that are chosen at the top of the dashboard.
pub(crate) const CHOSEN: &str = r#"job=~"$job", instance=~"$instance", cache_name=~"$cache_name""#;

/// What operations are made of; a get is a hit or a miss.
const DONE: [&str; 4] = ["hits_total", "misses_total", "sets_total", "deletes_total"];

/// Returns the full name of a metric of the caches.
pub(crate) fn name(suffix: &str) -> String {
    format!("{DEFAULT_NAMESPACE}_{DEFAULT_SUBSYSTEM}_{suffix}")
}

/// Selects the chosen series of a metric of the caches.
pub(crate) fn series(suffix: &str) -> String {
    format!("{}{{{CHOSEN}}}", name(suffix))
}

/// Selects those of the chosen series that have further labels, as in `operation="get"`.
pub(crate) fn series_with(suffix: &str, labels: &str) -> String {
    format!("{}{{{CHOSEN}, {labels}}}", name(suffix))
}

/// How much the counters grow each second.
pub(crate) fn rate(selector: &str) -> String {
    format!("rate({selector}[$__rate_interval])")
}

/// How much a counter of the chosen caches grows each second, in all.
pub(crate) fn sum_rate(suffix: &str) -> String {
    format!("sum({})", rate(&series(suffix)))
}

/// How much a counter of the chosen caches grows each second, by labels.
pub(crate) fn sum_rate_by(labels: &str, suffix: &str) -> String {
    format!("sum by ({labels}) ({})", rate(&series(suffix)))
}

/// The share of hits in the lookups, by labels or, without any, in all. It is nothing while nobody asks.
pub(crate) fn hit_ratio(by: &str) -> String {
    let by = grouping(by);
    let (hits, misses) = (rate(&series("hits_total")), rate(&series("misses_total")));
    format!("sum{by}({hits}) / (sum{by}({hits} + {misses}) > 0)")
}

/// The share of operations that failed, without those of loaders. It is nothing while nothing is done.
pub(crate) fn error_ratio() -> String {
    let done = DONE.map(|suffix| rate(&series(suffix))).join(" + ");
    let failed = rate(&series_with("errors_total", r#"operation!~"get_or_load.*""#));
    format!("sum({failed}) / (sum({done}) + sum({failed}) > 0)")
}

/// A quantile of a histogram of the caches, by labels. The comparison leaves out the NaN of what was never observed.
pub(crate) fn quantile(quantile: f64, by: &str, buckets: &str) -> String {
    let labels = if by.is_empty() {
        "le".to_owned()
    } else {
        format!("{by}, le")
    };
    format!(
        "histogram_quantile({quantile}, sum by ({labels}) ({})) >= 0",
        rate(buckets)
    )
}

fn grouping(labels: &str) -> String {
    if labels.is_empty() {
        String::new()
    } else {
        format!(" by ({labels}) ")
    }
}
