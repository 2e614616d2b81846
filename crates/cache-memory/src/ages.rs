//! Which clear an entry came after. A clear hides all entries at once by beginning a new age; they are freed after it.
//! The file stands apart from the rest because the order of its steps matters, and a model checker runs them in every
//! order that the memory model allows (`tests/model.rs`).

use super::sync::{AtomicU64, Ordering, fence};

/// How many times a cache was cleared, as far as [`Age::BITS`] tell. An entry of another age is hidden. Ages come
/// round again after a million clears; what was hidden is freed before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Age(u64);

impl Age {
    /// How many bits an age fills.
    pub(crate) const BITS: u32 = 20;
    /// How many ages there are.
    pub(crate) const COUNT: u64 = 1 << Self::BITS;

    pub(crate) const fn of_clears(clears: u64) -> Self {
        Self(clears % Self::COUNT)
    }

    pub(crate) const fn bits(self) -> u64 {
        self.0
    }
}

/// The clears of one cache.
#[derive(Debug)]
pub(crate) struct Ages {
    clears: AtomicU64,
    /// The clears whose entries are all freed.
    freed: AtomicU64,
}

impl Ages {
    pub(crate) fn new() -> Self {
        Self {
            clears: AtomicU64::new(0),
            freed: AtomicU64::new(0),
        }
    }

    /// Returns the age of entries that are stored now.
    #[inline]
    pub(crate) fn current(&self) -> Age {
        Age::of_clears(self.clears.load(Ordering::Acquire))
    }

    /// Hides every entry that is stored now. Returns how many clears there were with this one.
    pub(crate) fn begin(&self) -> u64 {
        let clears = self.clears.fetch_add(1, Ordering::AcqRel) + 1;
        fence(Ordering::SeqCst);
        clears
    }

    /// Says whether entries of this age are hidden now. A writer asks after it has stored one: either it sees the clear
    /// here, or the clear sees the entry.
    pub(crate) fn has_passed(&self, age: Age) -> bool {
        fence(Ordering::SeqCst);
        self.current() != age
    }

    /// Says whether so many clears wait to be freed that ages might come round.
    pub(crate) fn is_far_behind(&self) -> bool {
        let freed = self.freed.load(Ordering::Acquire);
        self.clears.load(Ordering::Acquire).saturating_sub(freed) >= Age::COUNT / 2
    }

    /// Returns the number of clears if there may be entries that one of them has hidden and nobody has freed yet.
    pub(crate) fn unfreed(&self) -> Option<u64> {
        let freed = self.freed.load(Ordering::Acquire);
        let clears = self.clears.load(Ordering::Acquire);
        (freed < clears).then_some(clears)
    }

    /// Says whether no entry is left that so many clears have hidden.
    pub(crate) fn are_freed(&self, clears: u64) -> bool {
        self.freed.load(Ordering::Acquire) >= clears
    }

    /// Notes that no entry is left that so many clears have hidden.
    pub(crate) fn note_freed(&self, clears: u64) {
        self.freed.fetch_max(clears, Ordering::AcqRel);
    }
}
