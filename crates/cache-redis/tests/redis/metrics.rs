//! What an alert sees of a server that refuses the credentials, or what the user may not do.

use std::sync::Arc;
use std::time::Duration;

use cache_core::{Cache, ErrorKind, Operation};
use cache_metrics::Metrics;
use cache_redis::RedisBuilder;
use cache_testkit::servers::RedisServer;
use metrics_exporter_prometheus::PrometheusBuilder;

use crate::support::patient;

const OPERATIONS: [Operation; 3] = [Operation::Get, Operation::Set, Operation::Clear];

/// How often each operation is refused.
const CALLS: usize = 7;

/// Lets a server refuse a cache all that it asks, and returns what is exported then.
async fn refused(settings: RedisBuilder) -> String {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    let metrics = Metrics::builder()
        .collect_interval(Duration::from_secs(3_600))
        .recorder(Arc::new(recorder))
        .build()
        .unwrap();
    let cache = Cache::builder(settings.build().unwrap())
        .name("users")
        .layer(metrics.layer())
        .build()
        .unwrap();
    for _ in 0..CALLS {
        let errors = [
            cache.get::<i64>("key").await.unwrap_err(),
            cache.set("key", 1_i64).await.unwrap_err(),
            cache.clear().await.unwrap_err(),
        ];
        assert!(
            errors.iter().all(|error| error.kind() == ErrorKind::Denied),
            "{errors:?}"
        );
    }
    metrics.collect();
    handle.render()
}

#[tokio::test]
async fn credentials_and_rights_that_are_refused_are_counted_errors_of_each_operation() {
    let locked = RedisServer::builder().password("of-the-server").start();
    let confining = RedisServer::builder().user("app on >canary -@all +ping").start();
    // Who is refused at the door has no server; one that answers each command with a refusal is alive.
    let cases = [
        ("NOAUTH", "1", patient().url(locked.url())),
        (
            "WRONGPASS",
            "0",
            patient().url(locked.url()).password("wrong-canary"),
        ),
        (
            "NOPERM",
            "1",
            patient().url(confining.url()).user("app").password("canary"),
        ),
    ];
    for (case, up, settings) in cases {
        let rendered = refused(settings).await;
        assert!(!rendered.contains("canary"), "{case}: {rendered}");
        let series = |name: &str, labels: &[&str]| -> Vec<&str> {
            let lines = rendered.lines().filter(|line| line.starts_with(name));
            let lines = lines.filter(|line| labels.iter().all(|label| line.contains(label)));
            lines.filter_map(|line| line.rsplit(' ').next()).collect()
        };
        for operation in OPERATIONS {
            let labels = [&*format!("operation=\"{operation}\""), "kind=\"denied\""];
            let counted = series("gofr_cache_errors_total{", &labels);
            assert_eq!(counted, [CALLS.to_string()], "{case}, {operation}: {rendered}");
        }
        let all = series("gofr_cache_errors_total{", &[]);
        let counted = all.iter().filter(|count| **count != "0").count();
        assert_eq!(counted, OPERATIONS.len(), "{case}: {rendered}");
        assert_eq!(
            series("gofr_cache_backend_up{", &["users"]),
            [up],
            "{case}: {rendered}"
        );
    }
}
