//! Metrics in dashboards and rules exist, and every metric that exists can be seen somewhere.

use std::collections::BTreeSet;

use cache_metrics::names::{ALL, MetricKind};

use crate::support::{dashboards, panels, queries, rules, words};

/// Metrics that are on no panel, each with the reason.
const ON_NO_PANEL: [(&str, &str); 0] = [];

/// The names under which Prometheus has the metrics of the caches.
fn exposed() -> BTreeSet<String> {
    let names = |metric: &cache_metrics::names::Metric| {
        let name = format!("gofr_cache_{}", metric.suffix);
        if metric.kind == MetricKind::Histogram {
            ["_bucket", "_count", "_sum"]
                .map(|end| format!("{name}{end}"))
                .to_vec()
        } else {
            vec![name]
        }
    };
    ALL.iter().flat_map(names).collect()
}

fn queries_of_panels() -> Vec<String> {
    let of_dashboard = |dashboard: &serde_json::Value| {
        panels(dashboard)
            .into_iter()
            .flat_map(queries)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    dashboards()
        .iter()
        .flat_map(|(_, dashboard)| of_dashboard(dashboard))
        .collect()
}

fn queries_of_rules() -> Vec<String> {
    rules()
        .iter()
        .map(|rule| rule["expr"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn every_metric_of_the_caches_that_is_asked_for_exists() {
    let exposed = exposed();
    for query in queries_of_panels().iter().chain(&queries_of_rules()) {
        for name in words(query).iter().filter(|word| word.starts_with("gofr_cache_")) {
            assert!(
                exposed.contains(*name),
                "there is no {name}, which is asked for by {query}"
            );
        }
    }
}

#[test]
fn every_recorded_series_that_is_asked_for_is_recorded() {
    let rules = rules();
    let recorded: BTreeSet<&str> = rules.iter().filter_map(|rule| rule["record"].as_str()).collect();
    let mut asked = BTreeSet::new();
    for query in queries_of_panels().iter().chain(&queries_of_rules()) {
        for name in words(query).iter().filter(|word| word.contains(':')) {
            assert!(
                recorded.contains(name),
                "there is no {name}, which is asked for by {query}"
            );
            asked.insert((*name).to_owned());
        }
    }
    let idle: Vec<_> = recorded.iter().filter(|name| !asked.contains(**name)).collect();
    assert!(idle.is_empty(), "nobody asks for {idle:?}");
}

#[test]
fn every_metric_of_the_caches_is_on_a_panel() {
    let queries = queries_of_panels();
    let shown: BTreeSet<&str> = queries.iter().flat_map(|query| words(query)).collect();
    for metric in ALL {
        let name = format!("gofr_cache_{}", metric.suffix);
        let is_shown = shown.contains(name.as_str()) || shown.contains(format!("{name}_bucket").as_str());
        let excepted = ON_NO_PANEL.iter().any(|(suffix, _)| *suffix == metric.suffix);
        assert!(
            is_shown != excepted,
            "{name}: shown {is_shown}, excepted {excepted}"
        );
    }
}

#[test]
fn legends_name_labels_that_the_query_keeps() {
    for (path, dashboard) in dashboards() {
        for panel in panels(&dashboard) {
            for target in panel["targets"].as_array().unwrap() {
                let (legend, query) = (
                    target["legendFormat"].as_str().unwrap(),
                    target["expr"].as_str().unwrap(),
                );
                for label in legend
                    .split("{{")
                    .skip(1)
                    .map(|rest| rest.split("}}").next().unwrap())
                {
                    let functions = words(query);
                    let aggregates = ["sum", "max", "min", "avg", "count"]
                        .iter()
                        .any(|name| functions.contains(name));
                    let is_kept = !aggregates
                        || query
                            .split("by (")
                            .skip(1)
                            .any(|rest| words(rest.split(')').next().unwrap()).contains(label));
                    assert!(
                        is_kept,
                        "{}: {}: {label} is not in {query}",
                        path.display(),
                        panel["title"]
                    );
                }
            }
        }
    }
}
