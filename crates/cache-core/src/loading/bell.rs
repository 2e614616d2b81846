//! The alarm that the callers who joined a flight share: each needs a bound of its own to wait, and a thousand timers that are set
//! and taken back take a lock a thousand times each way. One task of their runtime wakes all of them before the first bound is
//! there; who is not at its bound then sets a timer of its own. Like all tasks that are ended, its task goes when its runtime is
//! driven the next time.

use std::sync::{Arc, Weak};

use tokio::runtime::{Handle, Id};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::flight::Flight;
use super::patience;

/// The alarm of one flight. Dropping it ends its task.
#[derive(Debug)]
pub(crate) struct Bell {
    runtime: Id,
    at: Instant,
    task: AbortHandle,
}

impl Bell {
    /// Sets the alarm in the runtime of who asks. `None` where there are no timers.
    pub(crate) fn set(flight: &Arc<Flight>, at: Instant) -> Option<Self> {
        let timer = patience::timer(at)?;
        let ring = Ring(Arc::downgrade(flight));
        let runtime = Handle::try_current().ok()?;
        let task = runtime.spawn(async move {
            // The runtime may also end, and a waiter be polled on elsewhere.
            let _ring = ring;
            timer.await;
        });
        Some(Self {
            runtime: runtime.id(),
            at,
            task: task.abort_handle(),
        })
    }

    /// Says whether it wakes in time who waits until then in this runtime.
    pub(crate) fn wakes(&self, runtime: Id, until: Instant) -> bool {
        self.runtime == runtime && self.at <= until
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Rings when it is dropped, if anybody is left to hear it.
struct Ring(Weak<Flight>);

impl Drop for Ring {
    fn drop(&mut self) {
        if let Some(flight) = self.0.upgrade() {
            flight.ring();
        }
    }
}
