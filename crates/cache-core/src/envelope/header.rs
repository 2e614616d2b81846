//! The header, byte by byte. All numbers are little-endian; the offsets are those of `docs/stored-format.md`.

use bytes::{BufMut, Bytes, BytesMut};
use xxhash_rust::xxh3::{Xxh3Default, xxh3_64};

use super::Rejection;
use crate::clock::Timestamp;
use crate::codec::CodecId;
use crate::fingerprint::{KeyFingerprint, TypeFingerprint};

/// The first byte occurs in no UTF-8 text, so no text of another program is taken for a header.
pub(super) const MAGIC: [u8; 3] = [0xC1, b'G', b'C'];
pub(super) const VERSION: u8 = 1;

/// The length of the header of version 1 without an extension, and where its parts begin.
pub(super) const HEADER_LEN: usize = HEADER_LEN_FIELD as usize;
const HEADER_LEN_FIELD: u16 = 72;
const CHECKSUM_AT: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) codec: CodecId,
    pub(super) created: Timestamp,
    pub(super) stale_at: Timestamp,
    pub(super) expires_at: Timestamp,
    pub(super) load_cost_micros: u32,
    pub(super) payload_len: u32,
    pub(super) key: KeyFingerprint,
    pub(super) type_fingerprint: TypeFingerprint,
    pub(super) generation: u64,
    pub(super) flags: u8,
}

/// The payload is compressed: a length before compression of 4 bytes, then one LZ4 block.
pub(super) const COMPRESSED: u8 = 1;
/// The extension begins with the tags of the entry.
pub(super) const TAGGED: u8 = 2;
/// The flags that this library knows.
const KNOWN: u8 = COMPRESSED | TAGGED;

impl Header {
    /// Says whether the payload means something that this library does not know.
    pub(super) fn has_unknown_flags(&self) -> bool {
        self.flags & !KNOWN != 0
    }

    /// Writes the header, its extension and the payload into one buffer. The extension is below 64 KiB long.
    pub(super) fn write(&self, extension: &[u8], payload: &[u8]) -> Bytes {
        let header_len = HEADER_LEN_FIELD.saturating_add(u16::try_from(extension.len()).unwrap_or(u16::MAX));
        let mut out = BytesMut::with_capacity(HEADER_LEN + extension.len() + payload.len());
        out.put_slice(&MAGIC);
        out.put_u8(VERSION);
        out.put_u8(self.codec.0);
        out.put_u8(self.flags);
        out.put_u16_le(header_len);
        out.put_u64_le(self.created.as_millis());
        out.put_u64_le(self.stale_at.as_millis());
        out.put_u64_le(self.expires_at.as_millis());
        out.put_u32_le(self.load_cost_micros);
        out.put_u32_le(self.payload_len);
        out.put_u64_le(self.key.to_bits());
        out.put_u64_le(self.type_fingerprint.to_bits());
        out.put_u64_le(self.generation);
        let checksum = checksum(&out, extension, payload);
        out.put_u64_le(checksum);
        out.put_slice(extension);
        out.put_slice(payload);
        out.freeze()
    }

    /// Reads the header of bytes that begin with the magic, and where the payload begins. Nothing is allocated.
    pub(super) fn read(stored: &[u8]) -> Result<(Self, usize), Rejection> {
        let (header, header_len, expected) = Self::parse(stored)?;
        let whole = header_len.checked_add(header.payload_len as usize);
        if header_len < HEADER_LEN || whole != Some(stored.len()) {
            return Err(Rejection::WrongLength);
        }
        let (before, behind) = (&stored[..CHECKSUM_AT], &stored[HEADER_LEN..]);
        if checksum(before, &[], behind) != expected {
            return Err(Rejection::WrongChecksum);
        }
        // Unknown flags change the meaning of the payload. They are looked at only once the checksum says that they
        // were written so.
        if header.has_unknown_flags() {
            return Err(Rejection::UnknownFlags(header.flags));
        }
        Ok((header, header_len))
    }

    /// Reads the fields of a header without what comes behind it, and the checksum without testing it.
    pub(super) fn parse(stored: &[u8]) -> Result<(Self, usize, u64), Rejection> {
        let mut fields = Fields(stored.get(MAGIC.len()..).unwrap_or_default());
        match fields.u8()? {
            VERSION => {}
            unknown => return Err(Rejection::UnknownVersion(unknown)),
        }
        let codec = CodecId(fields.u8()?);
        let flags = fields.u8()?;
        let header_len = usize::from(u16::from_le_bytes(fields.take()?));
        let header = Self {
            codec,
            created: Timestamp::from_millis(fields.u64()?),
            stale_at: Timestamp::from_millis(fields.u64()?),
            expires_at: Timestamp::from_millis(fields.u64()?),
            load_cost_micros: fields.u32()?,
            payload_len: fields.u32()?,
            key: KeyFingerprint::from_bits(fields.u64()?),
            type_fingerprint: TypeFingerprint::from_bits(fields.u64()?),
            generation: fields.u64()?,
            flags,
        };
        Ok((header, header_len, fields.u64()?))
    }
}

/// Up to so many bytes are put together to be hashed, which needs no hash that remembers where it is.
const SHORT: usize = 512;

/// XXH3 over all that is stored but the checksum itself: the header before it, the extension and the payload.
fn checksum(before: &[u8], extension: &[u8], behind: &[u8]) -> u64 {
    let len = before.len() + extension.len() + behind.len();
    let mut short = [0; SHORT];
    if let Some(together) = short.get_mut(..len) {
        let (start, rest) = together.split_at_mut(before.len());
        let (middle, end) = rest.split_at_mut(extension.len());
        start.copy_from_slice(before);
        middle.copy_from_slice(extension);
        end.copy_from_slice(behind);
        return xxh3_64(together);
    }
    let mut hash = Xxh3Default::new();
    hash.update(before);
    hash.update(extension);
    hash.update(behind);
    hash.digest()
}

/// The bytes of the header that are still to be read.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], Rejection> {
        let (field, rest) = self.0.split_first_chunk().ok_or(Rejection::WrongLength)?;
        self.0 = rest;
        Ok(*field)
    }

    fn u8(&mut self) -> Result<u8, Rejection> {
        self.take().map(u8::from_le_bytes)
    }

    fn u32(&mut self) -> Result<u32, Rejection> {
        self.take().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, Rejection> {
        self.take().map(u64::from_le_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checksum_is_the_hash_of_its_parts_however_long_they_are() {
        for len in [0, 1, 200, SHORT - 67, SHORT - 66, SHORT - 65, SHORT, 5_000] {
            let (before, extension, behind) = (vec![1; CHECKSUM_AT], [2, 3], vec![4; len]);
            let together = [&before[..], &extension, &behind].concat();
            let checksum = checksum(&before, &extension, &behind);
            assert_eq!(checksum, xxh3_64(&together), "{len}");
        }
    }
}
