//! Bounded reading and decompression, so that a hostile or mistaken file costs an error and not the memory.

use std::io::{self, Read};

use flate2::bufread::MultiGzDecoder;
use lzma_rust2::XzReader;

const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b];
const XZ_MAGIC: &[u8] = &[0xfd, b'7', b'z', b'X', b'Z', 0];

/// The most that an xz file may demand for its dictionary, in KiB. The header states it and the decoder
/// allocates it before the first byte comes out, so the cap on the output does not cover it. `xz -9` needs
/// 64 MiB.
const XZ_MEMORY_KIB: u32 = 128 * 1024;

/// Reads to the end, or returns `None` as soon as there are more than `limit` bytes.
pub(crate) fn read_capped(reader: impl Read, limit: u64) -> io::Result<Option<Vec<u8>>> {
    let mut content = Vec::new();
    let length = reader.take(limit.saturating_add(1)).read_to_end(&mut content)?;
    Ok((length as u64 <= limit).then_some(content))
}

/// Undoes the compression that the first bytes announce, or returns `None` if that yields more than `limit`
/// bytes. Content that announces none is returned as it is.
pub(crate) fn decompress(stored: Vec<u8>, limit: u64) -> io::Result<Option<Vec<u8>>> {
    if stored.starts_with(GZIP_MAGIC) {
        read_capped(MultiGzDecoder::new(stored.as_slice()), limit)
    } else if stored.starts_with(XZ_MAGIC) {
        read_capped(
            XzReader::new_mem_limit(stored.as_slice(), true, XZ_MEMORY_KIB),
            limit,
        )
    } else {
        Ok(Some(stored))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};
    use lzma_rust2::{XzOptions, XzWriter};

    use super::*;

    const CONTENT: &[u8] = &[7; 10_000];
    const LIMIT: u64 = CONTENT.len() as u64;

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn xz(content: &[u8], options: XzOptions) -> Vec<u8> {
        let mut encoder = XzWriter::new(Vec::new(), options).unwrap();
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn gzip_is_recognised_by_its_magic() {
        assert_eq!(decompress(gzip(CONTENT), LIMIT).unwrap().unwrap(), CONTENT);
    }

    #[test]
    fn xz_is_recognised_by_its_magic() {
        assert_eq!(
            decompress(xz(CONTENT, XzOptions::default()), LIMIT)
                .unwrap()
                .unwrap(),
            CONTENT
        );
    }

    #[test]
    fn concatenated_gzip_members_are_one_content() {
        let stored = [gzip(b"first, "), gzip(b"second")].concat();
        assert_eq!(decompress(stored, LIMIT).unwrap().unwrap(), b"first, second");
    }

    #[test]
    fn concatenated_xz_streams_are_one_content() {
        let stored = [b"first, ".as_slice(), b"second"]
            .map(|part| xz(part, XzOptions::default()))
            .concat();
        assert_eq!(decompress(stored, LIMIT).unwrap().unwrap(), b"first, second");
    }

    #[test]
    fn content_without_magic_stays_as_it_is() {
        assert_eq!(decompress(b"1\n2\n".to_vec(), LIMIT).unwrap().unwrap(), b"1\n2\n");
    }

    #[test]
    fn gzip_beyond_the_limit_is_refused() {
        assert_eq!(decompress(gzip(CONTENT), LIMIT - 1).unwrap(), None);
    }

    #[test]
    fn xz_beyond_the_limit_is_refused() {
        assert_eq!(
            decompress(xz(CONTENT, XzOptions::default()), LIMIT - 1).unwrap(),
            None
        );
    }

    #[test]
    fn a_reader_without_end_is_refused() {
        assert_eq!(read_capped(io::repeat(0), LIMIT).unwrap(), None);
    }

    #[test]
    fn an_xz_dictionary_beyond_the_memory_limit_is_refused() {
        // The property byte of the LZMA2 filter states the dictionary: 40 is the largest, 4 GiB. The header's
        // CRC32, which the decoder checks first, is computed anew over its other bytes.
        let mut stored = xz(CONTENT, XzOptions::default());
        let header = 12..12 + (usize::from(stored[12]) + 1) * 4 - 4;
        let filter = stored[header.clone()]
            .windows(2)
            .position(|bytes| bytes == [0x21, 1])
            .unwrap();
        stored[header.start + filter + 2] = 40;
        let mut crc = flate2::Crc::new();
        crc.update(&stored[header.clone()]);
        stored[header.end..header.end + 4].copy_from_slice(&crc.sum().to_le_bytes());

        assert_eq!(
            decompress(stored, LIMIT).unwrap_err().kind(),
            io::ErrorKind::OutOfMemory
        );
    }
}
