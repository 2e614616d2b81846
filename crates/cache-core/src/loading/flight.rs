//! A flight: one load of one key, with all callers that wait for it.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use tokio::runtime::Id;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::bell::Bell;
use super::carried::Carried;
use super::crew::Crew;
use super::error::Fault;
use super::fences::Flying;
use super::waits;
use crate::entry::Entry;
use crate::error::CacheError;

/// How a flight ended, for all who wait for it.
#[derive(Clone, Debug)]
pub(crate) enum Landed {
    /// With a value. It was found in the cache after all if it was not loaded.
    Found { entry: Entry, loaded: bool },
    /// With the answer that there is nothing.
    NotFound,
    /// Without an answer.
    Failed(Fault, CacheError),
}

pub(crate) struct Flight {
    id: u64,
    pub(crate) key: Arc<str>,
    pub(crate) hash: u64,
    crew: Arc<Crew>,
    /// How many callers wait.
    waiting: AtomicUsize,
    /// Whether it goes on when nobody waits.
    keeps_going: AtomicBool,
    given_up: AtomicBool,
    joined: AtomicBool,
    /// What was loaded, while that is being stored.
    brought: OnceLock<Landed>,
    /// Whether all callers get what was loaded without waiting for the store.
    handed_out: AtomicBool,
    /// Whether it stores no more, and who waits for that.
    store_is_over: AtomicBool,
    store_ends: Notify,
    landed: OnceLock<Landed>,
    landing: Notify,
    /// The alarm of those that joined it, unless there are no timers.
    bell: OnceLock<Option<Bell>>,
    rung: AtomicBool,
    /// Its tags, where those are on.
    carried: Option<Carried>,
}

impl Flight {
    /// Makes a flight. `waiting` callers wait for it from the start.
    pub(crate) fn new(
        key: Arc<str>,
        hash: u64,
        crew: Arc<Crew>,
        waiting: usize,
        carried: Option<Carried>,
    ) -> Arc<Self> {
        crew.wants_one();
        Arc::new(Self {
            id: waits::new_id(),
            key,
            hash,
            crew,
            waiting: AtomicUsize::new(waiting),
            keeps_going: AtomicBool::new(waiting == 0),
            given_up: AtomicBool::new(false),
            joined: AtomicBool::new(false),
            brought: OnceLock::new(),
            handed_out: AtomicBool::new(false),
            store_is_over: AtomicBool::new(false),
            store_ends: Notify::new(),
            landed: OnceLock::new(),
            landing: Notify::new(),
            bell: OnceLock::new(),
            rung: AtomicBool::new(false),
            carried,
        })
    }

    pub(crate) fn carried(&self) -> Option<&Carried> {
        self.carried.as_ref()
    }

    pub(crate) fn crew(&self) -> &Crew {
        &self.crew
    }

    /// Lets it go on when nobody waits any more.
    pub(crate) fn keep_going(&self) {
        self.keeps_going.store(true, Ordering::Release);
    }

    /// Adds a caller. The lock of the table is held, so the flight is not given up meanwhile.
    pub(crate) fn join(&self) {
        self.joined.store(true, Ordering::Release);
        self.waiting.fetch_add(1, Ordering::AcqRel);
    }

    /// Says whether a caller ever joined it. None does once it is off the table.
    pub(crate) fn was_joined(&self) -> bool {
        self.joined.load(Ordering::Acquire)
    }

    /// Takes a caller away and says whether it was the last one of a flight that ends then.
    pub(crate) fn leave(&self) -> bool {
        self.waiting.fetch_sub(1, Ordering::AcqRel) == 1 && self.is_unwanted()
    }

    /// Says whether nobody wants it any more.
    pub(crate) fn is_unwanted(&self) -> bool {
        self.waiting.load(Ordering::Acquire) == 0
            && !self.keeps_going.load(Ordering::Acquire)
            && self.landed.get().is_none()
    }

    /// Gives it up: its task ends at its next await unless it has other flights. A second time changes nothing.
    pub(crate) fn give_up(&self) {
        if !self.given_up.swap(true, Ordering::AcqRel) {
            self.crew.give_up_one();
        }
    }

