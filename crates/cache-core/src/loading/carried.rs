//! The tags that a load carries: those of the call that leads it, and those that come to light when it ends.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::flight::Flight;
use crate::cache::Cache;
use crate::entry::Entry;
use crate::error::Result;
use crate::tags::Tag;

/// What a flight of a cache with tags knows of them.
#[derive(Debug)]
pub(crate) struct Carried {
    /// How many invalidations there were before it began.
    began: u64,
    /// How many there were when its loader began to run, [`NOT_YET`] before.
    ran: AtomicU64,
    /// As the entry is to carry them.
    call: Box<[Tag]>,
    /// Those that only its loader knew.
    found: OnceLock<Box<[Tag]>>,
    /// Those of the older entry whose value it keeps, as they were there: the value is as good as they are.
    kept: OnceLock<Box<[Tag]>>,
    /// Whether the markers say at its end that one was invalidated.
    outdated: AtomicBool,
}

/// The loader does not run yet, so what it brings is newer than all invalidations until now.
const NOT_YET: u64 = u64::MAX;

/// How many invalidations there were when a caller asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AskedAt(u64);

impl AskedAt {
    pub(crate) fn now(cache: &Cache) -> Self {
        Self(count(cache))
    }
}

fn count(cache: &Cache) -> u64 {
    let tagged = cache.shared().tagged.as_ref();
    tagged.map_or(0, |tagged| tagged.invalidations().count())
}

impl Carried {
    /// Begins to watch, before the loader runs. `None` where tags are off.
    pub(crate) fn begin(cache: &Cache, call: &[&str]) -> Option<Self> {
        cache.shared().tagged.as_ref()?;
        Some(Self {
            began: count(cache),
            ran: AtomicU64::new(NOT_YET),
            // The call was refused if they are not well formed.
            call: Tag::wanted(call.iter().copied()).unwrap_or_default(),
            found: OnceLock::new(),
            kept: OnceLock::new(),
            outdated: AtomicBool::new(false),
        })
    }

    pub(crate) fn call(&self) -> &[Tag] {
        &self.call
    }

    /// Returns those of the older entry whose value is kept, with its generations.
    pub(crate) fn kept(&self) -> &[Tag] {
        self.kept.get().map_or(&[], |kept| kept)
    }

    /// Returns those that came to light in the end, some of them twice.
    fn found(&self) -> impl Iterator<Item = &Tag> + Clone {
        self.found.get().into_iter().flatten().chain(self.kept())
    }

    /// Returns all that are known by now, some of them twice.
    fn all(&self) -> impl Iterator<Item = &Tag> {
        self.call.iter().chain(self.found())
    }

    /// Returns those that the entry is to carry, each once, without generations.
    pub(crate) fn wanted(&self) -> Vec<Tag> {
        Tag::wanted(self.all().map(Tag::name))
            .unwrap_or_default()
            .into_vec()
    }

    /// Says whether one that came to light in the end was invalidated by this process since the load began.
    pub(crate) fn found_is_outdated(&self, cache: &Cache) -> bool {
        let tagged = cache.shared().tagged.as_ref();
        let names = self.found().map(Tag::name);
        tagged.is_some_and(|tagged| tagged.invalidations().any_since(self.began, names))
    }
}

/// Says whether this process has begun to invalidate one of these tags since then.
fn any_begun(cache: &Cache, since: u64, tags: &[Tag]) -> bool {
    let tagged = cache.shared().tagged.as_ref();
    tagged.is_some_and(|tagged| {
        tagged
            .invalidations()
            .any_begun_since(since, tags.iter().map(Tag::name))
    })
}

impl Flight {
    /// Notes that the loader begins to run.
    pub(crate) fn runs(&self, cache: &Cache) {
        if let Some(carried) = self.carried() {
            carried.ran.store(count(cache), Ordering::Release);
        }
    }

    /// Takes the tags that came to light: those that the loader gave, and of `kept`, the older entry if its value is what
    /// the loader brought.
    ///
    /// # Errors
    /// If those of the loader are not well formed, they are too many, or tags are off.
    pub(crate) fn carry(&self, cache: &Cache, names: &[Box<str>], kept: Option<&Entry>) -> Result<()> {
        if !names.is_empty() {
            cache.tagged()?;
        }
        let Some(carried) = self.carried() else {
            return Ok(());
        };
        // A loader answers once, so nothing was noted before.
        let _ = carried.found.set(Tag::wanted(names.iter().map(|name| &**name))?);
        let kept = kept.map(Entry::tags).unwrap_or_default();
        let _ = carried.kept.set(kept.into());
        Tag::wanted(carried.all().map(Tag::name)).map(drop)
    }

    /// Says whether it carries one of these tags, as far as they are known.
    pub(crate) fn carries(&self, names: &[&str]) -> bool {
        let mut all = self.carried().into_iter().flat_map(Carried::all);
        all.any(|tag| names.contains(&tag.name()))
    }

    /// Says whether a caller may not join it: a tag of the call was invalidated since its loader began to run, and the caller
    /// asked after that.
    pub(crate) fn is_closed_to(&self, cache: &Cache, asked: AskedAt) -> bool {
        self.carried().is_some_and(|carried| {
            let ran = carried.ran.load(Ordering::Acquire);
            asked.0 > ran && any_begun(cache, ran, &carried.call)
        })
    }

    /// Says whether it carries tags and what it brought was given before their markers could be asked. Who asks later does not join
    /// it: the one or the other may have been invalidated by then.
    pub(crate) fn is_given_unconfirmed(&self) -> bool {
        self.is_handed_out()
            && self
                .carried()
                .is_some_and(|carried| carried.all().next().is_some())
    }

    /// Says whether a caller that joined it must not have what it brought. Of the tags of the call that was asked when the
    /// caller joined.
    pub(crate) fn is_too_old_for(&self, cache: &Cache, asked: AskedAt) -> bool {
        self.carried().is_some_and(|carried| {
            carried.outdated.load(Ordering::Acquire)
                || (asked.0 > carried.began && carried.found_is_outdated(cache))
        })
    }

    /// Asks the markers, after it was taken off the table, whether another process invalidated what it brought: one of those
    /// that joined may have asked after that. If they cannot be read, those who joined get it: they were not to wait for a
    /// backend that fails.
    pub(crate) async fn confirm(&self, cache: &Cache, tags: &[Tag]) {
        let (Some(carried), Some(tagged)) = (self.carried(), &cache.shared().tagged) else {
            return;
        };
        // What this process invalidated is known to the moment.
        let ran = carried.ran.load(Ordering::Acquire);
        let tags = &[tags, carried.kept()].concat();
        if tags.is_empty() || !self.was_joined() || any_begun(cache, ran, tags) {
            return;
        }
        if let Ok(current) = tagged.current(tags).await
            && current.contains(&false)
        {
            carried.outdated.store(true, Ordering::Release);
        }
    }
}
