//! A key as the table of flights knows it: with its hash, and the shard that it belongs to.

use std::hash::Hasher;

use rustc_hash::FxHasher;

pub(crate) const SHARDS: usize = 64;

/// A key as the registry knows it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) key: &'a str,
    pub(crate) hash: u64,
}

/// Hashes a key, as each hit of a call that may load does: with no more quality than shards and a comparison of the writes under
/// way need, for a few instructions.
#[inline]
fn hash(key: &[u8]) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write(key);
    hasher.finish()
}

impl<'a> Place<'a> {
    #[inline]
    pub(crate) fn of(key: &'a str) -> Self {
        Self {
            key,
            hash: hash(key.as_bytes()),
        }
    }

    #[inline]
    pub(crate) fn shard(self) -> usize {
        // The map inside a shard hashes for itself, so these bits are used once. The low byte is in range everywhere.
        usize::from(self.hash.to_le_bytes()[0]) % SHARDS
    }
}
