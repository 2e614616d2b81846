//! Removing everything.

#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "the suite fails by panicking"
)]

use std::time::Duration;

use super::probe::Probe;
use crate::fixture::Fixture;

/// Clearing a cache that is empty, and one that was just cleared, succeeds.
pub async fn clearing_an_empty_cache_succeeds(fixture: &dyn Fixture) {
    let backend = fixture.backend();
    backend.clear().await.unwrap();
    backend.clear().await.unwrap();
}

/// After a clear every earlier key is a miss, whatever its life.
pub async fn every_earlier_key_is_a_miss(fixture: &dyn Fixture) {
    let probe = Probe::new(fixture);
    probe.set("without an end", "value").await;
    probe
        .set_for("with an end", "value", Duration::from_secs(60))
        .await;
    probe.set("*", "value").await;
    probe.set("a:b", "value").await;
    probe.backend.clear().await.unwrap();
    for name in ["without an end", "with an end", "*", "a:b"] {
        probe.assert_absent(name).await;
        assert!(!probe.delete(name).await, "delete of {name:?}");
    }
}

/// A clear removes thousands of entries, not only those that one step of it finds.
pub async fn it_removes_thousands(fixture: &dyn Fixture) {
    let probe = Probe::new(fixture);
    let names: Vec<String> = (0..5_000).map(|n| format!("key {n}")).collect();
    let entries: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "value")).collect();
    probe.set_many(&entries).await;
    probe.backend.clear().await.unwrap();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert!(probe.get_many(&names).await.iter().all(Option::is_none));
}

/// New entries can be stored after a clear, under old keys and new ones, and a second clear removes them.
pub async fn new_entries_can_be_stored(fixture: &dyn Fixture) {
    let probe = Probe::new(fixture);
    for round in ["first", "second", "third"] {
        probe.set("old key", round).await;
        probe.set(round, round).await;
        probe.assert_holds("old key", round).await;
        probe.assert_holds(round, round).await;
        probe.backend.clear().await.unwrap();
        probe.assert_absent("old key").await;
        probe.assert_absent(round).await;
    }
}
