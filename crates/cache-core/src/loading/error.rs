//! The errors of loading.

use std::error::Error;
use std::time::Duration;

use crate::error::{CacheError, ErrorKind};

pub(crate) type BoxError = Box<dyn Error + Send + Sync>;

/// Why a load brought no answer, as far as the callers are to be told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The loader failed or panicked.
    Failed,
    /// It took too long.
    TimedOut,
    /// The limit of loads refused it.
    Refused,
    /// The backend failed the second look, which is an error to a caller that is strict.
    Backend,
    /// It was given up; who still waits loads for itself.
    Cancelled,
    /// The cache was closed.
    Closed,
}

pub(crate) fn failed(cause: BoxError) -> CacheError {
    CacheError::new(ErrorKind::Load, "the loader failed; its error is the cause").with_source(cause)
}

pub(crate) fn panicked() -> CacheError {
    CacheError::new(
        ErrorKind::Panic,
        "the loader panicked; its message went to the panic hook",
    )
}

pub(crate) fn task_panicked() -> CacheError {
    CacheError::new(
        ErrorKind::Panic,
        "the load panicked outside of its loader; its message went to the panic hook. A runtime without timers does \
         that: build it with enable_time",
    )
}

pub(crate) fn timed_out(limit: Duration) -> CacheError {
    let message = format!("the loader ran for {limit:?} and was ended; speed it up or raise hard_timeout");
    CacheError::new(ErrorKind::Timeout, message)
}

pub(crate) fn overdue(limit: Duration) -> CacheError {
    let message = format!(
        "the load did not end within {limit:?}, which is the hard_timeout of this caller; the loader is slow, or the \
         runtime that the load runs in stands still because something blocks its threads or nobody drives it"
    );
    CacheError::new(ErrorKind::Timeout, message)
}

pub(crate) fn store_stands_still(limit: Duration) -> CacheError {
    let message = format!(
        "the write was not done: a load has been storing a value that it must come after for {limit:?}; the runtime of \
         that load stands still, or the backend has no deadline"
    );
    CacheError::new(ErrorKind::Timeout, message)
}

pub(crate) fn refused(limit: usize, waited: Duration) -> CacheError {
    let message = format!(
        "{limit} loads run already and none ended within {waited:?}; raise max_concurrent_loads or load_wait, or allow \
         stale values"
    );
    CacheError::new(ErrorKind::Exhausted, message)
}

pub(crate) fn cancelled() -> CacheError {
    CacheError::new(
        ErrorKind::Cancelled,
        "the load was given up because its runtime ended; ask again from a runtime that lives",
    )
}

pub(crate) fn reentrant() -> CacheError {
    CacheError::new(
        ErrorKind::Reentrant,
        "a loader waits, through others or directly, for the key that it loads, which would never end; ask for another \
         key",
    )
}

pub(crate) fn no_runtime() -> CacheError {
    CacheError::new(
        ErrorKind::NoRuntime,
        "the value is not in the cache, and loads run as tasks of tokio; ask from inside a tokio runtime",
    )
}

pub(crate) fn not_found() -> CacheError {
    CacheError::new(
        ErrorKind::NotFound,
        "another loader found nothing for this key; take a LoadContext in the loader to get None instead",
    )
}

pub(crate) fn nothing_to_keep() -> CacheError {
    CacheError::new(
        ErrorKind::Load,
        "the loader answered not_modified without an older value; look at LoadContext::stale first",
    )
}

pub(crate) fn no_answer() -> CacheError {
    CacheError::new(ErrorKind::Load, "the loader ended without an answer for this key")
}
