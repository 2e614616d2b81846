//! What the backend says of the sizes of stored values: those of the bytes that the server has.

use std::time::Duration;

use cache_core::{Cache, CacheError, ErrorKind, LoadContext, Loaded, ValueSizes};
use cache_redis::RedisBuilder;
use cache_testkit::servers::{RedisCluster, RedisServer};

use crate::support::{namespace, patient};

fn cache(builder: RedisBuilder) -> Cache {
    Cache::builder(builder.build().unwrap())
        .tags(true)
        .build()
        .unwrap()
}

fn sizes(cache: &Cache) -> ValueSizes {
    cache.stats().value_sizes.unwrap()
}

/// How many bytes the server has under a key.
fn stored(namespace: &str, key: &str) -> u64 {
    let len = RedisServer::shared().command(["STRLEN", &format!("{namespace}:{key}")]);
    u64::try_from(len.integer()).unwrap()
}

/// Stores a text alone and checks that its size is the one that the server has.
async fn is_the_size_on_the_server(text: String, configure: fn(RedisBuilder) -> RedisBuilder) -> u64 {
    let namespace = namespace();
    let cache = cache(configure(
        patient().url(RedisServer::shared().url()).namespace(&namespace),
    ));
    cache.set("key", text).await.unwrap();
    let sizes = sizes(&cache);
    assert_eq!((sizes.count(), sizes.total()), (1, stored(&namespace, "key")));
    sizes.total()
}

#[tokio::test]
async fn a_set_counts_the_bytes_that_the_server_has() {
    let with_header = is_the_size_on_the_server("x".repeat(1_000), |builder| builder).await;
    assert_eq!(with_header, 72 + 1_002, "a header, and the text in quotes");
    let bare = is_the_size_on_the_server("x".repeat(1_000), |builder| builder.raw(true)).await;
    assert_eq!(bare, 1_002);
}

#[cfg(feature = "compression")]
#[tokio::test]
async fn a_compressed_value_counts_as_it_is_stored() {
    let text = "x".repeat(100_000);
    let compressed = is_the_size_on_the_server(text, |builder| builder.compress_from(1)).await;
    assert!(compressed < 1_000, "{compressed}");
}

#[tokio::test]
async fn each_value_of_a_set_of_many_counts() {
    let one = patient().url(RedisServer::shared().url());
    let many = patient().cluster(RedisCluster::shared().urls());
    for builder in [one, many] {
        let cache = cache(builder);
        let entries = [
            ("a", "x".repeat(100)),
            ("b", "x".repeat(1_000)),
            ("c", "x".repeat(1_000)),
        ];
        for answer in cache.set_many(entries).await {
            answer.unwrap();
        }
        let sizes = sizes(&cache);
        assert_eq!((sizes.count(), sizes.total()), (3, 3 * (72 + 2) + 2_100));
        let counts: Vec<u64> = sizes.buckets().iter().map(|bucket| bucket.count).collect();
        assert_eq!(counts[..4], [0, 1, 0, 2]);
    }
}

#[tokio::test]
async fn a_loaded_value_counts_and_the_answer_that_there_is_none() {
    let cache = cache(patient().url(RedisServer::shared().url()));
    let load = || async { Ok::<_, std::io::Error>("x".repeat(100)) };
    cache.get_or_load("key", load).await.unwrap();
    assert_eq!((sizes(&cache).count(), sizes(&cache).total()), (1, 72 + 102));
    let none = |_: LoadContext<String>| async { Ok::<_, std::io::Error>(Loaded::not_found()) };
    assert_eq!(cache.get_or_load("none", none).await.unwrap(), None);
    assert_eq!((sizes(&cache).count(), sizes(&cache).total()), (2, 2 * 72 + 102));
}

#[tokio::test]
async fn what_the_server_did_not_take_does_not_count() {
    let server = RedisServer::builder().max_memory("1", "noeviction").start();
    let cache = cache(patient().url(server.url()).max_value_len(1_000));
    let kind = |stored: Result<(), CacheError>| stored.unwrap_err().kind();
    let (small, long) = ("x".to_owned(), "x".repeat(2_000));
    assert_eq!(kind(cache.set("key", small.clone()).await), ErrorKind::Full);
    assert_eq!(
        kind(cache.set("key", long.clone()).await),
        ErrorKind::ValueTooLarge
    );
    for answer in cache.set_many([("a", small), ("b", long)]).await {
        answer.unwrap_err();
    }
    assert_eq!(sizes(&cache), ValueSizes::default());
}

#[tokio::test]
async fn one_of_many_that_is_refused_does_not_count() {
    let cache = cache(patient().url(RedisServer::shared().url()).max_value_len(1_000));
    let entries = [("a", "x".repeat(2_000)), ("b", "x".repeat(100))];
    let answers: Vec<_> = cache.set_many(entries).await.into_iter().collect();
    assert!(answers[0].is_err() && answers[1].is_ok());
    assert_eq!((sizes(&cache).count(), sizes(&cache).total()), (1, 72 + 102));
}

/// They are no values of the cache, and no set of it is counted for them.
#[tokio::test]
async fn markers_of_tags_and_removals_do_not_count() {
    let cache = cache(patient().url(RedisServer::shared().url()));
    cache.invalidate_tag("tag").await.unwrap();
    cache.set("key", 1).ttl(Duration::ZERO).await.unwrap();
    cache.delete("key").await.unwrap();
    assert_eq!(sizes(&cache).count(), 0);
    cache.set("key", 1).tags(&["tag"]).await.unwrap();
    assert_eq!(sizes(&cache).count(), 1);
}
