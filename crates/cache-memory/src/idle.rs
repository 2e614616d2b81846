//! When entries were last used, for caches with a time to idle. It stands beside the entries, by slot, so that caches
//! without one pay nothing and a hit writes one word without a lock.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cache_core::Timestamp;

use crate::deadlines::Slot;

/// How many slots the first chunk has, as a power of two. Each further chunk is twice as large as the one before.
const FIRST_BITS: u32 = 10;
/// Enough chunks for every slot that there can be.
const CHUNKS: usize = 32 - FIRST_BITS as usize + 1;

/// What is known of the use of one entry.
#[derive(Debug)]
struct Use {
    last: AtomicU64,
    /// When the entry ends even if it is used.
    end: AtomicU64,
}

#[derive(Debug)]
pub(crate) struct IdleTimes {
    time_to_idle: Duration,
    chunks: [OnceLock<Box<[Use]>>; CHUNKS],
}

impl IdleTimes {
    pub(crate) fn new(time_to_idle: Duration) -> Self {
        Self {
            time_to_idle,
            chunks: [const { OnceLock::new() }; CHUNKS],
        }
    }

    /// Notes a new entry and returns when it is over if nobody uses it.
    pub(crate) fn start(&self, slot: Slot, now: Timestamp, end: Timestamp) -> Timestamp {
        let (chunk, at) = place(slot);
        let unused = || Use {
            last: AtomicU64::new(0),
            end: AtomicU64::new(0),
        };
        let chunk = self.chunks.get(chunk).map(|lock| {
            lock.get_or_init(|| {
                (0..1_usize << (FIRST_BITS as usize + chunk))
                    .map(|_| unused())
                    .collect()
            })
        });
        if let Some(used) = chunk.and_then(|chunk| chunk.get(at)) {
            used.last.store(now.as_millis(), Ordering::Relaxed);
            used.end.store(end.as_millis(), Ordering::Relaxed);
        }
        self.first_end(now, end)
    }

    /// Returns when the entry is over if nobody uses it any more.
    pub(crate) fn ends_at(&self, slot: Slot) -> Option<Timestamp> {
        let used = self.get(slot)?;
        let last = Timestamp::from_millis(used.last.load(Ordering::Relaxed));
        Some(self.first_end(last, Timestamp::from_millis(used.end.load(Ordering::Relaxed))))
    }

    /// Notes a use.
    #[inline]
    pub(crate) fn touch(&self, slot: Slot, now: Timestamp) {
        if let Some(used) = self.get(slot) {
            used.last.fetch_max(now.as_millis(), Ordering::Relaxed);
        }
    }

    /// Returns when an entry is over that was last used at `last`.
    pub(crate) fn first_end(&self, last: Timestamp, end: Timestamp) -> Timestamp {
        end.min(last + self.time_to_idle)
    }

    #[inline]
    fn get(&self, slot: Slot) -> Option<&Use> {
        let (chunk, at) = place(slot);
        self.chunks.get(chunk)?.get()?.get(at)
    }
}

/// Returns the chunk of a slot and its place there.
#[inline]
fn place(slot: Slot) -> (usize, usize) {
    let shifted = slot.index().saturating_add(1 << FIRST_BITS);
    let bits = shifted.ilog2();
    ((bits - FIRST_BITS) as usize, shifted - (1 << bits))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deadlines::Deadlines;

    #[test]
    fn every_slot_has_a_place_of_its_own() {
        let mut deadlines = Deadlines::default();
        let slots = (0..5_000).map(|n| deadlines.add(format!("{n}").into(), Timestamp::MAX));
        let places: std::collections::BTreeSet<_> = slots.map(place).collect();
        assert_eq!(places.len(), 5_000);
        assert!(
            places
                .iter()
                .all(|(chunk, at)| *at < 1 << (FIRST_BITS as usize + chunk))
        );
    }

    #[test]
    fn the_slot_of_no_entry_has_no_times() {
        let idle = IdleTimes::new(Duration::from_secs(1));
        idle.touch(Slot::NONE, Timestamp::from_millis(5));
        assert_eq!(idle.ends_at(Slot::NONE), None);
    }
}
