//! Two caches side by side: in one process, on one server.

#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "the suite fails by panicking"
)]

use super::probe::Probe;
use crate::fixture::Fixture;

/// Two caches with the same keys do not see each other's entries.
pub async fn keys_are_ones_own(fixture: &dyn Fixture) {
    let (ours, theirs) = both(fixture);
    ours.set("key", "ours").await;
    theirs.assert_absent("key").await;
    theirs.set("key", "theirs").await;
    ours.assert_holds("key", "ours").await;
    theirs.assert_holds("key", "theirs").await;
    assert_eq!(ours.get_many(&["key"]).await, [ours.get("key").await]);
}

/// A delete in one cache leaves the other's entry.
pub async fn a_delete_leaves_the_other(fixture: &dyn Fixture) {
    let (ours, theirs) = both(fixture);
    theirs.set_many(&[("a", "theirs"), ("b", "theirs")]).await;
    assert!(!ours.delete("a").await);
    assert_eq!(ours.delete_many(&["a", "b"]).await, [false, false]);
    theirs.assert_holds("a", "theirs").await;
    theirs.assert_holds("b", "theirs").await;
}

/// A clear removes the entries of its cache and nothing else.
pub async fn a_clear_leaves_the_other(fixture: &dyn Fixture) {
    let (ours, theirs) = both(fixture);
    ours.set("key", "ours").await;
    theirs.set("key", "theirs").await;
    ours.backend.clear().await.unwrap();
    ours.assert_absent("key").await;
    theirs.assert_holds("key", "theirs").await;
    theirs.backend.clear().await.unwrap();
    theirs.assert_absent("key").await;
}

/// A cache goes on when the one beside it is closed.
pub async fn a_close_leaves_the_other(fixture: &dyn Fixture) {
    let (ours, theirs) = both(fixture);
    theirs.set("key", "theirs").await;
    ours.backend.close().await.unwrap();
    theirs.assert_holds("key", "theirs").await;
    theirs.set("key", "again").await;
    theirs.assert_holds("key", "again").await;
    theirs.backend.ping().await.unwrap();
}

fn both(fixture: &dyn Fixture) -> (Probe<'_>, Probe<'_>) {
    (Probe::new(fixture), Probe::on(fixture, fixture.neighbour()))
}
