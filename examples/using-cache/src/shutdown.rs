//! Being told to stop: the signals of the process, the word that passes it on to the parts of the service, and the gate
//! that lets no more requests in.

use std::io;
use std::sync::Arc;

use tokio::sync::watch;

/// The end that tells. Dropping it tells too.
#[derive(Debug)]
pub(crate) struct Stopper(watch::Sender<bool>);

/// The end that is told.
#[derive(Clone, Debug)]
pub(crate) struct Stop(watch::Receiver<bool>);

pub(crate) fn stop() -> (Stopper, Stop) {
    let (sender, receiver) = watch::channel(false);
    (Stopper(sender), Stop(receiver))
}

impl Stopper {
    pub(crate) fn tell(&self) {
        self.0.send_replace(true);
    }
}

impl Stop {
    /// Returns when it is told to stop, or has been.
    pub(crate) async fn told(&mut self) {
        // An error says that nobody is left to tell, which is as good.
        let _ = self.0.wait_for(|told| *told).await;
    }

    /// Says whether it has been told to stop.
    pub(crate) fn is_told(&self) -> bool {
        *self.0.borrow()
    }
}

/// What requests go through. It shuts before the server ends, so that the server can tell how the end goes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gate(Arc<watch::Sender<Inside>>);

#[derive(Debug, Default)]
struct Inside {
    shut: bool,
    requests: usize,
}

/// A request that is inside, until it is dropped.
#[derive(Debug)]
pub(crate) struct Pass(Gate);

impl Gate {
    /// Lets a request in, unless the gate is shut.
    pub(crate) fn enter(&self) -> Option<Pass> {
        let entered = self.0.send_if_modified(|inside| {
            inside.requests += usize::from(!inside.shut);
            !inside.shut
        });
        entered.then(|| Pass(self.clone()))
    }

    /// Lets none in any more, and returns when the last one is out.
    pub(crate) async fn shut(&self) {
        self.0.send_modify(|inside| inside.shut = true);
        // It fails if the sender is gone, which is this.
        let _ = self.0.subscribe().wait_for(|inside| inside.requests == 0).await;
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.0.0.send_modify(|inside| inside.requests -= 1);
    }
}

/// The signals that ask a process to stop. From when this is made, they no longer end it by themselves.
#[cfg(unix)]
#[derive(Debug)]
pub(crate) struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    pub(crate) fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for the next one and returns its name.
    pub(crate) async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }
}

/// Where there are no signals there is Ctrl-C.
#[cfg(not(unix))]
#[derive(Debug)]
pub(crate) struct Signals;

#[cfg(not(unix))]
impl Signals {
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self)
    }

    /// Waits for the next one and returns its name.
    pub(crate) async fn next(&mut self) -> &'static str {
        match tokio::signal::ctrl_c().await {
            Ok(()) => "Ctrl-C",
            Err(_) => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    #[test]
    fn a_gate_that_is_shut_lets_requests_out_and_none_in() {
        let gate = Gate::default();
        let inside = gate.enter();
        assert!(inside.is_some());
        let mut shut = pin!(gate.shut());
        let mut context = Context::from_waker(Waker::noop());
        assert_eq!(shut.as_mut().poll(&mut context), Poll::Pending);
        assert!(gate.enter().is_none());
        drop(inside);
        assert_eq!(shut.as_mut().poll(&mut context), Poll::Ready(()));
    }
}
