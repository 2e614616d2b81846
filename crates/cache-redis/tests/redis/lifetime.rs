//! The end: tasks, connections and what waits end with the backend, whichever way it ends.

use std::time::{Duration, Instant};

use cache_core::{Cache, CacheBackend, ErrorKind};
use cache_redis::RedisBuilder;
use cache_testkit::eventually;
use cache_testkit::proxy::SilentAddress;
use cache_testkit::servers::{RedisCluster, RedisServer};

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
async fn a_close_ends_a_request_that_is_under_way() {
    let server = RedisServer::builder().start();
    let backend = patient().url(server.url());
    ends_what_is_under_way(backend, std::slice::from_ref(&server)).await;
}

#[tokio::test]
async fn a_close_ends_one_to_a_cluster() {
    let cluster = RedisCluster::start();
    ends_what_is_under_way(patient().cluster(cluster.urls()), cluster.nodes()).await;
}

/// The client library would send it again, over another connection.
#[tokio::test]
async fn after_a_close_a_write_to_a_cluster_is_not_sent_again() {
    let cluster = RedisCluster::start();
    let backend = patient().cluster(cluster.urls()).connect().await.unwrap();
    let cache = Cache::builder(backend).build().unwrap();
    cache.set("key", 1).await.unwrap();
    for node in cluster.nodes() {
        node.reset_calls();
        node.freeze();
    }
    let set = tokio::spawn({
        let cache = cache.clone();
        async move { cache.set("key", 2).await }
    });
    // Time for the request to reach the kernel.
    tokio::time::sleep(Duration::from_millis(20)).await;
    cache.close().await.unwrap();
    for node in cluster.nodes() {
        node.thaw();
    }
    assert_eq!(set.await.unwrap().unwrap_err().kind(), ErrorKind::Closed);
    let sets = |node: &RedisServer| node.calls().get("set").copied().unwrap_or_default();
    let primaries = cluster.primaries();
    assert!(primaries.into_iter().map(sets).sum::<u64>() <= 1);
}

async fn ends_what_is_under_way(backend: RedisBuilder, nodes: &[RedisServer]) {
    let cache = Cache::builder(backend.connect().await.unwrap()).build().unwrap();
    cache.get::<i64>("key").await.unwrap();
    for node in nodes {
        node.freeze();
    }
    let get = tokio::spawn({
        let cache = cache.clone();
        async move { cache.get::<i64>("key").await }
    });
    tokio::task::yield_now().await;
    cache.close().await.unwrap();
    // Long before its budget has passed.
    let ended = tokio::time::timeout(Duration::from_secs(5), get).await.unwrap();
    assert_eq!(ended.unwrap().unwrap_err().kind(), ErrorKind::Closed);
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

/// Nor does it where the connections are there already: the timers of a call need one too.
#[test]
fn calls_outside_of_a_runtime_say_so_although_there_is_a_connection() {
    let server = RedisServer::builder().start();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let backend = runtime.block_on(patient().url(server.url()).connect()).unwrap();
    let cache = Cache::builder(backend).build().unwrap();
    runtime.block_on(async { cache.set("key", 1_i64).await }).unwrap();
    std::thread::spawn({
        let cache = cache.clone();
        move || {
            let errors = [
                poll_once(async { cache.get::<i64>("key").await.map(drop) }),
                poll_once(async { cache.set("key", 1_i64).await }),
                poll_once(async { cache.clear().await }),
            ];
            for error in errors {
                assert!(error.to_string().contains("runtime"), "{error}");
            }
        }
    })
    .join()
    .unwrap();
}

fn poll_once(call: impl Future<Output = cache_core::Result<()>>) -> cache_core::CacheError {
    use std::task::{Context, Poll, Waker};

    let poll = std::pin::pin!(call).poll(&mut Context::from_waker(Waker::noop()));
    let Poll::Ready(Err(error)) = poll else {
        panic!("{poll:?}")
    };
    error
}

/// A runtime that is there and that nobody runs: what was begun in it does not end.
#[test]
fn an_attempt_in_a_runtime_that_is_not_run_holds_up_nobody_for_ever() {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    };
    let short = Duration::from_millis(100);
    let server = RedisServer::builder().start();
    let backend = patient()
        .url(server.url())
        .connect_timeout(short)
        .read_budget(short)
        .build()
        .unwrap();
    let cache = Cache::builder(backend).build().unwrap();
    let (idle, other) = (runtime(), runtime());
    idle.block_on(async {
        let mut get = Box::pin(async { cache.get::<i64>("key").await });
        std::future::poll_fn(|context| {
            assert!(get.as_mut().poll(context).is_pending());
            std::task::Poll::Ready(())
        })
        .await;
    });
    other.block_on(async {
        let start = Instant::now();
        while cache.get::<i64>("key").await.is_err() {
            assert!(start.elapsed() < Duration::from_secs(2), "nobody connects anew");
        }
        tokio::time::timeout(Duration::from_secs(3), cache.close())
            .await
            .unwrap()
            .unwrap();
    });
}
