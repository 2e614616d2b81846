//! Reading one entry.

#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "the suite fails by panicking"
)]

use std::time::Duration;

use super::probe::{Probe, assert_kept, key};
use crate::fixture::Fixture;

/// A key that was never set is `None`, not an error.
pub async fn an_absent_key_is_none(fixture: &dyn Fixture) {
    let answer = fixture.backend().get(key("absent")).await;
    assert!(answer.unwrap().is_none());
}

/// The entry of the last set is returned.
pub async fn the_last_set_is_returned(fixture: &dyn Fixture) {
    let probe = Probe::new(fixture);
    for text in ["first", "second", "third"] {
        probe.set("key", text).await;
        probe.assert_holds("key", text).await;
    }
}

/// Reading does not use an entry up: each further get returns the same.
pub async fn each_get_returns_the_same(fixture: &dyn Fixture) {
    let probe = Probe::new(fixture);
    probe.set("key", "value").await;
    for _ in 0..3 {
        probe.assert_holds("key", "value").await;
    }
}

/// An entry comes back with its stamps and its end, to the millisecond, and with the cost of its load.
pub async fn stamps_and_end_are_kept(fixture: &dyn Fixture) {
    let probe = Probe::new(fixture);
    let now = probe.backend.clock().now();
    let stored = probe
        .entry("value")
        .with_stale_at(now + Duration::from_millis(60_001))
        .with_expires_at(now + Duration::from_millis(120_003))
        .with_load_cost(Duration::from_micros(1_500));
    probe.backend.set(key("key"), stored.clone()).await.unwrap();
    let stamps = |entry: &cache_core::Entry| {
        (
            entry.created(),
            entry.stale_at(),
            entry.expires_at(),
            entry.load_cost(),
        )
    };
    let found = probe.entry_of("key").await;
    assert_kept(fixture, found.as_ref().map(stamps), stamps(&stored));
}

/// An entry that was made earlier, perhaps elsewhere, keeps the moment that it was made at.
pub async fn an_older_entry_keeps_its_age(fixture: &dyn Fixture) {
    let probe = Probe::new(fixture);
    let earlier = cache_core::Timestamp::from_millis(probe.backend.clock().now().as_millis() - 3_600_000);
    let stored = cache_core::Entry::new(probe.entry("value").into_value(), earlier);
    probe.backend.set(key("key"), stored).await.unwrap();
    assert_kept(
        fixture,
        probe.entry_of("key").await.map(|entry| entry.created()),
        earlier,
    );
}

/// An entry without an end comes back without one.
pub async fn no_end_is_kept(fixture: &dyn Fixture) {
    let probe = Probe::new(fixture);
    probe.set("key", "value").await;
    let now = probe.backend.clock().now();
    assert_kept(
        fixture,
        probe.entry_of("key").await.map(|entry| entry.remaining(now)),
        None,
    );
}

/// Keys of any characters work: spaces, line ends, NUL, quotes, those that servers and globs give a meaning.
pub async fn keys_of_any_bytes_work(fixture: &dyn Fixture) {
    let probe = Probe::new(fixture);
    let keys = [
        " ",
        "\0",
        "a\0b",
        "\r\n",
        "\t",
        "\u{7f}",
        "\"",
        "'",
        "\\",
        "a b",
        "a:b",
        ":",
        "%",
        "%3A",
        "{tag}key",
        "{}",
        "*",
        "?",
        "[a-z]",
        "../..",
        "käse",
        "鍵",
        "🔑",
        "\u{200b}",
        "\u{feff}",
        "\u{10ffff}",
    ];
    for name in keys {
        probe.set(name, name).await;
    }
    for name in keys {
        probe.assert_holds(name, name).await;
        probe.assert_went(probe.delete(name).await);
        probe.assert_absent(name).await;
    }
}

/// Keys that only begin alike, or only look alike, are other keys.
pub async fn keys_that_look_alike_are_others(fixture: &dyn Fixture) {
    let probe = Probe::new(fixture);
    let keys = [
        "k", "K", "k ", " k", "k\0", "k\n", "kk", "k:", "k%", "e\u{301}", "\u{e9}",
    ];
    for name in keys {
        probe.assert_absent(name).await;
        probe.set(name, &format!("value of {name:?}")).await;
    }
    for name in keys {
        probe.assert_holds(name, &format!("value of {name:?}")).await;
    }
}

/// A key of 10,000 bytes works.
pub async fn a_key_of_10_000_bytes_works(fixture: &dyn Fixture) {
    assert_long_key(fixture, 10_000).await;
}

/// A key of 32 KiB works.
pub async fn a_key_of_32_kib_works(fixture: &dyn Fixture) {
    assert_long_key(fixture, 32 * 1_024).await;
}

/// Asserts that no byte of a long key is lost: one more or another last one makes another key.
async fn assert_long_key(fixture: &dyn Fixture, len: usize) {
    let probe = Probe::new(fixture);
    let long = "k".repeat(len);
    let longer = format!("{long}x");
    let other = format!("{}x", "k".repeat(len - 1));
    probe.set(&long, "value").await;
    probe.assert_holds(&long, "value").await;
    probe.assert_absent(&longer).await;
    probe.assert_absent(&other).await;
    probe.set(&longer, "longer").await;
    probe.assert_holds(&long, "value").await;
    probe.assert_went(probe.delete(&long).await);
    probe.assert_holds(&longer, "longer").await;
}
