//! Gives what a load brought the generations of its tags, so that an invalidation during the load wins.
//!
//! The generations of the tags of the call are read before the loader runs: whoever invalidates one of them afterwards, in
//! any process, removes its marker, and what is stored with the old number is a miss. The tags that only the loader knows
//! get the generations of the end of the load. Of those, invalidations of this process are known
//! ([`Invalidations`](crate::tags::Invalidations)); those of others are not, as with writes of a single key.

use super::carried::Carried;
use super::flight::Flight;
use super::options::LoadOptions;
use crate::cache::Cache;
use crate::clock::Timestamp;
use crate::enclosing::EnclosingOperation;
use crate::entry::Entry;
use crate::error::{CacheError, ErrorKind, Result};
use crate::expiration::Expiration;
use crate::key::Key;
use crate::operation::Operation;
use crate::tags::{Held, Tag};

/// The generations of the tags of a call, as they were before its loader ran.
pub(crate) type Generations = Result<Vec<Held>>;

/// An entry that is about to be stored.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) entry: Entry,
    /// The tags of the older entry whose value it keeps, as they were there. It is as good as they are.
    pub(crate) kept: Vec<Tag>,
}

/// Reads the generations of the tags of the call. If the backend `failed` a look before the load, it is not asked for them, and
/// what is loaded cannot be stored with them. What is asked is part of `asking`, which began when the load first
/// asked the backend.
pub(crate) async fn generations(
    cache: &Cache,
    flight: &Flight,
    options: &LoadOptions,
    ttl: Expiration,
    failed: bool,
    asking: EnclosingOperation,
) -> Generations {
    let (Some(tagged), Some(carried)) = (&cache.shared().tagged, flight.carried()) else {
        return Ok(Vec::new());
    };
    if carried.call().is_empty() {
        return Ok(Vec::new());
    }
    if failed {
        return Err(not_asked());
    }
    flight.crew().look();
    let names: Vec<&str> = carried.call().iter().map(Tag::name).collect();
    let life = options.longest_life(ttl, cache.shared().expiration);
    let load = options.hard_timeout.unwrap_or_default();
    let until = life.map_or(Timestamp::MAX, |life| cache.now() + life.saturating_add(load));
    let held = asking.enclose(|| tagged.hold(&names, until)).await;
    held.map_err(|error| cache.report(Operation::GetOrLoad, Key::new(&flight.key).ok(), error))
}

fn not_asked() -> CacheError {
    CacheError::new(
        ErrorKind::Backend,
        "the backend failed the look before the load, so it was not asked for the generations of the tags",
    )
}

impl Draft {
    /// Makes an entry that carries the tags of its load, and those of the older entry if it keeps its value.
    pub(crate) fn new(entry: Entry, flight: &Flight) -> Self {
        let Some(carried) = flight.carried() else {
            return Self {
                entry,
                kept: Vec::new(),
            };
        };
        Self {
            entry: entry.with_tags(carried.wanted()),
            kept: carried.kept().to_vec(),
        }
    }
}

/// Gives entries that are about to be stored the generations of their tags: `None` for one that was invalidated since its
/// load began. The backend is asked at most once for all of them, or a few times where markers have to be made.
pub(crate) async fn stamp(
    cache: &Cache,
    generations: &Generations,
    drafts: Vec<(&Flight, Draft)>,
) -> Result<Vec<Option<Entry>>> {
    let Some(tagged) = &cache.shared().tagged else {
        return Ok(drafts.into_iter().map(|(_, draft)| Some(draft.entry)).collect());
    };
    let is_outdated = |flight: &Flight| {
        flight
            .carried()
            .is_some_and(|carried| carried.found_is_outdated(cache))
    };
    let (mut lacking, mut proofs): (Vec<&str>, Vec<Tag>) = (Vec::new(), Vec::new());
    // Where the proofs of each entry end.
    let mut ends = Vec::with_capacity(drafts.len());
    let mut until = Timestamp::from_millis(0);
    for (flight, draft) in &drafts {
        if !is_outdated(flight) {
            proofs.extend(draft.kept.iter().cloned());
            for tag in draft.entry.tags() {
                let held = of_call(generations, flight, tag)?;
                if held.is_some_and(|held| held.until >= draft.entry.expires_at()) {
                    continue;
                }
                proofs.extend(held.map(|held| held.tag.clone()));
                lacking.push(tag.name());
                until = until.max(draft.entry.expires_at());
            }
        }
        ends.push(proofs.len());
    }
    // No layer sees these questions.
    let report = |error| cache.report(Operation::GetOrLoad, None, error);
    lacking.sort_unstable();
    lacking.dedup();
    let held = if lacking.is_empty() {
        Vec::new()
    } else {
        tagged.hold(&lacking, until).await.map_err(report)?
    };
    // Only now is it certain that nobody invalidated them before the generations were taken that the entries get.
    let current = if proofs.is_empty() {
        Vec::new()
    } else {
        tagged.current(&proofs).await.map_err(report)?
    };
    let mut begin = 0;
    let stamped = drafts.iter().zip(ends).map(|((flight, draft), end)| {
        let proved = current
            .get(begin..end)
            .is_some_and(|proofs| !proofs.contains(&false));
        begin = end;
        // Asked again, now that no invalidation can come before the markers that were read or made.
        if is_outdated(flight) || !proved {
            return Ok(None);
        }
        let tags = draft.entry.tags().iter().map(|tag| {
            let taken = held.iter().find(|held| held.tag.name() == tag.name());
            let known = of_call(generations, flight, tag)?;
            Ok(taken
                .or(known)
                .map_or_else(|| tag.clone(), |held| held.tag.clone()))
        });
        let tags = tags.collect::<Result<Vec<Tag>>>()?;
        Ok(Some(draft.entry.clone().with_tags(tags)))
    });
    stamped.collect()
}

/// Returns what was known of a tag of the call before its loader ran.
fn of_call<'g>(generations: &'g Generations, flight: &Flight, tag: &Tag) -> Result<Option<&'g Held>> {
    let mut call = flight.carried().into_iter().flat_map(Carried::call);
    if call.all(|call| call.name() != tag.name()) {
        return Ok(None);
    }
    let generations = generations.as_ref().map_err(Clone::clone)?;
    Ok(generations.iter().find(|held| held.tag.name() == tag.name()))
}
