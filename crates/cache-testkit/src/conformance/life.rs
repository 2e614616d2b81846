//! The lives of entries: where they end, and what does and does not change that.

#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "the suite fails by panicking"
)]

use std::time::Duration;

use cache_core::{Entry, Timestamp};

use super::probe::{Probe, all, assert_kept, key, life, pass_the_end, pass_to_the_end_of};
use crate::fixture::Fixture;

/// An entry is returned until it is over and not from the moment it is.
pub async fn an_entry_is_there_until_its_end_and_not_from_then_on(fixture: &dyn Fixture) {
    let probe = Probe::new(fixture);
    let life = life(fixture);
    probe.set_for("key", "value", life).await;
    probe.assert_holds("key", "value").await;
    pass_to_the_end_of(fixture, life).await;
    probe.assert_holds("key", "value").await;
    pass_the_end(fixture).await;
    probe.assert_absent("key").await;
}

/// Every method that reads sees the end by itself, whether another one has seen it or not.
pub async fn each_method_sees_the_end_by_itself(fixture: &dyn Fixture) {
    let probe = Probe::new(fixture);
    let life = life(fixture);
    let names = ["get", "exists", "get_many"];
    for name in names {
        probe.set_for(name, "value", life).await;
    }
    pass_to_the_end_of(fixture, life).await;
    for name in names {
        probe.assert_holds(name, "value").await;
    }
    assert_kept(
        fixture,
        probe.get_many(&["get_many"]).await.remove(0).as_deref(),
        "value",
    );
    pass_the_end(fixture).await;
    assert_eq!(probe.get("get").await, None);
    assert!(!probe.exists("exists").await);
    assert_eq!(probe.get_many(&["get_many"]).await, [None]);
}

/// An entry that is over stays over.
pub async fn what_is_over_does_not_come_back(fixture: &dyn Fixture) {
    let probe = Probe::new(fixture);
    probe.set_for("key", "value", life(fixture)).await;
    for _ in 0..3 {
        fixture.pass(life(fixture) + fixture.slack()).await;
        probe.assert_absent("key").await;
    }
}

/// Exists and get agree at every point of a life and after it.
pub async fn exists_agrees_with_get_at_every_point(fixture: &dyn Fixture) {
    let probe = Probe::new(fixture);
    let life = life(fixture);
    probe.set_for("key", "value", life).await;
    for step in 0..12 {
        // A get may free what is over, so exists is asked first. Where time does not stand still, the end may come
        // between two questions.
        let before = probe.exists("key").await;
        let there = probe.get("key").await.is_some();
        let after = probe.exists("key").await;
        assert!(
            there == before || there == after,
            "after {step} tenths: {before} {there} {after}"
        );
        fixture.pass(life / 10).await;
    }
}

/// A delete is `true` just before the end of an entry.
pub async fn a_delete_before_the_end_is_true(fixture: &dyn Fixture) {
    let probe = Probe::new(fixture);
    probe.set_for("one", "value", life(fixture)).await;
    probe.set_for("many", "value", life(fixture)).await;
    pass_to_the_end_of(fixture, life(fixture)).await;
    probe.assert_went(probe.delete("one").await);
    probe.assert_went(probe.delete_many(&["many"]).await == [true]);
}

/// A delete of an entry that is over is `false`, whether a get has seen the end or not.
pub async fn a_delete_after_the_end_is_false(fixture: &dyn Fixture) {
    let probe = Probe::new(fixture);
    for name in ["unseen", "seen", "unseen of many", "seen of many"] {
        probe.set_for(name, "value", life(fixture)).await;
    }
    pass_to_the_end_of(fixture, life(fixture)).await;
    pass_the_end(fixture).await;
    assert_eq!(probe.get_many(&["seen", "seen of many"]).await, [None, None]);
    assert!(!probe.delete("unseen").await);
    assert!(!probe.delete("seen").await);
    assert_eq!(
        probe.delete_many(&["unseen of many", "seen of many"]).await,
        [false, false]
    );
}

/// Reading does not extend a life: not a get, nor a get of many, nor an exists.
pub async fn reading_does_not_extend_a_life(fixture: &dyn Fixture) {
    let probe = Probe::new(fixture);
    let life = life(fixture);
    probe.set_for("key", "value", life).await;
    for _ in 0..3 {
        fixture.pass(life / 5).await;
        probe.assert_holds("key", "value").await;
        assert_kept(
            fixture,
            probe.get_many(&["key"]).await.remove(0).as_deref(),
            "value",
        );
    }
    fixture.pass(life * 3 / 5).await;
    probe.assert_absent("key").await;
}

/// A set restarts the life: the entry lives from the last set on.
pub async fn a_set_restarts_the_life(fixture: &dyn Fixture) {
    let probe = Probe::new(fixture);
    let life = life(fixture);
    for text in ["first", "second", "third"] {
        probe.set_for("key", text, life).await;
        pass_to_the_end_of(fixture, life).await;
        probe.assert_holds("key", text).await;
    }
    pass_the_end(fixture).await;
    probe.assert_absent("key").await;
}

/// A longer life in the place of a shorter one counts.
pub async fn a_longer_life_replaces_a_shorter_one(fixture: &dyn Fixture) {
    let probe = Probe::new(fixture);
    let (shorter, longer) = (life(fixture), 3 * life(fixture));
    probe.set_for("key", "short", shorter).await;
    probe.set_for("key", "long", longer).await;
    fixture.pass(2 * shorter).await;
    probe.assert_holds("key", "long").await;
    fixture.pass(shorter + fixture.slack()).await;
    probe.assert_absent("key").await;
}

