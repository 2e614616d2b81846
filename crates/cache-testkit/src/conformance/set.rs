//! Storing one entry.

#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "the suite fails by panicking"
)]

use std::time::Duration;

use cache_core::Entry;

use super::probe::{Probe, assert_kept, key};
use crate::fixture::Fixture;

/// The next get returns what was set.
pub async fn the_next_get_returns_it(fixture: &dyn Fixture) {
    let probe = Probe::new(fixture);
    probe.assert_absent("key").await;
    probe.set("key", "value").await;
    probe.assert_holds("key", "value").await;
}

/// A set replaces an older entry with its stamps: nothing of it remains.
pub async fn it_replaces_an_older_entry_with_its_stamps(fixture: &dyn Fixture) {
    let probe = Probe::new(fixture);
    let now = probe.backend.clock().now();
    let older = probe
        .entry_for("a longer, older value", Duration::from_secs(60))
        .with_stale_at(now + Duration::from_secs(30))
        .with_load_cost(Duration::from_millis(5));
    probe.backend.set(key("key"), older).await.unwrap();
    probe.set("key", "new").await;
    probe.assert_holds("key", "new").await;
    let stamps = |entry: Entry| (entry.remaining(now), entry.stale_at(), entry.load_cost());
    let plain = stamps(probe.entry("new"));
    assert_kept(fixture, probe.entry_of("key").await.map(stamps), plain);
}

/// An entry whose end has come by the time it is stored is not there afterwards, nor is the older one it replaces, whether
/// one looks for it or removes it.
pub async fn an_entry_that_is_over_leaves_nothing(fixture: &dyn Fixture) {
    let probe = Probe::new(fixture);
    for end in probe.past_ends() {
        for name in ["read", "removed", "absent"] {
            if name != "absent" {
                probe.set(name, "older").await;
            }
            let over = probe.entry("over").with_expires_at(end);
            probe.backend.set(key(name), over).await.unwrap();
        }
        assert!(!probe.delete("removed").await, "an end at {end:?}");
        probe.assert_absent("read").await;
        probe.assert_absent("absent").await;
    }
    probe.set("read", "newer").await;
    probe.assert_holds("read", "newer").await;
}

/// A set leaves the entries of other keys as they are.
pub async fn other_keys_stay(fixture: &dyn Fixture) {
    let probe = Probe::new(fixture);
    probe.set("a", "of a").await;
    probe.set("b", "of b").await;
    probe.set("a", "of a again").await;
    probe.assert_holds("a", "of a again").await;
    probe.assert_holds("b", "of b").await;
}

/// What a get returned before a set does not change with it.
pub async fn an_entry_that_was_read_does_not_change(fixture: &dyn Fixture) {
    let probe = Probe::new(fixture);
    probe.set("key", "old").await;
    let read = probe.entry_of("key").await;
    probe.set("key", "new").await;
    assert_kept(fixture, read.map(|entry| probe.text(entry)).as_deref(), "old");
}

/// An entry that was read is set under another key as it is, as a tier does that fills another.
pub async fn an_entry_moves_from_key_to_key(fixture: &dyn Fixture) {
    let probe = Probe::new(fixture);
    probe.set_for("from", "value", Duration::from_secs(60)).await;
    let Some(entry) = probe.entry_of("from").await else {
        return assert!(!fixture.keeps_every_set());
    };
    let end = entry.expires_at();
    probe.backend.set(key("to"), entry).await.unwrap();
    probe.assert_holds("to", "value").await;
    assert_kept(
        fixture,
        probe.entry_of("to").await.map(|entry| entry.expires_at()),
        end,
    );
}

/// A value of 1 MiB works.
pub async fn a_value_of_1_mib_works(fixture: &dyn Fixture) {
    let probe = Probe::new(fixture);
    let text = "v".repeat(1_024 * 1_024);
    probe.set("key", &text).await;
    probe.assert_holds("key", &text).await;
}

/// Storing an empty value is storing: it is found.
pub async fn an_empty_value_is_a_value(fixture: &dyn Fixture) {
    let probe = Probe::new(fixture);
    probe.set("key", "").await;
    probe.assert_holds("key", "").await;
}
