//! Writing: an entry that is to be stored takes the generations of its tags from their markers, and makes markers where there
//! are none that live as long as it does.
//!
//! A marker is made to live three times as long as the entry that asks for it. An entry that a slot does not cover goes by
//! the other one. While that one serves, the first comes to its end, so by the time it is made anew no entry goes by it any
//! more, unless the lives of the entries of a tag differ by more than about a factor of two. Such entries are a miss then.

use futures_util::future::join_all;

use super::backend::TaggedBackend;
use super::makers::Whose;
use super::marker::Marker;
use super::tag::Tag;
use crate::backend::CacheBackend;
use crate::clock::Timestamp;
use crate::entry::Entry;
use crate::error::{ErrorKind, Result};
use crate::key::Key;

/// How often a caller takes its turn or waits for another one. It takes more than one only if the markers go again meanwhile, or
/// the other one fails.
const TURNS: usize = 4;
/// How much longer than the entry that asks for it a marker lives.
const LIVES: u32 = 3;

/// A tag with its generation, and how long entries may live that go by it.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) tag: Tag,
    pub(crate) until: Timestamp,
}

/// The two slots of a tag, as they are.
#[derive(Clone, Copy, Debug, Default)]
struct Slots([Option<Marker>; Tag::SLOTS as usize]);

impl Slots {
    /// Returns the slot that entries up to this end may go by.
    fn covering(&self, until: Timestamp) -> Option<(u8, Marker)> {
        (0..Tag::SLOTS)
            .zip(self.0)
            .filter_map(|(slot, marker)| Some((slot, marker?)))
            .find(|(_, marker)| marker.until >= until)
    }

    /// Returns the slot to make anew: an empty one, or the one that ends first.
    fn spare(&self) -> u8 {
        let end = |slot: &u8| self.0[usize::from(*slot)].map(|marker| marker.until);
        (0..Tag::SLOTS).min_by_key(end).unwrap_or_default()
    }
}

impl TaggedBackend {
    /// Returns the current generations of tags, for entries that end at `until` at the latest. Where there are none, they are
    /// made.
    pub(crate) async fn hold(&self, names: &[&str], until: Timestamp) -> Result<Vec<Held>> {
        let mut slots = self.slots(names).await?;
        let lacking = |slots: &[Slots]| slots.iter().any(|slots| slots.covering(until).is_none());
        for _ in 0..TURNS {
            if !lacking(&slots) {
                break;
            }
            let whose = self.makers().turn(names).await;
            // Another caller may have made them.
            slots = self.slots(names).await?;
            match whose {
                Whose::Ours(_turn) => self.make(names, &mut slots, until).await?,
                Whose::Ended => {}
                Whose::StandsStill => break,
            }
        }
        if lacking(&slots) {
            self.make(names, &mut slots, until).await?;
        }
        names
            .iter()
            .zip(slots)
            .filter_map(|(name, slots)| Some((name, slots.covering(until)?)))
            .map(|(name, (slot, marker))| {
                let tag = Tag::new(name, slot, marker.generation)?;
                Ok(Held {
                    tag,
                    until: marker.until,
                })
            })
            .collect()
    }

    /// Reads both slots of each tag, with one question.
    async fn slots(&self, names: &[&str]) -> Result<Vec<Slots>> {
        let tags = all_slots(names)?;
        let found = self.read_markers(tags.iter().map(Tag::marker).collect()).await?;
        let marker = |entry: &Option<Entry>| entry.as_ref().and_then(Marker::of);
        Ok(found
            .chunks(usize::from(Tag::SLOTS))
            .map(|both| Slots([both.first().and_then(marker), both.get(1).and_then(marker)]))
            .collect())
    }

    /// Makes the markers that are missing, at the same time.
    async fn make(&self, names: &[&str], slots: &mut [Slots], until: Timestamp) -> Result<()> {
        let lacking = names
            .iter()
            .zip(slots)
            .filter(|(_, slots)| slots.covering(until).is_none());
        let made = join_all(lacking.map(|(name, slots)| async move {
            let slot = slots.spare();
            slots.0[usize::from(slot)] = Some(self.make_one(name, slot, until).await?);
            Ok(())
        }));
        made.await.into_iter().collect()
    }

    /// Makes one marker. A backend does not repeat such a write when its connection breaks, so that is done here, with another
    /// generation.
    async fn make_one(&self, name: &str, slot: u8, until: Timestamp) -> Result<Marker> {
        let now = self.clock().now();
        let tag = Tag::new(name, slot, 0)?;
        let mut retried = false;
        loop {
            let marker = Marker::new(end_of_marker(now, until));
            match self.inner().set(tag.marker(), marker.entry(now)).await {
                Ok(()) => return Ok(marker),
                Err(error) if error.kind() == ErrorKind::Unavailable && !retried => retried = true,
                Err(error) => return Err(error),
            }
        }
    }