/// A shorter life in the place of a longer one counts.
pub async fn a_shorter_life_replaces_a_longer_one(fixture: &dyn Fixture) {
    let probe = Probe::new(fixture);
    let (shorter, longer) = (life(fixture), 3 * life(fixture));
    probe.set_for("key", "long", longer).await;
    probe.set_for("key", "short", shorter).await;
    pass_to_the_end_of(fixture, shorter).await;
    probe.assert_holds("key", "short").await;
    pass_the_end(fixture).await;
    probe.assert_absent("key").await;
}

/// An entry without an end in the place of one with an end has none.
pub async fn no_end_replaces_an_end(fixture: &dyn Fixture) {
    let probe = Probe::new(fixture);
    probe.set_for("key", "short", life(fixture)).await;
    probe.set("key", "endless").await;
    fixture.pass(2 * life(fixture)).await;
    probe.assert_holds("key", "endless").await;
}

/// An entry with an end in the place of one without has one.
pub async fn an_end_replaces_no_end(fixture: &dyn Fixture) {
    let probe = Probe::new(fixture);
    probe.set("key", "endless").await;
    probe.set_for("key", "short", life(fixture)).await;
    fixture.pass(life(fixture) + fixture.slack()).await;
    probe.assert_absent("key").await;
}

/// A key can be set again when its entry is over, and the new entry has its own life.
pub async fn a_key_can_be_set_again_after_its_end(fixture: &dyn Fixture) {
    let probe = Probe::new(fixture);
    for text in ["first", "second"] {
        probe.set_for("key", text, life(fixture)).await;
        pass_to_the_end_of(fixture, life(fixture)).await;
        probe.assert_holds("key", text).await;
        pass_the_end(fixture).await;
        probe.assert_absent("key").await;
    }
}

/// A deleted key that is set again has the life of the new entry, nothing of the old one.
pub async fn a_life_ends_with_a_delete(fixture: &dyn Fixture) {
    let probe = Probe::new(fixture);
    probe.set_for("key", "old", life(fixture)).await;
    probe.delete("key").await;
    probe.set_for("key", "new", 3 * life(fixture)).await;
    fixture.pass(2 * life(fixture)).await;
    probe.assert_holds("key", "new").await;
}

/// The end is a point in time: an entry that was made earlier keeps what remains of its life, not its whole length.
pub async fn an_older_entry_keeps_what_remains_of_its_life(fixture: &dyn Fixture) {
    let probe = Probe::new(fixture);
    let now = probe.backend.clock().now();
    let earlier = Timestamp::from_millis(now.as_millis() - 3_600_000);
    let value = probe.entry("value").into_value();
    let entry = Entry::new(value, earlier).with_expires_at(now + life(fixture));
    probe.backend.set(key("key"), entry).await.unwrap();
    pass_to_the_end_of(fixture, life(fixture)).await;
    probe.assert_holds("key", "value").await;
    pass_the_end(fixture).await;
    probe.assert_absent("key").await;
}

/// An entry that is stale is still returned: only its end ends it.
pub async fn a_stale_entry_is_there(fixture: &dyn Fixture) {
    let probe = Probe::new(fixture);
    let now = probe.backend.clock().now();
    let entry = probe
        .entry("value")
        .with_stale_at(now + life(fixture))
        .with_expires_at(now + 3 * life(fixture));
    probe.backend.set(key("key"), entry).await.unwrap();
    fixture.pass(2 * life(fixture)).await;
    probe.assert_holds("key", "value").await;
}

/// Entries that were set together end each at its own time.
pub async fn each_of_many_has_its_own_life(fixture: &dyn Fixture) {
    let probe = Probe::new(fixture);
    let life = life(fixture);
    let entries = vec![
        (key("short"), probe.entry_for("short", life)),
        (key("long"), probe.entry_for("long", 3 * life)),
        (key("endless"), probe.entry("endless")),
    ];
    all(probe.backend.set_many(entries).await.unwrap());
    fixture.pass(2 * life).await;
    probe.assert_absent("short").await;
    probe.assert_holds("long", "long").await;
    probe.assert_holds("endless", "endless").await;
    fixture.pass(life + fixture.slack()).await;
    probe.assert_absent("long").await;
    probe.assert_holds("endless", "endless").await;
}

/// An end at any distance works, beyond what a server takes or a timer counts too, and comes back as it was.
pub async fn an_end_at_any_distance_works(fixture: &dyn Fixture) {
    let probe = Probe::new(fixture);
    let now = probe.backend.clock().now();
    let days = |days: u64| now + Duration::from_secs(days * 86_400);
    for end in [
        days(30),
        days(365),
        days(36_500),
        days(3_650_000),
        Timestamp::from_millis(u64::MAX - 1),
    ] {
        probe
            .backend
            .set(key("key"), probe.entry("value").with_expires_at(end))
            .await
            .unwrap();
        probe.assert_holds("key", "value").await;
        assert_kept(
            fixture,
            probe.entry_of("key").await.map(|entry| entry.expires_at()),
            end,
        );
    }
}

/// An entry without an end outlives any wait.
pub async fn an_entry_without_an_end_stays(fixture: &dyn Fixture) {
    let probe = Probe::new(fixture);
    probe.set("key", "value").await;
    let century = Duration::from_secs(36_500 * 86_400);
    fixture
        .pass(if fixture.slack().is_zero() {
            century
        } else {
            life(fixture)
        })
        .await;
    probe.assert_holds("key", "value").await;
}
