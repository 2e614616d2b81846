//! The seat of a cache among those that live now. What threads remember of a cache stands at its seat, so that a thread
//! finds it by an index, and does not keep room for every cache that there ever was.

use std::sync::{Mutex, PoisonError};

/// A seat, given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    /// No two caches of a process ever have the same.
    pub(crate) id: u64,
    /// Which one of the caches that live now.
    pub(crate) at: usize,
}

static SEATS: Mutex<Seats> = Mutex::new(Seats {
    left: Vec::new(),
    taken: 0,
    ids: 0,
});

struct Seats {
    left: Vec<usize>,
    taken: usize,
    ids: u64,
}

impl Seat {
    pub(crate) fn take() -> Self {
        let mut seats = SEATS.lock().unwrap_or_else(PoisonError::into_inner);
        seats.ids += 1;
        let at = seats.left.pop().unwrap_or_else(|| {
            seats.taken += 1;
            seats.taken - 1
        });
        Self { id: seats.ids, at }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut seats = SEATS.lock().unwrap_or_else(PoisonError::into_inner);
        seats.left.push(self.at);
    }
}
