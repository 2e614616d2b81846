//! A lane: one held connection that commands of all callers run on, and how it is made and replaced.
//!
//! One task at a time connects, in the background: whoever waits for it may give up without stopping it, and while an
//! attempt has just failed, callers get its error at once instead of starting the next one.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use cache_core::{CacheError, Result};
use deadpool::managed::{Object, PoolError};
use deadpool_redis::redis::RedisError;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::attempt::Attempt;
use crate::error;
use crate::failure;
use crate::given_up::{Wait, Waiting};
use crate::held::{Leased, Ready, Slot};
use crate::pool::{Pool, Pooled, of_pool};

/// After so many requests in a row without an answer a connection is replaced: one that lost its way never fails by
/// itself.
const SILENT_REQUESTS: u32 = 3;

/// A held connection and its replacement.
#[derive(Debug)]
pub(crate) struct Lane {
    pool: Pool,
    /// What calls look at. `slot` decides what is there.
    ready: Arc<Ready>,
    slot: Mutex<Slot>,
    /// The attempt to connect and its number, for `close`.
    task: Mutex<Option<(u64, JoinHandle<()>)>>,
    /// Told at the end of each attempt to connect.
    settled: watch::Sender<()>,
    /// Requests in a row without an answer, for each group of slots.
    silent: Box<[AtomicU32]>,
    /// Since when those that were given up wait for something to come.
    waiting: Waiting,
}

/// How an attempt to connect ended.
pub(crate) type Outcome = std::result::Result<Pooled, PoolError<RedisError>>;

/// What a look at the slot says.
enum Look {
    Ready(Leased),
    /// For this attempt.
    Wait(u64),
    Failed(CacheError),
}

impl Lane {
    pub(crate) fn new(pool: Pool, groups: usize) -> Arc<Self> {
        let ready = Arc::new(Ready::empty());
        Arc::new(Self {
            pool,
            slot: Mutex::new(Slot::new(Arc::clone(&ready))),
            ready,
            task: Mutex::default(),
            settled: watch::Sender::new(()),
            waiting: Waiting::default(),
            silent: (0..groups).map(|_| AtomicU32::new(0)).collect(),
        })
    }

    /// Returns the connection if it is there.
    #[inline]
    pub(crate) fn ready(&self) -> Option<Leased> {
        self.ready.load().as_deref().cloned()
    }

    /// Returns the connection if it is still the one of this number.
    pub(crate) fn still_ready(&self, number: u64) -> Option<Leased> {
        self.ready().filter(|leased| leased.number == number)
    }

    /// Says whether the last requests had no answer, so that the connection is to be replaced.
    pub(crate) fn is_silent(&self, group: usize) -> bool {
        self.silent[group].load(Relaxed) >= SILENT_REQUESTS
    }

    /// Waits for a connection newer than number `old`, which is made if need be. A call that looks whether the server
    /// is back does not heed the pause after a failure.
    pub(crate) async fn connected(self: &Arc<Self>, urgent: bool, old: u64) -> Result<Leased> {
        let mut settled = self.settled.subscribe();
        let mut waited_for = None;
        loop {
            match self.look(urgent && waited_for.is_none(), old, waited_for) {
                Look::Ready(leased) => return Ok(leased),
                Look::Failed(error) => return Err(error),
                Look::Wait(attempt) => waited_for = Some(attempt),
            }
            if settled.changed().await.is_err() {
                return Err(CacheError::closed());
            }
        }
    }

