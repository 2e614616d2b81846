//! How long a call waits for a load that runs in a task of another caller. The task ends itself by its own timers, as
//! long as its runtime is driven; each waiter has a bound of its own beside that, by the timers of its own runtime, so
//! that a runtime that stands still holds nobody who is outside of it.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::{Instant, Sleep, sleep_until, timeout};

use super::error;
use super::flight::Flight;
use crate::error::Result;

/// How much later than the load a waiter gives up, so that the load itself, which knows more, is the first to say so.
pub(crate) const GRACE: Duration = Duration::from_millis(50);

/// How long the backend may take that a load asks: a write waits so long for a load of its key that stores at that
/// moment. The deadline of the backend is far shorter, so this ends waits only for what stands still.
pub(crate) const LONGEST_ASKED: Duration = Duration::from_secs(30);

/// Returns the point that comes so long after another one, `None` for one beyond all time.
pub(crate) fn after(start: Instant, wait: Duration) -> Option<Instant> {
    start.checked_add(wait)
}

/// Waits for what another caller does, up to a time. Where there are no timers, it is not waited for at all.
pub(crate) async fn at_most<F: Future>(limit: Duration, future: F) -> Option<F::Output> {
    Handle::try_current().ok()?;
    // Making the alarm is what panics without timers.
    let wait = catch_unwind(AssertUnwindSafe(|| timeout(limit, future))).ok()?;
    wait.await.ok()
}

/// Waits for a future up to a point in time. In a runtime without timers, and outside of one, there is no such point.
pub(crate) async fn wait_until<F: Future>(until: Option<Instant>, wait: F) -> Option<F::Output> {
    let Some(until) = until else {
        return Some(wait.await);
    };
    let (mut wait, mut timer) = (pin!(wait), pin!(timer(until)));
    poll_fn(|context| match wait.as_mut().poll(context) {
        Poll::Ready(came) => Poll::Ready(Some(came)),
        Poll::Pending => poll_timer(timer.as_mut(), until, context).map(|()| None),
    })
    .await
}

/// Makes a timer, where there are timers.
pub(crate) fn timer(until: Instant) -> Option<Sleep> {
    Handle::try_current().ok()?;
    // Making it is what panics without timers.
    catch_unwind(AssertUnwindSafe(|| sleep_until(until))).ok()
}

/// Polls a timer. One whose runtime has ended panics; a call that goes on elsewhere gets one there.
fn poll_timer(mut timer: Pin<&mut Option<Sleep>>, until: Instant, context: &mut Context<'_>) -> Poll<()> {
    for _ in 0..2 {
        let Some(running) = timer.as_mut().as_pin_mut() else {
            break;
        };
        if let Ok(poll) = catch_unwind(AssertUnwindSafe(|| running.poll(context))) {
            return poll;
        }
        timer.set(self::timer(until));
    }
    Poll::Pending
}

/// Waits for the stores of flights.
pub(crate) async fn wait_for_stores(storing: &[Arc<Flight>]) -> Result<()> {
    let until = after(Instant::now(), LONGEST_ASKED);
    for flight in storing {
        if wait_until(until, flight.wait_for_store()).await.is_none() {
            return Err(error::store_stands_still(LONGEST_ASKED));
        }
    }
    Ok(())
}

/// Waits for flights that store until they have landed.
pub(crate) async fn wait_for_ends(storing: &[Arc<Flight>]) {
    let until = after(Instant::now(), LONGEST_ASKED);
    for flight in storing {
        if wait_until(until, flight.wait_for_end()).await.is_none() {
            return;
        }
    }
}
