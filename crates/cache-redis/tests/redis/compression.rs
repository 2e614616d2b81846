//! Compressed values: smaller on the server, the same for readers, bounded for those who read hostile ones.

use cache_core::{Cache, CacheBackend, RejectReason};
use cache_redis::RedisBuilder;
use cache_testkit::servers::{RedisServer, Reply};

use crate::support::{namespace, patient};

fn cache(namespace: &str, configure: fn(RedisBuilder) -> RedisBuilder) -> Cache {
    let builder = patient().url(RedisServer::shared().url()).namespace(namespace);
    Cache::builder(configure(builder).build().unwrap())
        .build()
        .unwrap()
}

fn stored(namespace: &str, key: &str) -> Vec<u8> {
    match RedisServer::shared().command(["GET", &format!("{namespace}:{key}")]) {
        Reply::Bytes(bytes) => bytes,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_large_value_is_stored_smaller_and_comes_back() {
    let namespace = namespace();
    let cache = cache(&namespace, |builder| builder.compress_from(1_000));
    let text = "all work and no play ".repeat(1_000);
    cache.set("key", text.clone()).await.unwrap();
    let bytes = stored(&namespace, "key");
    assert!(
        bytes.len() < text.len() / 10 && bytes[5] == 1,
        "{} bytes",
        bytes.len()
    );
    assert_eq!(cache.get::<String>("key").await.unwrap(), Some(text.clone()));
    assert_eq!(
        cache.get_many::<String>(&["key"]).await.remove(0).unwrap(),
        Some(text)
    );
    assert!(cache.exists("key").await.unwrap());
}

#[tokio::test]
async fn a_small_value_and_one_that_does_not_shrink_are_stored_as_they_are() {
    let namespace = namespace();
    let cache = cache(&namespace, |builder| builder.compress_from(100));
    cache.set("small", "x".repeat(50)).await.unwrap();
    let noise: Vec<u64> = (1..200_u64)
        .map(|n| n.wrapping_mul(0x9E37_79B9_7F4A_7C15))
        .collect();
    cache.set("noise", noise.clone()).await.unwrap();
    assert_eq!(stored(&namespace, "small")[5], 0);
    assert_eq!(cache.get::<Vec<u64>>("noise").await.unwrap(), Some(noise));
}

#[tokio::test]
async fn a_reader_that_does_not_compress_reads_what_is_compressed() {
    let namespace = namespace();
    let writer = cache(&namespace, |builder| builder.compress_from(1));
    let reader = cache(&namespace, |builder| builder);
    writer.set("key", "x".repeat(10_000)).await.unwrap();
    assert_eq!(reader.get::<String>("key").await.unwrap().unwrap().len(), 10_000);
}

/// What decompresses to more than the limit is a miss, and no memory is taken for it.
#[tokio::test]
async fn a_bomb_is_a_counted_miss() {
    let namespace = namespace();
    let writer = cache(&namespace, |builder| builder.compress_from(1));
    let reader = cache(&namespace, |builder| builder.max_value_len(1 << 20));
    writer.set("key", "x".repeat(32 << 20)).await.unwrap();
    assert!(stored(&namespace, "key").len() < 1 << 20);
    assert_eq!(reader.get::<String>("key").await.unwrap(), None);
    assert_eq!(reader.stats().rejected.unwrap().get(RejectReason::Compression), 1);
}

#[tokio::test]
async fn a_length_that_lies_is_a_counted_miss() {
    use cache_core::codec::CodecId;
    use cache_core::{Entry, Key, KeyFingerprint, Namespace, Payload, TypeFingerprint, Value, envelope};

    let namespace = namespace();
    let reader = cache(&namespace, |builder| builder);
    let fingerprint = KeyFingerprint::new(&Namespace::new(&namespace).unwrap(), Key::new("key").unwrap());
    let now = patient().build().unwrap().clock().now();
    for (round, length) in (1..).zip([u32::MAX, 60 << 20, 3, 0]) {
        let mut bytes = length.to_le_bytes().to_vec();
        bytes.extend(lz4_flex::block::compress(b"\"a value of some length\""));
        let payload = Payload {
            bytes: bytes.into(),
            codec: CodecId::JSON,
            type_fingerprint: TypeFingerprint::UNKNOWN,
        };
        let entry = Entry::new(Value::from_payload(payload.clone()), now);
        let sealed = envelope::seal_compressed(&entry, &payload, fingerprint).unwrap();
        RedisServer::shared().command([b"SET", format!("{namespace}:key").as_bytes(), &sealed]);
        assert_eq!(reader.get::<String>("key").await.unwrap(), None, "{length}");
        assert_eq!(
            reader.stats().rejected.unwrap().get(RejectReason::Compression),
            round
        );
    }
}
