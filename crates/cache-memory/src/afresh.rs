//! The gaps that writes leave which store an entry anew instead of over the old one: for a moment neither is there. A
//! reader that finds nothing asks here whether it may have looked into such a gap, so that it never reports one.

use super::sync::{AtomicU64, Ordering};

#[derive(Debug)]
pub(crate) struct Afresh {
    begun: AtomicU64,
    ended: AtomicU64,
}

/// A gap. It ends when this is dropped, after the new entry is there.
#[derive(Debug)]
pub(crate) struct Gap<'a>(&'a Afresh);

impl Default for Afresh {
    fn default() -> Self {
        Self {
            begun: AtomicU64::new(0),
            ended: AtomicU64::new(0),
        }
    }
}

impl Afresh {
    /// Begins a gap. The old entry may be removed afterwards.
    pub(crate) fn begin(&self) -> Gap<'_> {
        self.begun.fetch_add(1, Ordering::AcqRel);
        Gap(self)
    }

    /// Returns how many gaps have ended. Read it before looking for an entry.
    #[inline]
    pub(crate) fn ended(&self) -> u64 {
        self.ended.load(Ordering::Acquire)
    }

    /// Says whether there was a gap at any time since so many had ended. Whoever saw the old entry gone sees its gap here,
    /// and whoever counted the end of a gap sees the new entry.
    #[inline]
    pub(crate) fn has_begun_since(&self, ended: u64) -> bool {
        self.begun.load(Ordering::Acquire) != ended
    }
}

impl Drop for Gap<'_> {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::AcqRel);
    }
}
