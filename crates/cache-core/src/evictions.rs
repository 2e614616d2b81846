//! Why entries were taken for room, and how many.

/// Why a live entry went, or a new one was not kept: there was no room.
///
/// What was deleted, cleared or closed is no eviction, nor what was over or written over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EvictionCause {
    /// The limit of entries was reached. A policy that looks at frequency may choose the new entry.
    Items,
    /// The limit of weight was reached. A policy that looks at frequency may choose the new entry.
    Weight,
    /// The new entry alone is heavier than all may be, so it was not kept, and no other one went for it.
    TooHeavy,
}

impl EvictionCause {
    /// Every cause, in the order of the declaration.
    pub const ALL: [Self; 3] = [Self::Items, Self::Weight, Self::TooHeavy];

    /// Returns the word for metrics, in snake case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Items => "items",
            Self::Weight => "weight",
            Self::TooHeavy => "too_heavy",
        }
    }
}

/// How many entries were taken for room, by cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EvictedEntries([u64; EvictionCause::ALL.len()]);

impl EvictedEntries {
    /// Sets the number for a cause.
    pub fn set(&mut self, cause: EvictionCause, count: u64) {
        self.0[cause as usize] = count;
    }

    /// Returns the number for a cause.
    pub fn get(&self, cause: EvictionCause) -> u64 {
        self.0[cause as usize]
    }

    /// Returns the number for all causes.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_cause_has_its_own_place_and_word() {
        let mut evicted = EvictedEntries::default();
        for (count, cause) in (1..).zip(EvictionCause::ALL) {
            evicted.set(cause, count);
        }
        for (count, cause) in (1..).zip(EvictionCause::ALL) {
            assert_eq!(evicted.get(cause), count, "{cause:?}");
        }
        assert_eq!(evicted.total(), 6);
        let words: BTreeSet<_> = EvictionCause::ALL.map(EvictionCause::as_str).into();
        assert_eq!(words.len(), EvictionCause::ALL.len());
    }
}
