//! The tags that a load carries: those of the call that leads it, and those that its loader gives in the end.

use std::sync::OnceLock;

use super::flight::Flight;
use crate::cache::Cache;
use crate::error::Result;
use crate::tags::Tag;

/// What a flight of a cache with tags knows of them.
#[derive(Debug)]
pub(crate) struct Carried {
    /// How many invalidations there were before it began.
    began: u64,
    /// As the entry is to carry them.
    call: Box<[Tag]>,
    loader: OnceLock<Box<[Tag]>>,
}

impl Carried {
    /// Begins to watch, before the loader runs. `None` where tags are off.
    pub(crate) fn begin(cache: &Cache, call: &[&str]) -> Option<Self> {
        let tagged = cache.shared().tagged.as_ref()?;
        let began = tagged.invalidations().count();
        Some(Self {
            began,
            // The call was refused if they are not well formed.
            call: Tag::wanted(call.iter().copied()).unwrap_or_default(),
            loader: OnceLock::new(),
        })
    }

    pub(crate) fn call(&self) -> &[Tag] {
        &self.call
    }

    /// Returns all that are known by now, each once.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Tag> {
        self.call.iter().chain(self.loader.get().into_iter().flatten())
    }

    /// Says whether one of its tags was invalidated since it began.
    pub(crate) fn is_outdated(&self, cache: &Cache) -> bool {
        let names = self.all().map(Tag::name);
        cache
            .shared()
            .tagged
            .as_ref()
            .is_some_and(|tagged| tagged.invalidations().any_since(self.began, names))
    }

    /// Says whether a caller must not have what is brought: it asked after a tag was invalidated, and the load began before.
    pub(crate) fn is_too_old_for(&self, cache: &Cache, asked: Asked) -> bool {
        asked.0 > self.began && self.is_outdated(cache)
    }
}

/// How many invalidations there were when a caller asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked(u64);

impl Asked {
    pub(crate) fn now(cache: &Cache) -> Self {
        Self(
            cache
                .shared()
                .tagged
                .as_ref()
                .map_or(0, |tagged| tagged.invalidations().count()),
        )
    }
}

impl Flight {
    /// Takes the tags that the loader gave, which are known from here on.
    ///
    /// # Errors
    /// If they are not well formed, too many, or tags are off.
    pub(crate) fn carry(&self, cache: &Cache, names: &[Box<str>]) -> Result<()> {
        if names.is_empty() {
            return Ok(());
        }
        cache.tagged()?;
        let Some(carried) = self.carried() else {
            return Ok(());
        };
        let mut tags = Tag::wanted(names.iter().map(|name| &**name))?.into_vec();
        tags.retain(|tag| carried.call.iter().all(|call| call.name() != tag.name()));
        Tag::check_count(carried.call.len() + tags.len())?;
        // A loader answers once.
        let _ = carried.loader.set(tags.into_boxed_slice());
        Ok(())
    }

    /// Says whether it carries one of these tags, as far as they are known.
    pub(crate) fn carries(&self, names: &[&str]) -> bool {
        let mut all = self.carried().into_iter().flat_map(Carried::all);
        all.any(|tag| names.contains(&tag.name()))
    }

    pub(crate) fn is_too_old_for(&self, cache: &Cache, asked: Asked) -> bool {
        self.carried()
            .is_some_and(|carried| carried.is_too_old_for(cache, asked))
    }
}
