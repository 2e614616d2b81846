//! Whether an entry may have changed since a thread looked at it. The file stands apart from the rest because the order
//! of its steps matters, and a model checker runs them in every order that the memory model allows (`tests/model.rs`).

use super::sync::{AtomicU64, Ordering};

/// The changes of the entries of one cache. Entries share cells by their hash: a change of one is then taken for a
/// change of the others, which costs a look into moka and is never the other way round.
#[derive(Debug)]
pub(crate) struct Changes(Box<[Cell]>);

#[derive(Debug)]
struct Cell {
    begun: AtomicU64,
    ended: AtomicU64,
}

/// A change that is under way. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Change<'a>(&'a Cell);

/// A moment at which no change of an entry was under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment(u64);

impl Changes {
    /// Makes room for so many cells, a power of two.
    pub(crate) fn new(cells: usize) -> Self {
        let cell = || Cell {
            begun: AtomicU64::new(0),
            ended: AtomicU64::new(0),
        };
        Self((0..cells.next_power_of_two()).map(|_| cell()).collect())
    }

    /// Begins a change, before the entry is touched. Moka's table is touched under an epoch that it pins after this, with
    /// a fence of its own, so a change of one key and a read of another are in order too.
    pub(crate) fn begin(&self, hash: u64) -> Change<'_> {
        let cell = self.cell(hash);
        cell.begun.fetch_add(1, Ordering::AcqRel);
        Change(cell)
    }

    /// Returns this moment, unless a change is under way. Whoever reads the entry after it has what
    /// [`since`](Self::since) speaks of.
    #[inline]
    pub(crate) fn now(&self, hash: u64) -> Option<Moment> {
        let cell = self.cell(hash);
        let ended = cell.ended.load(Ordering::Acquire);
        (cell.begun.load(Ordering::Acquire) == ended).then_some(Moment(ended))
    }

    /// Says whether a change has begun since that moment. If none has, what was read then is what the entry is.
    #[inline]
    pub(crate) fn since(&self, hash: u64, moment: Moment) -> bool {
        self.cell(hash).begun.load(Ordering::Acquire) != moment.0
    }

    #[inline]
    fn cell(&self, hash: u64) -> &Cell {
        // The number of cells is a power of two, so what is cut off does not matter.
        #[expect(clippy::cast_possible_truncation, reason = "only the lower bits count")]
        let at = hash as usize & (self.0.len() - 1);
        &self.0[at]
    }
}

impl Drop for Change<'_> {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::AcqRel);
    }
}
