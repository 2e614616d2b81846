//! What is remembered of a load that failed, and for how long.

use std::sync::Arc;

use cache_core::{Cache, CacheBackend, ErrorKind, LoadContext, LoadOptions, LoadResult, Loaded};
use cache_testkit::SlowBackend;

use crate::support::{Bench, Down, Fixed, Gate, SECOND, settle};

fn with(options: LoadOptions) -> Bench {
    Bench::with(|builder| builder.loading(options.ttl(10 * SECOND).jitter(0.0)))
}

async fn load(cache: &Cache, answer: Result<i64, Down>) -> cache_core::Result<i64> {
    cache.get_or_load("key", move || async move { answer }).await
}

#[tokio::test]
async fn who_has_a_stale_value_never_gets_the_remembered_error() {
    let bench = with(
        LoadOptions::new()
            .stale_if_error(600 * SECOND)
            .retry_after(SECOND)
            .error_memory(60 * SECOND),
    );
    load(&bench.cache, Ok(1)).await.unwrap();
    bench.clock.advance(10 * SECOND);
    assert_eq!(load(&bench.cache, Err(Down(1))).await.unwrap(), 1);
    bench.clock.advance(2 * SECOND);
    assert_eq!(load(&bench.cache, Err(Down(2))).await.unwrap(), 1);
    assert_eq!(
        bench.ear.results().len(),
        3,
        "it was tried again after retry_after"
    );
}

#[tokio::test(start_paused = true)]
async fn a_renewal_ahead_that_failed_is_not_tried_again_at_once() {
    let options = LoadOptions::new()
        .refresh_ahead(100.0)
        .ttl(100 * SECOND)
        .jitter(0.0);
    let bench = Bench::with(|builder| builder.loading(options).random(Arc::new(Fixed(0.9))));
    let slow = || async {
        tokio::time::sleep(SECOND).await;
        Ok::<i64, Down>(1)
    };
    bench.cache.get_or_load("key", slow).await.unwrap();
    bench.clock.advance(99 * SECOND);
    for _ in 0..5 {
        assert_eq!(load(&bench.cache, Err(Down(1))).await.unwrap(), 1);
        settle().await;
    }
    assert_eq!(bench.ear.results(), [LoadResult::Success, LoadResult::Error]);
}

#[tokio::test(start_paused = true)]
async fn what_the_limit_refused_is_not_remembered() {
    let options = LoadOptions::new().error_memory(60 * SECOND);
    let bench = Bench::with(|builder| builder.loading(options).max_concurrent_loads(1).load_wait(SECOND));
    let gate = Gate::shut();
    let (cache, run) = (bench.cache.clone(), gate.clone());
    let other = tokio::spawn(async move {
        let load = || async move { Ok::<_, Down>(run.pass().await) };
        cache.get_or_load("other", load).await
    });
    gate.reached(1).await;
    let refused = load(&bench.cache, Ok(1)).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Exhausted);
    gate.let_all_through();
    other.await.unwrap().unwrap();
    assert_eq!(load(&bench.cache, Ok(1)).await.unwrap(), 1);
}

#[tokio::test]
async fn not_modified_without_an_older_value_is_remembered_as_a_failure() {
    let bench = with(LoadOptions::new().error_memory(60 * SECOND));
    let says = |_: LoadContext<i64>| async { Ok::<_, Down>(Loaded::not_modified()) };
    bench.cache.get_or_load("key", says).await.unwrap_err();
    assert_eq!(
        load(&bench.cache, Ok(1)).await.unwrap_err().kind(),
        ErrorKind::Load
    );
    assert_eq!(bench.ear.results(), [LoadResult::Error]);
}

#[tokio::test]
async fn a_value_that_is_not_to_be_stored_ends_the_memory_of_a_failure() {
    let options = LoadOptions::new()
        .stale_if_error(600 * SECOND)
        .retry_after(4 * SECOND);
    let bench = with(options);
    load(&bench.cache, Ok(1)).await.unwrap();
    bench.clock.advance(10 * SECOND);
    load(&bench.cache, Err(Down(1))).await.unwrap();
    bench.clock.advance(4 * SECOND);
    let says = |_: LoadContext<i64>| async { Ok::<_, Down>(Loaded::do_not_store(2)) };
    let patient = options.error_memory(60 * SECOND);
    let call = bench.cache.get_or_load("key", says).options(&patient);
    assert_eq!(call.await.unwrap(), Some(2));
}

#[tokio::test]
async fn a_failure_during_a_write_is_forgotten_when_the_write_ends() {
    let slow = Arc::new(std::sync::OnceLock::new());
    let kept = Arc::clone(&slow);
    let bench = Bench::on(
        move |map| {
            let backend = Arc::new(SlowBackend::new(map));
            kept.set(Arc::clone(&backend)).ok().unwrap();
            backend as Arc<dyn CacheBackend>
        },
        |builder| builder.loading(LoadOptions::new().error_memory(60 * SECOND)),
    );
    let slow = slow.get().unwrap();
    let mut delete = bench.cache.delete("key");
    let waker = std::task::Waker::noop();
    let polled = std::pin::Pin::new(&mut delete);
    let polled = std::future::Future::poll(polled, &mut std::task::Context::from_waker(waker));
    assert!(polled.is_pending());
    slow.release(1);
    load(&bench.cache, Err(Down(1))).await.unwrap_err();
    slow.open();
    delete.await.unwrap();
    assert_eq!(load(&bench.cache, Ok(1)).await.unwrap(), 1);
}

/// An error of a loader that calls the cache when it is dropped.
#[derive(Debug)]
struct Calls(Cache);

impl std::fmt::Display for Calls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("down")
    }
}

impl std::error::Error for Calls {}

impl Drop for Calls {
    fn drop(&mut self) {
        drop(self.0.delete("key"));
    }
}

#[tokio::test]
async fn an_error_that_calls_the_cache_when_it_is_forgotten_does_not_hang() {
    let bench = with(LoadOptions::new().error_memory(60 * SECOND));
    for forgets in [true, false] {
        let cache = bench.cache.clone();
        let fails = || async move { Err::<i64, _>(Calls(cache)) };
        drop(bench.cache.get_or_load("key", fails).await.unwrap_err());
        let cache = bench.cache.clone();
        let write = std::thread::spawn(move || {
            if forgets {
                drop(cache.delete("key"));
            } else {
                drop(cache.clear());
            }
        });
        cache_testkit::eventually("the write has returned", || write.is_finished()).await;
    }
}
