//! The stack that most services write for themselves: a trait object of async-trait over `moka::future`, with the
//! macros of the metrics facade in every call.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use metrics::{counter, histogram};

/// The name of its histogram.
pub const LATENCY: &str = "usual_cache_operation_latency_seconds";

/// The trait that such a stack begins with.
#[async_trait]
pub trait UsualCache<V>: Send + Sync {
    /// Reads a value.
    async fn get(&self, key: &str) -> Option<V>;
    /// Stores a value.
    async fn set(&self, key: &str, value: V);
}

struct UsualMemory<V> {
    name: String,
    cache: moka::future::Cache<String, V>,
}

/// Builds the stack.
pub fn usual<V: Clone + Send + Sync + 'static>(
    name: &str,
    max_items: u64,
    ttl: Duration,
) -> Arc<dyn UsualCache<V>> {
    let cache = moka::future::Cache::builder()
        .max_capacity(max_items)
        .time_to_live(ttl)
        .build();
    Arc::new(UsualMemory {
        name: name.to_owned(),
        cache,
    })
}

#[async_trait]
impl<V: Clone + Send + Sync + 'static> UsualCache<V> for UsualMemory<V> {
    async fn get(&self, key: &str) -> Option<V> {
        let start = Instant::now();
        let found = self.cache.get(key).await;
        if found.is_some() {
            counter!("usual_cache_hits_total", "cache_name" => self.name.clone()).increment(1);
        } else {
            counter!("usual_cache_misses_total", "cache_name" => self.name.clone()).increment(1);
        }
        histogram!(LATENCY, "cache_name" => self.name.clone(), "operation" => "get").record(start.elapsed());
        found
    }

    async fn set(&self, key: &str, value: V) {
        let start = Instant::now();
        self.cache.insert(key.to_owned(), value).await;
        counter!("usual_cache_sets_total", "cache_name" => self.name.clone()).increment(1);
        histogram!(LATENCY, "cache_name" => self.name.clone(), "operation" => "set").record(start.elapsed());
    }
}
