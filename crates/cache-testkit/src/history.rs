//! Histories of one key, and whether they are linearizable: whether each call can be given one point in time between
//! its begin and its end, so that all calls, done in this order one by one, give the same answers.
//!
//! The model is a register that holds a value or nothing. A load puts its value into an empty register; on a full one
//! it reads. A value is brought by one load only, so a value that was removed and comes back is found. A load that
//! overlaps a write need not store: its value may be gone at once, but for the others that share the load.

#![expect(clippy::missing_panics_doc, reason = "the suite fails by panicking")]

use std::collections::HashSet;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// What a call did, with its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// It stored a value.
    Set(u64),
    /// It removed the value.
    Delete,
    /// It read, and found this.
    Get(Option<u64>),
    /// It read or loaded, and got this.
    Load(u64),
}

/// A call of a history.
#[derive(Clone, Copy, Debug)]
struct Call {
    begin: u64,
    end: u64,
    act: Act,
}

/// Records the calls of one key, up to 64 of them. Values must differ: no two sets and no two runs of a loader bring the
/// same.
///
/// ```
/// use cache_testkit::{Act, History};
///
/// let history = History::default();
/// let (load, set) = (history.begin(), history.begin());
/// history.end(set, Act::Set(2));
/// // The load came before the set, as they overlap.
/// history.end(load, Act::Load(1));
/// assert!(history.check().is_ok());
/// // But it must not have been stored over what was set.
/// let get = history.begin();
/// history.end(get, Act::Get(Some(1)));
/// assert!(history.check().is_err());
/// ```
#[derive(Debug, Default)]
pub struct History {
    time: AtomicU64,
    calls: Mutex<Vec<Call>>,
}

impl History {
    /// Notes that a call begins. The answer is for [`end`](Self::end).
    pub fn begin(&self) -> u64 {
        self.time.fetch_add(1, Ordering::SeqCst)
    }

    /// Notes that a call has ended, and how.
    pub fn end(&self, begin: u64, act: Act) {
        let end = self.time.fetch_add(1, Ordering::SeqCst);
        self.calls
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Call { begin, end, act });
    }

    /// Says whether there is an order that explains all answers.
    ///
    /// # Errors
    /// The history as text, where there is none.
    pub fn check(&self) -> Result<(), String> {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone();
        assert!(
            calls.len() <= 64,
            "a history of {} calls is too long",
            calls.len()
        );
        calls.sort_by_key(|call| call.begin);
        if Search::new(&calls).explains(0, Register::Empty) {
            return Ok(());
        }
        let mut text = String::from("no order explains this history:\n");
        for Call { begin, end, act } in &calls {
            let _ = writeln!(text, "{begin:>4} to {end:>4}: {act:?}");
        }
        Err(text)
    }
}

/// What the model holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Register {
    Empty,
    Holds(u64),
    /// Nothing, but a load that was not stored brought this.
    Passed(u64),
}

/// The search of Wing and Gong (1993), which does not try a set of calls with the same register twice (Lowe, 2017).
struct Search<'a> {
    calls: &'a [Call],
    tried: HashSet<(u64, Register)>,
}

impl<'a> Search<'a> {
    fn new(calls: &'a [Call]) -> Self {
        Self {
            calls,
            tried: HashSet::new(),
        }
    }

    /// Says whether the calls that are not done yet can follow, when the register holds this.
    fn explains(&mut self, done: u64, register: Register) -> bool {
        if done.count_ones() as usize == self.calls.len() {
            return true;
        }
        if !self.tried.insert((done, register)) {
            return false;
        }
        let open = |at: usize| done & (1 << at) == 0;
        let calls = self.calls;
        // A call that began after another one had ended cannot come before it.
        let first_end = calls
            .iter()
            .enumerate()
            .filter(|(at, _)| open(*at))
            .map(|(_, call)| call.end)
            .min()
            .unwrap_or(u64::MAX);
        (0..calls.len()).any(|at| {
            open(at)
                && calls[at].begin < first_end
                && self
                    .steps(done, register, calls[at])
                    .into_iter()
                    .flatten()
                    .any(|after| self.explains(done | (1 << at), after))
        })
    }

