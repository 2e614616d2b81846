//! The lives that callers ask for, through the handle: what the contract makes of zero, of fractions and of ages.

#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "the suite fails by panicking"
)]

use std::time::Duration;

use cache_core::{Cache, Expiration, Operation};

use super::probe::{
    Probe, all, assert_kept, builder, cache, counted, life, pass_the_end, pass_to_the_end_of,
};
use crate::fixture::Fixture;

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

/// A TTL of zero stores nothing: it never becomes an entry without an end.
pub async fn zero_stores_nothing(fixture: &dyn Fixture) {
    let (cache, calls) = counted(fixture);
    cache.set("key", 1_i64).ttl(Duration::ZERO).await.unwrap();
    assert_eq!(cache.get::<i64>("key").await.unwrap(), None);
    all(cache.set_many([("a", 1_i64), ("b", 2)]).ttl(Duration::ZERO).await);
    assert_eq!(cache.get::<i64>("a").await.unwrap(), None);
    assert_eq!(calls.count(Operation::Set) + calls.count(Operation::SetMany), 0);
}

/// A TTL of zero removes an older value.
pub async fn zero_removes_an_older_value(fixture: &dyn Fixture) {
    let cache = cache(fixture);
    for key in ["one", "of many"] {
        cache.set(key, 1_i64).expiration(Expiration::Never).await.unwrap();
    }
    cache.set("one", 2_i64).ttl(Duration::ZERO).await.unwrap();
    all(cache.set_many([("of many", 2_i64)]).ttl(Duration::ZERO).await);
    for key in ["one", "of many"] {
        assert_eq!(cache.get::<i64>(key).await.unwrap(), None);
        assert!(!cache.exists(key).await.unwrap());
    }
}

/// A TTL below a millisecond counts as one: neither as zero nor as no end.
pub async fn less_than_a_millisecond_is_a_millisecond(fixture: &dyn Fixture) {
    let (cache, probe) = (cache(fixture), Probe::new(fixture));
    for ttl in [
        Duration::from_nanos(1),
        Duration::from_micros(999),
        Duration::from_millis(1),
    ] {
        cache.set("key", 1_i64).ttl(ttl).await.unwrap();
        let life = probe.life_of("key").await;
        // Where time does not stand still, the entry may be over by now.
        if life.is_some() || fixture.slack().is_zero() {
            assert_kept(fixture, life, Duration::from_millis(1));
        }
        pass_the_end(fixture).await;
        assert_eq!(cache.get::<i64>("key").await.unwrap(), None, "{ttl:?}");
    }
}

/// A TTL of 400 ms is neither rounded down to zero nor up to a second nor to no end.
pub async fn four_hundred_milliseconds_are_that(fixture: &dyn Fixture) {
    let (cache, probe) = (cache(fixture), Probe::new(fixture));
    let ttl = Duration::from_millis(400);
    cache.set("key", 1_i64).ttl(ttl).await.unwrap();
    let life = probe.life_of("key").await;
    if life.is_some() || fixture.slack().is_zero() {
        assert_kept(fixture, life, ttl);
    }
    fixture.pass(ttl + fixture.slack()).await;
    assert_eq!(cache.get::<i64>("key").await.unwrap(), None);
}

/// 30 days and a second are a distance, not the date that some servers take it for.
pub async fn thirty_days_and_a_second_are_a_distance(fixture: &dyn Fixture) {
    let ttl = 30 * DAY + Duration::from_secs(1);
    assert_long_life(fixture, ttl).await;
}

/// A TTL of ten years works.
pub async fn ten_years_are_that(fixture: &dyn Fixture) {
    assert_long_life(fixture, 3_650 * DAY).await;
}

async fn assert_long_life(fixture: &dyn Fixture, ttl: Duration) {
    let (cache, probe) = (cache(fixture), Probe::new(fixture));
    cache.set("key", 1_i64).ttl(ttl).await.unwrap();
    assert_kept(fixture, cache.get("key").await.unwrap(), 1_i64);
    let life = probe.life_of("key").await;
    assert_kept(fixture, life, ttl);
    if fixture.slack().is_zero() {
        pass_to_the_end_of(fixture, ttl).await;
        assert_kept(fixture, cache.get("key").await.unwrap(), 1_i64);
        pass_the_end(fixture).await;
        assert_eq!(cache.get::<i64>("key").await.unwrap(), None);
    }
}

