//! The task that brings one flight or those of a batch: who it is, how far it has come, and when nobody needs it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::waits;

/// The task that brings one flight, or several of one batch. It ends when none of them is wanted.
pub(crate) struct Crew {
    id: u64,
    work: Mutex<Work>,
    looks: AtomicBool,
    /// When its loader began to run, and the hard timeout that it runs under.
    begun: OnceLock<(Instant, Option<Duration>)>,
}

#[derive(Debug, Default)]
struct Work {
    wanted: usize,
    task: Option<AbortHandle>,
}

impl Crew {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            id: waits::new_id(),
            work: Mutex::default(),
            looks: AtomicBool::new(false),
            begun: OnceLock::new(),
        })
    }

    /// Tells it from the crews of all other loads in the process.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// Notes that the backend is asked once more before the loader begins.
    pub(crate) fn look(&self) {
        self.looks.store(true, Ordering::Release);
    }

    /// Says whether the backend was asked once more.
    pub(crate) fn looks(&self) -> bool {
        self.looks.load(Ordering::Acquire)
    }

    /// Notes that the loader begins to run.
    pub(crate) fn begin(&self, hard_timeout: Option<Duration>) {
        // There is one loader, so nothing was noted before.
        let _ = self.begun.set((Instant::now(), hard_timeout));
    }

    /// Returns when the loader began to run, and the hard timeout that it runs under.
    pub(crate) fn begun(&self) -> Option<(Instant, Option<Duration>)> {
        self.begun.get().copied()
    }

    /// Says which task it is.
    pub(crate) fn is_task(&self, task: AbortHandle) {
        let mut work = self.work();
        if work.wanted == 0 {
            // The cache was closed while the task started.
            task.abort();
        }
        work.task = Some(task);
    }

    /// Adds a flight that it is to bring.
    pub(super) fn wants_one(&self) {
        self.work().wanted += 1;
    }

    /// Takes away a flight that nobody wants. With the last one its task ends at its next await.
    pub(super) fn give_up_one(&self) {
        let mut work = self.work();
        work.wanted = work.wanted.saturating_sub(1);
        if work.wanted == 0
            && let Some(task) = &work.task
        {
            task.abort();
        }
    }

    fn work(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
