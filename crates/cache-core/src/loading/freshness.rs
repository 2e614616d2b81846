//! Where an entry stands in time: fresh, due to be renewed, stale, over. Pure, so that each border has a test.

use std::time::Duration;

use super::options::LoadOptions;
use super::random::Random;
use crate::clock::Timestamp;
use crate::entry::Entry;
use crate::expiration::{DefaultExpiration, Expiration, Life};

/// When a loaded value becomes stale and when it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ends {
    pub(crate) stale_at: Timestamp,
    pub(crate) expires_at: Timestamp,
}

impl LoadOptions {
    /// Gives a loaded value its ends, `None` if it is over already.
    pub(crate) fn ends(
        &self,
        own: Expiration,
        default: DefaultExpiration,
        now: Timestamp,
        random: &dyn Random,
    ) -> Option<Ends> {
        let expiration = if own == Expiration::Default { self.ttl } else { own };
        let Life::Until(end) = expiration.resolve(default, now) else {
            return None;
        };
        if end == Timestamp::MAX {
            return Some(Ends {
                stale_at: Timestamp::MAX,
                expires_at: Timestamp::MAX,
            });
        }
        let fresh_until = now + shorten(end.since(now), self.jitter, random);
        let stale_until = self.longest_stale().map(|age| now + age);
        Some(match stale_until.filter(|until| *until > fresh_until) {
            Some(until) => Ends {
                stale_at: fresh_until,
                expires_at: until,
            },
            None => Ends {
                stale_at: Timestamp::MAX,
                expires_at: fresh_until,
            },
        })
    }

    /// Returns how long a loaded value may be there at most, `None` for ever.
    pub(crate) fn longest_life(&self, own: Expiration, default: DefaultExpiration) -> Option<Duration> {
        let expiration = if own == Expiration::Default { self.ttl } else { own };
        let ttl = default.ttl_of(expiration)?;
        Some(self.longest_stale().map_or(ttl, |stale| stale.max(ttl)))
    }

    /// Gives the answer that there is nothing its end, `None` if it is not to be remembered.
    pub(crate) fn negative_end(
        &self,
        own: Option<Duration>,
        default: DefaultExpiration,
        now: Timestamp,
        random: &dyn Random,
    ) -> Option<Timestamp> {
        let ttl = match own {
            Some(own) => own,
            None => self
                .negative_ttl?
                .min(default.ttl_of(self.ttl).unwrap_or(Duration::MAX)),
        };
        (!ttl.is_zero()).then(|| now + shorten(ttl, self.jitter, random))
    }

    /// Says whether chance is to be asked if a fresh entry is renewed now: in the last quarter of its fresh life only.
    #[inline]
    pub(crate) fn may_be_due(&self, entry: &Entry, now: Timestamp) -> bool {
        if self.refresh_ahead.is_none() {
            return false;
        }
        // In whole milliseconds, as a hit asks this. Of what never ends more remains than a quarter of the life. What is fresh was
        // made before now and ends after; where clocks disagree, a renewal more or one less does no harm.
        let fresh_until = fresh_until(entry).as_millis();
        let life = fresh_until.wrapping_sub(entry.created().as_millis());
        let remaining = fresh_until.wrapping_sub(now.as_millis());
        remaining <= life / 4 && !entry.load_cost().is_zero()
    }

    /// Says whether a fresh entry is to be renewed now, while it is given.
    pub(crate) fn is_due(&self, entry: &Entry, now: Timestamp, random: &dyn Random) -> bool {
        let Some(beta) = self.refresh_ahead.filter(|_| self.may_be_due(entry, now)) else {
            return false;
        };
        // A fraction of 0 would make an infinite gap; 1 - fraction is never 0.
        let gap = entry.load_cost().as_secs_f64() * beta * -(1.0 - random.fraction()).ln();
        fresh_until(entry).since(now).as_secs_f64() <= gap
    }

    /// Says whether a stale entry may be given while it is renewed.
    pub(crate) fn may_revalidate(&self, entry: &Entry, now: Timestamp) -> bool {
        within(self.stale_while_revalidate, entry, now)
    }

    /// Says whether a stale entry may be given for a load that fails or takes long.
    pub(crate) fn may_stand_in(&self, entry: &Entry, now: Timestamp) -> bool {
        within(self.stale_if_error, entry, now)
    }
}

#[inline]
fn fresh_until(entry: &Entry) -> Timestamp {
    entry.stale_at().min(entry.expires_at())
}

fn within(max_age: Option<Duration>, entry: &Entry, now: Timestamp) -> bool {
    max_age.is_some_and(|age| now < entry.created() + age)
}

/// Takes a part of a duration away, by chance: at most this share of it.
fn shorten(duration: Duration, share: f64, random: &dyn Random) -> Duration {
    if share <= 0.0 {
        return duration;
    }
    // Of the longest duration the whole, as a floating point number, is more than a duration can be; a part of it is not.
    let taken = Duration::try_from_secs_f64(duration.as_secs_f64() * share * random.fraction());
    let kept = duration.saturating_sub(taken.unwrap_or_default());
    kept.max(Duration::from_millis(1)).min(duration)
}

/// Returns a time between half of this and all of it.
pub(crate) fn spread(duration: Duration, random: &dyn Random) -> Duration {
    shorten(duration, 0.5, random)
}
