//! The end: tasks, connections and what waits end with the backend, whichever way it ends.

use std::time::{Duration, Instant};

use cache_core::{Cache, CacheBackend, ErrorKind};
use cache_testkit::eventually;
use cache_testkit::proxy::SilentAddress;
use cache_testkit::servers::RedisServer;

use crate::support::patient;

fn tasks() -> usize {
    tokio::runtime::Handle::current().metrics().num_alive_tasks()
}

async fn connections_end(server: &RedisServer) {
    eventually("only the question itself is connected", || {
        server.info("clients")["connected_clients"] == "1"
    })
    .await;
}

#[tokio::test]
async fn a_close_ends_tasks_and_connections() {
    let server = RedisServer::builder().start();
    let before = tasks();
    let backend = patient()
        .url(server.url())
        .connections(2)
        .connect()
        .await
        .unwrap();
    let cache = Cache::builder(backend).build().unwrap();
    cache.set("key", 1).await.unwrap();
    cache.clear().await.unwrap();
    assert!(tasks() > before);
    cache.close().await.unwrap();
    eventually("the tasks have ended", || tasks() == before).await;
    connections_end(&server).await;
}

#[tokio::test]
async fn dropping_the_last_handle_does_so_too() {
    let server = RedisServer::builder().start();
    let before = tasks();
    let cache = Cache::builder(patient().url(server.url()).connect().await.unwrap())
        .build()
        .unwrap();
    let clone = cache.clone();
    cache.set("key", 1).await.unwrap();
    drop(cache);
    clone.get::<i64>("key").await.unwrap();
    drop(clone);
    eventually("the tasks have ended", || tasks() == before).await;
    connections_end(&server).await;
}

/// An attempt to connect that gets no answer is stopped, and who waits for it is told.
#[tokio::test]
async fn a_close_ends_an_attempt_to_connect() {
    let silence = SilentAddress::new().await;
    let before = tasks();
    let backend = patient()
        .url(format!("redis://{}", silence.address()))
        .build()
        .unwrap();
    let cache = Cache::builder(backend).build().unwrap();
    let waiting = tokio::spawn({
        let cache = cache.clone();
        async move { cache.get::<i64>("key").await }
    });
    eventually("it waits", || cache.stats().connections.unwrap().waiting == 1).await;
    let start = Instant::now();
    cache.close().await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    assert_eq!(waiting.await.unwrap().unwrap_err().kind(), ErrorKind::Closed);
    eventually("the tasks have ended", || tasks() == before).await;
}

#[tokio::test]
async fn dropping_ends_an_attempt_to_connect() {
    let silence = SilentAddress::new().await;
    let before = tasks();
    let backend = patient()
        .url(format!("redis://{}", silence.address()))
        .build()
        .unwrap();
    assert!(
        tokio::time::timeout(Duration::from_millis(20), backend.ping())
            .await
            .is_err()
    );
    drop(backend);
    eventually("the tasks have ended", || tasks() == before).await;
}

/// Without a runtime nothing works, and nothing panics.
#[test]
fn a_call_outside_of_a_runtime_says_so() {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    let backend = patient().port(1).build().unwrap();
    let poll = pin!(backend.ping()).poll(&mut Context::from_waker(Waker::noop()));
    let Poll::Ready(Err(error)) = poll else {
        panic!("{poll:?}")
    };
    assert!(error.to_string().contains("runtime"), "{error}");
}
