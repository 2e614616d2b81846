//! Calls that their callers give up before the budget is over. They speak against nothing: who has little patience would find fault
//! with every server. But where nothing at all has come over a connection for as long as a budget, and some have waited for it in
//! turn, it is as silent as if one of them had waited to the end; a connection that leads nowhere would be kept for ever otherwise.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::breaker::Admission;
use crate::held::Leased;
use crate::lane::Lane;

/// A request under way. If it is dropped before it is [over](Self::over), its caller has given it up.
pub(crate) struct UnderWay<'u, 'a> {
    lane: &'u Arc<Lane>,
    admission: &'u Admission<'a>,
    group: usize,
    budget: Duration,
    wait: Wait,
    is_over: bool,
}

/// A wait for something to come over a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wait {
    /// Which connection of the lane it is.
    pub(crate) number: u64,
    /// How often something had come over it before.
    pub(crate) heard: u64,
    pub(crate) since: Instant,
}

impl<'u, 'a> UnderWay<'u, 'a> {
    pub(crate) fn new(
        lane: &'u Arc<Lane>,
        admission: &'u Admission<'a>,
        group: usize,
        budget: Duration,
        leased: &Leased,
        since: Instant,
    ) -> Self {
        let wait = Wait {
            number: leased.number,
            heard: leased.link.heard(),
            since,
        };
        Self {
            lane,
            admission,
            group,
            budget,
            wait,
            is_over: false,
        }
    }

    /// Notes that somebody was there to the end.
    #[inline]
    pub(crate) fn over(mut self) {
        self.is_over = true;
    }
}

impl Drop for UnderWay<'_, '_> {
    #[inline]
    fn drop(&mut self) {
        if !self.is_over && self.lane.has_waited_in_vain(self.wait, self.budget) {
            self.lane.note_silence(self.group, self.wait.number);
            self.admission.fail_unheard();
        }
    }
}

/// Since when those that were given up wait for something to come.
#[derive(Debug, Default)]
pub(crate) struct Waiting(Mutex<Option<Wait>>);

impl Waiting {
    /// Notes a wait that was given up, over a connection that is as quiet as when it began. Says whether it has been so for as long as
    /// the budget, and begins anew then.
    pub(crate) fn note(&self, wait: Wait, budget: Duration) -> bool {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let goes_on = |first: &Wait| (first.number, first.heard) == (wait.number, wait.heard);
        let since = waiting.filter(goes_on).unwrap_or(wait).since;
        let now = Instant::now();
        let in_vain = now.saturating_duration_since(since) >= budget;
        let since = if in_vain { now } else { since };
        *waiting = Some(Wait { since, ..wait });
        in_vain
    }
}
