//! The encodings that published traces use, how a file's name tells which, and how each becomes keys.

use std::{
    error, fmt,
    path::Path,
    str::{self, FromStr},
};

use crate::Position;

/// How a trace encodes its accesses, once decompressed.
///
/// A key is an identity and not a quantity, so a negative number is read as the bits it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Four bytes per access, most significant first: the cache2k benchmarks.
    I32BigEndian,
    /// Eight bytes per access, most significant first: the Corda trace of the Caffeine simulator.
    I64BigEndian,
    /// One unsigned decimal number per line, where blank lines and lines of a single `*` do not count: the
    /// traces of the LIRS authors.
    Lines,
}

impl Format {
    /// Tells the format from a file's name, or returns `None` if the name does not say.
    ///
    /// The prefixes of the published files come first (`cache2k_`, `corda_`, `lirs_`), then the extension
    /// (`.i32`, `.i64`, `.txt`), before which a last `.gz` or `.xz` is dropped.
    pub fn of_path(path: &Path) -> Option<Self> {
        const PREFIXES: [(&str, Format); 3] = [
            ("cache2k_", Format::I32BigEndian),
            ("corda_", Format::I64BigEndian),
            ("lirs_", Format::Lines),
        ];
        let name = path.file_name()?.to_str()?;
        if let Some((_, format)) = PREFIXES.iter().find(|(prefix, _)| name.starts_with(prefix)) {
            return Some(*format);
        }
        let plain = name
            .strip_suffix(".gz")
            .or_else(|| name.strip_suffix(".xz"))
            .unwrap_or(name);
        match Path::new(plain).extension()?.to_str()? {
            "i32" => Some(Self::I32BigEndian),
            "i64" => Some(Self::I64BigEndian),
            "txt" => Some(Self::Lines),
            _ => None,
        }
    }

    /// Reads the keys, or says where the content stops being of this format.
    pub(crate) fn decode(self, content: &[u8]) -> Result<Vec<u64>, Position> {
        match self {
            Self::I32BigEndian => decode_records(content, |record| u32::from_be_bytes(record).into()),
            Self::I64BigEndian => decode_records(content, u64::from_be_bytes),
            Self::Lines => decode_lines(content),
        }
    }
}

fn decode_records<const N: usize>(
    content: &[u8],
    key: impl Fn([u8; N]) -> u64,
) -> Result<Vec<u64>, Position> {
    let (records, rest) = content.as_chunks();
    if rest.is_empty() {
        Ok(records.iter().copied().map(key).collect())
    } else {
        Err(Position::Byte(content.len() - rest.len()))
    }
}

fn decode_lines(content: &[u8]) -> Result<Vec<u64>, Position> {
    content
        .split(|&byte| byte == b'\n')
        .map(<[u8]>::trim_ascii)
        .zip(1..)
        .filter(|(line, _)| !matches!(*line, b"" | b"*"))
        .map(|(line, number)| {
            str::from_utf8(line)
                .ok()
                .and_then(|line| line.parse().ok())
                .ok_or(Position::Line(number))
        })
        .collect()
}

impl FromStr for Format {
    type Err = ParseFormatError;

    /// Reads `i32`, `i64` or `lines`.
    ///
    /// # Errors
    ///
    /// [`ParseFormatError`] for anything else, upper case included.
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "i32" => Ok(Self::I32BigEndian),
            "i64" => Ok(Self::I64BigEndian),
            "lines" => Ok(Self::Lines),
            _ => Err(ParseFormatError {
                name: name.to_owned(),
            }),
        }
    }
}

/// A name that is none of the formats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseFormatError {
    name: String,
}

impl fmt::Display for ParseFormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown trace format {:?}; use i32, i64 or lines", self.name)
    }
}

impl error::Error for ParseFormatError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: &str) -> Option<Format> {
        Format::of_path(Path::new(path))
    }

    #[test]
    fn published_files_are_recognised_by_prefix() {
        assert_eq!(of("traces/cache2k_web12.trace.xz"), Some(Format::I32BigEndian));
        assert_eq!(
            of("traces/corda_trace_vaultservice.gz"),
            Some(Format::I64BigEndian)
        );
        assert_eq!(of("traces/lirs_loop.trace.gz"), Some(Format::Lines));
    }

    #[test]
    fn other_files_are_recognised_by_extension() {
        assert_eq!(of("mine.i32"), Some(Format::I32BigEndian));
        assert_eq!(of("mine.i64"), Some(Format::I64BigEndian));
        assert_eq!(of("mine.txt"), Some(Format::Lines));
    }

    #[test]
    fn the_extension_is_the_one_before_compression() {
        assert_eq!(of("mine.i32.xz"), Some(Format::I32BigEndian));
        assert_eq!(of("mine.txt.gz"), Some(Format::Lines));
    }

    #[test]
    fn the_prefix_outweighs_the_extension() {
        assert_eq!(of("lirs_loop.i64"), Some(Format::Lines));
    }

    #[test]
    fn a_folder_does_not_tell_the_format() {
        assert_eq!(of("lirs_traces/mine.trace"), None);
    }

    #[test]
    fn names_parse_to_formats() {
        assert_eq!("i32".parse(), Ok(Format::I32BigEndian));
        assert_eq!("i64".parse(), Ok(Format::I64BigEndian));
        assert_eq!("lines".parse(), Ok(Format::Lines));
    }

    #[test]
    fn an_unknown_name_is_told_the_known_ones() {
        let error = "csv".parse::<Format>().unwrap_err();
        assert_eq!(
            error.to_string(),
            r#"unknown trace format "csv"; use i32, i64 or lines"#
        );
    }

    #[test]
    fn four_byte_records_keep_their_bits() {
        let content = [0, 0, 1, 2, 0xff, 0xff, 0xff, 0xff];
        assert_eq!(
            Format::I32BigEndian.decode(&content),
            Ok(vec![0x0102, 0xffff_ffff])
        );
    }

    #[test]
    fn eight_byte_records_keep_their_bits() {
        let content = [[0, 0, 0, 0, 0, 0, 1, 2], [0xff; 8]].concat();
        assert_eq!(Format::I64BigEndian.decode(&content), Ok(vec![0x0102, u64::MAX]));
    }

    #[test]
    fn a_cut_record_is_located_by_its_first_byte() {
        assert_eq!(Format::I32BigEndian.decode(&[0; 7]), Err(Position::Byte(4)));
        assert_eq!(Format::I64BigEndian.decode(&[0; 23]), Err(Position::Byte(16)));
    }

    #[test]
    fn stars_blank_lines_and_carriage_returns_are_no_keys() {
        assert_eq!(
            Format::Lines.decode(b"*\r\n1\r\n\n  22 \n*\n3"),
            Ok(vec![1, 22, 3])
        );
    }

    #[test]
    fn a_line_that_is_no_number_is_located_among_all_lines() {
        assert_eq!(Format::Lines.decode(b"*\n1\n\nx\n2\n"), Err(Position::Line(4)));
    }

    #[test]
    fn a_negative_or_oversized_line_is_no_key() {
        assert_eq!(Format::Lines.decode(b"-1"), Err(Position::Line(1)));
        assert_eq!(
            Format::Lines.decode(b"18446744073709551616"),
            Err(Position::Line(1))
        );
    }

    #[test]
    fn a_line_that_is_no_text_is_no_key() {
        assert_eq!(Format::Lines.decode(&[b'1', b'\n', 0xff]), Err(Position::Line(2)));
    }
}
