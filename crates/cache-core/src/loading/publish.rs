//! What becomes of what a loader brought: which entry is stored, and what the callers get.

use std::sync::Arc;
use std::time::Duration;

use super::error;
use super::event::{LoadEvent, LoadResult};
use super::flight::{Flight, Landed};
use super::loader::{Brought, Outcome};
use super::options::LoadOptions;
use super::stamp::{Draft, Generations, stamp};
use crate::cache::Cache;
use crate::enclosing::EnclosingOperation;
use crate::entry::Entry;
use crate::error::Result;
use crate::expiration::Expiration;
use crate::key::Key;
use crate::operation::Operation;
use crate::tags::Tag;
use crate::value::Value;

/// What is to be done in the backend.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Store(Entry),
    /// What is there is no longer true.
    Remove,
    Nothing,
}

/// What a loader brought, with all that follows.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) result: LoadResult,
    pub(crate) change: Change,
    pub(crate) landed: Result<Landed>,
}

/// Decides what becomes of it. `call` is the TTL of the call, which counts unless the loader gave one.
pub(crate) fn keep(
    cache: &Cache,
    options: &LoadOptions,
    call: Expiration,
    Brought {
        outcome, ttl: own, ..
    }: Brought,
    older: Option<&Entry>,
    elapsed: Duration,
) -> Kept {
    let ttl = if own == Expiration::Default { call } else { own };
    let gone = if older.is_some() {
        Change::Remove
    } else {
        Change::Nothing
    };
    match outcome {
        Outcome::Store(value) => value_kept(cache, options, ttl, value, gone, elapsed, LoadResult::Success),
        Outcome::DoNotStore(value) => Kept {
            result: LoadResult::NotStored,
            change: Change::Nothing,
            landed: Ok(found(Entry::new(value, cache.now()))),
        },
        Outcome::NotFound => Kept {
            result: LoadResult::NotFound,
            change: negative(cache, options, own, elapsed).map_or(gone, Change::Store),
            landed: Ok(Landed::NotFound),
        },
        Outcome::NotModified => match older {
            Some(older) => {
                let value = older.value().clone();
                value_kept(cache, options, ttl, value, gone, elapsed, LoadResult::NotModified)
            }
            None => Kept {
                result: LoadResult::Error,
                change: Change::Nothing,
                landed: Err(error::nothing_to_keep()),
            },
        },
    }
}

fn value_kept(
    cache: &Cache,
    options: &LoadOptions,
    ttl: Expiration,
    value: Value,
    gone: Change,
    elapsed: Duration,
    result: LoadResult,
) -> Kept {
    let now = cache.now();
    let entry = Entry::new(value, now).with_load_cost(elapsed);
    let ends = options.ends(ttl, cache.shared().expiration, now, &*cache.loads().random);
    let change = match ends {
        Some(ends) => Change::Store(
            entry
                .clone()
                .with_stale_at(ends.stale_at)
                .with_expires_at(ends.expires_at),
        ),
        None => gone,
    };
    Kept {
        result,
        change,
        landed: Ok(found(entry)),
    }
}

fn negative(cache: &Cache, options: &LoadOptions, own: Expiration, elapsed: Duration) -> Option<Entry> {
    let own = match own {
        Expiration::After(ttl) => Some(ttl),
        Expiration::Default | Expiration::Never => None,
    };
    let now = cache.now();
    let end = options.negative_end(own, cache.shared().expiration, now, &*cache.loads().random)?;
    Some(
        Entry::new(Value::not_found(), now)
            .with_expires_at(end)
            .with_load_cost(elapsed),
    )
}

fn found(entry: Entry) -> Landed {
    Landed::Found { entry, loaded: true }
}

/// Changes the backend unless a write came in between, and takes the flight off the table. Returns the tags by which it can be
/// told from now on whether what was brought still holds, and nothing if the backend failed: it is not asked then.
pub(crate) async fn store(
    cache: &Cache,
    flight: &Arc<Flight>,
    generations: &Generations,
    change: Change,
) -> Option<Vec<Tag>> {
    let registry = &cache.loads().registry;
    let (Ok(key), false) = (Key::new(&flight.key), matches!(change, Change::Nothing)) else {
        registry.end_well(flight, cache.now());
        return Some(of_call(generations));
    };
    let Some(storing) = registry.begin_store(flight, cache.now()) else {
        return Some(of_call(generations));
    };
    let mut tags = of_call(generations);
    let backend = &cache.shared().backend;
    let stored = match change {
        Change::Store(entry) => {
            let draft = Draft::new(entry, flight);
            let set = EnclosingOperation::begin(Operation::Set);
            match set
                .enclose(|| stamp(cache, generations, vec![(&**flight, draft)]))
                .await
            {
                Ok(stamped) => match stamped.into_iter().next().flatten() {
                    Some(entry) => {
                        tags = entry.tags().to_vec();
                        set.enclose(|| backend.set(key, entry)).await
                    }
                    // A tag was invalidated in between.
                    None => Ok(()),
                },
                Err(error) => Err(error),
            }
        }
        Change::Remove => backend.delete(key).await.map(|_| ()),
        Change::Nothing => Ok(()),
    };
    drop(storing);
    let Err(error) = stored else {
        return Some(tags);
    };
    cache.tell(&flight.key, LoadEvent::StoreFailed);
    // A value that is too large, or that does not encode, says nothing about the backend.
    (!error.is_transient()).then_some(tags)
}

/// Returns the tags of the call with their generations.
pub(crate) fn of_call(generations: &Generations) -> Vec<Tag> {
    let held = generations.as_deref().unwrap_or_default();
    held.iter().map(|held| held.tag.clone()).collect()
}
