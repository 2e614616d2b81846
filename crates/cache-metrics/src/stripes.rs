//! Counters that cost a hit next to nothing. Each thread has a stripe of its own and is the only one that writes to
//! it, so counting is a load and a store without a bus lock; who reads them adds the stripes up.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Hit,
    Miss,
    Set,
    Delete,
    /// Calls until the next one that is timed, of those that may be answered from memory.
    Untimed,
}

const EVENTS: usize = 5;
/// How many threads have a stripe of their own. Further ones share the last.
const OWN: usize = 64;

/// Two cache lines, since processors fetch them in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Stripe([AtomicU64; EVENTS]);

/// The counters of one cache.
#[derive(Debug)]
pub(crate) struct Stripes(Box<[Stripe]>);

impl Default for Stripes {
    fn default() -> Self {
        Self((0..=OWN).map(|_| Stripe::default()).collect())
    }
}

impl Stripes {
    /// Returns the stripe of the running thread.
    #[inline]
    pub(crate) fn mine(&self) -> Mine<'_> {
        let seat = SEAT.try_with(Seat::number).unwrap_or(OWN);
        Mine {
            stripe: &self.0[seat],
            alone: seat < OWN,
        }
    }

    /// Returns how often the event was counted.
    pub(crate) fn sum(&self, event: Event) -> u64 {
        self.0
            .iter()
            .map(|stripe| stripe.0[event as usize].load(Ordering::Relaxed))
            .sum()
    }
}

/// The stripe of the running thread.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mine<'a> {
    stripe: &'a Stripe,
    alone: bool,
}

impl Mine<'_> {
    /// Counts.
    #[inline]
    pub(crate) fn add(self, event: Event, count: u64) {
        let counter = &self.stripe.0[event as usize];
        if self.alone {
            counter.store(counter.load(Ordering::Relaxed) + count, Ordering::Relaxed);
        } else {
            counter.fetch_add(count, Ordering::Relaxed);
        }
    }

    /// Says whether a call that may be answered from memory is one of those that are timed. It counts down, since a
    /// division would cost a hit more than all the rest of counting.
    #[inline]
    pub(crate) fn is_sampled(self, one_in: u64) -> bool {
        let untimed = &self.stripe.0[Event::Untimed as usize];
        // Threads that share a stripe may lose a step here, which moves a sample and no count.
        let left = untimed.load(Ordering::Relaxed);
        let timed = left == 0;
        untimed.store(
            if timed { one_in.saturating_sub(1) } else { left - 1 },
            Ordering::Relaxed,
        );
        timed
    }
}

thread_local! {
    static SEAT: Seat = Seat::take();
}

/// The seats that ended threads left. A seat changes hands under this lock, so the next thread sees all that the one
/// before it wrote.
static FREE: Mutex<Seats> = Mutex::new(Seats {
    left: Vec::new(),
    next: 0,
});

struct Seats {
    left: Vec<usize>,
    next: usize,
}

/// The number of the stripes that a thread writes to, in all caches.
struct Seat(Cell<usize>);

impl Seat {
    fn take() -> Self {
        let mut seats = FREE.lock().unwrap_or_else(PoisonError::into_inner);
        let seat = seats.left.pop().unwrap_or_else(|| {
            let next = seats.next;
            seats.next = (next + 1).min(OWN);
            next
        });
        Self(Cell::new(seat))
    }

    #[inline]
    fn number(&self) -> usize {
        self.0.get()
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        // Whatever this thread still counts while it ends goes to the shared stripe.
        let seat = self.0.replace(OWN);
        if seat < OWN {
            FREE.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .left
                .push(seat);
        }
    }
}
