//! The tags of an entry in the extension of the header, as `docs/stored-format.md` says.

use bytes::BufMut;

use super::Rejection;
use crate::tags::Tag;

/// Writes the tags. There are at most [`Tag::MAX_PER_ENTRY`], so all fit.
pub(super) fn write(tags: &[Tag]) -> Vec<u8> {
    let mut out = Vec::new();
    if tags.is_empty() {
        return out;
    }
    // Both numbers are below their limits, which no tag and no entry exceeds.
    out.put_u8(u8::try_from(tags.len()).unwrap_or(u8::MAX));
    for tag in tags {
        out.put_u64_le(tag.generation());
        out.put_u8(tag.slot());
        out.put_u16_le(u16::try_from(tag.name().len()).unwrap_or(u16::MAX));
        out.put_slice(tag.name().as_bytes());
    }
    out
}

/// Reads the tags at the beginning of an extension. What comes behind them is for later versions. The number is looked at
/// before room is taken for them.
pub(super) fn read(extension: &[u8]) -> Result<Vec<Tag>, Rejection> {
    let mut rest = extension;
    let count = usize::from(u8::from_le_bytes(take(&mut rest)?));
    if count == 0 || count > Tag::MAX_PER_ENTRY {
        return Err(Rejection::WrongTags);
    }
    let mut tags = Vec::with_capacity(count);
    for _ in 0..count {
        let generation = u64::from_le_bytes(take(&mut rest)?);
        let slot = u8::from_le_bytes(take(&mut rest)?);
        let len = usize::from(u16::from_le_bytes(take(&mut rest)?));
        let (name, behind) = rest.split_at_checked(len).ok_or(Rejection::WrongTags)?;
        rest = behind;
        let name = std::str::from_utf8(name).map_err(|_| Rejection::WrongTags)?;
        tags.push(Tag::new(name, slot, generation).map_err(|_| Rejection::WrongTags)?);
    }
    Ok(tags)
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], Rejection> {
    let (field, behind) = rest.split_first_chunk().ok_or(Rejection::WrongTags)?;
    *rest = behind;
    Ok(*field)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_come_back_as_they_were_written() {
        let tags = [
            Tag::new("users", 0, 7).unwrap(),
            Tag::new("ünï:", 1, u64::MAX).unwrap(),
        ];
        let mut written = write(&tags);
        assert_eq!(read(&written), Ok(tags.to_vec()));
        written.push(9);
        assert_eq!(read(&written), Ok(tags.to_vec()));
    }

    #[test]
    fn tags_that_no_entry_has_are_refused() {
        let whole = write(&[Tag::new("users", 0, 7).unwrap()]);
        for len in 0..whole.len() {
            assert_eq!(read(&whole[..len]), Err(Rejection::WrongTags), "{len} bytes");
        }
        let with = |at: usize, byte: u8| {
            let mut changed = whole.clone();
            changed[at] = byte;
            changed
        };
        // None, too many, slot 2, an empty name, a name that is no text.
        for changed in [with(0, 0), with(0, 33), with(9, 2), with(10, 0), with(12, 0xFF)] {
            assert_eq!(read(&changed), Err(Rejection::WrongTags), "{changed:?}");
        }
    }
}