    /// Returns what the register may hold after a call, nothing if the call cannot give this answer here.
    fn steps(&self, done: u64, register: Register, call: Call) -> [Option<Register>; 2] {
        let only = |after| [Some(after), None];
        let if_so = |so: bool| [so.then_some(register), None];
        match (call.act, register) {
            (Act::Set(value), _) => only(Register::Holds(value)),
            (Act::Delete, _) => only(Register::Empty),
            (Act::Get(found), Register::Holds(value)) => if_so(found == Some(value)),
            (Act::Get(found), _) => if_so(found.is_none()),
            (Act::Load(got), Register::Holds(value)) => if_so(got == value),
            (Act::Load(got), Register::Passed(value)) if got == value => only(register),
            (Act::Load(got), _) => {
                let came_before = (0..self.calls.len())
                    .any(|at| done & (1 << at) != 0 && self.calls[at].act == Act::Load(got));
                if came_before {
                    return [None, None];
                }
                let passed = self.overlaps_a_write(call).then_some(Register::Passed(got));
                [Some(Register::Holds(got)), passed]
            }
        }
    }

    fn overlaps_a_write(&self, call: Call) -> bool {
        self.calls.iter().any(|other| {
            matches!(other.act, Act::Set(_) | Act::Delete) && other.begin < call.end && call.begin < other.end
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes a history of calls that come one after the other.
    fn in_turn(acts: &[Act]) -> History {
        let history = History::default();
        for act in acts {
            let begin = history.begin();
            history.end(begin, *act);
        }
        history
    }

    #[test]
    fn calls_in_turn_are_explained_by_their_order() {
        let acts = [
            Act::Load(1),
            Act::Get(Some(1)),
            Act::Set(2),
            Act::Load(2),
            Act::Delete,
            Act::Get(None),
        ];
        assert_eq!(in_turn(&acts).check(), Ok(()));
    }

    #[test]
    fn a_lost_set_is_found() {
        assert!(in_turn(&[Act::Set(1), Act::Get(None)]).check().is_err());
    }

    #[test]
    fn a_load_over_a_set_is_found() {
        assert!(in_turn(&[Act::Set(1), Act::Load(2)]).check().is_err());
    }

    #[test]
    fn a_value_that_comes_back_is_found() {
        assert!(
            in_turn(&[Act::Load(1), Act::Delete, Act::Load(1)])
                .check()
                .is_err()
        );
    }

    #[test]
    fn callers_of_one_load_share_its_value() {
        let history = History::default();
        let (first, second) = (history.begin(), history.begin());
        history.end(first, Act::Load(1));
        history.end(second, Act::Load(1));
        assert_eq!(history.check(), Ok(()));
    }

    #[test]
    fn a_load_that_no_write_overlaps_is_stored() {
        assert!(in_turn(&[Act::Load(1), Act::Get(None)]).check().is_err());
    }

    #[test]
    fn a_load_that_was_not_stored_is_for_those_that_share_it() {
        let history = History::default();
        let (first, second, third, delete) =
            (history.begin(), history.begin(), history.begin(), history.begin());
        history.end(first, Act::Load(1));
        history.end(second, Act::Load(1));
        history.end(third, Act::Load(2));
        history.end(delete, Act::Delete);
        assert_eq!(history.check(), Ok(()));
    }

    #[test]
    fn calls_that_overlap_may_come_in_either_order() {
        let history = History::default();
        let (load, delete) = (history.begin(), history.begin());
        history.end(delete, Act::Delete);
        history.end(load, Act::Load(1));
        let get = history.begin();
        history.end(get, Act::Get(None));
        assert_eq!(history.check(), Ok(()));
    }
}
