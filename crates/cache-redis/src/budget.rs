//! How long the requests of an operation may take. One that is part of a larger operation has what that one has left.

use std::time::Duration;

use cache_core::{CacheError, EnclosingOperation, ErrorKind, Operation};

/// How long operations may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budgets {
    pub(crate) read: Duration,
    pub(crate) write: Duration,
    pub(crate) clear: Duration,
}

/// The budget of an operation, and what is left of it when a request begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Budget {
    pub(crate) whole: Duration,
    pub(crate) left: Duration,
}

impl Budget {
    /// Says whether a request that was not answered in what was left is as silent as one that had all of it.
    pub(crate) fn is_enough_to_tell(self) -> bool {
        self.left >= self.whole / 2
    }

    /// Says whether an error tells something of the server: that it was late does not where little time was left.
    pub(crate) fn is_told_of(self, error: &CacheError) -> bool {
        error.kind() != ErrorKind::Timeout || self.is_enough_to_tell()
    }

    /// Returns what is left at a later time.
    pub(crate) fn with_left(self, left: Duration) -> Self {
        Self { left, ..self }
    }
}

impl From<Duration> for Budget {
    fn from(whole: Duration) -> Self {
        Self { whole, left: whole }
    }
}

impl Budgets {
    /// Returns the budget of a request that reads.
    #[inline]
    pub(crate) fn reading(&self) -> Budget {
        self.of_current(self.read)
    }

    /// Returns the budget of a request that writes.
    #[inline]
    pub(crate) fn writing(&self) -> Budget {
        self.of_current(self.write)
    }

    /// Returns the budget of a clear.
    pub(crate) fn clearing(&self) -> Budget {
        self.of_current(self.clear)
    }

    #[inline]
    fn of_current(&self, own: Duration) -> Budget {
        EnclosingOperation::current().map_or(own.into(), |whole| self.of_part(own, whole))
    }

    /// No request has more time than one that is an operation by itself: its breaker is judged by that.
    #[cold]
    fn of_part(&self, own: Duration, enclosing: EnclosingOperation) -> Budget {
        let all = match enclosing.operation() {
            Operation::Get | Operation::GetMany | Operation::Exists | Operation::Ping => self.read,
            Operation::Clear => self.clear,
            _ => self.write,
        };
        Budget {
            whole: own.min(all),
            left: own.min(all.saturating_sub(enclosing.elapsed())),
        }
    }
}
