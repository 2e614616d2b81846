//! Options that contradict each other, and what the errors say about them.

use std::sync::Arc;
use std::time::Duration;

use cache_core::{Cache, CacheError, ErrorKind, Expiration, LoadOptions};
use cache_testkit::{ManualClock, NullBackend};

use crate::support::{Bench, Down, Gate, SECOND};

fn refused(options: LoadOptions) -> CacheError {
    let backend = NullBackend::new(ManualClock::new());
    Cache::builder(backend)
        .ttl(10 * SECOND)
        .loading(options)
        .build()
        .unwrap_err()
}

/// Asserts that the error is of this kind and names each of these.
#[track_caller]
fn assert_refused(options: LoadOptions, kind: ErrorKind, named: &[&str]) {
    let error = refused(options);
    assert_eq!(error.kind(), kind, "{error}");
    for name in named {
        assert!(error.to_string().contains(name), "{name} is not in: {error}");
    }
}

#[test]
fn a_soft_timeout_above_the_hard_one_is_refused_with_both() {
    let options = LoadOptions::new()
        .stale_if_error(60 * SECOND)
        .soft_timeout(5 * SECOND)
        .hard_timeout(2 * SECOND);
    assert_refused(
        options,
        ErrorKind::InvalidLimit,
        &["soft_timeout is 5s", "hard_timeout is 2s"],
    );
}

#[test]
fn a_stale_age_below_the_ttl_is_refused_with_both() {
    assert_refused(
        LoadOptions::new().stale_if_error(10 * SECOND),
        ErrorKind::InvalidTtl,
        &["stale_if_error is 10s", "TTL is 10s"],
    );
    assert_refused(
        LoadOptions::new()
            .ttl(30 * SECOND)
            .stale_while_revalidate(20 * SECOND),
        ErrorKind::InvalidTtl,
        &["stale_while_revalidate is 20s", "TTL is 30s"],
    );
}

#[test]
fn a_stale_age_of_values_that_never_end_is_refused() {
    let options = LoadOptions::new()
        .ttl(Expiration::Never)
        .stale_if_error(10 * SECOND);
    assert_refused(
        options,
        ErrorKind::InvalidTtl,
        &["stale_if_error is 10s", "without an end"],
    );
}

#[test]
fn zero_is_refused_by_name() {
    let zero = Duration::ZERO;
    let options = [
        ("ttl", LoadOptions::new().ttl(zero)),
        ("negative_ttl", LoadOptions::new().negative_ttl(zero)),
        (
            "stale_while_revalidate",
            LoadOptions::new().stale_while_revalidate(zero),
        ),
        ("stale_if_error", LoadOptions::new().stale_if_error(zero)),
        ("retry_after", LoadOptions::new().retry_after(zero)),
        ("soft_timeout", LoadOptions::new().soft_timeout(zero)),
        ("hard_timeout", LoadOptions::new().hard_timeout(zero)),
        ("error_memory", LoadOptions::new().error_memory(zero)),
    ];
    for (name, options) in options {
        assert_refused(options, ErrorKind::InvalidTtl, &[&format!("{name} is 0 s")]);
    }
}

#[test]
fn a_soft_timeout_without_anything_to_give_is_refused() {
    assert_refused(
        LoadOptions::new().soft_timeout(SECOND),
        ErrorKind::InvalidLimit,
        &["soft_timeout is 1s", "stale_if_error is off"],
    );
}

#[test]
fn numbers_out_of_range_are_refused() {
    for jitter in [-0.1, 0.51, f64::NAN, f64::INFINITY] {
        assert_refused(
            LoadOptions::new().jitter(jitter),
            ErrorKind::InvalidLimit,
            &["jitter"],
        );
    }
    for beta in [0.0, -1.0, 101.0, f64::NAN, f64::INFINITY] {
        assert_refused(
            LoadOptions::new().refresh_ahead(beta),
            ErrorKind::InvalidLimit,
            &["refresh_ahead"],
        );
    }
}

#[test]
fn a_limit_of_no_loads_is_refused() {
    let builder = Cache::builder(NullBackend::new(ManualClock::new())).max_concurrent_loads(0);
    assert_eq!(builder.build().unwrap_err().kind(), ErrorKind::InvalidLimit);
}

#[tokio::test]
async fn options_of_a_call_are_checked_before_anything_runs() {
    let bench = Bench::new();
    let gate = Gate::open();
    let run = gate.clone();
    let options = LoadOptions::new().stale_if_error(Duration::from_millis(1));
    let error = bench
        .cache
        .get_or_load("key", || async move {
            run.pass().await;
            Ok::<i64, Down>(1)
        })
        .options(&options)
        .await
        .unwrap_err();
    assert_eq!((error.kind(), gate.runs()), (ErrorKind::InvalidTtl, 0));
    assert!(error.to_string().starts_with("get_or_load on cache"), "{error}");
}

#[test]
fn options_are_shown_for_a_person() {
    let shown = format!(
        "{:?}",
        Cache::builder(Arc::new(NullBackend::new(ManualClock::new())))
    );
    assert!(shown.contains("hard_timeout: Some(30s)"), "{shown}");
}
