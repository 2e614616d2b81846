//! What a cache holds for loading: its options, the table of flights, the limit of concurrent loads, chance.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::error;
use super::options::LoadOptions;
use super::random::{Random, SplitMix};
use super::registry::Registry;
use crate::error::{CacheError, ErrorKind, Result};

pub(crate) struct Loads {
    pub(crate) registry: Registry,
    pub(crate) options: LoadOptions,
    pub(crate) random: Arc<dyn Random>,
    limit: Option<Limit>,
}

struct Limit {
    permits: Arc<Semaphore>,
    most: usize,
    wait: Duration,
}

/// What the builder was told.
#[derive(Clone, Debug)]
pub(crate) struct LoadSettings {
    pub(crate) options: LoadOptions,
    pub(crate) most: Option<usize>,
    pub(crate) wait: Duration,
    pub(crate) random: Option<Arc<dyn Random>>,
}

impl Default for LoadSettings {
    fn default() -> Self {
        Self {
            options: LoadOptions::default(),
            most: None,
            wait: Duration::from_secs(1),
            random: None,
        }
    }
}

impl LoadSettings {
    /// Makes what the cache holds. The options are checked by the builder, which knows the TTL.
    pub(crate) fn build(self) -> Result<Loads> {
        let limit = match self.most {
            None => None,
            Some(0) => {
                return Err(CacheError::new(
                    ErrorKind::InvalidLimit,
                    "max_concurrent_loads is 0, so nothing would ever be loaded; give at least 1",
                ));
            }
            Some(most) => Some(Limit {
                permits: Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS))),
                most,
                wait: self.wait,
            }),
        };
        Ok(Loads {
            registry: Registry::new(),
            options: self.options,
            random: self.random.unwrap_or_else(|| Arc::new(SplitMix::new())),
            limit,
        })
    }
}

impl Loads {
    /// Says whether a load that began now would have to wait for another one to end.
    pub(crate) fn is_full(&self) -> bool {
        self.limit
            .as_ref()
            .is_some_and(|limit| limit.permits.available_permits() == 0)
    }

    /// Returns how long a load may wait for others to end before it begins.
    pub(crate) fn longest_wait(&self) -> Duration {
        self.limit.as_ref().map_or(Duration::ZERO, |limit| limit.wait)
    }

    /// Waits for the permit to run a loader. There is none to hold without a limit.
    pub(crate) async fn permit(&self) -> Result<Option<OwnedSemaphorePermit>> {
        let Some(limit) = &self.limit else {
            return Ok(None);
        };
        if let Ok(permit) = Arc::clone(&limit.permits).try_acquire_owned() {
            return Ok(Some(permit));
        }
        match timeout(limit.wait, Arc::clone(&limit.permits).acquire_owned()).await {
            // The semaphore is never closed.
            Ok(permit) => Ok(permit.ok()),
            Err(_) => Err(error::refused(limit.most, limit.wait)),
        }
    }
}
