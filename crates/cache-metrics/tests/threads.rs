//! The thread that collects ends with the last handle and the last cache. It is alone in its program, so that the
//! threads of other tests are not counted.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![cfg(target_os = "linux")]

use cache_core::Cache;
use cache_memory::MemoryBackend;
use cache_metrics::Metrics;
use cache_testkit::eventually;

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

#[tokio::test]
async fn a_hundred_watched_caches_leave_no_thread() {
    let before = threads();
    for _ in 0..100 {
        let metrics = Metrics::builder().build().unwrap();
        let backend = MemoryBackend::builder().build().unwrap();
        let cache = Cache::builder(backend).layer(metrics.layer()).build().unwrap();
        cache.set("key", 1).await.unwrap();
        cache.close().await.unwrap();
    }
    eventually("all threads have ended", || threads() == before).await;
}
