//! How values are loaded: the settings of a cache, which a call may replace. `docs/loading.md` explains them with a
//! picture.

use std::time::Duration;

use crate::error::{CacheError, ErrorKind, Result};
use crate::expiration::{DefaultExpiration, Expiration};

/// How values are loaded, and what is done when that takes long or fails.
///
/// [`CacheBuilder::loading`](crate::CacheBuilder::loading) sets it for a cache,
/// [`GetOrLoad::options`](crate::GetOrLoad::options) for a call. Contradictions are refused by both.
///
/// ```
/// use std::time::Duration;
/// use cache_core::LoadOptions;
///
/// // Fresh for a minute; up to five, given at once while it is renewed; up to an hour if the source is down.
/// let options = LoadOptions::new()
///     .ttl(Duration::from_secs(60))
///     .stale_while_revalidate(Duration::from_secs(5 * 60))
///     .stale_if_error(Duration::from_secs(60 * 60))
///     .soft_timeout(Duration::from_millis(100));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[must_use]
pub struct LoadOptions {
    pub(crate) ttl: Expiration,
    pub(crate) negative_ttl: Option<Duration>,
    pub(crate) jitter: f64,
    pub(crate) stale_while_revalidate: Option<Duration>,
    pub(crate) stale_if_error: Option<Duration>,
    pub(crate) retry_after: Duration,
    pub(crate) soft_timeout: Option<Duration>,
    pub(crate) hard_timeout: Option<Duration>,
    pub(crate) refresh_ahead: Option<f64>,
    pub(crate) error_memory: Option<Duration>,
    pub(crate) on_abandon: Abandon,
    pub(crate) strict: bool,
}

/// What becomes of a load when all who waited for it have gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Abandon {
    /// It is given up at its next await, unless its value is being stored.
    #[default]
    Abort,
    /// It goes on, and its value is stored.
    Finish,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self {
            ttl: Expiration::Default,
            negative_ttl: Some(Duration::from_secs(5)),
            jitter: 0.05,
            stale_while_revalidate: None,
            stale_if_error: None,
            retry_after: Duration::from_secs(1),
            soft_timeout: None,
            hard_timeout: Some(Duration::from_secs(30)),
            refresh_ahead: None,
            error_memory: None,
            on_abandon: Abandon::Abort,
            strict: false,
        }
    }
}

impl LoadOptions {
    /// Returns the defaults, which stand with each method.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how long a loaded value is fresh: as long as the cache says unless it is told. A loader may say otherwise
    /// for a single value.
    pub fn ttl(mut self, ttl: impl Into<Expiration>) -> Self {
        self.ttl = ttl.into();
        self
    }

    /// Sets how long the answer that there is nothing is remembered: 5 s, and never longer than the TTL, unless it is
    /// told. `None` does not remember it.
    pub fn negative_ttl(mut self, ttl: impl Into<Option<Duration>>) -> Self {
        self.negative_ttl = ttl.into();
        self
    }

    /// Sets the share of the TTL, 0 to 0.5, by which a loaded value may live shorter, by chance, so that values that
    /// were loaded together do not end together: 0.05 unless it is told. A TTL that is given with a `set` is kept.
    pub fn jitter(mut self, share: f64) -> Self {
        self.jitter = share;
        self
    }

    /// Gives a stale value at once, up to this age counted from its load, and loads a new one in the background. Off
    /// unless it is told.
    pub fn stale_while_revalidate(mut self, max_age: impl Into<Option<Duration>>) -> Self {
        self.stale_while_revalidate = max_age.into();
        self
    }

    /// Gives a stale value, up to this age counted from its load, if the load fails or takes longer than a timeout, or
    /// the limit of loads is reached. Off unless it is told.
    pub fn stale_if_error(mut self, max_age: impl Into<Option<Duration>>) -> Self {
        self.stale_if_error = max_age.into();
        self
    }

    /// Sets how long after a failed load the next is tried if there is a stale value to give: a time between half of
    /// this and all of it, by chance, so that instances do not try together. 1 s unless it is told.
    pub fn retry_after(mut self, pause: Duration) -> Self {
        self.retry_after = pause;
        self
    }