    /// Gives an entry the generations of its tags that it does not have yet.
    pub(super) async fn resolve(&self, entry: Entry) -> Result<Entry> {
        let names: Vec<&str> = unresolved(&entry).map(Tag::name).collect();
        let held = self.hold(&names, entry.expires_at()).await?;
        Ok(resolved(entry, &held))
    }

    /// Gives entries the generations of their tags, each for the longest life among them.
    pub(super) async fn resolve_many<'k>(
        &self,
        entries: Vec<(Key<'k>, Entry)>,
    ) -> Result<Vec<(Key<'k>, Entry)>> {
        let tagged = || entries.iter().filter(|(_, entry)| is_unresolved(entry));
        let mut names: Vec<&str> = tagged()
            .flat_map(|(_, entry)| unresolved(entry))
            .map(Tag::name)
            .collect();
        names.sort_unstable();
        names.dedup();
        let Some(until) = tagged().map(|(_, entry)| entry.expires_at()).max() else {
            return Ok(entries);
        };
        let held = self.hold(&names, until).await?;
        Ok(entries
            .into_iter()
            .map(|(key, entry)| (key, resolved(entry, &held)))
            .collect())
    }

    /// Removes the markers of tags: no entry that carries one of them counts any more.
    pub(crate) async fn invalidate(&self, names: &[&str]) -> Result<()> {
        self.invalidations().begin(names);
        let tags = all_slots(names)?;
        // The two slots do not go at the same moment. What was stored in between by a marker that was made after the one went and
        // before the other did goes with the second removal.
        for _ in 0..2 {
            let keys = tags.iter().map(Tag::marker).collect();
            let went = self.inner().delete_many(keys).await?;
            went.into_iter().try_for_each(|went| went.map(drop))?;
        }
        self.invalidations().end(names);
        Ok(())
    }
}

fn all_slots(names: &[&str]) -> Result<Vec<Tag>> {
    let slots = names
        .iter()
        .flat_map(|name| (0..Tag::SLOTS).map(move |slot| Tag::new(name, slot, 0)));
    slots.collect()
}

/// Returns the end of a marker that is made for an entry with this end.
fn end_of_marker(now: Timestamp, until: Timestamp) -> Timestamp {
    if until == Timestamp::MAX {
        return until;
    }
    now + until.since(now).saturating_mul(LIVES)
}

fn unresolved(entry: &Entry) -> impl Iterator<Item = &Tag> {
    entry.tags().iter().filter(|tag| tag.generation() == 0)
}

pub(super) fn is_unresolved(entry: &Entry) -> bool {
    unresolved(entry).next().is_some()
}

fn resolved(entry: Entry, held: &[Held]) -> Entry {
    let known = |tag: &Tag| held.iter().find(|held| held.tag.name() == tag.name());
    let tags: Vec<Tag> = entry
        .tags()
        .iter()
        .map(|tag| match known(tag) {
            Some(held) if tag.generation() == 0 => held.tag.clone(),
            _ => tag.clone(),
        })
        .collect();
    entry.with_tags(tags)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use xxhash_rust::xxh3::xxh3_64;

    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn the_slot_that_lives_long_enough_is_taken() {
        let slots = Slots([Some(Marker::new(at(5))), Some(Marker::new(at(9)))]);
        assert_eq!(slots.covering(at(9)).unwrap().0, 1);
        assert!(slots.covering(at(10)).is_none());
    }

    #[test]
    fn an_empty_slot_is_made_before_one_that_serves() {
        assert_eq!(Slots([Some(Marker::new(at(5))), None]).spare(), 1);
        assert_eq!(
            Slots([Some(Marker::new(at(9))), Some(Marker::new(at(5)))]).spare(),
            1
        );
    }

    #[test]
    fn markers_of_entries_without_an_end_have_none() {
        assert_eq!(end_of_marker(at(1), Timestamp::MAX), Timestamp::MAX);
        assert_eq!(end_of_marker(at(1_000), at(1_010)), at(1_030));
    }

    /// The claim of this module: lives that differ by less than a factor of two never lose an entry to a slot made anew.
    #[test]
    fn a_slot_is_made_anew_only_after_its_entries_have_ended() {
        let mut slots = Slots::default();
        let mut last_end = [at(0); 2];
        for step in 0..100_000_u64 {
            let now = at(step * 977);
            // Markers that are over are not there.
            for slot in &mut slots.0 {
                slot.take_if(|marker| now >= marker.until);
            }
            let until = now + Duration::from_millis(60_000 + xxh3_64(&step.to_le_bytes()) % 59_000);
            let slot = slots.covering(until).map_or_else(
                || {
                    let spare = slots.spare();
                    assert!(
                        last_end[usize::from(spare)] <= now,
                        "at step {step} an entry was lost"
                    );
                    slots.0[usize::from(spare)] = Some(Marker::new(end_of_marker(now, until)));
                    spare
                },
                |(slot, _)| slot,
            );
            last_end[usize::from(slot)] = last_end[usize::from(slot)].max(until);
        }
        assert!(last_end[0] > at(0) + DAY && last_end[1] > at(0) + DAY);
    }
}
