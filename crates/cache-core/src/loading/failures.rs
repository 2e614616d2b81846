//! A short memory of failed loads: callers with a stale value do not try again at once, and others get the error if the
//! cache is told to remember it.
//!
//! What is forgotten is returned and never dropped here, behind the lock: the error of a loader may call the cache when
//! it is dropped.

use std::collections::HashMap;
use std::sync::Arc;

use super::error::Fault;
use crate::clock::Timestamp;
use crate::error::CacheError;

/// How many failures one shard remembers. A source that is down for all keys must not fill the memory.
const MOST: usize = 1_024;

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
#[derive(Debug, Default)]
pub(crate) struct Failures(HashMap<Arc<str>, Failure>);

impl Failures {
    pub(crate) fn get(&self, key: &str) -> Option<&Failure> {
        self.0.get(key)
    }

    pub(crate) fn remember(&mut self, key: &Arc<str>, failure: Failure, now: Timestamp) -> Vec<Failure> {
        let mut forgotten = Vec::new();
        if self.0.len() >= MOST {
            let is_over = |failure: &Failure| failure.retry_at.max(failure.remembered_until) <= now;
            let over = self.0.extract_if(|_, failure| is_over(failure));
            forgotten.extend(over.map(|(_, failure)| failure));
        }
        if self.0.len() < MOST {
            forgotten.extend(self.0.insert(Arc::clone(key), failure));
        } else {
            forgotten.push(failure);
        }
        forgotten
    }

    pub(crate) fn forget(&mut self, key: &str) -> Option<Failure> {
        if self.0.is_empty() {
            return None;
        }
        self.0.remove(key)
    }

    pub(crate) fn forget_all(&mut self) -> Self {
        std::mem::take(self)
    }
}
