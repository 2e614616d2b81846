//! What an alert sees of a server that refuses the credentials.

use std::sync::Arc;
use std::time::Duration;

use cache_core::{Cache, ErrorKind};
use cache_metrics::Metrics;
use cache_testkit::servers::RedisServer;
use metrics_exporter_prometheus::PrometheusBuilder;

use crate::support::patient;

#[tokio::test]
async fn credentials_that_are_refused_are_counted_errors_of_a_server_that_is_down() {
    let server = RedisServer::builder().password("of-the-server").start();
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    let metrics = Metrics::builder()
        .collect_interval(Duration::from_secs(3_600))
        .recorder(Arc::new(recorder))
        .build()
        .unwrap();
    let backend = patient()
        .url(server.url())
        .password("wrong-canary")
        .build()
        .unwrap();
    let cache = Cache::builder(backend)
        .name("users")
        .layer(metrics.layer())
        .build()
        .unwrap();
    for _ in 0..7 {
        let error = cache.get::<i64>("key").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied);
    }
    metrics.collect();
    let rendered = handle.render();
    assert!(!rendered.contains("canary"), "{rendered}");
    let values = |name: &str, label: &str| -> Vec<&str> {
        let lines = rendered.lines();
        let lines = lines.filter(|line| line.starts_with(name) && line.contains(label));
        lines.filter_map(|line| line.rsplit(' ').next()).collect()
    };
    // There is a series for each operation.
    let mut denied = values("gofr_cache_errors_total{", "kind=\"denied\"");
    denied.retain(|count| *count != "0");
    assert_eq!(denied, ["7"], "{rendered}");
    assert_eq!(values("gofr_cache_backend_up{", "users"), ["0"], "{rendered}");
}
