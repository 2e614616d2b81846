//! Which load waits for which, so that a circle is an error and not a hang: a loader that asks for its own key, or for a
//! key whose loader, through any number of others and caches, waits for it.
//!
//! Only loaders that ask a cache come here, so one lock for the process is enough. A loader that asks from a task which
//! it spawned is not recognised; the hard timeout ends such a circle.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

tokio::task_local! {
    /// The load that the running task is.
    static CURRENT: u64;
}

/// For each load that waits the loads that it waits for, once for each wait.
static WAITS: Mutex<BTreeMap<u64, Vec<u64>>> = Mutex::new(BTreeMap::new());

/// Returns a number that no other load of this process has.
pub(crate) fn new_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Runs a loader as this load.
pub(crate) fn run_as<F: Future>(id: u64, loader: F) -> impl Future<Output = F::Output> {
    CURRENT.scope(id, loader)
}

/// A wait of the running load for another one. It ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Wait {
    waits: u64,
    awaited: u64,
}

impl Wait {
    /// Begins to wait. Returns nothing to hold outside of loaders, and an error where the other load waits for this one.
    pub(crate) fn begin(awaited: u64) -> Result<Option<Self>, Circle> {
        let Ok(waits) = CURRENT.try_with(|current| *current) else {
            return Ok(None);
        };
        let mut graph = graph();
        if reaches(&graph, awaited, waits) {
            return Err(Circle);
        }
        graph.entry(waits).or_default().push(awaited);
        Ok(Some(Self { waits, awaited }))
    }
}

/// Two loads would wait for each other.
#[derive(Debug)]
pub(crate) struct Circle;

impl Drop for Wait {
    fn drop(&mut self) {
        let mut graph = graph();
        if let Some(awaited) = graph.get_mut(&self.waits) {
            if let Some(at) = awaited.iter().position(|one| *one == self.awaited) {
                awaited.swap_remove(at);
            }
            if awaited.is_empty() {
                graph.remove(&self.waits);
            }
        }
    }
}

fn graph() -> MutexGuard<'static, BTreeMap<u64, Vec<u64>>> {
    WAITS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn reaches(graph: &BTreeMap<u64, Vec<u64>>, from: u64, to: u64) -> bool {
    let mut seen = Vec::new();
    let mut next = vec![from];
    while let Some(one) = next.pop() {
        if one == to {
            return true;
        }
        if !seen.contains(&one) {
            seen.push(one);
            next.extend(graph.get(&one).into_iter().flatten());
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_wait_that_ends_is_forgotten() {
        let (one, other) = (new_id(), new_id());
        run_as(one, async {
            let (first, second) = (Wait::begin(other).unwrap(), Wait::begin(other).unwrap());
            drop(first);
            assert!(graph().contains_key(&one));
            drop(second);
            assert!(!graph().contains_key(&one));
        })
        .await;
    }
}
