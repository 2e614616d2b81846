//! Caches that exist on paper only, as the yardstick for those that have to run.
//!
//! Both start empty, count entries and not bytes, and know no expiry. The hit ratio is the hits divided by the
//! number of accesses.

use std::collections::{BinaryHeap, HashMap};

/// The hits of an exact LRU cache of `capacity` entries, which stores each key that it misses.
///
/// Takes O(n) time for n accesses.
pub fn lru_hits(accesses: &[u64], capacity: usize) -> u64 {
    let mut hits = 0;
    let mut last_uses = HashMap::new();
    // The trace is its own recency queue: an access stands for its key as long as it is the key's last, and
    // the entry to evict is the first such access. What this iterator has passed never has to be seen again.
    let mut queue = accesses.iter().zip(0_usize..);

    for (key, now) in accesses.iter().zip(0..) {
        if last_uses.insert(key, now).is_some() {
            hits += 1;
        } else if last_uses.len() > capacity
            && let Some((oldest, _)) = queue.find(|(key, time)| last_uses.get(key) == Some(time))
        {
            last_uses.remove(oldest);
        }
    }
    hits
}

/// The most hits that any cache of `capacity` entries can have, even one that knows the future: whenever there
/// is one entry too many, the one whose next access is the furthest away leaves. This is MIN of Belady, *A
/// study of replacement algorithms for a virtual-storage computer*, IBM Systems Journal 5(2), 1966.
///
/// The entry that leaves may be the one just stored, as with `Clairvoyant` of the Caffeine simulator. Belady's
/// pages had to be in memory to be read, but a cache can decline an entry, and `TinyLFU` does; a MIN that must
/// keep the newcomer is no upper bound for it.
///
/// Takes O(n log n) time for n accesses.
pub fn optimum_hits(accesses: &[u64], capacity: usize) -> u64 {
    let mut hits = 0;
    let mut entries = 0_usize;
    // An entry is known by the time of its next access, so these flags are the content of the cache.
    let mut stored = vec![false; accesses.len()];
    // The flagged times, and below them times that have passed: those are never the maximum while the cache
    // has entries, so that they need not be removed.
    let mut furthest = BinaryHeap::new();

    for (now, next) in next_uses(accesses).into_iter().enumerate() {
        if stored[now] {
            hits += 1;
        } else {
            entries += 1;
        }
        furthest.push(next);
        if let Some(stored) = stored.get_mut(next) {
            *stored = true;
        }
        if entries > capacity
            && let Some(victim) = furthest.pop()
        {
            entries -= 1;
            if let Some(stored) = stored.get_mut(victim) {
                *stored = false;
            }
        }
    }
    hits
}

/// For each access the time of the next one to the same key, or `usize::MAX` if there is none.
fn next_uses(accesses: &[u64]) -> Vec<usize> {
    let mut upcoming = HashMap::new();
    let mut next_uses = vec![usize::MAX; accesses.len()];
    for (now, key) in accesses.iter().enumerate().rev() {
        if let Some(next) = upcoming.insert(key, now) {
            next_uses[now] = next;
        }
    }
    next_uses
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_access_to_a_key_is_a_miss() {
        assert_eq!(lru_hits(&[1, 2, 3], 3), 0);
        assert_eq!(optimum_hits(&[1, 2, 3], 3), 0);
    }

    #[test]
    fn a_cache_for_all_keys_misses_each_once() {
        assert_eq!(lru_hits(&[1, 2, 3, 3, 2, 1, 2], 3), 4);
        assert_eq!(optimum_hits(&[1, 2, 3, 3, 2, 1, 2], 3), 4);
    }

    #[test]
    fn a_cache_without_room_has_no_hits() {
        assert_eq!(lru_hits(&[1, 1, 1], 0), 0);
        assert_eq!(optimum_hits(&[1, 1, 1], 0), 0);
    }

    #[test]
    fn no_accesses_are_no_hits() {
        assert_eq!(lru_hits(&[], 1), 0);
        assert_eq!(optimum_hits(&[], 1), 0);
    }

    #[test]
    fn lru_evicts_the_least_recently_used() {
        // The second access to 1 makes 2 the oldest, so that 3 evicts 2 and 1 hits once more.
        assert_eq!(lru_hits(&[1, 2, 1, 3, 1, 2], 2), 2);
    }

    #[test]
    fn lru_has_no_hit_in_a_loop_longer_than_the_cache() {
        assert_eq!(lru_hits(&[1, 2, 3, 1, 2, 3, 1, 2, 3], 2), 0);
    }

    #[test]
    fn the_optimum_evicts_what_is_needed_last() {
        // With 1 and 2 stored, 3 comes back before 2 does, so that 2 leaves: 1, 3 and 1 hit.
        assert_eq!(optimum_hits(&[1, 2, 3, 1, 3, 1, 2], 2), 3);
    }

    #[test]
    fn the_optimum_keeps_a_part_of_a_loop_longer_than_the_cache() {
        // Keeping 1 and 2 and declining 3 hits twice in the second round and twice in the third.
        assert_eq!(optimum_hits(&[1, 2, 3, 1, 2, 3, 1, 2, 3], 2), 4);
    }

    #[test]
    fn the_optimum_declines_an_entry_that_is_needed_later_than_all_others() {
        assert_eq!(optimum_hits(&[1, 2, 1, 2], 1), 1);
    }
}
