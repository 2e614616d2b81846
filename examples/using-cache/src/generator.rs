//! Traffic for the service, so that its metrics move while nobody calls it.

use std::mem;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use tokio::task::JoinSet;
use tokio::time::{self, Instant, MissedTickBehavior};
use tracing::{Instrument, debug, debug_span, error, warn};

use crate::catalogue::Catalogue;
use crate::ids::Ids;
use crate::logging::TraceId;
use crate::shutdown::Stop;
use crate::visits::Visit;

/// Requests become due in groups of what this time brings, since timers are no finer than a millisecond.
const TICK: Duration = Duration::from_millis(10);
/// More requests than this do not wait at the same time. Those that are due meanwhile are left out, as a slow source
/// would otherwise be asked by ever more of them.
const MOST_AT_ONCE: usize = 1_000;
/// How long nothing more is said about requests that fail once it was.
const SILENCE: Duration = Duration::from_secs(10);

/// What the traffic is like.
#[derive(Debug)]
pub(crate) struct Traffic {
    pub(crate) per_second: u32,
    pub(crate) seed: u64,
    pub(crate) ids: Ids,
}

/// Makes requests until it is told to stop, and returns when the last of them has its answer.
pub(crate) async fn run(traffic: Traffic, catalogue: Arc<Catalogue>, mut stop: Stop) {
    let Traffic {
        per_second,
        seed,
        mut ids,
    } = traffic;
    let mut random = Rng::with_seed(seed);
    let mut pace = Pace::new(per_second, Instant::now());
    let mut tick = time::interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut running = JoinSet::new();
    let failures = Arc::new(Failures::default());
    loop {
        tokio::select! {
            () = stop.told() => break,
            now = tick.tick() => {
                for _ in 0..pace.due(now) {
                    let visit = Visit::choose(&mut ids, &mut random);
                    if running.len() < MOST_AT_ONCE {
                        running.spawn(make(visit, Arc::clone(&catalogue), Arc::clone(&failures)));
                    }
                }
                while let Some(ended) = running.try_join_next() {
                    report(ended);
                }
            }
        }
    }
    while let Some(ended) = running.join_next().await {
        report(ended);
    }
}

async fn make(visit: Visit, catalogue: Arc<Catalogue>, failures: Arc<Failures>) {
    let span = debug_span!("visit", trace_id = %TraceId::random());
    async {
        debug!(?visit, "generated request");
        if let Err(error) = visit.make(&catalogue).await
            && let Some(suppressed) = failures.may_tell(Instant::now())
        {
            warn!(%error, suppressed, "a generated request failed");
        }
    }
    .instrument(span)
    .await;
}

/// Holds lines about failures back: while a server is down, each second would bring as many as there are requests.
#[derive(Debug, Default)]
struct Failures(Mutex<Told>);

#[derive(Debug, Default)]
struct Told {
    last: Option<Instant>,
    /// How many failures were held back since.
    held: u64,
}

impl Failures {
    /// Returns how many were held back since the last line, if there may be another one now.
    fn may_tell(&self, now: Instant) -> Option<u64> {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if told.last.is_some_and(|last| now.duration_since(last) < SILENCE) {
            told.held += 1;
            return None;
        }
        told.last = Some(now);
        Some(mem::take(&mut told.held))
    }
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        error!(%error, "a generated request ended early");
    }
}

/// Says how many requests are due, so that each second has its number of them.
#[derive(Debug)]
struct Pace {
    per_second: f64,
    last: Instant,
    owed: f64,
}

impl Pace {
    fn new(per_second: u32, now: Instant) -> Self {
        Self {
            per_second: f64::from(per_second),
            last: now,
            owed: 0.0,
        }
    }

    /// Returns how many became due since it was asked the last time. After a pause of the machine it is what one
    /// second brings, not a flood.
    fn due(&mut self, now: Instant) -> u32 {
        let passed = now.duration_since(self.last).as_secs_f64();
        self.last = now;
        self.owed = (self.owed + passed * self.per_second).min(self.per_second);
        let mut due = 0;
        while self.owed >= 1.0 {
            self.owed -= 1.0;
            due += 1;
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due_in_a_second(per_second: u32, ticks: u32) -> u32 {
        let start = Instant::now();
        let mut pace = Pace::new(per_second, start);
        (1..=ticks)
            .map(|tick| pace.due(start + Duration::from_secs(1) * tick / ticks))
            .sum()
    }

    #[test]
    fn each_second_has_its_number_of_requests() {
        for per_second in [0, 1, 50, 999, 100_000] {
            let due = due_in_a_second(per_second, 100);
            // The last one may be a rounding away from being due.
            assert!(due.abs_diff(per_second) <= 1, "{due} instead of {per_second}");
        }
    }

    #[test]
    fn failures_are_told_once_in_a_while_with_how_many_there_were() {
        let (failures, start) = (Failures::default(), Instant::now());
        assert_eq!(failures.may_tell(start), Some(0));
        assert_eq!(failures.may_tell(start + SILENCE / 2), None);
        assert_eq!(failures.may_tell(start + SILENCE / 2), None);
        assert_eq!(failures.may_tell(start + SILENCE), Some(2));
        assert_eq!(failures.may_tell(start + 2 * SILENCE), Some(0));
    }

    #[test]
    fn a_pause_is_not_made_up_for() {
        let start = Instant::now();
        let mut pace = Pace::new(50, start);
        assert_eq!(pace.due(start + Duration::from_secs(3_600)), 50);
    }
}
