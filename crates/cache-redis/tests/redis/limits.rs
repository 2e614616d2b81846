//! Sizes: refused before they are sent, and before they are decoded.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cache_core::{
    Cache, CacheBackend, CacheError, Codec, ErrorKind, Key, Layer, LayerContext, LoadEvent, Observer,
    Operation, Result,
};
use cache_redis::RedisBuilder;
use cache_testkit::servers::RedisServer;

use crate::peer::{HUGE, Peer, slots};
use crate::support::{in_a_process_of_its_own, namespace, patient, peak_memory};

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

/// Counts the loaded values that could not be stored.
#[derive(Debug, Default)]
struct Unstored(AtomicUsize);

impl Observer for Unstored {
    fn failed(&self, _: Operation, _: &CacheError) {}

    fn load(&self, _: Key<'_>, event: LoadEvent) {
        if event == LoadEvent::StoreFailed {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

struct Counting(Arc<Unstored>);

impl Layer for Counting {
    fn layer(
        &self,
        inner: Arc<dyn CacheBackend>,
        context: &mut LayerContext,
    ) -> Result<Arc<dyn CacheBackend>> {
        context.observe(Arc::clone(&self.0) as _);
        Ok(inner)
    }
}

#[tokio::test]
async fn a_loaded_value_above_the_limit_is_given_and_not_stored_and_that_is_told() {
    let backend = patient()
        .url(RedisServer::shared().url())
        .max_value_len(100)
        .build()
        .unwrap();
    let unstored = Arc::new(Unstored::default());
    let cache = Cache::builder(backend)
        .layer(Counting(Arc::clone(&unstored)))
        .build()
        .unwrap();
    let load = || async { Ok::<_, std::io::Error>("x".repeat(99)) };
    assert_eq!(cache.get_or_load("key", load).await.unwrap().len(), 99);
    assert!(!cache.exists("key").await.unwrap());
    assert_eq!(unstored.0.load(Ordering::Relaxed), 1);
    assert_eq!(cache.loads_in_flight(), 0);
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

/// The peer is not a server, which would need the memory itself.
#[test]
fn a_foreign_value_of_512_mib_takes_no_memory_and_harms_no_other_call() {
    let test = "limits::a_foreign_value_of_512_mib_takes_no_memory_and_harms_no_other_call";
    in_a_process_of_its_own(test, || harmless(|port| patient().port(port)));
}

#[test]
fn on_a_cluster_it_takes_none_either() {
    let test = "limits::on_a_cluster_it_takes_none_either";
    in_a_process_of_its_own(test, || {
        harmless(|port| patient().cluster([format!("127.0.0.1:{port}")]))
    });
}

async fn harmless(builder: impl Fn(u16) -> RedisBuilder) {
    const MIB: usize = 1 << 20;
    let peer = Peer::start(|port, words| match words[0].as_str() {
        "CLUSTER" => slots(port),
        "MGET" => format!("*2\r\n{HUGE}$1\r\n7\r\n"),
        "GET" if words[1].ends_with("large") => HUGE.to_owned(),
        "GET" => "$1\r\n7\r\n".to_owned(),
        _ => "+PONG\r\n".to_owned(),
    });
    let cache = Cache::builder(builder(peer.port).build().unwrap())
        .build()
        .unwrap();
    let before = peak_memory();
    // By their tag both have one slot.
    let answers = cache.get_many::<i64>(&["{one}large", "{one}small"]).await;
    assert_eq!(answers[0].as_ref().unwrap_err().kind(), ErrorKind::ValueTooLarge);
    assert_eq!(answers[1].as_ref().unwrap(), &Some(7));
    let (large, small) = tokio::join!(
        cache.get::<i64>("large").into_future(),
        cache.get::<i64>("small").into_future()
    );
    let error = large.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ValueTooLarge);
    assert!(error.to_string().contains("max_value_len"), "{error}");
    assert_eq!(small.unwrap(), Some(7));
    let grown = peak_memory() - before;
    assert!(grown < 16 * MIB, "the memory grew by {grown} bytes");
    let connections = cache.stats().connections.unwrap();
    assert_eq!((connections.connects, connections.retries), (1, 0));
}