    fn look(self: &Arc<Self>, urgent: bool, old: u64, waited_for: Option<u64>) -> Look {
        let slot = self.slot();
        if slot.closed {
            return Look::Failed(CacheError::closed());
        }
        if let Some(leased) = slot.lease()
            && leased.number > old
        {
            return Look::Ready(leased);
        }
        // The failure that was waited for is the answer, however late the caller wakes up.
        if let Some(error) = waited_for.and_then(|attempt| slot.failure_since(attempt)) {
            return Look::Failed(error);
        }
        if let Some(attempt) = slot.connecting(self.longest_attempt()) {
            return Look::Wait(attempt);
        }
        if !urgent && let Some(error) = slot.recent_failure() {
            return Look::Failed(error);
        }
        match self.start(slot) {
            Ok(attempt) => Look::Wait(attempt),
            Err(error) => Look::Failed(error),
        }
    }

    /// Starts an attempt to connect. The slot is left before: where a runtime is ending, the attempt settles at once.
    fn start(self: &Arc<Self>, mut slot: MutexGuard<'_, Slot>) -> Result<u64> {
        let runtime = Handle::try_current().map_err(|_| error::no_runtime())?;
        let number = slot.begin();
        drop(slot);
        let attempt = Attempt::new(Arc::clone(self), number);
        let pool = self.pool.clone();
        let task = runtime.spawn(async move {
            let result = pool.get().await;
            attempt.end(result);
        });
        self.keep(number, task);
        if self.slot().closed
            && let Some((_, task)) = self.task().take()
        {
            task.abort();
        }
        Ok(number)
    }

    /// Keeps the task of the latest attempt. One before it is stuck, or has ended. This one may itself have ended meanwhile
    /// and have been followed by another.
    fn keep(&self, number: u64, task: JoinHandle<()>) {
        let mut kept = self.task();
        if kept.as_ref().is_some_and(|(latest, _)| *latest > number) {
            return;
        }
        if let Some((_, stuck)) = kept.replace((number, task)) {
            stuck.abort();
        }
    }

    /// How long an attempt can take: it waits for a place in the pool, for a sign of life of a connection that waits
    /// there, and for a new one.
    fn longest_attempt(&self) -> Duration {
        self.pool.manager().limit().saturating_mul(3)
    }

    /// Takes in how an attempt ended. `None` is one that was stopped.
    pub(crate) fn settle(&self, attempt: u64, outcome: Option<Outcome>) {
        let mut slot = self.slot();
        if !slot.end(attempt) {
            // Another one was begun in its place.
            drop(slot);
            if let Some(Ok(pooled)) = outcome {
                drop(Object::take(pooled));
            }
            return;
        }
        match outcome {
            Some(Ok(pooled)) if slot.closed => drop(Object::take(pooled)),
            Some(Ok(pooled)) => {
                slot.hold(pooled);
                for silent in &self.silent {
                    silent.store(0, Relaxed);
                }
            }
            Some(Err(cause)) => slot.fail(of_pool(&cause)),
            None if thread::panicking() => slot.fail(failure::connect_panicked()),
            None => {}
        }
        drop(slot);
        self.settled.send_replace(());
    }

    /// Returns how the last attempt to connect failed, if the next has to wait.
    pub(crate) fn recent_failure(&self) -> Option<CacheError> {
        self.slot().recent_failure()
    }

    /// Notes how somebody else's attempt to connect ended. After a failure the next attempt waits, whoever makes it.
    pub(crate) fn note_connect_elsewhere(&self, failure: Option<&CacheError>) {
        let mut slot = self.slot();
        match failure {
            None => slot.succeed_elsewhere(),
            // Several that fail at the same time are one failure.
            Some(_) if slot.recent_failure().is_some() => {}
            Some(error) => slot.fail_elsewhere(error.clone()),
        }
    }

    /// Notes that a request was answered.
    #[inline]
    pub(crate) fn note_answer(&self, group: usize) {
        let silent = &self.silent[group];
        if silent.load(Relaxed) != 0 {
            silent.store(0, Relaxed);
        }
    }