    /// Gives the stale value to callers who have waited this long; the load goes on in the background. It needs
    /// [`stale_if_error`](Self::stale_if_error), which says up to which age. Off unless it is told.
    pub fn soft_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.soft_timeout = timeout.into();
        self
    }

    /// Ends a load that runs this long, as an error of kind [`Timeout`](ErrorKind::Timeout): 30 s unless it is told.
    /// `None` lets it run.
    pub fn hard_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.hard_timeout = timeout.into();
        self
    }

    /// Renews a value in the background shortly before its TTL ends, the earlier the longer its last load took: XFetch
    /// (Vattani, Chierichetti and Lowenstein, 2015) with this `beta`, of which 1.0 is the one to begin with. It
    /// happens in the last quarter of the TTL at the earliest. Off unless it is told.
    pub fn refresh_ahead(mut self, beta: impl Into<Option<f64>>) -> Self {
        self.refresh_ahead = beta.into();
        self
    }

    /// Gives the error of a failed load to callers that ask within this time, instead of loading again. Some 100 ms
    /// protect a source that is down. Off unless it is told.
    pub fn error_memory(mut self, memory: impl Into<Option<Duration>>) -> Self {
        self.error_memory = memory.into();
        self
    }

    /// Sets what becomes of a load when all who waited for it have gone: it is given up unless it is told.
    pub fn on_abandon(mut self, abandon: Abandon) -> Self {
        self.on_abandon = abandon;
        self
    }

    /// Makes a failure of the backend an error. Unless it is told, a backend that fails counts as one that has nothing:
    /// the value is loaded.
    pub fn strict(mut self, strict: bool) -> Self {
        self.strict = strict;
        self
    }

    /// Says up to which age a value may be given stale for whatever reason.
    pub(crate) fn longest_stale(&self) -> Option<Duration> {
        self.stale_while_revalidate.max(self.stale_if_error)
    }

    /// Says whether these options make sense in a cache of this TTL, before anything is built.
    ///
    /// # Errors
    /// As [`CacheBuilder::build`](crate::CacheBuilder::build) reports them.
    pub fn check_for(&self, ttl: Expiration) -> Result<()> {
        self.check(DefaultExpiration::try_from(ttl)?)
    }

    /// Refuses what makes no sense.
    pub(crate) fn check(&self, default: DefaultExpiration) -> Result<()> {
        let durations = [
            ("negative_ttl", self.negative_ttl),
            ("stale_while_revalidate", self.stale_while_revalidate),
            ("stale_if_error", self.stale_if_error),
            ("retry_after", Some(self.retry_after)),
            ("soft_timeout", self.soft_timeout),
            ("hard_timeout", self.hard_timeout),
            ("error_memory", self.error_memory),
            (
                "ttl",
                if let Expiration::After(ttl) = self.ttl {
                    Some(ttl)
                } else {
                    None
                },
            ),
        ];
        for (name, duration) in durations {
            if duration == Some(Duration::ZERO) {
                let message = format!("{name} is 0 s; give a duration above zero, or leave it out");
                return Err(CacheError::new(ErrorKind::InvalidTtl, message));
            }
        }
        self.check_ages(default)?;
        self.check_timeouts()?;
        self.check_numbers()
    }

    fn check_ages(&self, default: DefaultExpiration) -> Result<()> {
        let ttl = default.ttl_of(self.ttl);
        for (name, age) in [
            ("stale_while_revalidate", self.stale_while_revalidate),
            ("stale_if_error", self.stale_if_error),
        ] {
            let Some(age) = age else { continue };
            if ttl.is_none_or(|ttl| age <= ttl) {
                let ttl = ttl.map_or_else(|| "without an end".to_owned(), |ttl| format!("{ttl:?}"));
                let message = format!(
                    "{name} is {age:?} and the TTL is {ttl}, so no value would ever be stale; the age counts from the \
                     load, give one above the TTL"
                );
                return Err(CacheError::new(ErrorKind::InvalidTtl, message));
            }
        }
        Ok(())
    }

    fn check_timeouts(&self) -> Result<()> {
        let Some(soft) = self.soft_timeout else {
            return Ok(());
        };
        if let Some(hard) = self.hard_timeout
            && soft >= hard
        {
            let message = format!(
                "soft_timeout is {soft:?} and hard_timeout is {hard:?}, so the soft one would never be reached; give a \
                 shorter one"
            );
            return Err(CacheError::new(ErrorKind::InvalidLimit, message));
        }
        if self.stale_if_error.is_none() {
            let message = format!(
                "soft_timeout is {soft:?} and stale_if_error is off, so there would be nothing to give; set the age \
                 with stale_if_error"
            );
            return Err(CacheError::new(ErrorKind::InvalidLimit, message));
        }
        Ok(())
    }

    fn check_numbers(&self) -> Result<()> {
        if !(0.0..=0.5).contains(&self.jitter) {
            let message = format!("jitter is {}; give a share of the TTL from 0 to 0.5", self.jitter);
            return Err(CacheError::new(ErrorKind::InvalidLimit, message));
        }
        if let Some(beta) = self.refresh_ahead
            && !(beta > 0.0 && beta <= 100.0)
        {
            let message = format!("refresh_ahead is {beta}; give a beta above 0 and up to 100, such as 1");
            return Err(CacheError::new(ErrorKind::InvalidLimit, message));
        }
        Ok(())
    }
}
