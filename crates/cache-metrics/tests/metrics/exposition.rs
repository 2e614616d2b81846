//! The exposition as a whole: complete, described, bounded, and as the documentation says.

use cache_metrics::names::{ALL, Metric, MetricKind};
use cache_testkit::ManualClock;

use crate::support::{Watched, memory};

/// A cache that has met everything that can happen to it in memory.
async fn busy() -> Watched {
    let watched = Watched::new(|builder| builder);
    let cache = watched.cache(memory(&ManualClock::new()).max_items(2).build().unwrap());
    for n in 0..200 {
        let key = format!("secret-key-{n}");
        cache.set(&key, n).await.unwrap();
        cache.get::<i32>(&key).await.unwrap();
        cache.exists(&key).await.unwrap();
        cache.delete(&key).await.unwrap();
    }
    cache.get::<i32>("").await.unwrap_err();
    cache.clear().await.unwrap();
    watched
}

/// Says whether a memory without a weigher has this metric.
fn is_of_memory(metric: &Metric) -> bool {
    !metric.of_server && !metric.suffix.contains("weight")
}

#[tokio::test]
async fn every_metric_of_the_table_is_there_with_its_kind_and_help() {
    let rendered = busy().await.render();
    for metric in ALL.iter().filter(|metric| is_of_memory(metric)) {
        let name = format!("gofr_cache_{}", metric.suffix);
        let kind = match metric.kind {
            MetricKind::Counter => "counter",
            MetricKind::Gauge => "gauge",
            _ => "histogram",
        };
        assert!(rendered.contains(&format!("# TYPE {name} {kind}\n")), "{name}");
        assert!(
            rendered.contains(&format!("# HELP {name} {}\n", metric.help)),
            "{name}"
        );
    }
}

#[tokio::test]
async fn no_metric_is_there_that_the_table_does_not_have() {
    for line in busy()
        .await
        .render()
        .lines()
        .filter(|line| line.starts_with("# TYPE "))
    {
        let name = line.split(' ').nth(2).unwrap();
        let suffix = name
            .strip_prefix("gofr_cache_")
            .or_else(|| name.strip_prefix("gofr_inmemory_cache_"))
            .unwrap();
        assert!(ALL.iter().any(|metric| metric.suffix == suffix), "{name}");
    }
}

#[tokio::test]
async fn keys_are_nowhere() {
    assert!(!busy().await.render().contains("secret-key"));
}

/// As the exposition format has it: a value that is not escaped would end its label, its line, or the whole scrape.
#[tokio::test]
async fn a_label_value_may_hold_quotes_backslashes_and_line_ends() {
    let watched = Watched::new(|builder| builder.label("path", "C:\\new \"one\"\nand more"));
    let cache = watched.cache(memory(&ManualClock::new()).build().unwrap());
    cache.set("key", 1).await.unwrap();
    let rendered = watched.render();
    let escaped = r#"path="C:\\new \"one\"\nand more""#;
    for line in rendered.lines().filter(|line| line.starts_with("gofr_")) {
        assert!(line.contains(escaped), "{line}");
    }
    assert!(rendered.contains("gofr_cache_sets_total{"), "{rendered}");
    for line in rendered.lines() {
        let is_known = line.is_empty() || line.starts_with(['#']) || line.starts_with("gofr_");
        assert!(is_known, "{line}");
    }
}

/// The number of series depends on the caches and not on the keys.
#[tokio::test]
async fn the_number_of_series_has_a_ceiling() {
    let rendered = busy().await.render();
    let families = |line: &&str| line.starts_with("gofr_cache_") && !line.contains("_bucket");
    let series = rendered.lines().filter(families).count();
    assert!(series <= 80, "{series} series without buckets");
    assert!(rendered.lines().filter(|line| line.starts_with("gofr_")).count() <= 500);
}

/// The table that people read is the table that the code uses.
#[test]
fn the_table_in_the_documentation_is_the_table_in_the_code() {
    let source = include_str!("../../src/names.rs");
    let rows: Vec<&str> = source
        .lines()
        .filter(|line| line.starts_with("//! | `"))
        .collect();
    assert_eq!(rows.len(), ALL.len());
    for metric in ALL {
        let row = rows
            .iter()
            .find(|row| row.starts_with(&format!("//! | `{}` |", metric.suffix)));
        let cells: Vec<&str> = row
            .unwrap_or_else(|| panic!("{} is missing", metric.suffix))
            .split('|')
            .collect();
        assert_eq!(
            cells[2].trim(),
            format!("{:?}", metric.kind).to_lowercase(),
            "{}",
            metric.suffix
        );
        let labels = metric
            .labels
            .iter()
            .map(|label| format!("`{label}`"))
            .collect::<Vec<_>>()
            .join(", ");
        assert_eq!(cells[3].trim(), labels, "{}", metric.suffix);
    }
}
