//! An attempt to connect, in a task that anything may end: a close, a panic, a runtime that goes.

use std::sync::Arc;

use crate::lane::{Lane, Outcome};

/// An attempt to connect. However it ends, its lane learns of it.
pub(crate) struct Attempt {
    lane: Option<Arc<Lane>>,
    number: u64,
}

impl Attempt {
    pub(crate) fn new(lane: Arc<Lane>, number: u64) -> Self {
        Self {
            lane: Some(lane),
            number,
        }
    }

    pub(crate) fn end(mut self, outcome: Outcome) {
        if let Some(lane) = self.lane.take() {
            lane.settle(self.number, Some(outcome));
        }
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if let Some(lane) = self.lane.take() {
            lane.settle(self.number, None);
        }
    }
}