    /// Ends it because the cache is closed.
    pub(crate) fn end_closed(&self) {
        self.land(Landed::Failed(Fault::Closed, CacheError::closed()));
        self.give_up();
    }

    /// Notes what was loaded, for callers who cannot wait, or are not to wait, until it is stored.
    pub(crate) fn bring(&self, landed: &Landed) {
        let _ = self.brought.set(landed.clone());
    }

    pub(crate) fn brought(&self) -> Option<&Landed> {
        self.brought.get()
    }

    /// Gives all callers what was brought, who would wait in vain for a backend that fails. The flight goes on: who writes still
    /// comes after its store.
    pub(crate) fn hand_out(&self) {
        self.keep_going();
        self.handed_out.store(true, Ordering::Release);
        self.landing.notify_waiters();
    }

    /// Tells the writes that come after its store that this has ended.
    pub(crate) fn end_store(&self) {
        self.store_is_over.store(true, Ordering::Release);
        self.store_ends.notify_waiters();
    }

    /// Waits for the end of its store. It may not have landed then.
    pub(crate) async fn wait_for_store(&self) {
        loop {
            let end = self.store_ends.notified();
            if self.store_is_over.load(Ordering::Acquire) {
                return;
            }
            end.await;
        }
    }

    /// Tells all callers how it ended. The first end counts.
    pub(crate) fn land(&self, landed: Landed) {
        if self.landed.set(landed).is_ok() {
            self.landing.notify_waiters();
        }
    }

    pub(crate) fn landed(&self) -> Option<&Landed> {
        self.landed.get()
    }

    pub(crate) fn is_handed_out(&self) -> bool {
        self.handed_out.load(Ordering::Acquire)
    }

    /// What callers get, if that is certain by now.
    fn answer(&self) -> Option<&Landed> {
        let handed_out = self.is_handed_out();
        self.brought
            .get()
            .filter(|_| handed_out)
            .or_else(|| self.landed.get())
    }

    /// Waits for what callers get.
    pub(crate) async fn wait(&self) -> &Landed {
        self.wait_for(Self::answer).await
    }

    /// Waits for the end, after which it stores nothing more.
    pub(crate) async fn wait_for_end(&self) -> &Landed {
        self.wait_for(Self::landed).await
    }

    async fn wait_for(&self, is_here: fn(&Self) -> Option<&Landed>) -> &Landed {
        loop {
            // From here on a landing is not missed, and who is woken by it takes no lock.
            let landing = self.landing.notified();
            if let Some(landed) = is_here(self) {
                return landed;
            }
            landing.await;
        }
    }

    /// Waits for what callers get of a flight that was joined in this runtime, by the alarm that all share who did. Gives up at
    /// that time, or at once if the alarm is none for this caller.
    pub(crate) async fn wait_together(self: &Arc<Self>, runtime: Id, until: Instant) -> Option<&Landed> {
        let bell = self.bell.get_or_init(|| Bell::set(self, until)).as_ref()?;
        if !bell.wakes(runtime, until) {
            return None;
        }
        loop {
            let woken = self.landing.notified();
            if let Some(landed) = self.answer() {
                return Some(landed);
            }
            if self.rung.load(Ordering::Acquire) {
                return None;
            }
            woken.await;
        }
    }

    /// Wakes those who wait together.
    pub(crate) fn ring(&self) {
        self.rung.store(true, Ordering::Release);
        self.landing.notify_waiters();
    }
}

impl Flying for Arc<Flight> {
    fn id(&self) -> u64 {
        self.id
    }

    fn key(&self) -> Arc<str> {
        Arc::clone(&self.key)
    }
}

impl fmt::Debug for Flight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flight")
            .field("id", &self.id)
            .field("waiting", &self.waiting)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Its callers go before its task has begun to store, if they run on another thread.
    #[test]
    fn what_is_handed_out_is_stored_though_all_have_gone() {
        let flight = Flight::new("key".into(), 0, Crew::new(), 1, None);
        flight.bring(&Landed::NotFound);
        flight.hand_out();
        assert!(!flight.leave());
    }
}
