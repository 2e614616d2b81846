//! Compressed values: smaller on the server, the same for readers, bounded for those who read hostile ones.

use cache_core::codec::CodecId;
use cache_core::{
    Cache, CacheBackend, Entry, Key, KeyFingerprint, Namespace, Payload, RejectReason, TypeFingerprint,
    Value, envelope,
};
use cache_redis::RedisBuilder;
use cache_testkit::servers::{RedisServer, Reply};

use crate::support::{in_a_process_of_its_own, namespace, patient, peak_memory};

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
    let mut rng = fastrand::Rng::with_seed(7);
    let noise: String = (0..500).map(|_| rng.alphanumeric()).collect();
    cache.set("noise", noise.clone()).await.unwrap();
    assert_eq!(stored(&namespace, "small")[5], 0);
    assert_eq!(stored(&namespace, "noise")[5], 0, "compressed it would be longer");
    assert_eq!(cache.get::<String>("noise").await.unwrap(), Some(noise));
}

#[tokio::test]
async fn a_reader_that_does_not_compress_reads_what_is_compressed() {
    let namespace = namespace();
    let writer = cache(&namespace, |builder| builder.compress_from(1));
    let reader = cache(&namespace, |builder| builder);
    writer.set("key", "x".repeat(10_000)).await.unwrap();
    assert_eq!(reader.get::<String>("key").await.unwrap().unwrap().len(), 10_000);
}

/// The file is what version 1 of the format stored, so a release that reads it no more, or takes it for something else, is
/// noticed. What it holds was compressed by hand.
#[tokio::test]
async fn what_was_compressed_long_ago_is_read() {
    let golden = include_bytes!("../../../cache-core/tests/golden/v1-json-compressed.bin");
    let cache = cache("shop:users", |builder| builder);
    RedisServer::shared().command([&b"SET"[..], b"shop%3Ausers:user:42", golden]);
    let found = cache.get::<(u64, String, Option<f64>)>("user:42").await.unwrap();
    assert_eq!(found, Some((42, "a".repeat(40), Some(1.5))));
    assert_eq!(cache.stats().rejected.unwrap().get(RejectReason::Compression), 0);
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

/// Stores a block of LZ4 as a value that says of itself how long it becomes.
fn store(namespace: &str, length: u32, block: &[u8]) {
    let name = Namespace::new(namespace).unwrap();
    let fingerprint = KeyFingerprint::new(&name, Key::new("key").unwrap());
    let payload = Payload {
        bytes: [&length.to_le_bytes(), block].concat().into(),
        codec: CodecId::JSON,
        type_fingerprint: TypeFingerprint::UNKNOWN,
    };
    let now = patient().build().unwrap().clock().now();
    let entry = Entry::new(Value::from_payload(payload.clone()), now);
    let sealed = envelope::seal_compressed(&entry, &payload, fingerprint).unwrap();
    RedisServer::shared().command([b"SET", format!("{namespace}:key").as_bytes(), &sealed]);
}

/// A block of 2 MiB that becomes 512 MiB, read with the default limit. In a process of its own, whose memory is its own.
#[test]
fn a_bomb_of_512_mib_takes_no_memory() {
    const MIB: usize = 1 << 20;
    const LENGTH: usize = 512 * MIB;
    /// One value of the largest size that is allowed, and something for all else.
    const MOST: usize = (64 + 16) * MIB;
    let test = "compression::a_bomb_of_512_mib_takes_no_memory";
    in_a_process_of_its_own(test, || async {
        let namespace = namespace();
        let reader = cache(&namespace, |builder| builder);
        assert_eq!(reader.get::<String>("key").await.unwrap(), None);
        // One literal, then copies of it: 4 and 15 in the token, and 255 for each full byte that follows.
        let copies = LENGTH - 1 - 5 - 4 - 15;
        let mut block = vec![0x1F, b'a', 1, 0];
        block.extend(std::iter::repeat_n(0xFF, copies / 255));
        block.push(u8::try_from(copies % 255).unwrap());
        block.extend_from_slice(b"\x50aaaaa");
        for (round, length) in (1..).zip([LENGTH, 60 * MIB]) {
            store(&namespace, u32::try_from(length).unwrap(), &block);
            let before = peak_memory();
            assert_eq!(reader.get::<String>("key").await.unwrap(), None, "{length}");
            let grown = peak_memory() - before;
            assert!(grown < MOST, "{length}: the memory grew by {grown} bytes");
            let rejected = reader.stats().rejected.unwrap();
            assert_eq!(rejected.get(RejectReason::Compression), round);
        }
    });
}

#[tokio::test]
async fn a_length_that_lies_is_a_counted_miss() {
    let namespace = namespace();
    let reader = cache(&namespace, |builder| builder);
    let block = lz4_flex::block::compress(b"\"a value of some length\"");
    for (round, length) in (1..).zip([u32::MAX, 60 << 20, 3, 0]) {
        store(&namespace, length, &block);
        assert_eq!(reader.get::<String>("key").await.unwrap(), None, "{length}");
        assert_eq!(
            reader.stats().rejected.unwrap().get(RejectReason::Compression),
            round
        );
    }
}
