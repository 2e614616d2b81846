//! What a breaker gives to a call that it lets through, and by which the call says how it went.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use crate::breaker::Breaker;
use crate::counters::Counters;

/// A call that was let through. If it is dropped without a word, it counts as neither; a probe that nobody waited for
/// is repeated after the interval.
#[derive(Debug)]
pub(crate) struct Admission<'a> {
    breaker: &'a Breaker,
    counters: &'a Counters,
    is_probe: bool,
    /// What the breaker had forgotten when it let the call through.
    resets: u32,
    has_failed: AtomicBool,
    is_unsure: AtomicBool,
}

impl<'a> Admission<'a> {
    pub(crate) fn new(breaker: &'a Breaker, counters: &'a Counters, is_probe: bool) -> Self {
        Self {
            breaker,
            counters,
            is_probe,
            resets: breaker.resets(),
            has_failed: AtomicBool::new(false),
            is_unsure: AtomicBool::new(false),
        }
    }

    /// Says whether the breaker is open and this call looks whether it may close.
    pub(crate) fn is_probe(&self) -> bool {
        self.is_probe
    }

    /// Notes that a request of the call failed, which is said of the call when it ends. A call with many requests counts
    /// as one.
    pub(crate) fn note_failure(&self) {
        self.has_failed.store(true, Relaxed);
    }

    /// Notes that a request of the call was not answered in a time too short to speak against the server, nor for it.
    #[cold]
    pub(crate) fn note_unsure(&self) {
        self.is_unsure.store(true, Relaxed);
    }

    /// Notes that nothing was heard for as long as a call may take, and that nobody is there to end this one.
    #[cold]
    pub(crate) fn fail_unheard(&self) {
        if self.is_of_now() {
            self.breaker.fail(self.is_probe, self.counters);
        }
        self.counters.note_up(false);
    }

    /// Says whether the breaker still watches over the server that it did when it let the call through.
    #[inline]
    fn is_of_now(&self) -> bool {
        self.resets == self.breaker.resets()
    }

    /// Ends the call.
    #[inline]
    pub(crate) fn end(self) {
        if !self.is_of_now() {
            return;
        }
        if self.has_failed.load(Relaxed) {
            self.breaker.fail(self.is_probe, self.counters);
        } else if !self.is_unsure.load(Relaxed) {
            self.breaker.succeed(self.is_probe);
        }
    }
}
