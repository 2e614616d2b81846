//! Every entry is accounted for exactly once, and what was invalidated is never read again, whatever runs at the same
//! time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::support::setup;

/// A small generator of numbers, one for each task, so that a failure can be run again.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

/// Sets, deletes, ends and evictions in any order leave a count that is right when all is quiet.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_counted_is_what_is_there() {
    let setup = Arc::new(setup(|builder| builder.max_items(64)));
    let tasks: Vec<_> = (0..8)
        .map(|seed| {
            let setup = Arc::clone(&setup);
            tokio::spawn(async move {
                let mut numbers = Numbers(seed);
                for _ in 0..3_000 {
                    let key = numbers.next(200).to_string();
                    match numbers.next(10) {
                        0 => drop(setup.cache.delete(&key).await.unwrap()),
                        1 => setup.clock.advance(Duration::from_millis(3)),
                        2 => drop(setup.cache.get::<u64>(&key).await.unwrap()),
                        3 => setup
                            .cache
                            .set(&key, seed)
                            .ttl(Duration::from_millis(20))
                            .await
                            .unwrap(),
                        _ => setup.cache.set(&key, seed).await.unwrap(),
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    // The tick that the clock stands in has to pass before the thread sees what ended in it.
    setup.clock.advance(Duration::from_millis(40));
    // Nothing ends any more, so what exists now is all that is counted once the thread has swept.
    let mut there = 0;
    for key in 0..200_u64 {
        there += u64::from(setup.cache.exists(&key.to_string()).await.unwrap());
    }
    cache_testkit::eventually("the count agrees", || setup.cache.stats().items == Some(there)).await;
}

/// After delete or clear has returned, nobody reads a value that was set before it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_invalidated_value_is_never_read_again() {
    let cache = setup(|builder| builder.max_items(16)).cache;
    let floor = Arc::new(AtomicU64::new(0));
    let readers: Vec<_> = (0..3)
        .map(|_| {
            let (cache, floor) = (cache.clone(), Arc::clone(&floor));
            tokio::spawn(async move {
                while floor.load(Ordering::SeqCst) < 5_000 {
                    // A hit does not suspend, and a runtime ends only when its tasks do.
                    tokio::task::yield_now().await;
                    let oldest = floor.load(Ordering::SeqCst);
                    if let Some(read) = cache.get::<u64>("key").await.unwrap() {
                        assert!(
                            read >= oldest,
                            "read {read} after all below {oldest} were invalidated"
                        );
                    }
                }
            })
        })
        .collect();
    for round in 0..=5_000_u64 {
        cache.set("key", round).await.unwrap();
        if round.is_multiple_of(2) {
            cache.clear().await.unwrap();
        } else {
            let went = cache.delete("key").await.unwrap();
            assert!(went, "round {round}: {:?}", cache.stats());
        }
        floor.store(round + 1, Ordering::SeqCst);
    }
    for reader in readers {
        reader.await.unwrap();
    }
}

/// A write is never lost to the sweeper, which frees an older entry of the same key at the same time.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_new_entry_is_not_swept_for_the_old_one() {
    let setup = setup(|builder| builder.maintenance_interval(Duration::from_millis(1)));
    for round in 0..2_000_u64 {
        setup
            .cache
            .set("key", round)
            .ttl(Duration::from_millis(1))
            .await
            .unwrap();
        setup.clock.advance(Duration::from_millis(40));
        setup
            .cache
            .set("key", round)
            .ttl(Duration::from_secs(3_600))
            .await
            .unwrap();
        assert_eq!(setup.cache.get::<u64>("key").await.unwrap(), Some(round));
    }
}
