//! How much the machine holds this process up, so that a bound on time is about the code and not about what else runs.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use tokio::task::AbortHandle;

const NAP: Duration = Duration::from_millis(2);

/// By how much more the task may be late than the thread, so that code which keeps the runtime from running does not excuse
/// itself: a worker that has much to do is late by less.
const BUSY: Duration = Duration::from_millis(50);

/// The timers of the runtime are a millisecond coarse, which is nobody's fault.
const COARSE: Duration = Duration::from_millis(1);

/// By how much the naps of somebody who does nothing else have been late, in microseconds.
#[derive(Debug)]
struct Sleeper {
    nap: Duration,
    epoch: Instant,
    /// Of the naps that are over.
    late: AtomicU64,
    /// When this one began, since the epoch.
    began: AtomicU64,
}

impl Sleeper {
    fn new(nap: Duration) -> Self {
        Self {
            nap,
            epoch: Instant::now(),
            late: AtomicU64::new(0),
            began: AtomicU64::new(0),
        }
    }

    fn since_epoch(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// By how much this nap is late by now.
    fn overslept(&self) -> u64 {
        let nap = u64::try_from(self.nap.as_micros()).unwrap_or(u64::MAX);
        let slept = self
            .since_epoch()
            .saturating_sub(self.began.load(Ordering::Relaxed));
        slept.saturating_sub(nap)
    }

    fn wakes(&self) {
        self.late.fetch_add(self.overslept(), Ordering::Relaxed);
        self.began.store(self.since_epoch(), Ordering::Relaxed);
    }

    fn late(&self) -> Duration {
        Duration::from_micros(self.late.load(Ordering::Relaxed) + self.overslept())
    }
}

/// A thread that naps, which waits for the processor.
fn thread() -> &'static Sleeper {
    static SLEEPER: OnceLock<Arc<Sleeper>> = OnceLock::new();
    SLEEPER.get_or_init(|| {
        let sleeper = Arc::new(Sleeper::new(NAP));
        let naps = Arc::clone(&sleeper);
        thread::spawn(move || {
            loop {
                thread::sleep(NAP);
                naps.wakes();
            }
        });
        sleeper
    })
}

/// Watches for as long as it lives. Beside the thread a task naps in the runtime of the caller, which waits for a worker too.
#[derive(Debug)]
pub(crate) struct Watch {
    task: Arc<Sleeper>,
    thread_before: Duration,
    ends: AbortHandle,
}

impl Watch {
    pub(crate) fn start() -> Self {
        let task = Arc::new(Sleeper::new(NAP + COARSE));
        let naps = Arc::clone(&task);
        let napping = tokio::spawn(async move {
            loop {
                tokio::time::sleep(NAP).await;
                naps.wakes();
            }
        });
        Self {
            task,
            thread_before: thread().late(),
            ends: napping.abort_handle(),
        }
    }

    /// Returns for how long everybody was held up since the start.
    pub(crate) fn held_up(&self) -> Duration {
        let thread = thread().late().saturating_sub(self.thread_before);
        self.task.late().clamp(thread, thread + BUSY)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.ends.abort();
    }
}

#[test]
fn code_that_blocks_the_runtime_is_not_excused() {
    const BLOCKED: Duration = Duration::from_millis(500);
    crate::cell::run(async {
        // Before the watch starts, so that it sees no more of the machine than this does.
        let before = thread().late();
        let watch = Watch::start();
        let blockers: Vec<_> = (0..2)
            .map(|_| tokio::spawn(async { thread::sleep(BLOCKED) }))
            .collect();
        for blocker in blockers {
            blocker.await.unwrap();
        }
        let (excused, late) = (watch.held_up(), thread().late().saturating_sub(before));
        assert!(
            excused <= BUSY + late,
            "{excused:?}, of which the machine {late:?}"
        );
    });
}
