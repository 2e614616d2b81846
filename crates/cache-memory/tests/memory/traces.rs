//! A trace of accesses, beside ideal caches of the same size. What the benchmark `traces` prints of recorded traces is a gate
//! here, on one that is made.

use std::collections::HashSet;

use access_trace::ideal::{lru_hits, optimum_hits};
use cache_memory::EvictionPolicy;

use crate::support::setup_without_thread;

const ACCESSES: usize = 40_000;
/// How many keys are chosen by chance, some far more often than others.
const SKEWED: f64 = 4_000.0;
/// How many keys are read one after the other, again and again.
const LOOP: u64 = 1_000;
const FIRST_OF_LOOP: u64 = 1_000_000;

/// Three accesses of four follow Zipf's law, the fourth goes round a loop. The generator is seeded, so each run sees the
/// same.
fn trace() -> Vec<u64> {
    let mut random = 42_u64;
    let mut chance = || {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as f64 / f64::from(1_u32 << 31)
    };
    (0..ACCESSES as u64)
        .map(|n| {
            if n.is_multiple_of(4) {
                return FIRST_OF_LOOP + n / 4 % LOOP;
            }
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "the number of a key, which is positive and small"
            )]
            let key = SKEWED.powf(chance()) as u64;
            key
        })
        .collect()
}

/// The hits of a cache of ours that stores what it misses.
async fn our_hits(trace: &[u64], capacity: usize, policy: EvictionPolicy) -> u64 {
    let cache = setup_without_thread(|builder| builder.max_items(capacity as u64).policy(policy)).cache;
    let mut hits = 0;
    for key in trace {
        let name = key.to_string();
        if cache.get::<u64>(&name).shared().await.unwrap().is_some() {
            hits += 1;
        } else {
            cache.set(&name, *key).await.unwrap();
        }
    }
    hits
}

/// One, five and twenty of a hundred keys.
fn capacities(trace: &[u64]) -> [usize; 3] {
    let distinct = trace.iter().collect::<HashSet<_>>().len();
    [1, 5, 20].map(|percent| distinct * percent / 100)
}

/// More hits than the optimum would prove that more entries are held than the limit allows.
fn assert_possible(ours: u64, trace: &[u64], capacity: usize) {
    let most = optimum_hits(trace, capacity);
    assert!(
        ours <= most,
        "{ours} hits with {capacity} entries, where {most} are possible"
    );
}

#[tokio::test]
async fn lru_is_within_half_a_point_of_true_lru_and_never_above_the_optimum() {
    let trace = trace();
    for capacity in capacities(&trace) {
        let ours = our_hits(&trace, capacity, EvictionPolicy::Lru).await;
        let ideal = lru_hits(&trace, capacity);
        let points = 100.0 * ours.abs_diff(ideal) as f64 / trace.len() as f64;
        assert!(
            points <= 0.5,
            "{ours} hits with {capacity} entries, true LRU has {ideal}: {points:.2} points"
        );
        assert_possible(ours, &trace, capacity);
    }
}

#[tokio::test]
async fn the_policy_by_frequency_is_never_above_the_optimum() {
    let trace = trace();
    for capacity in capacities(&trace) {
        let ours = our_hits(&trace, capacity, EvictionPolicy::TinyLfu).await;
        assert_possible(ours, &trace, capacity);
    }
}
