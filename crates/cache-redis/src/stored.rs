//! What an entry looks like on the server, both ways: header, compression, limits, time to live.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cache_core::codec::CodecId;
use cache_core::envelope::{self, Opened, Rejection};
use cache_core::{
    Clock, Codec, Entry, Key, KeyFingerprint, Namespace, Payload, RejectReason, Result, Timestamp,
    TypeFingerprint, Value,
};

use crate::command::StoredKey;
use crate::error;

/// How entries are stored.
#[derive(Debug)]
pub(crate) struct Form {
    pub(crate) namespace: Namespace,
    pub(crate) codec: Codec,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) raw: bool,
    pub(crate) max_value_len: usize,
    /// From which length on values are compressed.
    #[cfg(feature = "compression")]
    pub(crate) compress_from: Option<usize>,
}

/// What is sent to store an entry.
pub(crate) struct Sealed {
    pub(crate) bytes: Bytes,
    pub(crate) millis: Option<u64>,
    /// It is the marker of a tag, which must not be stored twice.
    pub(crate) once: bool,
}

/// What a stored value turned out to be.
pub(crate) enum Found {
    Entry(Entry),
    /// It is over, by the clock of this process.
    Over,
    Rejected {
        reason: RejectReason,
        /// The connection that brought it may be out of step.
        desync: bool,
    },
}

/// How much longer a stored value may be than its payload: the header with as many tags as an entry may have, and some room for
/// what later versions add.
const LARGEST_HEADER: usize = envelope::MAX_OVERHEAD + 4_096;

/// The longest time to live that is sent: servers refuse what overflows with the time of day.
const LONGEST: u64 = (i64::MAX / 4) as u64;

impl Form {
    pub(crate) fn key<'a>(&'a self, key: Key<'a>) -> StoredKey<'a> {
        StoredKey::new(&self.namespace, key)
    }

    /// Makes the stored form of an entry. `None` is one whose end has come.
    pub(crate) fn seal(&self, key: Key<'_>, entry: &Entry) -> Result<Option<Sealed>> {
        let payload = entry.value().payload(&self.codec)?;
        if self.raw && (payload.codec == CodecId::TAG || !entry.tags().is_empty()) {
            return Err(error::no_room_for_tags());
        }
        self.check_len(payload.bytes.len(), self.max_value_len)?;
        // Without a header nobody sees that a value is stale, or that there is nothing: the one ends when it would become stale,
        // the other is not remembered.
        if self.raw && payload.codec == CodecId::NOT_FOUND {
            return Ok(None);
        }
        let end = if self.raw {
            entry.expires_at().min(entry.stale_at())
        } else {
            entry.expires_at()
        };
        let now = self.clock.now();
        if now >= end {
            return Ok(None);
        }
        let once = payload.codec == CodecId::TAG;
        let bytes = if self.raw {
            payload.bytes
        } else {
            self.with_header(key, entry, &payload)?
        };
        let has_end = end != Timestamp::MAX;
        let millis = has_end.then(|| millis(end.since(now)).clamp(1, LONGEST));
        Ok(Some(Sealed { bytes, millis, once }))
    }

    fn with_header(&self, key: Key<'_>, entry: &Entry, payload: &Payload) -> Result<Bytes> {
        let fingerprint = KeyFingerprint::new(&self.namespace, key);
        if let Some(compressed) = self.compress(payload) {
            return envelope::seal_compressed(entry, &compressed, fingerprint);
        }
        envelope::seal(entry, payload, fingerprint)
    }

