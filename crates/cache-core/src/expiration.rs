//! When an entry ends: what callers say, and the one place that gives it its meaning.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::error::{CacheError, ErrorKind, Result};

/// How long a value is to live, counted from the write. Reads do not extend it.
///
/// Below one millisecond counts as one millisecond, and fractions are rounded up. Zero, given with a call, means that
/// the time is over already: nothing is stored and an older value is removed. More than 100 years counts as for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Expiration {
    /// As long as the cache says.
    #[default]
    Default,
    /// Until it is removed or evicted.
    Never,
    /// For this long.
    After(Duration),
}

impl From<Duration> for Expiration {
    fn from(duration: Duration) -> Self {
        Self::After(duration)
    }
}

/// The time to live of a cache that was not told another one: one minute, as in the source system.
pub(crate) const DEFAULT_TTL: Duration = Duration::from_secs(60);

/// Beyond this a life has no end: servers refuse larger numbers and nobody waits for it.
const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// An [`Expiration`] with its meaning: what the backend is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    /// Over before it began.
    Ended,
    /// Until this point, [`Timestamp::MAX`] for no end.
    Until(Timestamp),
}

impl Expiration {
    /// Gives the expiration of one write its meaning.
    pub(crate) fn resolve(self, default: DefaultExpiration, now: Timestamp) -> Life {
        match self {
            Self::Default => Life::Until(default.0.map_or(Timestamp::MAX, |ttl| now + ttl)),
            Self::Never => Life::Until(Timestamp::MAX),
            Self::After(Duration::ZERO) => Life::Ended,
            Self::After(ttl) if ttl > FOR_EVER => Life::Until(Timestamp::MAX),
            Self::After(ttl) => Life::Until(now + ttl),
        }
    }
}

/// The expiration of a cache, checked: a duration above zero, or `None` for no end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DefaultExpiration(Option<Duration>);

impl DefaultExpiration {
    /// Returns how long an expiration lets live, `None` for no end.
    pub(crate) fn ttl_of(self, expiration: Expiration) -> Option<Duration> {
        match expiration {
            Expiration::Default => self.0,
            Expiration::Never => None,
            Expiration::After(ttl) => (ttl <= FOR_EVER).then_some(ttl),
        }
    }
}

impl TryFrom<Expiration> for DefaultExpiration {
    type Error = CacheError;

    fn try_from(expiration: Expiration) -> Result<Self> {
        match expiration {
            Expiration::Default => Ok(Self(Some(DEFAULT_TTL))),
            Expiration::Never => Ok(Self(None)),
            Expiration::After(Duration::ZERO) => Err(CacheError::new(
                ErrorKind::InvalidTtl,
                "the default TTL is zero, so nothing would ever be stored; give a duration above zero, or \
                 Expiration::Never for values that do not expire",
            )),
            Expiration::After(ttl) => Ok(Self((ttl <= FOR_EVER).then_some(ttl))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000);

    fn life(expiration: Expiration) -> Life {
        expiration.resolve(DefaultExpiration(Some(DEFAULT_TTL)), NOW)
    }

    #[test]
    fn zero_is_over_already() {
        assert_eq!(life(Duration::ZERO.into()), Life::Ended);
    }

    #[test]
    fn less_than_a_millisecond_is_a_millisecond() {
        assert_eq!(
            life(Duration::from_nanos(1).into()),
            Life::Until(Timestamp::from_millis(1_001))
        );
    }

    #[test]
    fn four_hundred_milliseconds_stay_four_hundred() {
        assert_eq!(
            life(Duration::from_millis(400).into()),
            Life::Until(Timestamp::from_millis(1_400))
        );
    }

    #[test]
    fn the_longest_duration_has_no_end() {
        assert_eq!(life(Duration::MAX.into()), Life::Until(Timestamp::MAX));
    }

    #[test]
    fn thirty_days_and_a_second_are_relative() {
        let ttl = Duration::from_secs(30 * 24 * 3_600 + 1);
        assert_eq!(life(ttl.into()), Life::Until(NOW + ttl));
    }

    #[test]
    fn a_cache_without_an_end_gives_none_by_default() {
        let never = DefaultExpiration::try_from(Expiration::Never).unwrap();
        assert_eq!(
            Expiration::Default.resolve(never, NOW),
            Life::Until(Timestamp::MAX)
        );
    }

    #[test]
    fn a_zero_default_is_refused_and_the_message_names_never() {
        let error = DefaultExpiration::try_from(Expiration::After(Duration::ZERO)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidTtl);
        assert!(error.to_string().contains("Expiration::Never"), "{error}");
    }
}
