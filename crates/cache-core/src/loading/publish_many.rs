//! What becomes of what the loader of a batch brought: one write stores all entries, beside it one removes what is gone, so that
//! a batch costs no more round trips than a key does.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{join, join_all};

use super::error::{self, BoxError, Fault};
use super::event::LoadEvent;
use super::flight::{Flight, Landed};
use super::loader::{Brought, Outcome};
use super::options::LoadOptions;
use super::publish::{self, Change};
use super::run::fail;
use super::run_many::Part;
use super::stamp::{self, Draft, Generations};
use crate::cache::Cache;
use crate::enclosing::EnclosingOperation;
use crate::error::Result;
use crate::expiration::Expiration;
use crate::key::Key;
use crate::operation::Operation;

/// What holds for all keys of a batch.
#[derive(Clone, Copy)]
pub(crate) struct Terms<'a> {
    pub(crate) options: &'a LoadOptions,
    pub(crate) ttl: Expiration,
    /// Whether the backend failed before the load. Then nobody waits for the store.
    pub(crate) failed: bool,
    pub(crate) generations: &'a Generations,
}

/// Stores what was brought, and lands each flight. A key whose load failed does not wait for the store of the others.
pub(crate) async fn publish(
    cache: &Cache,
    parts: Vec<Part>,
    mut brought: HashMap<String, Result<Brought, BoxError>>,
    elapsed: Duration,
    terms: Terms<'_>,
) {
    let mut landings: Vec<(Arc<Flight>, Landed)> = Vec::with_capacity(parts.len());
    let mut entries: Vec<(Arc<Flight>, Draft)> = Vec::new();
    let mut removed: Vec<Arc<Flight>> = Vec::new();
    for part in parts {
        let one = brought
            .remove(&*part.flight.key)
            .unwrap_or_else(|| Ok(Brought::nothing()));
        let (change, landed) = match keep(cache, &part, one, elapsed, terms) {
            Ok(kept) => kept,
            Err(error) => {
                fail(cache, &part.flight, terms.options, Fault::Failed, error);
                continue;
            }
        };
        let flight = part.flight;
        match change {
            Change::Store(entry) => {
                let draft = Draft::new(entry, &flight);
                entries.push((Arc::clone(&flight), draft));
            }
            Change::Remove => removed.push(Arc::clone(&flight)),
            Change::Nothing => cache.loads().registry.end_well(&flight, cache.now()),
        }
        flight.bring(&landed);
        if terms.failed {
            flight.hand_out();
        }
        landings.push((flight, landed));
    }
    // At the same time, so that a backend that is slow delays nobody by two of its deadlines.
    let (stored, went) = join(store(cache, &entries, terms.generations), remove(cache, &removed)).await;
    if stored && went {
        let tags = publish::of_call(terms.generations);
        join_all(landings.iter().map(|(flight, _)| flight.confirm(cache, &tags))).await;
    }
    for (flight, landed) in landings {
        flight.land(landed);
    }
}

/// Decides what becomes of one key.
fn keep(
    cache: &Cache,
    part: &Part,
    brought: Result<Brought, BoxError>,
    elapsed: Duration,
    terms: Terms<'_>,
) -> Result<(Change, Landed)> {
    let brought = brought.map_err(error::failed)?;
    let older = part.older.as_ref();
    let kept = older.filter(|_| matches!(brought.outcome, Outcome::NotModified));
    part.flight.carry(cache, &brought.tags, kept)?;
    let kept = publish::keep(cache, terms.options, terms.ttl, brought, older, elapsed);
    Ok((kept.change, kept.landed?))
}

/// Stores the entries whose keys nobody wrote meanwhile, and takes all flights off the table. Says whether the backend answered.
async fn store(cache: &Cache, entries: &[(Arc<Flight>, Draft)], generations: &Generations) -> bool {
    let (registry, now) = (&cache.loads().registry, cache.now());
    let (mut allowed, mut keys, mut storing) = (Vec::new(), Vec::new(), Vec::new());
    for (flight, draft) in entries {
        if let (Some(begun), Ok(key)) = (registry.begin_store(flight, now), Key::new(&flight.key)) {
            storing.push(begun);
            keys.push(key);
            allowed.push((&**flight, draft.clone()));
        }
    }
    let set = EnclosingOperation::begin(Operation::SetMany);
    let stamped = match set.enclose(|| stamp::stamp(cache, generations, allowed)).await {
        Ok(stamped) => stamped,
        Err(error) => return tell_failures::<()>(cache, &keys, &Err(error)),
    };
    // One of which a tag was invalidated in between is not stored.
    let (keys, allowed): (Vec<_>, Vec<_>) = keys
        .into_iter()
        .zip(stamped)
        .filter_map(|(key, entry)| Some((key, (key, entry?))))
        .unzip();
    if allowed.is_empty() {
        return true;
    }
    let stored = set.enclose(|| cache.shared().backend.set_many(allowed)).await;
    drop(storing);
    tell_failures(cache, &keys, &stored)
}

/// Removes what is no longer true, unless somebody wrote it meanwhile, and takes all flights off the table. Says whether the
/// backend answered.
async fn remove(cache: &Cache, removed: &[Arc<Flight>]) -> bool {
    let (registry, now) = (&cache.loads().registry, cache.now());
    let (mut keys, mut storing) = (Vec::new(), Vec::new());
    for flight in removed {
        if let (Some(begun), Ok(key)) = (registry.begin_store(flight, now), Key::new(&flight.key)) {
            storing.push(begun);
            keys.push(key);
        }
    }
    if keys.is_empty() {
        return true;
    }
    let went = cache.shared().backend.delete_many(keys.clone()).await;
    drop(storing);
    tell_failures(cache, &keys, &went)
}

/// Tells of each key that was not changed. Says whether the backend answered for any.
fn tell_failures<T>(cache: &Cache, keys: &[Key<'_>], answers: &Result<Vec<Result<T>>>) -> bool {
    let mut answered = false;
    for (at, key) in keys.iter().enumerate() {
        let failed = match answers {
            Ok(all) => all.get(at).and_then(|one| one.as_ref().err()),
            Err(error) => Some(error),
        };
        let is_missing = answers.as_ref().is_ok_and(|all| all.len() <= at);
        if failed.is_some() || is_missing {
            cache.tell(key.as_str(), LoadEvent::StoreFailed);
        }
        answered |= !is_missing && failed.is_none_or(|error| !error.is_transient());
    }
    answered
}
