//! A short memory of failed loads: callers with a stale value do not try again at once, and others get the error if the
//! cache is told to remember it.
//!
//! What is forgotten is returned and never dropped here, behind the lock: the error of a loader may call the cache when
//! it is dropped.

use std::collections::HashMap;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use super::error::Fault;
use crate::clock::Timestamp;
use crate::error::CacheError;

/// How many failures one shard remembers. A source that is down for all keys must not fill the memory.
const MOST: usize = 1_024;

/// How often it looks for those that are over while loads end, so that an outage leaves nothing behind.
const LOOKS: Duration = Duration::from_secs(1);

/// A load that failed.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) fault: Fault,
    pub(crate) error: CacheError,
    /// Until then callers with a stale value do not try again.
    pub(crate) retry_at: Timestamp,
    /// Until then others get the error.
    pub(crate) remembered_until: Timestamp,
}

/// The failures of the keys of one shard.
#[derive(Debug)]
pub(crate) struct Failures {
    by_key: HashMap<Arc<str>, Failure>,
    next_look: Timestamp,
}

impl Default for Failures {
    fn default() -> Self {
        Self {
            by_key: HashMap::new(),
            next_look: Timestamp::from_millis(0),
        }
    }
}

impl Failures {
    pub(crate) fn get(&self, key: &str) -> Option<&Failure> {
        self.by_key.get(key)
    }

    pub(crate) fn remember(&mut self, key: &Arc<str>, failure: Failure, now: Timestamp) -> Vec<Failure> {
        let mut forgotten = if self.by_key.len() >= MOST {
            self.take_over(now)
        } else {
            self.look(now)
        };
        if self.by_key.len() < MOST {
            forgotten.extend(self.by_key.insert(Arc::clone(key), failure));
        } else {
            forgotten.push(failure);
        }
        forgotten
    }

    /// Forgets the failure of a key, and from time to time those that are over.
    pub(crate) fn forget_at(&mut self, key: &str, now: Timestamp) -> Vec<Failure> {
        let mut forgotten = self.look(now);
        forgotten.extend(self.forget(key));
        forgotten
    }

    pub(crate) fn forget(&mut self, key: &str) -> Option<Failure> {
        if self.by_key.is_empty() {
            return None;
        }
        self.by_key.remove(key)
    }

    pub(crate) fn forget_all(&mut self) -> Self {
        mem::take(self)
    }

    fn look(&mut self, now: Timestamp) -> Vec<Failure> {
        if self.by_key.is_empty() || now < self.next_look {
            return Vec::new();
        }
        self.take_over(now)
    }

    /// Takes out those that are over.
    fn take_over(&mut self, now: Timestamp) -> Vec<Failure> {
        self.next_look = now + LOOKS;
        let is_over = |failure: &Failure| failure.retry_at.max(failure.remembered_until) <= now;
        let over = self.by_key.extract_if(|_, failure| is_over(failure));
        over.map(|(_, failure)| failure).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(over_at: u64) -> Failure {
        Failure {
            fault: Fault::Failed,
            error: super::super::error::no_answer(),
            retry_at: Timestamp::from_millis(over_at),
            remembered_until: Timestamp::from_millis(0),
        }
    }

    fn remember(failures: &mut Failures, key: &str, over_at: u64, now: u64) -> usize {
        let now = Timestamp::from_millis(now);
        failures.remember(&key.into(), failure(over_at), now).len()
    }

    #[test]
    fn those_that_are_over_go_when_another_load_ends() {
        let mut failures = Failures::default();
        for key in ["a", "b", "c"] {
            remember(&mut failures, key, 500, 0);
        }
        remember(&mut failures, "lives", 5_000, 0);
        let forgotten = failures.forget_at("another", Timestamp::from_millis(1_000));
        assert_eq!(forgotten.len(), 3);
        assert!(failures.get("lives").is_some());
    }

    #[test]
    fn those_that_are_over_go_when_another_load_fails() {
        let mut failures = Failures::default();
        remember(&mut failures, "a", 500, 0);
        assert_eq!(remember(&mut failures, "b", 5_000, 1_000), 1);
    }

    #[test]
    fn they_are_not_all_looked_at_each_time() {
        let mut failures = Failures::default();
        remember(&mut failures, "lives", 5_000, 0);
        remember(&mut failures, "a", 1_500, 1_000);
        assert!(failures.forget_at("b", Timestamp::from_millis(1_999)).is_empty());
        assert_eq!(failures.forget_at("b", Timestamp::from_millis(2_000)).len(), 1);
    }

    #[test]
    fn more_than_the_most_are_not_remembered() {
        let mut failures = Failures::default();
        for at in 0..MOST {
            assert_eq!(remember(&mut failures, &at.to_string(), 5_000, 0), 0);
        }
        assert_eq!(remember(&mut failures, "one more", 5_000, 1), 1);
        assert!(failures.get("one more").is_none());
        // Those that are over make room.
        assert_eq!(remember(&mut failures, "one more", 9_000, 5_000), MOST);
    }
}
