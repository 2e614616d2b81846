//! A marker as an entry: a generation, in a form that no type reads and every backend stores.

use std::hash::{BuildHasher, RandomState};
use std::time::SystemTime;

use bytes::Bytes;

use super::tag::Tag;
use crate::clock::Timestamp;
use crate::codec::CodecId;
use crate::entry::Entry;
use crate::fingerprint::TypeFingerprint;
use crate::value::{Payload, Value};

/// What a backend holds of one slot of a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Marker {
    pub(super) generation: u64,
    pub(super) until: Timestamp,
}

impl Marker {
    /// Makes a marker with a generation that no other has, in any process: 64 bits of chance.
    pub(super) fn new(until: Timestamp) -> Self {
        Self {
            // Each state has keys that come from the chance of the operating system. A process that was forked or a machine
            // that was copied has the same ones, so what differs there goes in as well. 0 is no generation.
            generation: RandomState::new()
                .hash_one((std::process::id(), SystemTime::now(), until.as_millis()))
                .max(1),
            until,
        }
    }

    pub(super) fn entry(self, now: Timestamp) -> Entry {
        let payload = Payload {
            bytes: Bytes::copy_from_slice(&self.generation.to_le_bytes()),
            codec: CodecId::TAG,
            type_fingerprint: TypeFingerprint::UNKNOWN,
        };
        Entry::new(Value::from_payload(payload), now).with_expires_at(self.until)
    }

    /// Reads a marker, `None` of what is none.
    pub(super) fn of(entry: &Entry) -> Option<Self> {
        // A marker is encoded, so the codec is not asked.
        let payload = entry.value().encoded_payload()?;
        if payload.codec != CodecId::TAG {
            return None;
        }
        let generation = u64::from_le_bytes(payload.bytes.as_ref().try_into().ok()?);
        (generation != 0).then_some(Self {
            generation,
            until: entry.expires_at(),
        })
    }
}

impl Tag {
    /// Says whether the marker of the slot still holds this generation.
    #[inline]
    pub(super) fn is_current(&self, marker: Option<&Entry>) -> bool {
        marker
            .and_then(Marker::of)
            .is_some_and(|marker| marker.generation == self.generation())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Codec;

    #[test]
    fn a_marker_gives_back_its_generation_and_its_end() {
        let marker = Marker::new(Timestamp::from_millis(9));
        assert_eq!(Marker::of(&marker.entry(Timestamp::from_millis(1))), Some(marker));
    }

    #[test]
    fn no_two_markers_have_a_generation_in_common() {
        let one = Timestamp::from_millis(1);
        let generations: std::collections::HashSet<_> =
            (0..1_000).map(|_| Marker::new(one).generation).collect();
        assert_eq!(generations.len(), 1_000);
    }

    #[test]
    fn what_is_no_marker_is_not_taken_for_one() {
        let now = Timestamp::from_millis(1);
        let bytes = |bytes: &'static [u8], codec| {
            let bytes = Bytes::from_static(bytes);
            let type_fingerprint = TypeFingerprint::UNKNOWN;
            Value::from_payload(Payload {
                bytes,
                codec,
                type_fingerprint,
            })
        };
        for value in [
            Value::new(7_u64),
            Value::not_found(),
            bytes(&[1; 8], CodecId::JSON),
            bytes(&[1; 7], CodecId::TAG),
            bytes(&[0; 8], CodecId::TAG),
        ] {
            assert_eq!(Marker::of(&Entry::new(value, now)), None);
        }
    }

    #[test]
    fn no_type_reads_a_marker() {
        let marker = Marker::new(Timestamp::MAX).entry(Timestamp::from_millis(1));
        assert!(marker.into_value().read::<u64>(&Codec::default()).is_err());
    }
}
