//! Replies that are not what the server sent. A value is never returned for another key, nor a value that was changed.

use std::time::{Duration, Instant};

use cache_core::{Cache, LoadOptions};
use cache_redis::BreakerSettings;
use cache_testkit::proxy::{Direction, Fault, When};
use cache_testkit::servers::Reply;

use crate::bench::{Bench, NAMESPACE};
use crate::call::{Call, Column, TAG, in_time, is_right, load_many, value_of};

row!(replies_that_come_twice, doubled);
row!(replies_that_are_lost, lost);
row!(replies_with_a_flipped_bit, flipped);
row!(replies_of_garbage, garbage);

pub(crate) const KEYS: usize = 100;
pub(crate) const CALLERS: usize = 8;
const LONG: Duration = Duration::from_millis(600);

/// In time for many calls although some get no answer.
pub(crate) const SHORT_BUDGET: Duration = Duration::from_millis(50);

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

pub(crate) fn key(n: usize) -> String {
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
            .clear_budget(SHORT_BUDGET)
            // An open breaker would spare the connections what this is about.
            .breaker(BreakerSettings::off())
    })
    .await;
    for key in (0..KEYS).map(key) {
        bench.store(&key).await;
    }
    let foreign = plant_foreign(&bench);
    // The connections that clears take are there as well.
    let gone = |bench: &Bench| bench.proxy().accepted() - bench.proxy().open();
    let gone_before = gone(&bench);
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
    assert!(gone(&bench) > gone_before, "no connection was given up");
    let asked = ["MGET".as_bytes()].into_iter();
    let values = bench
        .server
        .command(asked.chain(foreign.iter().map(Vec::as_slice)));
    for (key, value) in foreign.iter().zip(values.items()) {
        let is_untouched = *value == Reply::Bytes(FOREIGN.into());
        assert!(is_untouched, "{} holds {value:?}", key.escape_ascii());
    }
    bench.ends_clean_after_clears().await;
}

/// What the keys of others hold.
const FOREIGN: &str = "untouched";

/// Stores keys of others: each that is one bit away from a stored one, in what belongs to the namespace.
fn plant_foreign(bench: &Bench) -> Vec<Vec<u8>> {
    let stored = (0..KEYS).map(|n| format!("{NAMESPACE}:{}", key(n)).into_bytes());
    let foreign: Vec<_> = stored
        .flat_map(|stored| {
            (0..8 * (NAMESPACE.len() + 1)).map(move |bit| {
                let mut foreign = stored.clone();
                foreign[bit / 8] ^= 1 << (bit % 8);
                foreign
            })
        })
        .collect();
    let pairs = foreign
        .iter()
        .flat_map(|key| [key.as_slice(), FOREIGN.as_bytes()]);
    let planted = bench.server.command(["MSET".as_bytes()].into_iter().chain(pairs));
    assert_eq!(planted.text(), "OK");
    foreign
}

/// Calls on changing keys for a while. Errors and misses are as may be.
pub(crate) async fn call_on(column: Column, cache: Cache, caller: usize) {
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
                let _ = in_time(SHORT_BUDGET, cache.exists(&two)).await;
                let _ = in_time(SHORT_BUDGET, cache.ping()).await;
            }
            Column::GetOrLoad => {
                // It does not fail, and the value is the right one, loaded or not.
                let value = value_of(&one);
                let loader = || async move { Ok::<_, std::io::Error>(value) };
                // It reads, and stores what it has loaded.
                let ended = in_time(2 * SHORT_BUDGET, cache.get_or_load(&one, loader)).await;
                let value: String = ended.unwrap();
                is_right(&one, Some(&value));
                let keys = [&*one, &*two];
                // Where replies are lost, a caller may be given the reply to a later request, late.
                let tagged = Call::TaggedGetOrLoad.run_slowly(SHORT_BUDGET, &cache, &keys[1..]);
                tagged.await.is_well();
                let many = cache.get_or_load_many::<String, _>(&keys, load_many);
                for (key, value) in keys.into_iter().zip(in_time(2 * SHORT_BUDGET, many).await) {
                    assert!(is_right(key, value.unwrap().as_deref()));
                }
                strict_on(&cache, keys).await;
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
                let _ = in_time(SHORT_BUDGET, cache.invalidate_tag(TAG)).await;
                // So that a clear has something to find.
                let some: Vec<_> = (n..n + 20).map(key).collect();
                let set = cache.set_many(some.iter().map(|key| (&**key, value_of(key))));
                let _ = in_time(SHORT_BUDGET, set).await;
                let _ = in_time(SHORT_BUDGET, cache.clear()).await;
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
                let _ = in_time(SHORT_BUDGET, cache.delete_many(&[&*two])).await;
            }
        }
    }
}

/// Loads that were told to fail if the backend does. What they give is right.
async fn strict_on(cache: &Cache, keys: [&str; 2]) {
    let strict = LoadOptions::new().strict(true);
    let [one, _] = keys;
    let value = value_of(one);
    let loader = || async move { Ok::<_, std::io::Error>(value) };
    let load = cache.get_or_load(one, loader).options(&strict);
    if let Ok(value) = in_time(2 * SHORT_BUDGET, load).await {
        let value: String = value;
        is_right(one, Some(&value));
    }
    let many = cache.get_or_load_many::<String, _>(&keys, load_many);
    let found = in_time(2 * SHORT_BUDGET, many.options(&strict)).await;
    for (key, value) in keys.into_iter().zip(found) {
        if let Ok(value) = value {
            assert!(is_right(key, value.as_deref()));
        }
    }
}
