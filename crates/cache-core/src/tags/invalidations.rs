//! What this process has invalidated, for loads that began before: which tags a load carries is known only when it ends, so
//! there is nothing to fence while it runs.

use std::sync::atomic::{AtomicU64, Ordering};

use xxhash_rust::xxh3::xxh3_64;

/// So many that tags which are invalidated all the time seldom spoil the loads of others.
const PLACES: usize = 16_384;

/// Numbers the begins and the ends of invalidations, and remembers the last ones for each place of a table by the hash of a name.
/// Of two tags of one place the one spoils the loads of the other: they are not kept, and who joined them loads anew.
pub(crate) struct Invalidations {
    count: AtomicU64,
    begun: Box<[AtomicU64]>,
    ended: Box<[AtomicU64]>,
}

impl Invalidations {
    pub(super) fn new() -> Self {
        let table = || (0..PLACES).map(|_| AtomicU64::new(0)).collect();
        Self {
            count: AtomicU64::new(0),
            begun: table(),
            ended: table(),
        }
    }

    /// Returns how many begins and ends there were.
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::SeqCst)
    }

    /// Notes that one begins, before the markers go.
    pub(super) fn begin(&self, names: &[&str]) {
        self.note(&self.begun, names);
    }

    /// Notes that the markers are gone.
    pub(super) fn end(&self, names: &[&str]) {
        self.note(&self.ended, names);
    }

    fn note(&self, table: &[AtomicU64], names: &[&str]) {
        let number = self.count.fetch_add(1, Ordering::SeqCst) + 1;
        for name in names {
            table[place(name)].fetch_max(number, Ordering::SeqCst);
        }
    }

    /// Says whether an invalidation of one of these tags has begun since then. What was asked of the source before is out of
    /// date.
    pub(crate) fn any_begun_since<'n>(&self, count: u64, names: impl IntoIterator<Item = &'n str>) -> bool {
        any_since(&self.begun, count, names)
    }

    /// Says whether an invalidation of one of these tags has begun or ended since then. What was read of the backend before is
    /// out of date, since the markers go in between.
    pub(crate) fn any_since<'n>(&self, count: u64, names: impl IntoIterator<Item = &'n str> + Clone) -> bool {
        any_since(&self.begun, count, names.clone()) || any_since(&self.ended, count, names)
    }
}

fn any_since<'n>(table: &[AtomicU64], count: u64, names: impl IntoIterator<Item = &'n str>) -> bool {
    names
        .into_iter()
        .any(|name| table[place(name)].load(Ordering::SeqCst) > count)
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
        invalidations.begin(&["a", "b"]);
        assert!(invalidations.any_begun_since(before, ["c", "b"]));
        assert!(invalidations.any_since(before, ["c", "b"]));
        assert!(!invalidations.any_since(before, ["c"]));
        assert!(!invalidations.any_since(invalidations.count(), ["a", "b"]));
    }

    #[test]
    fn what_began_while_the_markers_went_is_out_of_date_if_it_was_read() {
        let invalidations = Invalidations::new();
        invalidations.begin(&["a"]);
        let between = invalidations.count();
        invalidations.end(&["a"]);
        assert!(invalidations.any_since(between, ["a"]));
        assert!(!invalidations.any_begun_since(between, ["a"]));
    }
}
