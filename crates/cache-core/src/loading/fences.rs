//! What orders loads and writes of one key: which flight may be joined, which may store what it loaded, and who has to
//! wait for whom. It does no I/O, takes no lock and knows no time, so that a model checker can drive it.
//!
//! The rules; the model tests leave each of them out to see that it is needed:
//!
//! 1. A write (`set`, `delete`, `clear`) takes the flight of its key off the table when it begins and again when it
//!    ends: whoever asks later does not join it, and it does not store.
//! 2. While a write of a key is under way, no flight of that key begins to store.
//! 3. A write that finds a flight storing waits for it, and acts afterwards. So a store is never the last of the two.
//! 4. Every completed change counts up [`changes`](Fences::changes). A caller that looked in the backend, found nothing
//!    and then takes the lead compares: if something changed since before it looked, it has to look again.
//! 5. A flight that has begun to store is not given up: a store that is on its way to a server cannot be called back.

use std::collections::HashMap;
use std::sync::Arc;

/// One load, as far as the table is concerned.
pub(crate) trait Flying: Clone {
    /// Tells it from all others.
    fn id(&self) -> u64;

    /// Returns the key that it loads.
    fn key(&self) -> Arc<str>;
}

/// The flights and writes of the keys of one shard.
#[derive(Debug)]
pub(crate) struct Fences<F> {
    slots: HashMap<Arc<str>, Slot<F>>,
    /// The hashes of the keys that are being written, once for each write. Two keys of one hash only spoil a store.
    writes: Vec<u64>,
    clears: usize,
    changes: u64,
    closed: bool,
}

#[derive(Debug)]
struct Slot<F> {
    /// The flight that callers join.
    open: Option<F>,
    /// The flight that stores now. It may have been fenced since it began to.
    storing: Option<F>,
}

/// What a caller that needs a load found.
#[derive(Debug)]
pub(crate) enum Boarding<F> {
    /// A flight is under way; it was joined.
    Joined(F),
    /// The caller leads the flight that it brought.
    Leads {
        /// Something changed since the caller looked in the backend, so the flight has to look again before it loads.
        look_again: bool,
    },
    /// The cache is closed.
    Closed,
}

impl<F> Default for Fences<F> {
    fn default() -> Self {
        Self {
            slots: HashMap::new(),
            writes: Vec::new(),
            clears: 0,
            changes: 0,
            closed: false,
        }
    }
}

impl<F: Flying> Fences<F> {
    /// Returns how many changes were completed. Read it before looking in the backend.
    pub(crate) fn changes(&self) -> u64 {
        self.changes
    }

    /// Returns how many keys have a flight.
    pub(crate) fn flights(&self) -> usize {
        self.slots.len()
    }

    /// Joins the flight of a key if the caller `joins` it, or makes the one that `lead` returns the flight of the key. A
    /// flight whose place is taken so does not store.
    pub(crate) fn board(
        &mut self,
        key: &str,
        seen: u64,
        joins: impl FnOnce(&F) -> bool,
        lead: impl FnOnce() -> F,
    ) -> Boarding<F> {
        if self.closed {
            return Boarding::Closed;
        }
        if let Some(open) = self.open(key)
            && joins(open)
        {
            return Boarding::Joined(open.clone());
        }
        let flight = lead();
        let slot = self.slots.entry(flight.key()).or_insert(Slot {
            open: None,
            storing: None,
        });
        slot.open = Some(flight);
        Boarding::Leads {
            look_again: self.changes != seen,
        }
    }

    /// Returns the flight of a key that callers join.
    pub(crate) fn open(&self, key: &str) -> Option<&F> {
        self.slots.get(key)?.open.as_ref()
    }

