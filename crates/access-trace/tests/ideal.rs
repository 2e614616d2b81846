//! The ideal caches against references that are too slow to use and too simple to be wrong.

use access_trace::ideal::{lru_hits, optimum_hits};
use proptest::{collection::vec, prelude::*};

const KEYS: u64 = 7;

/// LRU as a list of keys, the most recently used one last.
fn naive_lru_hits(accesses: &[u64], capacity: usize) -> u64 {
    let mut hits = 0;
    let mut cached = Vec::new();
    for key in accesses {
        if let Some(position) = cached.iter().position(|other| other == key) {
            cached.remove(position);
            hits += 1;
        }
        cached.push(*key);
        if cached.len() > capacity {
            cached.remove(0);
        }
    }
    hits
}

/// The best over all decisions: for every content that the cache could have by now, a set of keys below
/// [`KEYS`] as bits, the most hits that lead to it.
fn exhaustive_optimum_hits(accesses: &[u64], capacity: usize) -> u64 {
    let mut best = vec![None; 1 << KEYS];
    best[0] = Some(0);
    for key in accesses {
        let mut after = vec![None; 1 << KEYS];
        for (before, hits) in best
            .into_iter()
            .enumerate()
            .filter_map(|(set, hits)| Some((set, hits?)))
        {
            let hits = hits + u64::from(before & 1 << key != 0);
            let full = before | 1 << key;
            let evictions = (0..KEYS).map(|evicted| full & !(1 << evicted));
            for set in evictions
                .chain([full])
                .filter(|set| set.count_ones() as usize <= capacity)
            {
                after[set] = after[set].max(Some(hits));
            }
        }
        best = after;
    }
    best.into_iter().flatten().max().unwrap_or(0)
}

proptest! {
    #[test]
    fn lru_equals_the_naive_reference(accesses in vec(0..KEYS, 0..80), capacity in 0..9_usize) {
        prop_assert_eq!(lru_hits(&accesses, capacity), naive_lru_hits(&accesses, capacity));
    }

    #[test]
    fn the_optimum_equals_the_best_of_all_decisions(accesses in vec(0..KEYS, 0..40), capacity in 0..9_usize) {
        prop_assert_eq!(optimum_hits(&accesses, capacity), exhaustive_optimum_hits(&accesses, capacity));
    }

    #[test]
    fn lru_never_exceeds_the_optimum(accesses in vec(0..60_u64, 0..600), capacity in 0..70_usize) {
        prop_assert!(lru_hits(&accesses, capacity) <= optimum_hits(&accesses, capacity));
    }

    #[test]
    fn more_room_never_costs_hits(accesses in vec(0..60_u64, 0..600), capacity in 0..70_usize) {
        prop_assert!(lru_hits(&accesses, capacity) <= lru_hits(&accesses, capacity + 1));
        prop_assert!(optimum_hits(&accesses, capacity) <= optimum_hits(&accesses, capacity + 1));
    }
}
