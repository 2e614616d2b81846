//! Replies that are not what the server sent. A value is never returned for another key, nor a value that was changed.

use std::time::{Duration, Instant};

use cache_redis::BreakerSettings;
use cache_testkit::proxy::{Direction, Fault, When};

use crate::bench::Bench;
use crate::call::{Call, Column, in_time, is_right, value_of};

row!(replies_that_come_twice, doubled);
row!(replies_that_are_lost, lost);
row!(replies_with_a_flipped_bit, flipped);
row!(replies_of_garbage, garbage);

const KEYS: usize = 100;
const CALLERS: usize = 8;
const LONG: Duration = Duration::from_millis(600);

/// In time for many calls although some get no answer.
const SHORT_BUDGET: Duration = Duration::from_millis(50);

async fn doubled(column: Column) {
    corrupted(column, Fault::Duplicate).await;
}

async fn lost(column: Column) {
    corrupted(column, Fault::Swallow).await;
}

async fn flipped(column: Column) {
    corrupted(column, Fault::Flip).await;
}

async fn garbage(column: Column) {
    corrupted(column, Fault::Garbage).await;
}

fn key(n: usize) -> String {
    format!("key-{:02}", n % KEYS)
}

#[test]
fn resp3_confuses_no_values_either() {
    crate::cell::run(async {
        for fault in [Fault::Duplicate, Fault::Swallow] {
            corrupted_in(true, Column::Get, fault).await;
        }
    });
}

async fn corrupted(column: Column, fault: Fault) {
    corrupted_in(false, column, fault).await;
}

/// Callers share the connection, so that a reply too many or too few shifts those of all.
async fn corrupted_in(resp3: bool, column: Column, fault: Fault) {
    let bench = Bench::proxied_with(|settings| {
        settings
            .resp3(resp3)
            .read_budget(SHORT_BUDGET)
            .write_budget(SHORT_BUDGET)
            // An open breaker would spare the connections what this is about.
            .breaker(BreakerSettings::off())
    })
    .await;
    for key in (0..KEYS).map(key) {
        bench.store(&key).await;
    }
    let accepted = bench.proxy().accepted();
    bench.proxy().harm(Direction::Replies, fault, When::OneIn(10));
    let callers: Vec<_> = (0..CALLERS)
        .map(|caller| tokio::spawn(call_on(column, bench.cache.clone(), caller)))
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    assert!(
        bench.proxy().harmed() > 3,
        "only {} replies were harmed",
        bench.proxy().harmed()
    );
    bench.proxy().heal();
    bench.recovers().await;
    if column == Column::Get {
        assert!(bench.proxy().accepted() > accepted, "no connection was given up");
    }
    bench.ends_clean().await;
}

/// Calls on changing keys for a while. Errors and misses are as may be.
async fn call_on(column: Column, cache: cache_core::Cache, caller: usize) {
    let start = Instant::now();
    let mut n = caller * 7;
    while start.elapsed() < LONG {
        n += 13;
        let (one, two) = (key(n), key(n + 1));
        match column {
            Column::Get => {
                if let Ok(value) = in_time(SHORT_BUDGET, cache.get::<String>(&one)).await {
                    is_right(&one, value.as_deref());
                }
            }
            Column::GetOrLoad => {
                // It does not fail, and the value is the right one, loaded or not.
                let value = value_of(&one);
                let loader = || async move { Ok::<_, std::io::Error>(value) };
                // It reads, and stores what it has loaded.
                let ended = in_time(2 * SHORT_BUDGET, cache.get_or_load(&one, loader)).await;
                let value: String = ended.unwrap();
                is_right(&one, Some(&value));
                Call::TaggedGetOrLoad.run_on(&cache, &[&*two]).await.is_well();
            }
            Column::Set => {
                let _ = in_time(SHORT_BUDGET, cache.set(&one, value_of(&one))).await;
                // What was stored is right, whatever the set was told.
                if let Ok(value) = in_time(SHORT_BUDGET, cache.get::<String>(&one)).await {
                    is_right(&one, value.as_deref());
                }
            }
            Column::DeleteAndClear => {
                let _ = in_time(SHORT_BUDGET, cache.delete(&one)).await;
                let _ = in_time(SHORT_BUDGET, cache.set(&one, value_of(&one))).await;
            }
            Column::ManyKeys => {
                let set = cache.set_many([(&*one, value_of(&one)), (&*two, value_of(&two))]);
                let _ = in_time(SHORT_BUDGET, set).await;
                let found = in_time(SHORT_BUDGET, cache.get_many::<String>(&[&*one, &*two])).await;
                for (key, value) in [&one, &two].into_iter().zip(found) {
                    if let Ok(value) = value {
                        is_right(key, value.as_deref());
                    }
                }
            }
        }
    }
}
