//! Bad settings: each has its own kind, and its message names what to do.

use std::time::Duration;

use cache_core::ErrorKind;
use cache_metrics::{Metrics, MetricsBuilder};

fn refused(builder: MetricsBuilder, kind: ErrorKind, advice: &str) {
    let error = builder.build().unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    assert!(
        error.to_string().contains(advice),
        "{error} does not say {advice:?}"
    );
}

#[test]
fn names_that_prometheus_does_not_take_are_refused() {
    for name in ["", "9lives", "with-dash", "with space", "käse"] {
        refused(
            Metrics::builder().namespace(name),
            ErrorKind::InvalidName,
            "letters, digits and `_`",
        );
        refused(
            Metrics::builder().subsystem(name),
            ErrorKind::InvalidName,
            "letters, digits and `_`",
        );
    }
}

#[test]
fn labels_that_are_taken_or_reserved_are_refused() {
    for label in [
        "cache_name",
        "backend",
        "operation",
        "kind",
        "version",
        "result",
        "reason",
        "cause",
        "le",
        "quantile",
        "__own",
        "1st",
        "",
    ] {
        refused(
            Metrics::builder().label(label, "x"),
            ErrorKind::InvalidName,
            "constant label",
        );
    }
}

#[test]
fn a_sampling_of_zero_is_refused() {
    refused(
        Metrics::builder().latency_sampling(0),
        ErrorKind::InvalidConfig,
        "give 1",
    );
}

#[test]
fn buckets_that_make_no_histogram_are_refused() {
    for bounds in [
        vec![],
        vec![1.0, 1.0],
        vec![2.0, 1.0],
        vec![0.0],
        vec![f64::NAN],
        vec![f64::INFINITY],
    ] {
        refused(
            Metrics::builder().latency_buckets(bounds),
            ErrorKind::InvalidConfig,
            "each larger",
        );
    }
}

#[test]
fn an_interval_out_of_its_range_is_refused() {
    for interval in [Duration::ZERO, Duration::from_secs(3_601)] {
        refused(
            Metrics::builder().collect_interval(interval),
            ErrorKind::InvalidConfig,
            "10 ms to 1 h",
        );
    }
}
