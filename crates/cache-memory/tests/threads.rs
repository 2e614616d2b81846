//! A hundred caches that come and go leave no thread behind. It is alone in its program, so that the threads of other
//! tests are not counted.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![cfg(target_os = "linux")]

use cache_core::Cache;
use cache_memory::MemoryBackend;

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

#[tokio::test]
async fn a_hundred_caches_leave_no_thread() {
    let before = threads();
    for n in 0..100 {
        let cache = Cache::builder(MemoryBackend::builder().build().unwrap())
            .build()
            .unwrap();
        cache.set("key", n).await.unwrap();
        // The system may still list a thread for a moment after it has ended.
        cache_testkit::eventually("a cache has one thread", || threads() == before + 1).await;
        cache.close().await.unwrap();
    }
    cache_testkit::eventually("the threads of closed caches have ended", || threads() == before).await;
    for _ in 0..100 {
        drop(MemoryBackend::builder().build().unwrap());
    }
    // Dropping tells the thread to end and does not wait for it.
    cache_testkit::eventually("the threads of dropped caches have ended", || threads() == before).await;
}
