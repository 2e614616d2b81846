//! A recorder that is installed after the caches are built gets everything that happened before. It is alone in its
//! program, because there is one global recorder.

use std::time::Duration;

use cache_core::Cache;
use cache_memory::MemoryBackend;
use cache_metrics::Metrics;
use cache_testkit::eventually;
use metrics_exporter_prometheus::PrometheusBuilder;

#[tokio::test]
async fn nothing_is_lost_before_there_is_a_recorder() {
    let metrics = Metrics::builder()
        .collect_interval(Duration::from_millis(10))
        .build()
        .unwrap();
    let backend = MemoryBackend::builder().build().unwrap();
    let cache = Cache::builder(backend)
        .name("early")
        .layer(metrics.layer())
        .build()
        .unwrap();
    for _ in 0..2_000 {
        cache.set("key", 1).await.unwrap();
    }
    cache.get::<i32>("key").await.unwrap();
    metrics.collect();

    let handle = PrometheusBuilder::new().install_recorder().unwrap();
    cache.get::<i32>("key").await.unwrap();

    let says = |line: &str| handle.render().lines().any(|said| said == line);
    let labels = "cache_name=\"early\",backend=\"memory\"";
    let hits = format!("gofr_cache_hits_total{{{labels}}} 2");
    eventually("the thread brings the hits from before and after", || says(&hits)).await;
    let timed = format!("gofr_cache_operation_latency_seconds_count{{{labels},operation=\"set\"}} 2000");
    eventually("the latencies of all early sets have arrived", || says(&timed)).await;
    assert!(handle.render().contains("# HELP gofr_cache_hits_total"));
}
