//! The thread that frees entries whose time has ended when nobody calls. It belongs to one cache and ends with it.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::watch;

use crate::store::{SLICE, Store};

/// How many slices are freed before what a clear has hidden has its turn.
const SLICES: usize = 1_024;

/// The thread's end of the cache.
#[derive(Debug)]
pub(crate) struct Maintenance {
    signal: Arc<Signal>,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// Changes whenever the thread has looked for hidden entries, and is closed by its end.
    turns: watch::Receiver<()>,
}

#[derive(Debug, Default)]
struct Signal {
    state: Mutex<State>,
    /// A cache that nobody else holds any more.
    last: Mutex<Option<Arc<Store>>>,
    changed: Condvar,
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    stop: bool,
    /// There is something to do before the interval is over.
    wanted: bool,
}

impl Maintenance {
    /// Starts the thread. It keeps the cache alive only while it works.
    pub(crate) fn start(store: &Arc<Store>, interval: Duration) -> io::Result<Self> {
        let signal = Arc::new(Signal::default());
        let (turn, turns) = watch::channel(());
        let weak = Arc::downgrade(store);
        let theirs = Arc::clone(&signal);
        let thread = thread::Builder::new()
            .name("cache-maintain".to_owned())
            .spawn(move || {
                run(&weak, &theirs, interval, &turn);
                drop(turn);
            })?;
        Ok(Self {
            signal,
            thread: Mutex::new(Some(thread)),
            turns,
        })
    }

    /// Lets the thread work now instead of at the end of its interval.
    pub(crate) fn wake(&self) {
        self.signal.change(|state| state.wanted = true);
    }

    /// Tells the thread to stop and leaves the cache to it, so that not the caller but the thread frees the entries.
    pub(crate) fn retire(&self, store: Arc<Store>) {
        *self.signal.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(store);
        self.signal.change(|state| state.stop = true);
    }

    /// Waits until the work of the thread has come to something, or the thread has ended.
    pub(crate) async fn works_until(&self, done: impl Fn() -> bool) {
        let mut turns = self.turns.clone();
        // An error says that the thread has dropped its end.
        while !done() && turns.changed().await.is_ok() {}
    }

    /// Tells the thread to stop and waits until it has ended.
    pub(crate) async fn stop(&self) {
        self.signal.change(|state| state.stop = true);
        self.works_until(|| false).await;
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // The thread has done its work, so this does not wait. It cannot have panicked with anything to say.
            drop(thread.join());
        }
    }
}

impl Signal {
    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    /// Waits for the interval or a signal and says whether to go on.
    fn wait(&self, interval: Duration) -> bool {
        let idle = |state: &mut State| !state.stop && !state.wanted;
        let waited = self.changed.wait_timeout_while(self.lock(), interval, idle);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.wanted = false;
        !state.stop
    }

    fn stopped(&self) -> bool {
        self.lock().stop
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn run(store: &Weak<Store>, signal: &Signal, interval: Duration, turn: &watch::Sender<()>) {
    while signal.wait(interval) {
        let Some(store) = store.upgrade() else { return };
        let mut more = true;
        while more && !signal.stopped() {
            for _ in 0..SLICES {
                more = store.sweep(SLICE, SLICE).looked == SLICE;
                store.settle();
                if !more || signal.stopped() {
                    break;
                }
            }
            store.free_hidden(|| signal.stopped());
            turn.send_replace(());
        }
    }
    let last = signal.last.lock().unwrap_or_else(PoisonError::into_inner).take();
    // A cache that was dropped or closed is freed here and not in the caller of close, which may be on a runtime thread.
    if let Some(store) = last.or_else(|| store.upgrade()) {
        store.free_all();
    }
}