    /// Takes a stored value apart.
    pub(crate) fn open(&self, key: Key<'_>, stored: Vec<u8>) -> Result<Found> {
        self.check_len(stored.len(), longest_stored(self.max_value_len))?;
        if stored.is_empty() && !self.raw {
            return Ok(Found::Over);
        }
        let fingerprint = KeyFingerprint::new(&self.namespace, key);
        let stored = Bytes::from(stored);
        let whole = self.raw.then(|| stored.clone());
        let entry = match envelope::open(stored, fingerprint) {
            Ok(Opened::Entry(entry)) => {
                self.check_len(
                    entry.value().encoded_len().unwrap_or_default(),
                    self.max_value_len,
                )?;
                entry
            }
            Ok(Opened::Compressed(entry)) => match self.decompress(&entry) {
                Ok(entry) => entry,
                Err(reason) => {
                    return Ok(Found::Rejected {
                        reason,
                        desync: false,
                    });
                }
            },
            Ok(Opened::Plain(bytes)) => return self.plain(bytes).map(Found::Entry),
            Err(rejection) => {
                return Ok(match whole {
                    // Without headers the bytes of any value may look like the beginning of one.
                    Some(whole) => Found::Entry(self.plain(whole)?),
                    None => Found::Rejected {
                        reason: rejection.into(),
                        desync: rejection.is_desync(),
                    },
                });
            }
        };
        Ok(if entry.is_expired(self.clock.coarse()) {
            Found::Over
        } else {
            Found::Entry(entry)
        })
    }

    /// Says whether a get would find an entry whose stored form begins so.
    pub(crate) fn exists(&self, key: Key<'_>, head: &[u8]) -> std::result::Result<bool, Rejection> {
        let fingerprint = KeyFingerprint::new(&self.namespace, key);
        Ok(match envelope::peek(head, fingerprint)? {
            Some(end) => self.clock.coarse() < end,
            None => !head.is_empty(),
        })
    }

    fn check_len(&self, len: usize, most: usize) -> Result<()> {
        if len <= most {
            return Ok(());
        }
        Err(error::value_too_large(len, self.max_value_len))
    }

    /// Makes an entry of what another program wrote. The server ends it; the reader does not learn when.
    fn plain(&self, bytes: Bytes) -> Result<Entry> {
        self.check_len(bytes.len(), self.max_value_len)?;
        let payload = Payload {
            bytes,
            codec: CodecId::PLAIN,
            type_fingerprint: TypeFingerprint::UNKNOWN,
        };
        Ok(Entry::new(Value::from_payload(payload), self.clock.now()))
    }

    /// Returns the payload compressed, if it is large enough and becomes smaller.
    #[cfg(feature = "compression")]
    fn compress(&self, payload: &Payload) -> Option<Payload> {
        if self.compress_from.is_none_or(|from| payload.bytes.len() < from) {
            return None;
        }
        let compressed = lz4_flex::block::compress_prepend_size(&payload.bytes);
        (compressed.len() < payload.bytes.len()).then(|| Payload {
            bytes: compressed.into(),
            ..payload.clone()
        })
    }

    #[cfg(not(feature = "compression"))]
    #[expect(clippy::unused_self, reason = "with compression it is needed")]
    fn compress(&self, _: &Payload) -> Option<Payload> {
        None
    }

    #[cfg(feature = "compression")]
    fn decompress(&self, entry: &Entry) -> std::result::Result<Entry, RejectReason> {
        let failed = RejectReason::Compression;
        let payload = entry.value().payload(&self.codec).map_err(|_| failed)?;
        let (len, block) = lz4_flex::block::uncompressed_size(&payload.bytes).map_err(|_| failed)?;
        // LZ4 does not expand more than 255 times, so a length beyond that is a lie and no memory is taken for it.
        if len > self.max_value_len || len > block.len().saturating_mul(255).saturating_add(64) {
            return Err(failed);
        }
        let bytes = lz4_flex::block::decompress(block, len).map_err(|_| failed)?;
        let value = Value::from_payload(Payload {
            bytes: bytes.into(),
            ..payload
        });
        Ok(Entry::new(value, entry.created())
            .with_expires_at(entry.expires_at())
            .with_stale_at(entry.stale_at())
            .with_load_cost(entry.load_cost())
            .with_tags(entry.tags()))
    }

    #[cfg(not(feature = "compression"))]
    #[expect(clippy::unused_self, reason = "with compression it is needed")]
    fn decompress(&self, _: &Entry) -> std::result::Result<Entry, RejectReason> {
        Err(RejectReason::UnknownFlags)
    }
}

/// Returns how many bytes a stored value has at most, header included.
pub(crate) fn longest_stored(max_value_len: usize) -> usize {
    max_value_len.saturating_add(LARGEST_HEADER)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
