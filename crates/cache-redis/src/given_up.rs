//! Calls that their callers give up before the budget is over. They speak against nothing: who has little patience would find fault
//! with every server. But where nothing at all has come over a connection for as long as a budget, and some have waited for it in
//! turn, it is as silent as if one of them had waited to the end; a connection that leads nowhere would be kept for ever otherwise.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::admission::Admission;
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

    /// Notes that somebody was there to the end, and returns what was waited for.
    #[inline]
    pub(crate) fn over(mut self) -> Wait {
        self.is_over = true;
        self.wait
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

/// How long those that were given up have waited for something to come. Time in which nobody waited does not count.
#[derive(Debug, Default)]
pub(crate) struct Waiting(Mutex<Option<Waited>>);

/// Waits over a connection that has been quiet since the first of them.
#[derive(Clone, Copy, Debug)]
struct Waited {
    number: u64,
    heard: u64,
    /// How long those took that ended before the latest began.
    before: Duration,
    /// Without a pause somebody has waited from here to there.
    from: Instant,
    until: Instant,
    /// What was before this has been told.
    told: Option<Instant>,
}

impl Waited {
    fn first(wait: Wait) -> Self {
        Self {
            number: wait.number,
            heard: wait.heard,
            before: Duration::ZERO,
            from: wait.since,
            until: wait.since,
            told: None,
        }
    }
}

impl Waiting {
    /// Notes a wait that was given up, over a connection that is as quiet as when it began. Says whether waits have taken as long as
    /// the budget by now, and begins anew then.
    pub(crate) fn note(&self, wait: Wait, budget: Duration) -> bool {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let goes_on = |before: &Waited| (before.number, before.heard) == (wait.number, wait.heard);
        let mut waited = waiting.filter(goes_on).unwrap_or_else(|| Waited::first(wait));
        if wait.since > waited.until {
            waited.before += waited.until.saturating_duration_since(waited.from);
            waited.from = wait.since;
        } else {
            let from = waited.from.min(wait.since);
            waited.from = waited.told.map_or(from, |told| told.max(from));
        }
        waited.until = Instant::now();
        let took = waited.before + waited.until.saturating_duration_since(waited.from);
        let in_vain = took >= budget;
        if in_vain {
            waited.before = Duration::ZERO;
            waited.from = waited.until;
            waited.told = Some(waited.until);
        }
        *waiting = Some(waited);
        in_vain
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const BUDGET: Duration = Duration::from_millis(100);

    fn wait(heard: u64) -> Wait {
        Wait {
            number: 1,
            heard,
            since: Instant::now(),
        }
    }

    /// Waits so long and gives up.
    async fn waited(waiting: &Waiting, wait: Wait, millis: u64) -> bool {
        advance(Duration::from_millis(millis)).await;
        waiting.note(wait, BUDGET)
    }

    #[tokio::test(start_paused = true)]
    async fn waits_one_after_the_other_are_as_long_as_their_sum() {
        let waiting = Waiting::default();
        for _ in 0..2 {
            assert!(!waited(&waiting, wait(0), 40).await);
            assert!(!waited(&waiting, wait(0), 40).await);
            assert!(waited(&waiting, wait(0), 40).await);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn waits_at_the_same_time_count_once() {
        let waiting = Waiting::default();
        let (one, other) = (wait(0), wait(0));
        assert!(!waited(&waiting, one, 60).await);
        assert!(!waited(&waiting, other, 0).await);
    }

    /// A short one that ends just before does not take the long one's time away.
    #[tokio::test(start_paused = true)]
    async fn a_long_wait_counts_whole_though_a_short_one_ended_during_it() {
        let waiting = Waiting::default();
        let long = wait(0);
        advance(Duration::from_millis(99)).await;
        assert!(!waited(&waiting, wait(0), 0).await);
        assert!(waited(&waiting, long, 1).await);
    }

    #[tokio::test(start_paused = true)]
    async fn time_that_was_told_is_not_told_again() {
        let waiting = Waiting::default();
        let (one, other) = (wait(0), wait(0));
        assert!(waited(&waiting, one, 100).await);
        assert!(!waited(&waiting, other, 50).await);
        assert!(waited(&waiting, wait(0), 50).await);
    }

    #[tokio::test(start_paused = true)]
    async fn time_in_which_nobody_waits_does_not_count() {
        let waiting = Waiting::default();
        assert!(!waited(&waiting, wait(0), 0).await);
        advance(100 * BUDGET).await;
        assert!(!waited(&waiting, wait(0), 0).await);
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_in_between_ends_what_was_waited_before() {
        let waiting = Waiting::default();
        assert!(!waited(&waiting, wait(0), 90).await);
        assert!(!waited(&waiting, wait(1), 90).await);
    }
}
