//! Where a reply came from, so that whoever finds it wrong can say so to the connection that brought it.

use std::sync::Arc;

use tokio::time::Instant;

use crate::lane::Lane;

/// Where a reply came from.
#[derive(Clone, Copy)]
pub(crate) struct Origin<'a> {
    pub(crate) lane: &'a Arc<Lane>,
    pub(crate) number: u64,
    pub(crate) group: usize,
    /// When the call must have ended.
    pub(crate) deadline: Instant,
}

impl Origin<'_> {
    /// Gives up the connection: it may be out of step and answer each question with the answer to another one.
    pub(crate) fn distrust(&self) {
        self.lane.note_broken(self.number);
    }

    /// Gives up the connection for a value that was not what it must be. If that was done lately, the value is so on the
    /// server, most likely, and the connection is asked to prove its step instead: else each read of such a key would
    /// cost a connection.
    pub(crate) async fn doubt(&self, slot: u16) {
        if self.lane.note_doubt(self.number) {
            return;
        }
        let limit = self.deadline.saturating_duration_since(Instant::now());
        let Some(mut leased) = self.lane.ready().filter(|_| !limit.is_zero()) else {
            return;
        };
        if leased.number != self.number {
            return;
        }
        match leased.link.is_in_step(slot, limit).await {
            Ok(true) => {}
            Err(cause) if cause.is_timeout() => self.lane.note_silence(self.group, self.number),
            Ok(false) | Err(_) => self.distrust(),
        }
    }
}

/// That a value is not what it must be, with the slot of its key: the connection that brought it may be out of step.
pub(crate) struct Doubt(pub(crate) u16);

/// Acts upon a doubt, if there is one. Boxed, since reads without one should not carry it along.
pub(crate) async fn settle(doubt: Option<Doubt>, origin: &Origin<'_>) {
    if let Some(Doubt(slot)) = doubt {
        Box::pin(origin.doubt(slot)).await;
    }
}
