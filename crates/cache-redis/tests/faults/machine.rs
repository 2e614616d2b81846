//! How much the machine holds this process up, so that a bound on time is about the code and not about what else runs.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use tokio::task::AbortHandle;

const NAP: Duration = Duration::from_millis(2);

/// By how much more the task may be late than the thread, so that code which keeps the runtime from running does not excuse
/// itself: a worker that has much to do is late by less.
const BUSY: Duration = Duration::from_millis(50);

/// The timers of the runtime are a millisecond coarse, which is nobody's fault.
const COARSE: Duration = Duration::from_millis(1);

/// So many naps are remembered: those of a minute and more, and no test takes as long.
const REMEMBERED: usize = 40_000;

/// By how much the naps of somebody who does nothing else have been late.
#[derive(Debug)]
struct Sleeper {
    nap: Duration,
    naps: Mutex<Naps>,
}

#[derive(Debug)]
struct Naps {
    /// When the one that is not over began.
    began: Instant,
    /// When each that is over ended, and by how much it was late.
    over: VecDeque<(Instant, Duration)>,
}

impl Sleeper {
    fn new(nap: Duration) -> Self {
        let naps = Naps {
            began: Instant::now(),
            over: VecDeque::new(),
        };
        Self {
            nap,
            naps: Mutex::new(naps),
        }
    }

    fn wakes(&self) {
        let mut naps = self.naps.lock().unwrap();
        let now = Instant::now();
        let late = now.duration_since(naps.began).saturating_sub(self.nap);
        naps.over.push_back((now, late));
        if naps.over.len() > REMEMBERED {
            naps.over.pop_front();
        }
        naps.began = now;
    }

    /// By how much the nap was late that was late by the most of all since then. What was before does not count.
    fn worst_since(&self, start: Instant) -> Duration {
        let naps = self.naps.lock().unwrap();
        let now = Instant::now();
        let late = now.duration_since(naps.began).saturating_sub(self.nap);
        let over = naps.over.iter().rev().take_while(|(end, _)| *end > start);
        [&(now, late)]
            .into_iter()
            .chain(over)
            .map(|(end, late)| end.duration_since(start).min(*late))
            .max()
            .unwrap_or_default()
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
    start: Instant,
    ends: AbortHandle,
}

impl Watch {
    pub(crate) fn start() -> Self {
        // Begins to nap, if nobody has been held up yet.
        thread();
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
            start: Instant::now(),
            ends: napping.abort_handle(),
        }
    }

    /// Returns for how long everybody was held up at the worst moment since the start.
    pub(crate) fn held_up(&self) -> Duration {
        let thread = thread().worst_since(self.start);
        self.task.worst_since(self.start).clamp(thread, thread + BUSY)
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
        let before = Instant::now();
        let watch = Watch::start();
        let blockers: Vec<_> = (0..2)
            .map(|_| tokio::spawn(async { thread::sleep(BLOCKED) }))
            .collect();
        for blocker in blockers {
            blocker.await.unwrap();
        }
        let (excused, late) = (watch.held_up(), thread().worst_since(before));
        assert!(
            excused <= BUSY + late,
            "{excused:?}, of which the machine {late:?}"
        );
    });
}

#[test]
fn of_all_naps_only_the_one_that_was_late_by_the_most_is_excused_and_of_it_what_came_since() {
    let start = Instant::now();
    let millis = Duration::from_millis;
    let after = |late: &[(u64, u64)]| {
        let over = late.iter();
        let over = over.map(|(end, late)| (start + millis(*end), millis(*late)));
        let naps = Naps {
            began: Instant::now(),
            over: over.collect(),
        };
        let sleeper = Sleeper {
            // The one that is not over is not late.
            nap: Duration::from_secs(3_600),
            naps: Mutex::new(naps),
        };
        sleeper.worst_since(start)
    };
    assert_eq!(after(&[(100, 10), (200, 30), (300, 20)]), millis(30));
    assert_eq!(after(&[(0, 500), (100, 10)]), millis(10));
    assert_eq!(after(&[(40, 500), (100, 10)]), millis(40));
}
