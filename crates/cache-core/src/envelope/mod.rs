//! The envelope: the header that stored bytes carry, so that a reader can tell what they are, whose they are and
//! whether they arrived whole. `docs/stored-format.md` is its specification.

mod header;
mod rejection;

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use self::header::{Header, MAGIC};
pub use self::rejection::Rejection;
use crate::entry::Entry;
use crate::error::{CacheError, ErrorKind, Result};
use crate::fingerprint::KeyFingerprint;
use crate::value::{Payload, Value};

/// What stored bytes turned out to be.
#[derive(Clone)]
pub enum Opened {
    /// An entry that this library stored for the key that was asked for.
    Entry(Entry),
    /// Bytes without our header: another program wrote them.
    Plain(Bytes),
}

/// Prints what the bytes turned out to be, never the bytes: they may be a secret.
impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Entry(entry) => f.debug_tuple("Entry").field(entry).finish(),
            Self::Plain(bytes) => write!(f, "Plain({} bytes)", bytes.len()),
        }
    }
}

/// Puts a header before the encoded value of an entry.
///
/// # Errors
/// [`ErrorKind::ValueTooLarge`] if the payload has 4 GiB or more.
pub fn seal(entry: &Entry, payload: &Payload, key: KeyFingerprint) -> Result<Bytes> {
    let payload_len = u32::try_from(payload.bytes.len()).map_err(|_| {
        CacheError::new(
            ErrorKind::ValueTooLarge,
            "the stored form holds values below 4 GiB; store a smaller one",
        )
    })?;
    let header = Header {
        codec: payload.codec,
        created: entry.created(),
        stale_at: entry.stale_at(),
        expires_at: entry.expires_at(),
        load_cost_micros: u32::try_from(entry.load_cost().as_micros()).unwrap_or(u32::MAX),
        payload_len,
        key,
        type_fingerprint: payload.type_fingerprint,
        generation: 0,
    };
    Ok(header.write(&payload.bytes))
}

/// Takes stored bytes apart. The payload is a slice of them, not a copy, and is not decoded yet.
///
/// # Errors
/// A [`Rejection`] says why the bytes are not an answer to the question. Count it and treat it as a miss.
pub fn open(stored: Bytes, key: KeyFingerprint) -> Result<Opened, Rejection> {
    if !stored.starts_with(&MAGIC) {
        return Ok(Opened::Plain(stored));
    }
    let (header, payload_start) = Header::read(&stored)?;
    if header.key != key {
        return Err(Rejection::WrongKey);
    }
    let payload = Payload {
        bytes: stored.slice(payload_start..),
        codec: header.codec,
        type_fingerprint: header.type_fingerprint,
    };
    let entry = Entry::new(Value::from_payload(payload), header.created)
        .with_stale_at(header.stale_at)
        .with_expires_at(header.expires_at)
        .with_load_cost(Duration::from_micros(u64::from(header.load_cost_micros)));
    Ok(Opened::Entry(entry))
}
