//! The envelope: the header that stored bytes carry, so that a reader can tell what they are, whose they are and
//! whether they arrived whole. `docs/stored-format.md` is its specification.

mod header;
mod rejection;
mod tags;

use std::fmt;
use std::time::Duration;

use bytes::{Buf, Bytes};

use self::header::{HEADER_LEN, Header, MAGIC};
pub use self::rejection::Rejection;
use crate::clock::Timestamp;
use crate::entry::Entry;
use crate::error::{CacheError, ErrorKind, Result};
use crate::fingerprint::KeyFingerprint;
use crate::tags::Tag;
use crate::value::{Payload, Value};

/// What stored bytes turned out to be.
#[derive(Clone)]
pub enum Opened {
    /// An entry that this library stored for the key that was asked for.
    Entry(Entry),
    /// An entry whose payload is compressed still: a length of 4 bytes, little-endian, of what was compressed, and then
    /// one LZ4 block. Whoever cannot decompress it treats it as [`Rejection::UnknownFlags`].
    Compressed(Entry),
    /// Bytes without our header: another program wrote them.
    Plain(Bytes),
}

/// Prints what the bytes turned out to be, never the bytes: they may be a secret.
impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Entry(entry) => f.debug_tuple("Entry").field(entry).finish(),
            Self::Compressed(entry) => f.debug_tuple("Compressed").field(entry).finish(),
            Self::Plain(bytes) => write!(f, "Plain({} bytes)", bytes.len()),
        }
    }
}

/// Puts a header before the encoded value of an entry.
///
/// # Errors
/// [`ErrorKind::ValueTooLarge`] if the payload has 4 GiB or more, [`ErrorKind::InvalidTag`] above
/// [`Tag::MAX_PER_ENTRY`] tags.
pub fn seal(entry: &Entry, payload: &Payload, key: KeyFingerprint) -> Result<Bytes> {
    seal_flagged(entry, payload, key, 0)
}

/// Puts a header before the encoded value of an entry whose payload was compressed, as [`Opened::Compressed`] says.
///
/// # Errors
/// As [`seal`].
pub fn seal_compressed(entry: &Entry, payload: &Payload, key: KeyFingerprint) -> Result<Bytes> {
    seal_flagged(entry, payload, key, header::COMPRESSED)
}

fn seal_flagged(entry: &Entry, payload: &Payload, key: KeyFingerprint, flags: u8) -> Result<Bytes> {
    let payload_len = u32::try_from(payload.bytes.len()).map_err(|_| {
        CacheError::new(
            ErrorKind::ValueTooLarge,
            "the stored form holds values below 4 GiB; store a smaller one",
        )
    })?;
    Tag::check_count(entry.tags().len())?;
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
        flags: if entry.tags().is_empty() {
            flags
        } else {
            flags | header::TAGGED
        },
    };
    Ok(header.write(&tags::write(entry.tags()), &payload.bytes))
}

/// Takes stored bytes apart. The payload is a slice of them, not a copy, and is not decoded yet.
///
/// # Errors
/// A [`Rejection`] says why the bytes are not an answer to the question. Count it and treat it as a miss.
pub fn open(mut stored: Bytes, key: KeyFingerprint) -> Result<Opened, Rejection> {
    if !stored.starts_with(&MAGIC) {
        return Ok(Opened::Plain(stored));
    }
    let (header, payload_start) = Header::read(&stored)?;
    if header.key != key {
        return Err(Rejection::WrongKey);
    }
    let tags = if header.flags & header::TAGGED == 0 {
        Vec::new()
    } else {
        tags::read(&stored[HEADER_LEN..payload_start])?
    };
    // Unlike a slice of bytes that are held elsewhere too, this counts no references.
    stored.advance(payload_start);
    let payload = Payload {
        bytes: stored,
        codec: header.codec,
        type_fingerprint: header.type_fingerprint,
    };
    let entry = Entry::new(Value::from_payload(payload), header.created)
        .with_stale_at(header.stale_at)
        .with_expires_at(header.expires_at)
        .with_load_cost(Duration::from_micros(u64::from(header.load_cost_micros)));
    let entry = if tags.is_empty() {
        entry
    } else {
        entry.with_tags(tags)
    };
    Ok(if header.flags & header::COMPRESSED == 0 {
        Opened::Entry(entry)
    } else {
        Opened::Compressed(entry)
    })
}

/// The most bytes that [`peek`] looks at: those of the header.
pub const PEEK_LEN: usize = HEADER_LEN;

/// How much longer than its payload a stored entry is at most, as this library writes it: the header, and an extension with as
/// many and as long tags as an entry may have.
pub const MAX_OVERHEAD: usize = HEADER_LEN + 1 + Tag::MAX_PER_ENTRY * (11 + Tag::MAX_LEN);

/// Says when the entry ends whose stored bytes begin so, without the rest of them: `None` for plain bytes, which say
/// nothing about it. The checksum is not tested.
///
/// # Errors
/// A [`Rejection`], if the header alone says that [`open`] would reject the whole.
pub fn peek(head: &[u8], key: KeyFingerprint) -> Result<Option<Timestamp>, Rejection> {
    if !head.starts_with(&MAGIC) {
        return Ok(None);
    }
    let (header, header_len, _) = Header::parse(head)?;
    if header_len < HEADER_LEN {
        return Err(Rejection::WrongLength);
    }
    if header.has_unknown_flags() {
        return Err(Rejection::UnknownFlags(header.flags));
    }
    if header.key != key {
        return Err(Rejection::WrongKey);
    }
    Ok(Some(header.expires_at))
}
