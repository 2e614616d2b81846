//! Limits under a flood of writes: live entries never exceed them by more than 1,024, in tasks as in threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use cache_core::{Cache, Value};
use serde::Serialize;

use crate::support::setup;

const LIMIT: u64 = 1_000;
const SLACK: i64 = 1_024;

/// How many values live, and how many lived at most.
#[derive(Default)]
struct Census {
    living: AtomicI64,
    most: AtomicI64,
    looked: AtomicU64,
}

/// A value that is counted as long as it lives anywhere.
#[derive(Serialize)]
struct Counted {
    #[serde(skip)]
    census: Arc<Census>,
}

impl Census {
    fn value(self: &Arc<Self>) -> Value {
        let living = self.living.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(living, Ordering::SeqCst);
        Value::new(Counted {
            census: Arc::clone(self),
        })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.census.living.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Writes keys of its own and looks at the count after each.
async fn write(cache: Cache, census: Arc<Census>, writer: usize, rounds: usize) {
    let limit = cache.stats().max_items.unwrap();
    for n in 0..rounds {
        cache.set(&format!("{writer}-{n}"), census.value()).await.unwrap();
        let items = i64::try_from(cache.stats().items.unwrap()).unwrap();
        assert!(
            items <= i64::try_from(limit).unwrap() + SLACK,
            "{items} entries at a limit of {limit}"
        );
        census.looked.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn sixty_four_tasks_do_not_pass_the_limit() {
    let cache = setup(|builder| builder.max_items(LIMIT)).cache;
    let census = Arc::new(Census::default());
    let writers: Vec<_> = (0..64)
        .map(|writer| tokio::spawn(write(cache.clone(), Arc::clone(&census), writer, 1_000)))
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(census.looked.load(Ordering::Relaxed), 64_000);
    assert_eq!(cache.stats().items, Some(LIMIT));
}

#[test]
fn eight_threads_do_not_pass_the_limit() {
    eight_threads_at(LIMIT);
}

/// Below such a limit writes take effect on the policy several at a time, until it is near.
#[test]
fn eight_threads_do_not_pass_a_large_limit() {
    eight_threads_at(5 * LIMIT);
}

fn eight_threads_at(limit: u64) {
    let cache = setup(|builder| builder.max_items(limit)).cache;
    let census = Arc::new(Census::default());
    std::thread::scope(|scope| {
        for writer in 0..8 {
            let (cache, census) = (cache.clone(), Arc::clone(&census));
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                runtime.block_on(write(cache, census, writer, 8_000));
            });
        }
    });
    assert_eq!(census.looked.load(Ordering::Relaxed), 64_000);
    assert_eq!(cache.stats().items, Some(limit));
}
