//! What the proxy does to messages at the moment, and what it has counted.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::watch;

use crate::proxy::fault::{Direction, Fault, When};

/// What happens to the messages of each direction. It is shared by all connections of a proxy.
#[derive(Debug, Default)]
pub(super) struct Plan {
    harms: watch::Sender<Harms>,
    pub(super) accepted: AtomicUsize,
    pub(super) open: AtomicUsize,
    pub(super) harmed: AtomicUsize,
}

type Harm = Option<(Fault, When)>;

#[derive(Clone, Copy, Debug, Default)]
struct Harms {
    requests: Harm,
    replies: Harm,
}

impl Harms {
    fn of(&mut self, direction: Direction) -> &mut Harm {
        match direction {
            Direction::Requests => &mut self.requests,
            Direction::Replies => &mut self.replies,
        }
    }
}

impl Plan {
    /// Changes what happens from now on.
    pub(super) fn set(&self, direction: Direction, harm: Harm) {
        self.harms.send_modify(|harms| *harms.of(direction) = harm);
    }

    /// Decides what happens to the next message, and counts it.
    pub(super) fn decide(&self, direction: Direction, rng: &mut fastrand::Rng) -> Option<Fault> {
        let mut decision = None;
        self.harms.send_modify(|harms| {
            let harm = harms.of(direction);
            decision = match harm {
                None => None,
                Some((fault, When::Always)) => Some(*fault),
                Some((fault, When::OneIn(n))) => (rng.u32(0..(*n).max(1)) == 0).then_some(*fault),
                Some((fault, When::Next(left))) => {
                    let fault = *fault;
                    *left = left.saturating_sub(1);
                    if *left == 0 {
                        *harm = None;
                    }
                    Some(fault)
                }
            };
        });
        if decision.is_some() {
            self.harmed.fetch_add(1, Ordering::Relaxed);
        }
        decision
    }

    /// Waits until a direction is no longer held back.
    pub(super) async fn held_back(&self, direction: Direction) {
        let held = |harms: &Harms| {
            let mut harms = *harms;
            matches!(harms.of(direction), Some((Fault::Hold, _)))
        };
        // An error would mean that the plan is gone, and it is ours.
        let _ = self.harms.subscribe().wait_for(|harms| !held(harms)).await;
    }

    /// Says whether a fault is what happens to a direction now.
    pub(super) fn is(&self, direction: Direction, fault: Fault) -> bool {
        let mut harms = *self.harms.borrow();
        harms.of(direction).is_some_and(|(now, _)| now == fault)
    }
}
