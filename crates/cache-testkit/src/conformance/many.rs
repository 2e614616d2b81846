//! Operations on many keys, on the backend itself. Through the handle they are in [`batch`](super::batch).

#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "the suite fails by panicking"
)]

use std::time::Duration;

use cache_core::{Entry, ErrorKind, Value};

use super::probe::{Probe, all, assert_kept, key};
use super::samples::Unencodable;
use crate::fixture::Fixture;

/// A get of many gives one answer for each key, in the order of the keys, duplicates included.
pub async fn get_many_answers_in_the_order_of_the_keys(fixture: &dyn Fixture) {
    let probe = Probe::new(fixture);
    for name in ["c", "a", "b"] {
        probe.set(name, name).await;
    }
    let asked = ["b", "absent", "a", "b", "c", "absent", "a"];
    let answers = probe.get_many(&asked).await;
    assert_eq!(answers.len(), asked.len());
    for (name, answer) in asked.into_iter().zip(answers) {
        if name == "absent" {
            assert_eq!(answer, None);
        } else {
            assert_kept(fixture, answer.as_deref(), name);
        }
    }
}

/// Each answer of a get of many is that of a get, with stamps and end.
pub async fn each_answer_of_get_many_is_that_of_a_get(fixture: &dyn Fixture) {
    let probe = Probe::new(fixture);
    probe
        .set_for("with an end", "value", Duration::from_secs(60))
        .await;
    probe.set("without", "value").await;
    let names = ["with an end", "without", "absent"];
    let answers = probe.backend.get_many(names.map(key).to_vec()).await.unwrap();
    assert_eq!(answers.len(), names.len());
    for (name, answer) in names.into_iter().zip(answers) {
        let (alone, among_many) = (probe.entry_of(name).await, answer.unwrap());
        assert_eq!(
            among_many.as_ref().map(Entry::created),
            alone.as_ref().map(Entry::created)
        );
        assert_eq!(
            among_many.as_ref().map(Entry::expires_at),
            alone.as_ref().map(Entry::expires_at)
        );
        assert_eq!(
            among_many.map(|entry| probe.text(entry)),
            alone.map(|entry| probe.text(entry))
        );
    }
}

/// No keys give no answers, for every operation on many.
pub async fn no_keys_give_no_answers(fixture: &dyn Fixture) {
    let probe = Probe::new(fixture);
    probe.set("key", "value").await;
    assert!(probe.backend.get_many(Vec::new()).await.unwrap().is_empty());
    assert!(probe.backend.set_many(Vec::new()).await.unwrap().is_empty());
    assert!(probe.backend.delete_many(Vec::new()).await.unwrap().is_empty());
    probe.assert_holds("key", "value").await;
}

/// A set of many stores each entry as a set does, with its stamps, and replaces what was there.
pub async fn set_many_stores_each_as_a_set_does(fixture: &dyn Fixture) {
    let probe = Probe::new(fixture);
    probe.set_for("b", "older", Duration::from_secs(60)).await;
    let end = probe.backend.clock().now() + Duration::from_secs(120);
    let entries = vec![
        (
            key("a"),
            probe
                .entry("of a")
                .with_expires_at(end)
                .with_load_cost(Duration::from_micros(7)),
        ),
        (key("b"), probe.entry("of b")),
    ];
    assert_eq!(all(probe.backend.set_many(entries).await.unwrap()).len(), 2);
    probe.assert_holds("a", "of a").await;
    probe.assert_holds("b", "of b").await;
    let stamps = |entry: Entry| (entry.expires_at(), entry.load_cost());
    assert_kept(
        fixture,
        probe.entry_of("a").await.map(stamps),
        (end, Duration::from_micros(7)),
    );
    assert_kept(
        fixture,
        probe.entry_of("b").await.map(stamps),
        stamps(probe.entry("of b")),
    );
}

