//! An entry as it lies in moka. Its size decides what an entry costs: 48 bytes fill moka's allocation exactly, one
//! word more would add 16 to every entry.

use std::time::Duration;

use cache_core::{Entry, Timestamp, Value};

use crate::ages::Age;
use crate::deadlines::Slot;

#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) value: Value,
    pub(crate) life: Life,
}

/// All of an entry but its value: a few words that are copied.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Life {
    /// When the value was made, in the lower [`CREATED_BITS`], and after how many clears it was stored, in the
    /// others.
    born: u64,
    pub(crate) expires_at: Timestamp,
    stale_at: Timestamp,
    load_cost_micros: u32,
    /// Where the end of this entry is written down.
    pub(crate) slot: Slot,
}

/// Milliseconds until the year 2527.
const CREATED_BITS: u32 = u64::BITS - Age::BITS;
const LATEST: u64 = (1 << CREATED_BITS) - 1;

impl Stored {
    pub(crate) fn new(entry: Entry, slot: Slot, age: Age) -> Self {
        let life = Life {
            born: age.bits() << CREATED_BITS | entry.created().as_millis().min(LATEST),
            expires_at: entry.expires_at(),
            stale_at: entry.stale_at(),
            load_cost_micros: u32::try_from(entry.load_cost().as_micros()).unwrap_or(u32::MAX),
            slot,
        };
        Self {
            value: entry.into_value(),
            life,
        }
    }
}

impl Life {
    #[inline]
    pub(crate) fn age(&self) -> Age {
        Age::of_clears(self.born >> CREATED_BITS)
    }

    /// Returns the entry of this life and a value.
    #[inline]
    pub(crate) fn entry_of(&self, value: Value) -> Entry {
        Entry::new(value, Timestamp::from_millis(self.born & LATEST))
            .with_expires_at(self.expires_at)
            .with_stale_at(self.stale_at)
            .with_load_cost(Duration::from_micros(u64::from(self.load_cost_micros)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_age_and_the_time_of_birth_do_not_touch() {
        let entry = Entry::new(Value::new(1), Timestamp::from_millis(LATEST));
        let stored = Stored::new(entry, Slot::NONE, Age::of_clears(5));
        assert_eq!(stored.life.age(), Age::of_clears(5));
        assert_eq!(
            stored.life.entry_of(stored.value).created(),
            Timestamp::from_millis(LATEST)
        );
    }

    #[test]
    fn a_stored_entry_fills_the_allocation_of_moka_and_no_more() {
        assert_eq!(size_of::<Stored>(), 48);
    }
}
