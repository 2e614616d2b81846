//! The task of the flights of one batch: one call of the loader, one write to the backend, and each key lands by itself.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;

use futures_util::future::join_all;
use tokio::runtime::Handle;

use super::batch_loader::WorkMany;
use super::error::{self, Fault};
use super::event::{LoadEvent, LoadResult};
use super::flight::{Flight, Landed};
use super::landing::Landing;
use super::loader::Unread;
use super::look::{Looked, looked};
use super::options::LoadOptions;
use super::publish_many::{self, Terms};
use super::run::{catch, fail, refuse, run, scope};
use super::scope::{Scope, Within};
use super::stamp;
use crate::cache::Cache;
use crate::enclosing::EnclosingOperation;
use crate::entry::Entry;
use crate::error::CacheError;
use crate::expiration::Expiration;
use crate::key::Key;
use crate::operation::Operation;

/// One key of a batch.
pub(crate) struct Part {
    pub(crate) flight: Arc<Flight>,
    pub(crate) older: Option<Entry>,
    pub(crate) look_again: bool,
}

/// What the flights of a batch are to do.
pub(crate) struct PlanMany {
    pub(crate) work: Box<dyn WorkMany>,
    pub(crate) parts: Vec<Part>,
    /// Whether the backend failed the look of the caller that leads. Then nobody waits for the store.
    pub(crate) failed: bool,
    pub(crate) refresh: bool,
    pub(crate) options: LoadOptions,
    pub(crate) ttl: Expiration,
    pub(crate) unread: Unread,
}

/// Starts the task of a batch, which has at least one flight. The landing has charge of all of them.
pub(crate) fn start_many(runtime: &Handle, landing: Landing, plan: PlanMany) {
    let Some(first) = plan.parts.first().map(|part| Arc::clone(&part.flight)) else {
        return;
    };
    let scope = scope(landing.cache(), &first, plan.refresh);
    let task = runtime.spawn(fly_many(landing, Arc::clone(&first), plan, scope));
    first.crew().is_task(task.abort_handle());
}

async fn fly_many(landing: Landing, first: Arc<Flight>, plan: PlanMany, scope: Option<Arc<dyn Scope>>) {
    let load = load_many(landing.cache(), &first, plan);
    let done = match scope {
        None => catch(pin!(load)).await,
        Some(scope) => catch(pin!(Within::new(&scope, load))).await,
    };
    if done.is_none() {
        landing.land(Fault::Failed, &error::task_panicked());
    }
}

async fn load_many(cache: &Cache, first: &Arc<Flight>, plan: PlanMany) {
    let PlanMany {
        work,
        mut parts,
        mut failed,
        refresh,
        options,
        ttl,
        unread,
    } = plan;
    let fail_all = |parts: &[Part], fault: Fault, error: &CacheError| {
        for part in parts {
            fail(cache, &part.flight, &options, fault, error.clone());
        }
    };
    let permit = match cache.loads().permit().await {
        Ok(permit) => permit,
        Err(error) => {
            cache.tell(&first.key, LoadEvent::Refused);
            return fail_all(&parts, Fault::Refused, &error);
        }
    };
    // Before its loader a load may make markers, so it has as long as a set for what it asks.
    let asking = EnclosingOperation::begin(Operation::Set);
    failed |= look_at(cache, &mut parts, options.strict, unread).await;
    if parts.is_empty() {
        return;
    }
    // The call gave all keys the same tags.
    let generations = stamp::generations(cache, first, &options, ttl, failed, asking).await;
    for part in &parts {
        part.flight.runs(cache);
    }
    let keys = parts.iter().map(|part| part.flight.key.to_string()).collect();
    let (brought, elapsed, run) = match run(cache, first, refresh, &options, work.run(keys)).await {
        Ok(done) => done,
        Err((fault, error)) => return fail_all(&parts, fault, &error),
    };
    // It protects the source and not the backend, which may be slow to store.
    drop(permit);
    let brought = match brought {
        Ok(brought) => brought,
        Err(cause) => {
            run.end(LoadResult::Error, elapsed);
            return fail_all(&parts, Fault::Failed, &error::failed(cause));
        }
    };
    let has_answer = brought.is_empty() || brought.iter().any(|(_, one)| one.is_ok());
    let result = if has_answer {
        LoadResult::Success
    } else {
        LoadResult::Error
    };
    run.end(result, elapsed);
    let brought: HashMap<String, _> = brought.into_iter().collect();
    let terms = Terms {
        options: &options,
        ttl,
        failed: failed || generations.as_ref().is_err_and(CacheError::is_transient),
        generations: &generations,
    };
    publish_many::publish(cache, parts, brought, elapsed, terms).await;
}

/// Looks again, once for all keys that changed since their caller looked. Leaves those that are still to be loaded, and says
/// whether the backend failed.
async fn look_at(cache: &Cache, parts: &mut Vec<Part>, strict: bool, unread: Unread) -> bool {
    let again = || parts.iter().filter(|part| part.look_again);
    let flights: Vec<_> = again().map(|part| Arc::clone(&part.flight)).collect();
    let keys: Vec<_> = flights.iter().flat_map(|flight| Key::new(&flight.key)).collect();
    if keys.is_empty() {
        return false;
    }
    if let Some(flight) = flights.first() {
        flight.crew().look();
    }
    let found = cache.shared().backend.get_many(keys.clone()).await;
    // A backend that gave too few answers has nothing.
    let found = found
        .unwrap_or_else(|error| vec![Err(error); keys.len()])
        .into_iter();
    let mut found: HashMap<&str, _> = keys.iter().map(|key| key.as_str()).zip(found).collect();
    let mut here: Vec<(Arc<Flight>, Landed)> = Vec::new();
    let mut failed = false;
    parts.retain_mut(|part| {
        let (true, Ok(key)) = (part.look_again, Key::new(&part.flight.key)) else {
            return true;
        };
        let found = found.remove(&*part.flight.key).unwrap_or(Ok(None));
        match looked(cache, key, found, part.older.as_ref(), strict, unread) {
            Looked::Here(landed) => {
                cache.loads().registry.end(&part.flight, None, cache.now());
                here.push((Arc::clone(&part.flight), landed));
                false
            }
            Looked::Failed(error) => {
                refuse(cache, &part.flight, error);
                part.flight.give_up();
                false
            }
            Looked::Older(entry) => {
                part.older = entry;
                true
            }
            Looked::Unanswered => {
                failed = true;
                part.older = None;
                true
            }
        }
    });
    join_all(here.iter().map(|(flight, landed)| async move {
        if let Landed::Found { entry, .. } = landed {
            flight.confirm(cache, entry.tags()).await;
        }
    }))
    .await;
    for (flight, landed) in here {
        flight.land(landed);
        // The others may be unwanted already.
        flight.give_up();
    }
    failed
}
