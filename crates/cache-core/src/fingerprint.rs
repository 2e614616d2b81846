//! Fingerprints that tell whether stored bytes belong to the key and the type that were asked for.

use std::any::type_name;
use std::fmt;

use xxhash_rust::xxh3::{Xxh3Default, xxh3_64};

use crate::key::Key;
use crate::namespace::Namespace;

/// A fingerprint of a namespace and a key: xxHash (XXH3, 64 bits, seed 0) over the stored key.
///
/// It guards against answers that belong to another question, which a connection out of step gives without an
/// error. It is no defence against somebody who can write to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeyFingerprint(u64);

/// Most stored keys are no longer than this.
const SHORT: usize = 128;

impl KeyFingerprint {
    /// Returns the fingerprint of a key in a namespace.
    pub fn new(namespace: &Namespace, key: Key<'_>) -> Self {
        let (prefix, key) = (namespace.prefix().as_bytes(), key.as_str().as_bytes());
        let len = prefix.len() + key.len();
        let mut short = [0; SHORT];
        // Bytes that stand together need no hash that remembers where it is.
        if let Some((start, rest)) = short.split_at_mut_checked(prefix.len())
            && let Some(end) = rest.get_mut(..key.len())
        {
            start.copy_from_slice(prefix);
            end.copy_from_slice(key);
            return Self(xxh3_64(&short[..len]));
        }
        let mut hash = Xxh3Default::new();
        hash.update(prefix);
        hash.update(key);
        Self(hash.digest())
    }

    pub(crate) const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    pub(crate) const fn to_bits(self) -> u64 {
        self.0
    }
}

/// A fingerprint of a Rust type: XXH3 over its full name.
///
/// Codecs that do not describe themselves would read the bytes of one type as another without an error. Moving or
/// renaming a type changes its fingerprint, and its stored values then read as a type mismatch.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TypeFingerprint(u64);

impl TypeFingerprint {
    /// The fingerprint of bytes whose type nobody recorded.
    pub const UNKNOWN: Self = Self(0);

    /// Returns the fingerprint of `T`.
    pub fn of<T: ?Sized>() -> Self {
        // Zero means unknown, so the one name in 2^64 that hashes to it takes another number.
        Self(xxh3_64(type_name::<T>().as_bytes()).max(1))
    }

    /// Says whether bytes of this fingerprint may be read as a `T`.
    pub(crate) fn admits<T: ?Sized>(self) -> bool {
        self == Self::UNKNOWN || self == Self::of::<T>()
    }

    pub(crate) const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    pub(crate) const fn to_bits(self) -> u64 {
        self.0
    }
}

impl fmt::Debug for TypeFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TypeFingerprint({:016x})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_the_hash_of_the_stored_key_however_long_that_is() {
        for prefix in [1, 60] {
            let namespace = Namespace::new(&"n".repeat(prefix)).unwrap();
            for len in [
                1,
                60,
                SHORT - prefix - 2,
                SHORT - prefix - 1,
                SHORT - prefix,
                SHORT,
                500,
            ] {
                let key = "k".repeat(len);
                let stored = [namespace.prefix(), key.as_str()].concat();
                let fingerprint = KeyFingerprint::new(&namespace, Key::new(&key).unwrap());
                assert_eq!(
                    fingerprint.to_bits(),
                    xxh3_64(stored.as_bytes()),
                    "{prefix} and {len}"
                );
            }
        }
    }
}
