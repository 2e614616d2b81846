//! Keys as the store has them. A key is hashed once for each call, although several tables ask for its hash.

use std::hash::{BuildHasher, Hash, Hasher};
use std::ops::Deref;
use std::sync::{Arc, LazyLock};

use cache_core::Key;
use compact_str::CompactString;
use foldhash::quality::RandomState;
use moka::Equivalent;

/// The key of an entry. Up to 24 bytes lie in place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name(CompactString);

/// A key that somebody looks for, with its hash.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sought<'a> {
    pub(crate) key: &'a str,
    pub(crate) hash: u64,
}

/// What a table hashes with that holds [`Name`]s: what they give is a hash already.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Hashed(u64);

fn hash_of(key: &str) -> u64 {
    // Seeded anew in each process, so that nobody can choose keys that meet.
    static HASHER: LazyLock<RandomState> = LazyLock::new(RandomState::default);
    HASHER.hash_one(key)
}

impl<'a> Sought<'a> {
    #[inline]
    pub(crate) fn new(key: Key<'a>) -> Self {
        Self::from(key.as_str())
    }

    /// Makes the key of an entry.
    pub(crate) fn to_name(self) -> Name {
        Name(CompactString::from(self.key))
    }
}

impl<'a> From<&'a str> for Sought<'a> {
    #[inline]
    fn from(key: &'a str) -> Self {
        let hash = hash_of(key);
        Self { key, hash }
    }
}

impl Name {
    /// Returns the key, to be looked for.
    pub(crate) fn sought(&self) -> Sought<'_> {
        Sought::from(self.0.as_str())
    }

    /// Returns the key in the form that other tables keep.
    pub(crate) fn compact(&self) -> &CompactString {
        &self.0
    }
}

impl Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(hash_of(&self.0));
    }
}

impl Hash for Sought<'_> {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

impl Equivalent<Name> for Sought<'_> {
    #[inline]
    fn equivalent(&self, name: &Name) -> bool {
        self.key.as_bytes() == name.0.as_bytes()
    }
}

/// Some of moka's tables hold the names shared.
impl Equivalent<Arc<Name>> for Sought<'_> {
    #[inline]
    fn equivalent(&self, name: &Arc<Name>) -> bool {
        self.key.as_bytes() == name.0.as_bytes()
    }
}

impl BuildHasher for Hashed {
    type Hasher = Self;

    #[inline]
    fn build_hasher(&self) -> Self {
        Self(0)
    }
}

impl Hasher for Hashed {
    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }

    /// Not called: names and keys write one word.
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    #[inline]
    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_hashed_as_its_name_is() {
        for key in ["a", "user:profile:0000042", &"k".repeat(10_000)] {
            let sought = Sought::from(key);
            assert_eq!(Hashed::default().hash_one(sought), sought.hash);
            assert_eq!(Hashed::default().hash_one(sought.to_name()), sought.hash);
            assert!(sought.equivalent(&sought.to_name()));
        }
    }
}
