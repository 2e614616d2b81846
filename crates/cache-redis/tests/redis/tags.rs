//! Tags on a server: what they cost, what stands there, and who else may invalidate them.

use std::collections::BTreeMap;
use std::time::Duration;

use cache_core::codec::CodecId;
use cache_core::{Cache, CacheBackend, Entry, ErrorKind, Key, Payload, Tag, TypeFingerprint, Value};
use cache_testkit::servers::{RedisServer, Reply};

use crate::support::{namespace, patient};

/// A cache with tags that is connected, on a server that nobody else uses.
async fn alone() -> (RedisServer, Cache) {
    let server = RedisServer::builder().start();
    let backend = patient()
        .url(server.url())
        .namespace("shop")
        .connect()
        .await
        .unwrap();
    let cache = Cache::builder(backend).tags(true).build().unwrap();
    (server, cache)
}

/// Returns what was called since the last time but for what the test itself asks.
fn calls(server: &RedisServer) -> Vec<(String, u64)> {
    let calls: BTreeMap<_, _> = server.calls();
    server.reset_calls();
    let own = |name: &str| name.starts_with("info") || name.starts_with("config");
    calls.into_iter().filter(|(name, _)| !own(name)).collect()
}

fn counted<const N: usize>(expected: [(&str, u64); N]) -> Vec<(String, u64)> {
    expected.map(|(name, count)| (name.to_owned(), count)).into()
}

#[tokio::test]
async fn tags_cost_the_commands_that_the_page_says() {
    let (server, cache) = alone().await;
    cache.set("first", 1_i64).tags(&["a", "b"]).await.unwrap();
    calls(&server);

    cache.set("second", 2_i64).tags(&["a", "b"]).await.unwrap();
    assert_eq!(calls(&server), counted([("mget", 1), ("set", 1)]));
    assert_eq!(cache.get("first").await.unwrap(), Some(1_i64));
    assert_eq!(calls(&server), counted([("get", 1), ("mget", 1)]));
    let both = cache.get_many::<i64>(&["first", "second"]).await;
    assert!(both.into_iter().all(|one| one.unwrap().is_some()));
    assert_eq!(calls(&server), counted([("mget", 2)]));
    cache.invalidate_tags(&["a", "b"]).await.unwrap();
    assert_eq!(calls(&server), counted([("unlink", 8)]));

    cache.set("plain", 3_i64).await.unwrap();
    cache.get::<i64>("plain").await.unwrap();
    assert_eq!(calls(&server), counted([("get", 1), ("set", 1)]));
}

#[tokio::test]
async fn a_marker_is_a_key_that_ends_by_itself() {
    let (server, cache) = alone().await;
    cache
        .set("key", 1_i64)
        .ttl(Duration::from_secs(100))
        .tags(&["users"])
        .await
        .unwrap();
    let Reply::Integer(left) = server.command(["PTTL", "shop:\u{FDD0}tag:0:users"]) else {
        panic!("no marker")
    };
    assert!((290_000..=300_000).contains(&left), "{left} ms");
    assert_eq!(server.command(["DBSIZE"]), Reply::Integer(2));
}

/// As the page says that operators and programs in other languages do.
#[tokio::test]
async fn whoever_removes_the_markers_invalidates() {
    let (server, cache) = alone().await;
    cache.set("key", 1_i64).tags(&["users"]).await.unwrap();
    server.command(["UNLINK", "shop:\u{FDD0}tag:0:users", "shop:\u{FDD0}tag:1:users"]);
    assert_eq!(cache.get::<i64>("key").await.unwrap(), None);
}

#[tokio::test]
async fn another_process_invalidates() {
    let (server, namespace) = (RedisServer::shared(), namespace());
    let process = || {
        let backend = patient().url(server.url()).namespace(&namespace).build().unwrap();
        Cache::builder(backend).tags(true).build().unwrap()
    };
    let (one, other) = (process(), process());
    for number in 0..20_i64 {
        one.set("key", number).tags(&["a"]).await.unwrap();
        assert_eq!(other.get("key").await.unwrap(), Some(number));
        other.invalidate_tag("a").await.unwrap();
        assert_eq!(one.get::<i64>("key").await.unwrap(), None);
    }
}

#[tokio::test]
async fn raw_mode_has_no_room_for_tags() {
    let (server, namespace) = (RedisServer::shared(), namespace());
    let backend = patient()
        .url(server.url())
        .namespace(&namespace)
        .raw(true)
        .build()
        .unwrap();
    let cache = Cache::builder(backend).tags(true).build().unwrap();
    let error = cache.set("key", 1_i64).tags(&["a"]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidTag);
    assert_eq!(cache.get::<i64>("key").await.unwrap(), None);
    cache.set("key", 1_i64).await.unwrap();
    assert_eq!(cache.get("key").await.unwrap(), Some(1_i64));
}

#[cfg(feature = "compression")]
#[tokio::test]
async fn a_compressed_value_keeps_its_tags() {
    let (server, namespace) = (RedisServer::shared(), namespace());
    let backend = patient()
        .url(server.url())
        .namespace(&namespace)
        .compress_from(64)
        .build()
        .unwrap();
    let cache = Cache::builder(backend).tags(true).build().unwrap();
    cache.set("key", "x".repeat(10_000)).tags(&["a"]).await.unwrap();
    assert_eq!(cache.get::<String>("key").await.unwrap().unwrap().len(), 10_000);
    cache.invalidate_tag("a").await.unwrap();
    assert_eq!(cache.get::<String>("key").await.unwrap(), None);
}

/// The limit of a value is one of the value, whatever it carries.
#[tokio::test]
async fn tags_do_not_count_against_the_limit_of_a_value() {
    let (server, namespace) = (RedisServer::shared(), namespace());
    let backend = patient()
        .url(server.url())
        .namespace(&namespace)
        .max_value_len(100)
        .build()
        .unwrap();
    let cache = Cache::builder(backend).tags(true).build().unwrap();
    let names: Vec<String> = (0..Tag::MAX_PER_ENTRY).map(|n| format!("{n:0>256}")).collect();
    let tags: Vec<&str> = names.iter().map(String::as_str).collect();
    cache.set("key", "x".repeat(90)).tags(&tags).await.unwrap();
    assert_eq!(cache.get::<String>("key").await.unwrap().unwrap().len(), 90);
}

/// The first one may have arrived, and another process may have invalidated the tag since.
#[tokio::test]
async fn the_write_of_a_marker_is_not_repeated_when_its_connection_breaks() {
    let server = RedisServer::builder().start();
    let backend = patient().url(server.url()).connect().await.unwrap();
    let entry = |codec| {
        let payload = Payload {
            bytes: 7_u64.to_le_bytes().to_vec().into(),
            codec,
            type_fingerprint: TypeFingerprint::UNKNOWN,
        };
        Entry::new(Value::from_payload(payload), backend.clock().now())
    };
    let break_connections = || server.command(["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    let key = Key::new("key").unwrap();
    break_connections();
    backend.set(key, entry(CodecId::JSON)).await.unwrap();
    break_connections();
    let error = backend.set(key, entry(CodecId::TAG)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
}

/// It is made anew, with another number.
#[tokio::test]
async fn a_write_with_tags_survives_a_broken_connection() {
    let (server, cache) = alone().await;
    for round in 0..5_i64 {
        server.command(["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
        let tag = round.to_string();
        cache.set("key", round).tags(&[&tag]).await.unwrap();
        assert_eq!(cache.get("key").await.unwrap(), Some(round));
    }
}
