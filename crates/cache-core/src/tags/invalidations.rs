//! What this process has invalidated, for loads that began before: which tags a load carries is known only when it ends, so
//! there is nothing to fence while it runs.

use std::sync::atomic::{AtomicU64, Ordering};

use xxhash_rust::xxh3::xxh3_64;

/// So many that tags which are invalidated all the time seldom spoil the loads of others.
const PLACES: usize = 16_384;

/// Counts invalidations and remembers, for each place of a table by the hash of a name, the last one. Of two tags of one
/// place the one spoils the loads of the other: they are not kept, and who joined them loads anew.
pub(crate) struct Invalidations {
    count: AtomicU64,
    last: Box<[AtomicU64]>,
}

impl Invalidations {
    pub(super) fn new() -> Self {
        Self {
            count: AtomicU64::new(0),
            last: (0..PLACES).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// Returns how many there were. Read it before a load begins.
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::SeqCst)
    }

    /// Notes one, before the markers go.
    pub(super) fn note<'n>(&self, names: impl Iterator<Item = &'n str>) {
        let number = self.count.fetch_add(1, Ordering::SeqCst) + 1;
        for name in names {
            self.last[place(name)].fetch_max(number, Ordering::SeqCst);
        }
    }

    /// Says whether one of these tags was invalidated since there were `count` invalidations.
    pub(crate) fn any_since<'n>(&self, count: u64, names: impl IntoIterator<Item = &'n str>) -> bool {
        names
            .into_iter()
            .any(|name| self.last[place(name)].load(Ordering::SeqCst) > count)
    }
}

fn place(name: &str) -> usize {
    usize::try_from(xxh3_64(name.as_bytes()) % PLACES as u64).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invalidation_is_seen_by_those_who_began_before_it_only() {
        let invalidations = Invalidations::new();
        let before = invalidations.count();
        invalidations.note(["a", "b"].into_iter());
        assert!(invalidations.any_since(before, ["c", "b"]));
        assert!(!invalidations.any_since(before, ["c"]));
        assert!(!invalidations.any_since(invalidations.count(), ["a", "b"]));
    }
}
