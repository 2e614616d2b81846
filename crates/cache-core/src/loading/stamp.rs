//! Gives what a load brought the generations of its tags, so that an invalidation during the load wins.
//!
//! The generations of the tags of the call are read before the loader runs: whoever invalidates one of them afterwards, in
//! any process, removes its marker, and what is stored with the old number is a miss. The tags that only the loader knows
//! get the generations of the end of the load. Of those, invalidations of this process are known
//! ([`Invalidations`](crate::tags::Invalidations)); those of others are not, as with writes of a single key.

use super::flight::Flight;
use super::options::LoadOptions;
use crate::cache::Cache;
use crate::clock::Timestamp;
use crate::entry::Entry;
use crate::error::Result;
use crate::expiration::Expiration;
use crate::tags::{Held, Tag};

/// The generations of the tags of a call, as they were before its loader ran.
pub(crate) type Known = Result<Vec<Held>>;

/// Reads the generations of the tags of the call.
pub(crate) async fn known(cache: &Cache, flight: &Flight, options: &LoadOptions, ttl: Expiration) -> Known {
    let (Some(tagged), Some(carried)) = (&cache.shared().tagged, flight.carried()) else {
        return Ok(Vec::new());
    };
    if carried.call().is_empty() {
        return Ok(Vec::new());
    }
    flight.crew().look();
    let names: Vec<&str> = carried.call().iter().map(Tag::name).collect();
    let life = options.longest_life(ttl, cache.shared().expiration);
    let load = options.hard_timeout.unwrap_or_default();
    let until = life.map_or(Timestamp::MAX, |life| cache.now() + life.saturating_add(load));
    tagged.hold(&names, until).await
}

/// Gives an entry the tags that it is to carry: those of its load, and those of the older entry whose value it keeps.
/// `None` if that are more than an entry may carry.
pub(crate) fn carrying(entry: Entry, flight: &Flight, kept: Option<&Entry>) -> Option<Entry> {
    let Some(carried) = flight.carried() else {
        return Some(entry);
    };
    let mut tags: Vec<Tag> = carried.all().cloned().collect();
    for tag in kept.into_iter().flat_map(Entry::tags) {
        if tags.iter().all(|known| known.name() != tag.name()) {
            tags.push(tag.clone());
        }
    }
    Tag::check_count(tags.len()).ok()?;
    Some(entry.with_tags(tags))
}

/// Gives entries that are about to be stored the generations of their tags: `None` for one that was invalidated since its
/// load began. The backend is asked at most once for all of them, or three times where markers have to be made.
pub(crate) async fn stamp(
    cache: &Cache,
    known: &Known,
    entries: Vec<(&Flight, Entry)>,
) -> Result<Vec<Option<Entry>>> {
    let Some(tagged) = &cache.shared().tagged else {
        return Ok(entries.into_iter().map(|(_, entry)| Some(entry)).collect());
    };
    let (mut lacking, mut proofs): (Vec<&str>, Vec<Tag>) = (Vec::new(), Vec::new());
    let mut until = Timestamp::from_millis(0);
    let is_outdated = |flight: &Flight| flight.carried().is_some_and(|carried| carried.is_outdated(cache));
    for (flight, entry) in &entries {
        if is_outdated(flight) {
            continue;
        }
        for tag in entry.tags() {
            let held = proof(known, tag)?;
            if held.as_ref().is_some_and(|held| held.until >= entry.expires_at()) {
                continue;
            }
            proofs.extend(held.map(|held| held.tag));
            lacking.push(tag.name());
            until = until.max(entry.expires_at());
        }
    }
    lacking.sort_unstable();
    lacking.dedup();
    let held = if lacking.is_empty() {
        Vec::new()
    } else {
        tagged.hold(&lacking, until).await?
    };
    // Only now is it certain that nobody invalidated them before the generations were taken that the entries get.
    let current = if proofs.is_empty() {
        Vec::new()
    } else {
        tagged.current(&proofs).await?
    };
    let is_gone = |tag: &Tag| {
        let mut judged = proofs.iter().zip(&current);
        judged.any(|(proof, is_current)| !is_current && proof.name() == tag.name())
    };
    let stamped = entries.iter().map(|(flight, entry)| {
        // Asked again, now that no invalidation can come before the markers that were read or made.
        if is_outdated(flight) || entry.tags().iter().any(is_gone) {
            return Ok(None);
        }
        let tags = entry.tags().iter().map(|tag| {
            let taken = held.iter().find(|held| held.tag.name() == tag.name());
            Ok(match taken {
                Some(held) => held.tag.clone(),
                None => proof(known, tag)?.map_or_else(|| tag.clone(), |held| held.tag),
            })
        });
        let tags = tags.collect::<Result<Vec<Tag>>>()?;
        Ok(Some(entry.clone().with_tags(tags)))
    });
    stamped.collect()
}

/// Returns what was known of a tag before the load: that of the call, or that of the older entry.
fn proof(known: &Known, tag: &Tag) -> Result<Option<Held>> {
    let known = known.as_ref().map_err(Clone::clone)?;
    let of_call = known.iter().find(|held| held.tag.name() == tag.name());
    let of_older = || {
        (tag.generation() != 0).then(|| Held {
            tag: tag.clone(),
            // How long its marker lives is not known, so it is looked at again.
            until: Timestamp::from_millis(0),
        })
    };
    Ok(of_call.cloned().or_else(of_older))
}
