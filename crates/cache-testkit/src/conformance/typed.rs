//! Values of the caller's types through the handle: what is set comes back with the same content from any backend.

#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "the suite fails by panicking"
)]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Debug;
use std::sync::Arc;

use cache_core::{Cache, Value};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::probe::{assert_kept, cache};
use super::samples::{Order, State};
use crate::fixture::Fixture;

/// Integers of every width come back exactly, at their limits too.
pub async fn integers_come_back(fixture: &dyn Fixture) {
    let cache = cache(fixture);
    assert_round_trips(fixture, &cache, [i8::MIN, -1, 0, 1, i8::MAX]).await;
    assert_round_trips(fixture, &cache, [i16::MIN, i16::MAX]).await;
    assert_round_trips(fixture, &cache, [i32::MIN, i32::MAX]).await;
    assert_round_trips(
        fixture,
        &cache,
        [i64::MIN, -(1 << 53) - 1, (1 << 53) + 1, i64::MAX],
    )
    .await;
    assert_round_trips(fixture, &cache, [i128::MIN, i128::MAX]).await;
    assert_round_trips(fixture, &cache, [0, u8::MAX]).await;
    assert_round_trips(fixture, &cache, [0, u16::MAX]).await;
    assert_round_trips(fixture, &cache, [0, u32::MAX]).await;
    assert_round_trips(fixture, &cache, [0, u64::MAX]).await;
    assert_round_trips(fixture, &cache, [0, u128::MAX]).await;
    assert_round_trips(fixture, &cache, [isize::MIN, isize::MAX]).await;
    assert_round_trips(fixture, &cache, [usize::MIN, usize::MAX]).await;
}

/// Floating-point numbers come back bit by bit: the sign of zero, the smallest, the largest, and those that need all
/// of their 17 digits.
pub async fn floats_come_back_bit_by_bit(fixture: &dyn Fixture) {
    let cache = cache(fixture);
    let known = [
        0.0,
        -0.0,
        0.1,
        1.0 / 3.0,
        f64::MIN_POSITIVE,
        5e-324,
        f64::MAX,
        f64::MIN,
        f64::EPSILON,
    ];
    // Numbers all over the range, from a fixed sequence so that a failure comes again.
    let mut bits = 0x9E37_79B9_7F4A_7C15_u64;
    let others = std::iter::repeat_with(|| {
        bits = bits
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        f64::from_bits(bits)
    });
    let numbers = known
        .into_iter()
        .chain(others.filter(|number| number.is_finite()).take(200));
    for number in numbers {
        cache.set("double", number).await.unwrap();
        assert_kept(
            fixture,
            cache.get::<f64>("double").await.unwrap().map(f64::to_bits),
            number.to_bits(),
        );
    }
    for number in [
        0.0,
        -0.0,
        0.1,
        f32::MIN_POSITIVE,
        f32::MAX,
        f32::EPSILON,
        1.0 / 3.0,
    ] {
        cache.set("single", number).await.unwrap();
        assert_kept(
            fixture,
            cache.get::<f32>("single").await.unwrap().map(f32::to_bits),
            number.to_bits(),
        );
    }
}

/// Booleans, characters and the empty tuple come back.
pub async fn booleans_and_characters_come_back(fixture: &dyn Fixture) {
    let cache = cache(fixture);
    assert_round_trips(fixture, &cache, [true, false]).await;
    assert_round_trips(fixture, &cache, ['a', '\0', 'ß', '"', '\u{10ffff}']).await;
    assert_round_trips(fixture, &cache, [()]).await;
}

/// Strings come back, empty ones, long ones and those with characters that formats must escape.
pub async fn strings_come_back(fixture: &dyn Fixture) {
    let cache = cache(fixture);
    let texts = [
        "",
        " ",
        "null",
        "0",
        "\0",
        "a\0b",
        "\"quoted\"",
        "\\",
        "line\r\nend",
        "käse 鍵 🔑",
        "\u{7f}\u{1b}[0m",
    ];
    assert_round_trips(fixture, &cache, texts.map(str::to_owned)).await;
    assert_round_trips(fixture, &cache, ["long ".repeat(50_000)]).await;
}

/// Bytes come back exactly: all 256 values, none, and each alone.
pub async fn bytes_come_back(fixture: &dyn Fixture) {
    let cache = cache(fixture);
    let all: Vec<u8> = (0..=u8::MAX).collect();
    assert_round_trips(fixture, &cache, [all.clone(), all.repeat(100), vec![]]).await;
    assert_round_trips(fixture, &cache, all.into_iter().map(|byte| vec![byte])).await;
}

/// Structs and enums come back, nested and with every form of variant.
pub async fn structs_and_enums_come_back(fixture: &dyn Fixture) {
    let cache = cache(fixture);
    let states = [
        State::New,
        State::Paid(u64::MAX),
        State::Sent(String::new(), -1),
        State::Returned {
            reason: "broken".to_owned(),
            at: None,
        },
    ];
    assert_round_trips(fixture, &cache, states.clone()).await;
    assert_round_trips(fixture, &cache, states.map(Order::sample)).await;
}

/// Lists and tuples come back, empty ones too, in their order.
pub async fn lists_come_back(fixture: &dyn Fixture) {
    let cache = cache(fixture);
    assert_round_trips(fixture, &cache, [vec![3_i64, 1, 2], vec![]]).await;
    assert_round_trips(
        fixture,
        &cache,
        [vec![vec!["a".to_owned()], vec![], vec![String::new()]]],
    )
    .await;
    assert_round_trips(fixture, &cache, [vec![Some(1_u8), None]]).await;
    assert_round_trips(
        fixture,
        &cache,
        [(1_u8, "two".to_owned(), Some(3.5_f64), [4_i64; 4])],
    )
    .await;
    assert_round_trips(fixture, &cache, [BTreeSet::from([3_u8, 1, 2])]).await;
}