/// The longest duration works and has no end.
pub async fn the_longest_duration_has_no_end(fixture: &dyn Fixture) {
    let (cache, probe) = (cache(fixture), Probe::new(fixture));
    for ttl in [
        Duration::MAX,
        Duration::from_secs(u64::MAX),
        Duration::from_millis(u64::MAX),
    ] {
        cache.set("key", 1_i64).ttl(ttl).await.unwrap();
        assert_kept(fixture, cache.get("key").await.unwrap(), 1_i64);
        let now = probe.backend.clock().now();
        assert_kept(
            fixture,
            probe.entry_of("key").await.map(|entry| entry.remaining(now)),
            None,
        );
    }
}

/// The TTL of a call overrides the default of the cache, whichever is longer.
pub async fn the_ttl_of_a_call_overrides_the_default(fixture: &dyn Fixture) {
    let life = life(fixture);
    let cache = with_default(fixture, 2 * life);
    cache.set("shorter", 1_i64).ttl(life).await.unwrap();
    cache.set("longer", 1_i64).ttl(4 * life).await.unwrap();
    cache
        .set("endless", 1_i64)
        .expiration(Expiration::Never)
        .await
        .unwrap();
    cache.set("default", 1_i64).await.unwrap();
    fixture.pass(life + fixture.slack()).await;
    assert_eq!(cache.get::<i64>("shorter").await.unwrap(), None);
    assert_kept(fixture, cache.get("default").await.unwrap(), 1_i64);
    fixture.pass(life).await;
    assert_eq!(cache.get::<i64>("default").await.unwrap(), None);
    assert_kept(fixture, cache.get("longer").await.unwrap(), 1_i64);
    assert_kept(fixture, cache.get("endless").await.unwrap(), 1_i64);
}

/// Of two TTLs for one write, and of two defaults for one cache, the last counts.
pub async fn the_last_of_two_ttls_counts(fixture: &dyn Fixture) {
    let probe = Probe::new(fixture);
    let twice = builder(fixture, fixture.backend()).ttl(DAY).ttl(2 * DAY);
    let cache = twice.build().unwrap();
    cache.set("default", 1_i64).await.unwrap();
    cache.set("one", 1_i64).ttl(DAY).ttl(3 * DAY).await.unwrap();
    all(cache
        .set_many([("of many", 1_i64)])
        .ttl(DAY)
        .expiration((4 * DAY).into())
        .await);
    for (name, ttl) in [("default", 2 * DAY), ("one", 3 * DAY), ("of many", 4 * DAY)] {
        let life = probe.life_of(name).await;
        assert_kept(fixture, life, ttl);
    }
}

/// A cache that was not told otherwise lets values live for a minute.
pub async fn the_default_is_a_minute(fixture: &dyn Fixture) {
    let (cache, probe) = (cache(fixture), Probe::new(fixture));
    cache.set("one", 1_i64).await.unwrap();
    all(cache.set_many([("of many", 1_i64)]).await);
    for name in ["one", "of many"] {
        let life = probe.life_of(name).await;
        assert_kept(fixture, life, MINUTE);
    }
}

/// A cache whose default is never lets values live until they are removed.
pub async fn never_as_the_default_has_no_end(fixture: &dyn Fixture) {
    let (cache, probe) = (with_default(fixture, Expiration::Never), Probe::new(fixture));
    cache.set("key", 1_i64).await.unwrap();
    let now = probe.backend.clock().now();
    assert_kept(
        fixture,
        probe.entry_of("key").await.map(|entry| entry.remaining(now)),
        None,
    );
}

/// The TTL of a batch counts for each of its values.
pub async fn the_ttl_of_a_batch_counts_for_each_value(fixture: &dyn Fixture) {
    let cache = cache(fixture);
    let life = life(fixture);
    all(cache.set_many([("a", 1_i64), ("b", 2)]).ttl(life).await);
    pass_to_the_end_of(fixture, life).await;
    assert_kept(fixture, cache.get("a").await.unwrap(), 1_i64);
    assert_kept(fixture, cache.get("b").await.unwrap(), 2_i64);
    pass_the_end(fixture).await;
    assert_eq!(all(cache.get_many::<i64>(&["a", "b"]).await), [None, None]);
}

/// Reads through the handle do not extend a life, and a set without a word restarts it with the default.
pub async fn a_set_restarts_the_default_life(fixture: &dyn Fixture) {
    let life = life(fixture);
    let cache = with_default(fixture, life);
    for value in [1_i64, 2] {
        cache.set("key", value).await.unwrap();
        pass_to_the_end_of(fixture, life).await;
        assert_kept(fixture, cache.get("key").await.unwrap(), value);
    }
    pass_the_end(fixture).await;
    assert_eq!(cache.get::<i64>("key").await.unwrap(), None);
}

fn with_default(fixture: &dyn Fixture, expiration: impl Into<Expiration>) -> Cache {
    builder(fixture, fixture.backend())
        .ttl(expiration)
        .build()
        .unwrap()
}
