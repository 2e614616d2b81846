//! Removing one entry.

#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "the suite fails by panicking"
)]

use super::probe::{Probe, key};
use crate::fixture::Fixture;

/// After a delete the key is a miss.
pub async fn a_deleted_key_is_a_miss(fixture: &dyn Fixture) {
    let probe = Probe::new(fixture);
    probe.set("key", "value").await;
    probe.delete("key").await;
    probe.assert_absent("key").await;
}

/// A delete is `true` for an entry that a get would have returned.
pub async fn it_is_true_for_an_entry_that_was_there(fixture: &dyn Fixture) {
    let probe = Probe::new(fixture);
    probe.set("key", "value").await;
    let there = probe.get("key").await.is_some();
    assert_eq!(probe.delete("key").await, there);
}

/// A delete of a key that was never set succeeds and is `false`.
pub async fn it_is_false_for_an_absent_key(fixture: &dyn Fixture) {
    assert!(!fixture.backend().delete(key("absent")).await.unwrap());
}

/// A second delete of a key is `false`.
pub async fn a_second_delete_is_false(fixture: &dyn Fixture) {
    let probe = Probe::new(fixture);
    probe.set("key", "value").await;
    probe.assert_went(probe.delete("key").await);
    assert!(!probe.delete("key").await);
}

/// Other keys stay, those too that the key would match if it were a pattern or a prefix.
pub async fn other_keys_stay(fixture: &dyn Fixture) {
    let probe = Probe::new(fixture);
    let others = ["k", "key2", "key:", "other", "a*", "ab", "?", "[ab]"];
    for name in others {
        probe.set(name, name).await;
    }
    for name in ["key", "*", "a?", "[a]", "k*"] {
        probe.set(name, name).await;
        probe.assert_went(probe.delete(name).await);
        probe.assert_absent(name).await;
    }
    for name in others {
        probe.assert_holds(name, name).await;
    }
}

/// A key can be set again after it was deleted.
pub async fn a_deleted_key_can_be_set_again(fixture: &dyn Fixture) {
    let probe = Probe::new(fixture);
    probe.set("key", "old").await;
    probe.delete("key").await;
    probe.set("key", "new").await;
    probe.assert_holds("key", "new").await;
    probe.assert_went(probe.delete("key").await);
}