/// Maps come back, with keys of text and of numbers, empty ones too.
pub async fn maps_come_back(fixture: &dyn Fixture) {
    let cache = cache(fixture);
    let texts = [("", 1_i64), ("a.b", 2), ("null", 3), ("\"", 4)].map(|(key, value)| (key.to_owned(), value));
    assert_round_trips(fixture, &cache, [BTreeMap::from(texts.clone()), BTreeMap::new()]).await;
    assert_round_trips(fixture, &cache, [HashMap::from(texts)]).await;
    assert_round_trips(
        fixture,
        &cache,
        [BTreeMap::from([
            (-1_i64, "minus one".to_owned()),
            (0, String::new()),
        ])],
    )
    .await;
}

/// A cached `None` is a hit: a get finds that there is nothing, instead of finding nothing.
pub async fn a_cached_none_is_a_hit(fixture: &dyn Fixture) {
    let cache = cache(fixture);
    assert_eq!(cache.get::<Option<i64>>("key").await.unwrap(), None);
    assert_round_trips(fixture, &cache, [None, Some(1_i64), None]).await;
    cache.set("key", None::<String>).await.unwrap();
    assert_kept(fixture, cache.get::<Option<String>>("key").await.unwrap(), None);
    assert_kept(fixture, cache.exists("key").await.unwrap().then_some(()), ());
    assert_kept(fixture, cache.delete("key").await.unwrap().then_some(()), ());
}

/// One cache holds values of several types, and a key may change its type.
pub async fn one_cache_holds_several_types(fixture: &dyn Fixture) {
    let cache = cache(fixture);
    cache.set("number", 7_i64).await.unwrap();
    cache.set("text", "seven".to_owned()).await.unwrap();
    cache.set("list", vec![7_u8; 7]).await.unwrap();
    cache.set("order", Order::sample(State::New)).await.unwrap();
    assert_kept(fixture, cache.get("number").await.unwrap(), 7_i64);
    assert_kept(fixture, cache.get("text").await.unwrap(), "seven".to_owned());
    assert_kept(fixture, cache.get("list").await.unwrap(), vec![7_u8; 7]);
    assert_kept(
        fixture,
        cache.get("order").await.unwrap(),
        Order::sample(State::New),
    );
    cache.set("number", "no longer".to_owned()).await.unwrap();
    assert_kept(
        fixture,
        cache.get("number").await.unwrap(),
        "no longer".to_owned(),
    );
}

/// A value that was set as an `Arc` reads as its content, owned and shared, and so does one that was set owned. A
/// backend that keeps objects hands out the very `Arc`.
pub async fn shared_values_come_back(fixture: &dyn Fixture) {
    let cache = cache(fixture);
    let order = Arc::new(Order::sample(State::New));
    cache
        .set("shared", Value::shared(Arc::clone(&order)))
        .await
        .unwrap();
    cache.set("owned", Order::clone(&order)).await.unwrap();
    for key in ["shared", "owned"] {
        assert_kept(
            fixture,
            cache.get::<Order>(key).await.unwrap(),
            Order::clone(&order),
        );
        assert_kept(
            fixture,
            cache.get::<Order>(key).shared().await.unwrap(),
            Arc::clone(&order),
        );
    }
    if let Some(found) = cache.get::<Order>("shared").shared().await.unwrap() {
        assert_eq!(Arc::ptr_eq(&found, &order), fixture.keeps_objects());
    }
}

/// What the caller does to its object after a set does not change the cached value.
pub async fn later_changes_of_what_was_set_are_not_seen(fixture: &dyn Fixture) {
    let cache = cache(fixture);
    let mut owned = vec![1_i64, 2];
    cache.set("owned", owned.clone()).await.unwrap();
    owned.push(3);
    let mut shared = Arc::new(vec![1_i64, 2]);
    cache
        .set("shared", Value::shared(Arc::clone(&shared)))
        .await
        .unwrap();
    Arc::make_mut(&mut shared).push(3);
    for key in ["owned", "shared"] {
        assert_kept(fixture, cache.get(key).await.unwrap(), vec![1_i64, 2]);
    }
    assert_eq!((owned.len(), shared.len()), (3, 3));
}

/// What a caller does to an object that it read does not change the cached value.
pub async fn changes_of_what_was_read_are_not_seen(fixture: &dyn Fixture) {
    let cache = cache(fixture);
    cache.set("key", vec![1_i64, 2]).await.unwrap();
    if let Some(mut owned) = cache.get::<Vec<i64>>("key").await.unwrap() {
        owned.push(3);
    }
    if let Some(mut shared) = cache.get::<Vec<i64>>("key").shared().await.unwrap() {
        Arc::make_mut(&mut shared).push(3);
    }
    assert_kept(fixture, cache.get("key").await.unwrap(), vec![1_i64, 2]);
}

async fn assert_round_trips<T>(fixture: &dyn Fixture, cache: &Cache, values: impl IntoIterator<Item = T>)
where
    T: Clone + Debug + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static,
{
    for value in values {
        cache.set("value", value.clone()).await.unwrap();
        assert_kept(fixture, cache.get::<T>("value").await.unwrap(), value);
    }
}
