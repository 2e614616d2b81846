//! What counts as a use of an entry, for backends that drop the least recently used or end what idles.

#![expect(clippy::missing_panics_doc, reason = "the suite fails by panicking")]

use std::time::Duration;

use super::probe::{Probe, life};
use crate::eventually::eventually;
use crate::fixture::Fixture;

/// Exists is no use for eviction: the entry that was asked about is still the least recently used. A fixture may say that it
/// is one, and then it is.
pub async fn exists_is_no_use_for_eviction(fixture: &dyn Fixture) {
    let Some(probe) = two_of_two(fixture).await else {
        return;
    };
    assert!(probe.exists("older").await);
    evict_one(&probe).await;
    let is_use = fixture.exists_is_a_use();
    assert_eq!(
        (probe.exists("older").await, probe.exists("newer").await),
        (is_use, !is_use)
    );
}

/// A get is a use for eviction, without which the case of exists would prove nothing.
pub async fn a_get_is_a_use_for_eviction(fixture: &dyn Fixture) {
    let Some(probe) = two_of_two(fixture).await else {
        return;
    };
    assert!(probe.get("older").await.is_some());
    evict_one(&probe).await;
    assert_eq!(
        (probe.exists("older").await, probe.exists("newer").await),
        (true, false)
    );
}

/// A set of a key that is there evicts nothing and is a use.
pub async fn a_set_is_a_use_and_evicts_nothing(fixture: &dyn Fixture) {
    let Some(probe) = two_of_two(fixture).await else {
        return;
    };
    probe.set("older", "again").await;
    assert_eq!(
        (probe.exists("newer").await, probe.exists("older").await),
        (true, true)
    );
    evict_one(&probe).await;
    assert_eq!(
        (probe.exists("older").await, probe.exists("newer").await),
        (true, false)
    );
}

/// Exists is no use for time-to-idle: an entry that is only asked about ends, unless the fixture says that it is one.
pub async fn exists_is_no_use_for_time_to_idle(fixture: &dyn Fixture) {
    let Some((probe, step)) = idling(fixture).await else {
        return;
    };
    assert!(probe.exists("key").await);
    fixture.pass(step).await;
    if fixture.exists_is_a_use() {
        assert!(probe.exists("key").await);
        return;
    }
    probe.assert_absent("key").await;
}

/// A get is a use for time-to-idle: it extends the life, as the backend was told to.
pub async fn a_get_is_a_use_for_time_to_idle(fixture: &dyn Fixture) {
    let Some((probe, step)) = idling(fixture).await else {
        return;
    };
    assert!(probe.get("key").await.is_some());
    fixture.pass(step).await;
    assert!(probe.get("key").await.is_some());
}

/// Makes a backend for two items that holds two.
async fn two_of_two(fixture: &dyn Fixture) -> Option<Probe<'_>> {
    let probe = Probe::on(fixture, fixture.with_max_items(2)?);
    probe.set("older", "value").await;
    probe.set("newer", "value").await;
    Some(probe)
}

/// Stores a third item and waits until one has gone. Eviction may happen in the background.
async fn evict_one(probe: &Probe<'_>) {
    probe.set("newest", "value").await;
    eventually("one of three items goes", || {
        probe.backend.stats().items.is_none_or(|items| items <= 2)
    })
    .await;
    assert!(probe.exists("newest").await);
}

/// Makes a backend with an entry that has idled for more than half of what it may. Also returns the step that takes
/// it there, and beyond the end if it is taken twice.
async fn idling(fixture: &dyn Fixture) -> Option<(Probe<'_>, Duration)> {
    let idle = life(fixture);
    let probe = Probe::on(fixture, fixture.with_time_to_idle(idle)?);
    let step = idle * 5 / 8;
    probe.set("key", "value").await;
    fixture.pass(step).await;
    Some((probe, step))
}
