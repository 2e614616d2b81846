//! Being told to stop: the signals of the process, and the word that passes it on to the parts of the service.

use std::io;

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
