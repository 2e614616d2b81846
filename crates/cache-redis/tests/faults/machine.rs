//! How much the machine holds this process up, so that a bound on time is about the code and not about what else runs.

use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// By how much sleeps of a thread that does nothing else have been late, in all, in microseconds.
static LATE: AtomicU64 = AtomicU64::new(0);

const NAP: Duration = Duration::from_millis(2);

/// Starts to watch, once.
pub(crate) fn watch() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        thread::spawn(|| {
            loop {
                let start = Instant::now();
                thread::sleep(NAP);
                let late = start.elapsed().saturating_sub(NAP);
                LATE.fetch_add(u64::try_from(late.as_micros()).unwrap_or(0), Ordering::Relaxed);
            }
        });
    });
}

/// Returns for how long this process was held up since it began to watch.
pub(crate) fn held_up() -> Duration {
    Duration::from_micros(LATE.load(Ordering::Relaxed))
}
