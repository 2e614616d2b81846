//! Sizes: refused before they are sent, and before they are decoded.

use cache_core::{Cache, Codec, ErrorKind};
use cache_testkit::servers::RedisServer;

use crate::support::{namespace, patient};

#[tokio::test]
async fn a_value_above_the_limit_is_refused_before_anything_is_sent() {
    // There is no server, so whatever is sent fails in another way.
    let backend = patient().port(1).max_value_len(100).build().unwrap();
    let cache = Cache::builder(backend).build().unwrap();
    let error = cache.set("key", "x".repeat(99)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ValueTooLarge);
    assert!(error.to_string().contains("max_value_len"), "{error}");
    let many = cache
        .set_many([("key", "x".repeat(99))])
        .await
        .remove(0)
        .unwrap_err();
    assert_eq!(many.kind(), ErrorKind::ValueTooLarge);
    assert_eq!(cache.stats().connections.unwrap().connect_failures, 0);
}

#[tokio::test]
async fn a_value_at_the_limit_works() {
    let backend = patient()
        .url(RedisServer::shared().url())
        .max_value_len(100)
        .build()
        .unwrap();
    let cache = Cache::builder(backend).build().unwrap();
    cache.set("key", "x".repeat(98)).await.unwrap();
    assert_eq!(cache.get::<String>("key").await.unwrap().unwrap().len(), 98);
}

#[tokio::test]
async fn a_stored_value_above_the_limit_is_an_error_of_that_key_only() {
    let (server, namespace) = (RedisServer::shared(), namespace());
    let builder = patient()
        .url(server.url())
        .namespace(&namespace)
        .max_value_len(100);
    let cache = Cache::builder(builder.build().unwrap()).build().unwrap();
    server.command(["SET", &format!("{namespace}:large"), &"1".repeat(10_000)]);
    cache.set("small", 1_i64).await.unwrap();
    let answers = cache.get_many::<i64>(&["large", "small"]).await;
    assert_eq!(answers[0].as_ref().unwrap_err().kind(), ErrorKind::ValueTooLarge);
    assert_eq!(answers[1].as_ref().unwrap(), &Some(1));
}

#[tokio::test]
async fn values_are_stored_by_the_codec_of_the_backend() {
    let (server, namespace) = (RedisServer::shared(), namespace());
    let builder = patient()
        .url(server.url())
        .namespace(&namespace)
        .codec(Codec::json().with_max_len(10));
    let cache = Cache::builder(builder.build().unwrap()).build().unwrap();
    let error = cache.set("key", "longer than ten".to_owned()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ValueTooLarge);
}
