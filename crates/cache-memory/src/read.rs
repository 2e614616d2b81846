//! The way of a read: what the thread remembers, then moka.

use cache_core::{Entry, Key, Result};

use crate::front::{Lag, Look};
use crate::name::Sought;
use crate::store::{Moka, Store};
use crate::stored::Stored;

/// A use may be told to the policy so late that, of all the entries that there is room for, one in so many may have been
/// used meanwhile.
pub(crate) const LAG: u64 = 16;

impl Store {
    #[inline]
    pub(crate) fn get(&self, key: Key<'_>) -> Result<Option<Entry>> {
        self.check_open()?;
        let sought = Sought::new(key);
        let Some(fronts) = &self.fronts else {
            return Ok(self.ask(sought).and_then(|stored| self.live(stored)));
        };
        let asked = match fronts.look(sought, &self.changes, || self.lag()) {
            Look::Found(stored) => return Ok(self.live(stored)),
            Look::Unknown => None,
            Look::Asked(asked) => Some(asked),
        };
        let Some(stored) = self.ask(sought) else {
            return Ok(None);
        };
        if let Some(asked) = asked {
            fronts.remember(sought, asked, &stored);
        }
        Ok(self.live(stored))
    }

    pub(crate) fn exists(&self, key: Key<'_>) -> Result<bool> {
        self.check_open()?;
        let sought = Sought::new(key);
        if self.ledger.ages().unfreed().is_some() {
            // Only the entry tells whether it was cleared. Looking at it counts as a use, but not for long.
            let found = self.ask(sought);
            return Ok(found.is_some_and(|stored| !self.ledger.is_gone(&stored.life)));
        }
        let is_there = self.find(sought, |moka| moka.contains_key(&sought).then_some(()));
        Ok(is_there.is_some() && !self.ledger.is_key_over(sought.key))
    }

    /// Asks moka for an entry, which tells the policy of a use.
    #[inline]
    fn ask(&self, sought: Sought<'_>) -> Option<Stored> {
        self.find(sought, |moka| moka.get(&sought))
    }

    /// Looks for an entry. Who finds none while a write stores one afresh looks again once that write is done.
    #[inline]
    pub(crate) fn find<T>(&self, sought: Sought<'_>, look: impl Fn(&Moka) -> Option<T>) -> Option<T> {
        let ended = self.afresh.ended();
        match look(&self.moka) {
            None if self.afresh.has_begun_since(ended) => self.find_in_order(sought, look),
            answer => answer,
        }
    }

    /// Looks for an entry when no write to its key is under way.
    #[cold]
    fn find_in_order<T>(&self, sought: Sought<'_>, look: impl Fn(&Moka) -> Option<T>) -> Option<T> {
        let _in_order = self.in_order(sought);
        look(&self.moka)
    }

    /// Returns an entry if it is there for callers, and notes its use.
    #[inline]
    fn live(&self, stored: Stored) -> Option<Entry> {
        if self.ledger.is_gone(&stored.life) {
            return None;
        }
        self.ledger.touch(&stored.life);
        Some(stored.life.entry_of(stored.value))
    }

    /// Returns how late the policy may be told of a use.
    #[inline]
    fn lag(&self) -> Lag {
        let limit = self.max_items.unwrap_or(u64::MAX);
        Lag {
            told: limit / LAG,
            reads: limit,
            inserted: self.ledger.inserted(),
        }
    }
}
