//! The metrics of the running service, as Prometheus scrapes them.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use cache_metrics::names::{self, MetricKind};

use crate::support::{PATIENCE, Service};

/// The values of an exposition by series, as in `name{label="value"}`.
fn scrape(service: &Service) -> (String, BTreeMap<String, f64>) {
    let answer = service.get("/metrics");
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.header("content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    let samples = answer
        .body
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let sample = |line: &str| {
        let (series, value) = line.rsplit_once(' ').unwrap();
        (series.to_owned(), value.parse().unwrap())
    };
    let samples = samples.map(sample).collect();
    (answer.body, samples)
}

/// The number of a cache, of all causes if it is counted by cause.
fn counter(samples: &BTreeMap<String, f64>, cache: &str, suffix: &str) -> f64 {
    let start = format!("gofr_cache_{suffix}{{cache_name=\"{cache}\",backend=\"memory\"");
    let of_cache = samples.iter().filter(|(series, _)| series.starts_with(&start));
    let values: Vec<f64> = of_cache.map(|(_, value)| *value).collect();
    assert!(!values.is_empty(), "there is no {start}");
    values.iter().sum()
}

const SOURCE_SYSTEM: [(&str, &str); 7] = [
    ("hits_total", "counter"),
    ("misses_total", "counter"),
    ("sets_total", "counter"),
    ("deletes_total", "counter"),
    ("evictions_total", "counter"),
    ("items_current", "gauge"),
    ("operation_latency_seconds", "histogram"),
];

#[test]
fn the_source_systems_seven_are_there_for_both_caches_under_both_names() {
    let service = Service::start(&["--rate", "0"]);
    service.get("/products/7");
    service.get("/search?q=lamp");
    let (text, samples) = scrape(&service);
    for (suffix, kind) in SOURCE_SYSTEM {
        for prefix in ["gofr_cache_", "gofr_inmemory_cache_"] {
            let name = format!("{prefix}{suffix}");
            assert_eq!(text.matches(&format!("# HELP {name} ")).count(), 1, "{name}");
            assert_eq!(
                text.matches(&format!("# TYPE {name} {kind}\n")).count(),
                1,
                "{name}"
            );
            for cache in ["products", "searches"] {
                let of_cache = format!("cache_name=\"{cache}\"");
                let begins = |series: &String| series.starts_with(&name) && series.contains(&of_cache);
                assert!(samples.keys().any(begins), "{name} of {cache}");
            }
        }
    }
}

/// Says whether caches in memory do not have a metric: these have no weigher, and no server behind them.
fn absent_in_memory(metric: &names::Metric) -> bool {
    metric.of_server || metric.suffix.contains("weight")
}

#[test]
fn every_metric_of_the_table_that_memory_has_is_there() {
    let service = Service::start(&["--rate", "0"]);
    let (text, samples) = scrape(&service);
    for metric in names::ALL {
        let name = format!("gofr_cache_{}", metric.suffix);
        let series = if metric.kind == MetricKind::Histogram {
            format!("{name}_count")
        } else {
            name.clone()
        };
        let shown = samples
            .keys()
            .any(|shown| shown.starts_with(&format!("{series}{{")));
        assert_eq!(shown, !absent_in_memory(&metric), "{name}");
        if shown {
            assert!(text.contains(&format!("# HELP {name} {}", metric.help)), "{name}");
        }
    }
    for name in [
        "process_cpu_seconds_total",
        "process_resident_memory_bytes",
        "using_cache_source_lookups_total",
    ] {
        assert!(
            samples.contains_key(name) && text.contains(&format!("# HELP {name} ")),
            "{name}"
        );
    }
}

/// As the README starts it: what somebody sees who changes nothing.
#[test]
fn the_generator_moves_all_of_them_at_the_defaults() {
    let service = Service::start(&[]);
    let moved = [
        "hits_total",
        "misses_total",
        "sets_total",
        "deletes_total",
        "evictions_total",
        "expirations_total",
    ];
    // It takes some 15 s until the cache is full.
    let until = Instant::now() + 3 * PATIENCE;
    loop {
        let (_, samples) = scrape(&service);
        let still: Vec<_> = moved
            .iter()
            .filter(|suffix| counter(&samples, "products", suffix) == 0.0)
            .collect();
        if still.is_empty() {
            return;
        }
        assert!(Instant::now() < until, "{still:?} do not move");
        thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn the_short_lived_cache_lets_go_without_being_asked() {
    let service = Service::start(&["--rate", "0", "--stale-for", "0s"]);
    service.get("/search?q=lamp");
    let until = Instant::now() + PATIENCE;
    loop {
        let (_, samples) = scrape(&service);
        let (expired, items) = (
            counter(&samples, "searches", "expirations_total"),
            counter(&samples, "searches", "items_current"),
        );
        if (expired, items) == (1.0, 0.0) {
            return;
        }
        assert!(Instant::now() < until, "{expired} expired, {items} there");
        thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn the_metrics_and_the_overview_agree() {
    let service = Service::start(&["--rate", "0", "--source-delay", "0ms"]);
    for target in [
        "/products/1",
        "/products/1",
        "/products?ids=1,2,3",
        "/search?q=oak",
        "/search?q=oak",
    ] {
        assert_eq!(service.get(target).status, 200);
    }
    let (_, samples) = scrape(&service);
    for report in service.get("/").json()["caches"].as_array().unwrap() {
        let name = report["name"].as_str().unwrap();
        for (field, suffix) in [("hits", "hits_total"), ("misses", "misses_total")] {
            assert_eq!(
                report[field].as_f64(),
                Some(counter(&samples, name, suffix)),
                "{field} of {name}"
            );
        }
    }
    let lookups = samples["using_cache_source_lookups_total"];
    assert_eq!(
        service.get("/").json()["source"]["lookups"].as_f64(),
        Some(lookups)
    );
}

#[test]
fn keys_are_no_labels() {
    let service = Service::start(&["--rate", "0", "--source-delay", "0ms"]);
    service.get("/products/1");
    let before = scrape(&service).1.len();
    let ids: Vec<String> = (1..=100).map(|id| id.to_string()).collect();
    service.get(&format!("/products?ids={}", ids.join(",")));
    service.get("/products/2");
    assert_eq!(scrape(&service).1.len(), before);
}
