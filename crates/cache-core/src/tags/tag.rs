//! One tag of an entry: its name, and which generation of it the entry belongs to.

use std::borrow::Cow;
use std::fmt;

use crate::error::{CacheError, ErrorKind, Result};
use crate::key::Key;

/// What the keys of markers begin with: a character that Unicode keeps for the use inside of programs, so no text has it.
const PREFIX: &str = "\u{FDD0}tag:";
/// Where the slot stands in the key of a marker, as one digit, and where the name begins.
const SLOT_AT: usize = PREFIX.len();
const NAME_AT: usize = SLOT_AT + 2;

/// A tag that an entry carries. Backends store it with the entry and give it back; they need not understand it.
///
/// An entry that was not stored yet carries tags of generation 0, which stand for whatever generation is current by then.
#[derive(Clone, PartialEq, Eq)]
pub struct Tag {
    /// The key of the marker, which ends with the name: it is asked for at each hit.
    marker: Box<str>,
    generation: u64,
}

impl Tag {
    /// The longest name in bytes.
    pub const MAX_LEN: usize = 256;
    /// How many tags an entry may carry.
    pub const MAX_PER_ENTRY: usize = 32;
    /// How many slots a tag has.
    pub const SLOTS: u8 = 2;

    /// Makes a tag of what a backend stored of it.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidTag`] for a name that no tag has: the empty one, `*`, one above [`MAX_LEN`](Self::MAX_LEN); and for
    /// a slot that is not below [`SLOTS`](Self::SLOTS).
    pub fn new(name: &str, slot: u8, generation: u64) -> Result<Self> {
        check_name(name)?;
        let digit = match slot {
            0 => '0',
            1 => '1',
            _ => return Err(invalid(format!("a tag has no slot {slot}; there are 0 and 1"))),
        };
        Ok(Self {
            marker: format!("{PREFIX}{digit}:{name}").into_boxed_str(),
            generation,
        })
    }

    /// Makes the tags of an entry that is to be stored, each once.
    pub(crate) fn wanted<'n>(names: impl IntoIterator<Item = &'n str>) -> Result<Box<[Self]>> {
        let mut tags: Vec<Self> = Vec::new();
        for name in names {
            if tags.iter().all(|tag| tag.name() != name) {
                tags.push(Self::new(name, 0, 0)?);
            }
        }
        Self::check_count(tags.len())?;
        Ok(tags.into_boxed_slice())
    }

    pub(crate) fn check_count(count: usize) -> Result<()> {
        if count <= Self::MAX_PER_ENTRY {
            return Ok(());
        }
        let most = Self::MAX_PER_ENTRY;
        Err(invalid(format!(
            "the value has {count} tags, the limit is {most}; invalidate by coarser tags"
        )))
    }

    /// Returns the name.
    pub fn name(&self) -> &str {
        &self.marker[NAME_AT..]
    }

    /// Returns which of the two markers of the tag the entry goes by.
    pub fn slot(&self) -> u8 {
        self.marker.as_bytes()[SLOT_AT] - b'0'
    }

    /// Returns the generation that the entry belongs to.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Returns the key of the marker, which is an entry of the same backend.
    #[inline]
    pub fn marker(&self) -> Key<'_> {
        Key::own(&self.marker)
    }

    /// Says whether a key is one of those that markers have.
    #[inline]
    pub(crate) fn is_marker(key: &str) -> bool {
        key.starts_with(PREFIX)
    }
}

/// Checks the name of a tag.
pub(super) fn check_name(name: &str) -> Result<()> {
    match name {
        "" => Err(invalid("a tag is empty; give it a name")),
        "*" => Err(invalid(
            "the tag `*` would stand for all tags; use clear to remove every value",
        )),
        _ if name.len() > Tag::MAX_LEN => {
            let (len, most) = (name.len(), Tag::MAX_LEN);
            Err(invalid(format!(
                "a tag has {len} bytes, the limit is {most}; shorten it"
            )))
        }
        _ => Ok(()),
    }
}

/// Makes the error of a cache that was built without tags.
#[cold]
pub(crate) fn off() -> CacheError {
    invalid(
        "tags are off for this cache, so it cannot tell which values were invalidated; build it with \
         CacheBuilder::tags(true), in a configuration `tags = true`",
    )
}

pub(crate) fn invalid(message: impl Into<Cow<'static, str>>) -> CacheError {
    CacheError::new(ErrorKind::InvalidTag, message)
}

/// Prints the name as keys are printed.
impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { generation, .. } = self;
        write!(
            f,
            "Tag({:?}, slot {}, {generation:016x})",
            Key::own(self.name()),
            self.slot()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_gives_back_what_it_was_made_of() {
        for (name, slot) in [("users", 0), ("a:b*", 1), ("ünï\0", 0)] {
            let tag = Tag::new(name, slot, 7).unwrap();
            assert_eq!((tag.name(), tag.slot(), tag.generation()), (name, slot, 7));
        }
    }

    #[test]
    fn markers_of_different_slots_and_names_differ() {
        let markers: std::collections::HashSet<_> = [("a", 0), ("a", 1), ("0:a", 0), ("b", 0)]
            .map(|(name, slot)| Tag::new(name, slot, 0).unwrap().marker().as_str().to_owned())
            .into();
        assert_eq!(markers.len(), 4);
        assert!(markers.iter().all(|marker| Tag::is_marker(marker)));
    }

    #[test]
    fn any_text_is_a_tag_but_nothing_the_wildcard_and_what_is_too_long() {
        for name in [" ", "**", "a*", "\n", "{}", &"x".repeat(256)] {
            assert!(Tag::new(name, 0, 0).is_ok(), "{name}");
        }
        for name in ["", "*", &"x".repeat(257)] {
            assert_eq!(Tag::new(name, 0, 0).unwrap_err().kind(), ErrorKind::InvalidTag);
        }
    }

    #[test]
    fn a_name_that_is_given_twice_counts_once() {
        let tags = Tag::wanted(["a", "b", "a"]).unwrap();
        assert_eq!(tags.iter().map(Tag::name).collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn more_tags_than_an_entry_may_carry_are_refused() {
        let names: Vec<_> = (0..33).map(|n| n.to_string()).collect();
        assert!(Tag::wanted(names.iter().take(32).map(String::as_str)).is_ok());
        let error = Tag::wanted(names.iter().map(String::as_str)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidTag);
    }
}
