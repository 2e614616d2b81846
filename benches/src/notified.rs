//! The least that a stampede can cost on this runtime: one of the callers loads, the others sleep until they are woken all at
//! once, and nothing is cached. What a cache takes beyond this is its own.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tokio::sync::Notify;

/// The loads that were ever begun, by key.
#[derive(Debug)]
pub struct Notified<T>(Mutex<HashMap<String, Arc<Load<T>>>>);

#[derive(Debug)]
struct Load<T> {
    outcome: OnceLock<T>,
    ended: Notify,
}

impl<T> Default for Notified<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone> Notified<T> {
    /// Loads if nobody else has begun to, and waits for the outcome.
    pub async fn get(&self, key: String, load: impl Future<Output = T>) -> T {
        let (shared, leads) = match self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(key) {
            Entry::Occupied(there) => (Arc::clone(there.get()), false),
            Entry::Vacant(place) => {
                let new = Load {
                    outcome: OnceLock::new(),
                    ended: Notify::new(),
                };
                (Arc::clone(place.insert(Arc::new(new))), true)
            }
        };
        if leads {
            let outcome = load.await;
            let outcome = shared.outcome.get_or_init(|| outcome).clone();
            shared.ended.notify_waiters();
            return outcome;
        }
        loop {
            let ended = shared.ended.notified();
            if let Some(outcome) = shared.outcome.get() {
                return outcome.clone();
            }
            ended.await;
        }
    }
}