    /// Notes that a request was not answered in time. After some of them the connection is replaced, but serves until
    /// the next one is there: it may be the server that is slow. If there is no next one, every further silence leads
    /// to another attempt.
    pub(crate) fn note_silence(self: &Arc<Self>, group: usize, number: u64) {
        if self.silent[group].fetch_add(1, Relaxed) + 1 < SILENT_REQUESTS {
            return;
        }
        let slot = self.slot();
        let replaceable =
            slot.holds(number) && slot.connecting(self.longest_attempt()).is_none() && !slot.closed;
        if replaceable && slot.recent_failure().is_none() {
            // Those that wait in the pool are as silent, most likely.
            self.pool.retain(|_, _| false);
            // Without a runtime the next call says so.
            drop(self.start(slot));
        }
    }

    /// Says whether nothing has come over a connection for as long as the budget, while one call after the other was given up that
    /// waited for it, this one the last.
    #[cold]
    pub(crate) fn has_waited_in_vain(&self, wait: Wait, budget: Duration) -> bool {
        let is_quiet = |leased: Leased| leased.link.heard() == wait.heard;
        self.still_ready(wait.number).is_some_and(is_quiet) && self.waiting.note(wait, budget)
    }

    /// Gives up a connection that broke or is out of step.
    pub(crate) fn note_broken(&self, number: u64) {
        let mut slot = self.slot();
        if !slot.holds(number) {
            return;
        }
        slot.discard();
        drop(slot);
        // Those that wait in the pool went the same way, most likely.
        self.pool.retain(|_, _| false);
    }

    /// Notes that a value came that was not what it must be: the connection may be out of step, or the value is so on the
    /// server. Gives up the connection, but says no if that did not help just before: then it has to be proven.
    pub(crate) fn note_doubt(&self, number: u64) -> bool {
        let mut slot = self.slot();
        if !slot.holds(number) {
            return true;
        }
        let give_up = slot.doubt();
        drop(slot);
        if give_up {
            self.note_broken(number);
        }
        give_up
    }

    /// Says whether there will never be a connection again.
    pub(crate) fn is_closed(&self) -> bool {
        self.slot().closed
    }

    /// Gives up the connection and the attempt to make one, and refuses to make others.
    pub(crate) fn close(&self) -> Option<JoinHandle<()>> {
        let mut slot = self.slot();
        slot.closed = true;
        slot.discard();
        drop(slot);
        let task = self.task().take().map(|(_, task)| task);
        if let Some(task) = &task {
            task.abort();
        }
        self.settled.send_replace(());
        task
    }

    fn task(&self) -> MutexGuard<'_, Option<(u64, JoinHandle<()>)>> {
        self.task.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn slot(&self) -> MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use deadpool_redis::redis::IntoConnectionInfo;

    use super::*;
    use crate::breaker::BreakerSettings;
    use crate::pool::{self, Connector, Target};
    use crate::shards::Shards;

    fn lane() -> Arc<Lane> {
        let nowhere = "redis://127.0.0.1:1".into_connection_info().unwrap();
        #[cfg(feature = "tls")]
        let security = None;
        #[cfg(not(feature = "tls"))]
        let security = crate::transport::Security;
        let target = Target::Node(Box::new(nowhere), security);
        let shards = Shards::one(&BreakerSettings::default());
        let connector = Connector::new(target, Duration::from_secs(1), 0, shards);
        Lane::new(pool::build(connector, 3).unwrap(), 1)
    }

    /// A task with a number came later than another one with a higher number, and a still later one finds that stuck.
    #[tokio::test]
    async fn only_the_task_before_the_latest_is_ended() {
        let lane = lane();
        let task = || tokio::spawn(pending());
        let (first, second, third) = (task(), task(), task());
        let ends = [&first, &second, &third].map(JoinHandle::abort_handle);
        lane.keep(2, second);
        lane.keep(1, first);
        tokio::task::yield_now().await;
        assert!(!ends[1].is_finished(), "a task was ended for an earlier one");
        lane.keep(3, third);
        tokio::task::yield_now().await;
        assert_eq!(ends.map(|task| task.is_finished()), [false, true, false]);
    }
}