    /// Says whether a flight may store now. If not, it is off the table.
    pub(crate) fn begin_store(&mut self, key: &str, hash: u64, flight: u64) -> bool {
        let written = self.clears > 0 || self.writes.contains(&hash);
        let Some(slot) = self.slots.get_mut(key) else {
            return false;
        };
        let is_open = slot.open.as_ref().is_some_and(|open| open.id() == flight);
        if is_open && !written && slot.storing.is_none() {
            slot.storing = slot.open.clone();
            return true;
        }
        self.end(key, flight);
        false
    }

    /// Ends a flight that has stored, well or not.
    pub(crate) fn end_store(&mut self, key: &str, flight: u64) {
        if let Some(slot) = self.slots.get_mut(key) {
            slot.storing.take_if(|storing| storing.id() == flight);
        }
        self.changes += 1;
        self.end(key, flight);
    }

    /// Takes a flight off the table.
    pub(crate) fn end(&mut self, key: &str, flight: u64) {
        if let Some(slot) = self.slots.get_mut(key) {
            slot.open.take_if(|open| open.id() == flight);
        }
        self.tidy(key);
    }

    /// Says whether a flight that nobody waits for may be given up. If so, it is off the table.
    pub(crate) fn abandon(&mut self, key: &str, flight: u64) -> bool {
        let storing = self.slots.get(key).and_then(|slot| slot.storing.as_ref());
        if storing.is_some_and(|storing| storing.id() == flight) {
            return false;
        }
        self.end(key, flight);
        true
    }

    /// Begins a write. Returns the flight that it has to wait for.
    pub(crate) fn begin_write(&mut self, key: &str, hash: u64) -> Option<F> {
        self.writes.push(hash);
        self.fence(key)
    }

    /// Ends a write, or gives it up.
    pub(crate) fn end_write(&mut self, key: &str, hash: u64) {
        if let Some(at) = self.writes.iter().position(|one| *one == hash) {
            self.writes.swap_remove(at);
        }
        self.changes += 1;
        self.fence(key);
    }

    /// Notes a change that no write of a key made. Returns the flights that store.
    pub(crate) fn note_change(&mut self) -> impl Iterator<Item = &F> {
        self.changes += 1;
        self.slots.values().filter_map(|slot| slot.storing.as_ref())
    }

    /// Begins to clear. Returns the flights that it has to wait for.
    pub(crate) fn begin_clear(&mut self) -> Vec<F> {
        self.clears += 1;
        self.fence_all()
    }

    /// Ends a clear, or gives it up.
    pub(crate) fn end_clear(&mut self) {
        self.clears = self.clears.saturating_sub(1);
        self.changes += 1;
        self.fence_all();
    }

    /// Says whether the table has ended.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Ends the table. Returns the flights that are to be given up and those that store, which have to be waited for.
    pub(crate) fn close(&mut self) -> (Vec<F>, Vec<F>) {
        self.closed = true;
        let open: Vec<F> = self
            .slots
            .values_mut()
            .filter_map(|slot| slot.open.take())
            .collect();
        let storing = self.fence_all();
        let given_up = open
            .into_iter()
            .filter(|open| storing.iter().all(|storing| storing.id() != open.id()));
        (given_up.collect(), storing)
    }

    /// Takes the flight of a key off the table. Returns the one that stores.
    fn fence(&mut self, key: &str) -> Option<F> {
        if self.slots.is_empty() {
            return None;
        }
        let slot = self.slots.get_mut(key)?;
        slot.open = None;
        let storing = slot.storing.clone();
        self.tidy(key);
        storing
    }

    fn fence_all(&mut self) -> Vec<F> {
        for slot in self.slots.values_mut() {
            slot.open = None;
        }
        self.slots.retain(|_, slot| slot.storing.is_some());
        self.slots
            .values()
            .filter_map(|slot| slot.storing.clone())
            .collect()
    }

    /// Forgets a key that has no flight.
    fn tidy(&mut self, key: &str) {
        if self
            .slots
            .get(key)
            .is_some_and(|slot| slot.open.is_none() && slot.storing.is_none())
        {
            self.slots.remove(key);
        }
    }
}