/// Entries of a set of many whose end has come are not there afterwards, nor are the older ones they replace; the others
/// are stored.
pub async fn set_many_leaves_nothing_of_entries_that_are_over(fixture: &dyn Fixture) {
    let probe = Probe::new(fixture);
    for end in probe.past_ends() {
        probe.set_many(&[("read", "older"), ("removed", "older")]).await;
        let over = |name| (key(name), probe.entry("over").with_expires_at(end));
        let live = (key("live"), probe.entry("value"));
        let entries = vec![over("read"), live, over("removed"), over("absent")];
        assert_eq!(all(probe.backend.set_many(entries).await.unwrap()).len(), 4);
        assert_eq!(
            probe.delete_many(&["removed"]).await,
            [false],
            "an end at {end:?}"
        );
        probe.assert_absent("read").await;
        probe.assert_absent("absent").await;
        probe.assert_holds("live", "value").await;
    }
}

/// A set of many leaves the keys that it does not name.
pub async fn set_many_leaves_other_keys(fixture: &dyn Fixture) {
    let probe = Probe::new(fixture);
    probe.set("other", "value").await;
    probe.set_many(&[("a", "of a"), ("b", "of b")]).await;
    probe.assert_holds("other", "value").await;
}

/// Of two entries for one key in a set of many the later stays; each has its answer.
pub async fn of_two_entries_for_one_key_the_later_stays(fixture: &dyn Fixture) {
    let probe = Probe::new(fixture);
    let texts = ["first", "second", "third"];
    let entries = texts.map(|text| (key("key"), probe.entry(text))).to_vec();
    assert_eq!(probe.backend.set_many(entries).await.unwrap().len(), texts.len());
    probe.assert_holds("key", "third").await;
    probe.assert_went(probe.delete("key").await);
    probe.assert_absent("key").await;
}

/// A delete of many removes each key as a delete does, and says of each whether an entry went.
pub async fn delete_many_says_what_went(fixture: &dyn Fixture) {
    let probe = Probe::new(fixture);
    probe
        .set_many(&[("a", "of a"), ("b", "of b"), ("other", "value")])
        .await;
    let went = probe.delete_many(&["absent", "a", "b"]).await;
    assert_eq!(went.len(), 3);
    assert!(!went[0]);
    probe.assert_went(went[1]);
    probe.assert_went(went[2]);
    probe.assert_absent("a").await;
    probe.assert_absent("b").await;
    probe.assert_holds("other", "value").await;
}

/// Of two deletes of one key in a delete of many the first says `true`.
pub async fn of_two_deletes_of_one_key_the_first_says_true(fixture: &dyn Fixture) {
    let probe = Probe::new(fixture);
    probe.set("key", "value").await;
    let went = probe.delete_many(&["key", "absent", "key", "key"]).await;
    assert_eq!(went.len(), 4);
    probe.assert_went(went[0]);
    assert_eq!(went[1..], [false, false, false]);
    probe.assert_absent("key").await;
}

/// A thousand keys in one call work: on a cluster they lie in many places.
pub async fn a_thousand_keys_work(fixture: &dyn Fixture) {
    let probe = Probe::new(fixture);
    let names: Vec<String> = (0..1_000).map(|n| format!("key {n}")).collect();
    let entries: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), name.as_str())).collect();
    probe.set_many(&entries).await;
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let found = probe.get_many(&names).await;
    assert_eq!(found.len(), names.len());
    for (name, found) in names.iter().zip(&found) {
        assert_kept(fixture, found.as_deref(), name);
    }
    let went = probe.delete_many(&names).await;
    assert_eq!(went, found.iter().map(Option::is_some).collect::<Vec<_>>());
    assert!(probe.get_many(&names).await.iter().all(Option::is_none));
}

/// An entry that fails is its own answer and does not fail the others: here one whose value does not encode, unless
/// the backend keeps objects and need not encode it.
pub async fn a_failure_of_one_entry_does_not_fail_the_others(fixture: &dyn Fixture) {
    let probe = Probe::new(fixture);
    let bad = Entry::new(Value::new(Unencodable), probe.backend.clock().now());
    let entries = vec![
        (key("a"), probe.entry("of a")),
        (key("bad"), bad),
        (key("b"), probe.entry("of b")),
    ];
    let answers = probe.backend.set_many(entries).await.unwrap();
    let kinds: Vec<_> = answers
        .into_iter()
        .map(|answer| answer.err().map(|error| error.kind()))
        .collect();
    let expected = (!fixture.keeps_objects()).then_some(ErrorKind::Encode);
    assert_eq!(kinds, [None, expected, None]);
    probe.assert_holds("a", "of a").await;
    probe.assert_holds("b", "of b").await;
}
