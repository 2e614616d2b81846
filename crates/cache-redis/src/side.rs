//! The lanes of one way. Reads and writes keep apart: a server that holds back a write (`CLIENT PAUSE WRITE`) holds back all that
//! comes behind it on the connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use crate::lane::Lane;
use crate::pool::Pool;

#[derive(Debug)]
pub(crate) struct Side {
    lanes: Box<[Arc<Lane>]>,
    next: AtomicUsize,
}

impl Side {
    /// Makes so many lanes.
    pub(crate) fn new(pool: &Pool, groups: usize, lanes: usize) -> Self {
        Self {
            lanes: (0..lanes).map(|_| Lane::new(pool.clone(), groups)).collect(),
            next: AtomicUsize::new(0),
        }
    }

    pub(crate) fn lanes(&self) -> &[Arc<Lane>] {
        &self.lanes
    }

    /// Returns the lanes in turn.
    #[inline]
    pub(crate) fn lane(&self) -> &Arc<Lane> {
        match &*self.lanes {
            [only] => only,
            lanes => &lanes[self.next.fetch_add(1, Relaxed) % lanes.len()],
        }
    }
}
