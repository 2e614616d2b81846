//! What a backend says of itself.

#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "the suite fails by panicking"
)]

use std::sync::Arc;
use std::time::Duration;

use cache_core::CacheBackend;

use super::probe::Probe;
use crate::eventually::eventually;
use crate::fixture::Fixture;

/// The kind is a word that can stand in a label: lower-case letters, digits and `_`.
#[expect(clippy::unused_async, reason = "all cases are called alike")]
pub async fn the_kind_is_a_word(fixture: &dyn Fixture) {
    let kind = fixture.backend().kind();
    let fits = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
    assert!(
        kind.starts_with(|first: char| first.is_ascii_lowercase()) && kind.chars().all(fits),
        "{kind:?}"
    );
}

/// The clock is the one that the fixture lets go on, and its coarse time does not lead.
pub async fn the_clock_goes_on_with_the_time_of_the_fixture(fixture: &dyn Fixture) {
    let clock = fixture.backend().clock();
    let (before, wait) = (clock.now(), Duration::from_millis(50));
    fixture.pass(wait).await;
    let passed = clock.now().since(before);
    assert!(
        passed >= wait && passed <= wait + 8 * fixture.slack(),
        "{passed:?}"
    );
    assert!(clock.coarse() <= clock.now());
}

/// A backend that is well gives a sign of life, as often as it is asked.
pub async fn a_ping_succeeds(fixture: &dyn Fixture) {
    let backend = fixture.backend();
    backend.ping().await.unwrap();
    backend.ping().await.unwrap();
}

/// A ping stores nothing and removes nothing.
pub async fn a_ping_changes_nothing(fixture: &dyn Fixture) {
    let probe = Probe::new(fixture);
    probe.set("key", "value").await;
    probe.backend.ping().await.unwrap();
    probe.assert_holds("key", "value").await;
    probe.assert_absent("ping").await;
}

/// Items are known if the fixture says so, and then they follow sets, deletes and clears.
pub async fn items_follow_sets_deletes_and_clears(fixture: &dyn Fixture) {
    let probe = Probe::new(fixture);
    let backend = &probe.backend;
    assert_eq!(backend.stats().items.is_some(), fixture.counts_items());
    if !fixture.counts_items() || !fixture.keeps_every_set() {
        return;
    }
    assert_items(backend, 0, "at first").await;
    probe.set("a", "value").await;
    probe.set("b", "value").await;
    probe.set("a", "value, again").await;
    assert_items(backend, 2, "after two keys were set, one of them twice").await;
    probe
        .set_many(&[("b", "again"), ("c", "value"), ("d", "value")])
        .await;
    assert_items(backend, 4, "after two more were set in a batch").await;
    probe.delete("a").await;
    probe.delete("a").await;
    probe.delete_many(&["b", "b", "absent"]).await;
    assert_items(backend, 2, "after two of them were deleted").await;
    backend.clear().await.unwrap();
    assert_items(backend, 0, "after a clear").await;
}

/// Items may be counted in the background.
async fn assert_items(backend: &Arc<dyn CacheBackend>, items: u64, when: &str) {
    eventually(&format!("{items} items {when}"), || {
        backend.stats().items == Some(items)
    })
    .await;
}
