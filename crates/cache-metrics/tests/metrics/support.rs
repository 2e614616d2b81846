//! A cache with metrics of its own, and a look at what they say.

use std::sync::Arc;
use std::time::Duration;

use cache_core::{Cache, CacheBackend};
use cache_memory::{MemoryBackend, MemoryBuilder, Weigher};
use cache_metrics::{Metrics, MetricsBuilder};
use cache_testkit::ManualClock;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};

/// Metrics with a recorder of their own, so that tests keep apart.
pub(crate) struct Watched {
    pub(crate) metrics: Metrics,
    recorder: Arc<PrometheusRecorder>,
}

impl Watched {
    pub(crate) fn new(configure: impl Fn(MetricsBuilder) -> MetricsBuilder) -> Self {
        let buckets = configure(Metrics::builder()).build().unwrap().buckets();
        let mut exporter = PrometheusBuilder::new();
        for (name, bounds) in buckets {
            let full = metrics_exporter_prometheus::Matcher::Full(name);
            exporter = exporter.set_buckets_for_metric(full, &bounds).unwrap();
        }
        Self::on(Arc::new(exporter.build_recorder()), configure)
    }

    /// Other metrics that go to the same recorder.
    pub(crate) fn beside(&self, configure: impl Fn(MetricsBuilder) -> MetricsBuilder) -> Self {
        Self::on(Arc::clone(&self.recorder), configure)
    }

    fn on(recorder: Arc<PrometheusRecorder>, configure: impl Fn(MetricsBuilder) -> MetricsBuilder) -> Self {
        let quiet = Duration::from_secs(3_600);
        let builder = configure(Metrics::builder().collect_interval(quiet)).recorder(recorder.clone());
        Self {
            metrics: builder.build().unwrap(),
            recorder,
        }
    }

    /// A cache called `users` on a backend.
    pub(crate) fn cache(&self, backend: impl CacheBackend) -> Cache {
        self.named("users", backend)
    }

    pub(crate) fn named(&self, name: &str, backend: impl CacheBackend) -> Cache {
        Cache::builder(backend)
            .name(name)
            .layer(self.metrics.layer())
            .build()
            .unwrap()
    }

    /// Everything as Prometheus would read it.
    pub(crate) fn render(&self) -> String {
        self.metrics.collect();
        let handle = self.recorder.handle();
        handle.run_upkeep();
        handle.render()
    }

    /// The value of the one series whose line begins with the name and holds each of the labels.
    pub(crate) fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let rendered = self.render();
        let mut found = rendered.lines().filter(|line| {
            let is_name = line
                .strip_prefix(name)
                .is_some_and(|rest| rest.starts_with(['{', ' ']));
            is_name
                && labels
                    .iter()
                    .all(|(name, value)| line.contains(&format!("{name}=\"{value}\"")))
        });
        let value = found.next()?.rsplit(' ').next()?.parse().ok();
        assert!(
            found.next().is_none(),
            "{name} with {labels:?} names several series"
        );
        value
    }

    /// The value of a series of the cache `users`.
    pub(crate) fn users(&self, suffix: &str) -> f64 {
        self.value(&format!("gofr_cache_{suffix}"), &[("cache_name", "users")])
            .unwrap()
    }
}

/// A memory backend by a manual clock whose thread does nothing.
pub(crate) fn memory(clock: &Arc<ManualClock>) -> MemoryBuilder {
    MemoryBackend::builder()
        .clock(clock.clone())
        .maintenance_interval(Duration::from_secs(3_600))
}

/// A cache with a limit by weight that has evicted one entry for want of room, and two that would never fit.
pub(crate) async fn evicting(watched: &Watched) -> Cache {
    let weigher = Weigher::new(|_, value| value.downcast_ref::<u32>().copied().unwrap_or_default());
    let cache = watched.cache(
        memory(&ManualClock::new())
            .max_weight(10, weigher)
            .build()
            .unwrap(),
    );
    for (key, weight) in [("a", 6_u32), ("b", 6), ("c", 11), ("d", 12)] {
        cache.set(key, weight).await.unwrap();
    }
    cache
}
