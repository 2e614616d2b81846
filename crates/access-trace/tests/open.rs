//! Traces in real files: what opens, and what each broken file is told.

use std::{
    error::Error,
    fs,
    io::{self, Write},
    path::PathBuf,
};

use access_trace::{Format, Position, Trace, TraceError};
use flate2::{Compression, write::GzEncoder};
use lzma_rust2::{XzOptions, XzWriter};
use tempfile::TempDir;

/// A file in a folder of its own, which goes when this does.
struct TraceFile {
    path: PathBuf,
    _folder: TempDir,
}

impl TraceFile {
    fn new(name: &str, content: impl AsRef<[u8]>) -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join(name);
        fs::write(&path, content)?;
        Ok(Self {
            path,
            _folder: folder,
        })
    }
}

fn gzip(content: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content)?;
    encoder.finish()
}

fn xz(content: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = XzWriter::new(Vec::new(), XzOptions::default())?;
    encoder.write_all(content)?;
    encoder.finish()
}

#[test]
fn a_cache2k_trace_opens() {
    let file = TraceFile::new("cache2k_test.trace.xz", xz(&[0, 0, 0, 1, 0, 0, 1, 0]).unwrap()).unwrap();
    assert_eq!(Trace::open(&file.path).unwrap().accesses(), [1, 256]);
}

#[test]
fn a_corda_trace_opens() {
    let file = TraceFile::new("corda_test.gz", gzip(&[0, 0, 0, 0, 0, 0, 1, 0]).unwrap()).unwrap();
    assert_eq!(Trace::open(&file.path).unwrap().accesses(), [256]);
}

#[test]
fn a_lirs_trace_opens() {
    let file = TraceFile::new("lirs_test.trace.gz", gzip(b"5\n*\n7\n").unwrap()).unwrap();
    assert_eq!(Trace::open(&file.path).unwrap().accesses(), [5, 7]);
}

#[test]
fn an_uncompressed_trace_opens() {
    let file = TraceFile::new("test.txt", "5\n7\n").unwrap();
    assert_eq!(Trace::open(&file.path).unwrap().accesses(), [5, 7]);
}

#[test]
fn compression_is_told_by_the_content_and_not_by_the_name() {
    let file = TraceFile::new("test.txt.gz", xz(b"5\n7\n").unwrap()).unwrap();
    assert_eq!(Trace::open(&file.path).unwrap().accesses(), [5, 7]);
}

#[test]
fn a_stated_format_needs_no_telling_name() {
    let file = TraceFile::new("keys.dat", "5\n7\n").unwrap();
    assert_eq!(
        Trace::open_as(&file.path, Format::Lines).unwrap().accesses(),
        [5, 7]
    );
}

#[test]
fn a_trace_is_named_after_its_file() {
    let file = TraceFile::new("test.txt", "5\n7\n").unwrap();
    assert_eq!(Trace::open(&file.path).unwrap().name(), "test.txt");
}

#[test]
fn a_missing_file_cannot_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("missing.txt");

    let error = Trace::open(&path).unwrap_err();
    assert!(matches!(&error, TraceError::Open { source, .. } if source.kind() == io::ErrorKind::NotFound));
    assert_eq!(
        error.to_string(),
        format!(
            "cannot read the trace {}; check that the file exists and is readable",
            path.display()
        )
    );
}

#[test]
fn a_folder_cannot_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let error = Trace::open_as(folder.path(), Format::Lines).unwrap_err();
    assert!(matches!(error, TraceError::Open { .. }));
}

#[test]
fn a_name_that_tells_no_format_is_told_those_that_do() {
    let error = Trace::open("folder/keys.dat").unwrap_err();
    assert!(matches!(error, TraceError::UnknownFormat { .. }));
    assert_eq!(
        error.to_string(),
        "the name of the trace folder/keys.dat does not tell its format; begin it with cache2k_, corda_ or \
         lirs_, end it with .i32, .i64 or .txt (before .gz or .xz), or state the format"
    );
}

#[test]
fn a_truncated_gzip_file_is_damaged() {
    let stored = gzip(b"5\n7\n").unwrap();
    let file = TraceFile::new("test.txt.gz", &stored[..stored.len() - 1]).unwrap();

    let error = Trace::open(&file.path).unwrap_err();
    assert!(matches!(error, TraceError::Decompress { .. }));
    assert_eq!(
        error.to_string(),
        format!(
            "cannot decompress the trace {}; fetch the file again",
            file.path.display()
        )
    );
}

#[test]
fn a_truncated_xz_file_is_damaged() {
    let stored = xz(b"5\n7\n").unwrap();
    let file = TraceFile::new("test.txt.xz", &stored[..stored.len() - 1]).unwrap();
    assert!(matches!(
        Trace::open(&file.path).unwrap_err(),
        TraceError::Decompress { .. }
    ));
}

#[test]
fn an_xz_file_with_a_flipped_bit_is_damaged() {
    let mut stored = xz(b"5\n7\n").unwrap();
    let middle = stored.len() / 2;
    stored[middle] ^= 1;
    let file = TraceFile::new("test.txt.xz", stored).unwrap();
    assert!(matches!(
        Trace::open(&file.path).unwrap_err(),
        TraceError::Decompress { .. }
    ));
}

#[test]
fn a_byte_too_many_is_an_access_cut_short() {
    let file = TraceFile::new("test.i32", [0; 9]).unwrap();

    let error = Trace::open(&file.path).unwrap_err();
    assert!(matches!(
        error,
        TraceError::Malformed {
            position: Position::Byte(8),
            ..
        }
    ));
    assert_eq!(
        error.to_string(),
        format!(
            "the trace {} ends within the access at byte 8; fetch the file again or state the format that it has",
            file.path.display()
        )
    );
}

#[test]
fn a_line_that_is_no_number_is_named() {
    let file = TraceFile::new("test.txt", "5\nseven\n").unwrap();

    let error = Trace::open(&file.path).unwrap_err();
    assert!(matches!(
        error,
        TraceError::Malformed {
            position: Position::Line(2),
            ..
        }
    ));
    assert_eq!(
        error.to_string(),
        format!(
            "line 2 of the trace {} is not an unsigned 64-bit number; correct the line or state the format that \
             the file has",
            file.path.display()
        )
    );
}

#[test]
fn a_file_without_accesses_is_empty() {
    let file = TraceFile::new("test.txt", "*\n\n").unwrap();

    let error = Trace::open(&file.path).unwrap_err();
    assert!(matches!(error, TraceError::Empty { .. }));
    assert_eq!(
        error.to_string(),
        format!(
            "the trace {} has no accesses; choose another file",
            file.path.display()
        )
    );
}

#[test]
fn a_file_beyond_the_cap_is_too_large() {
    let file = TraceFile::new("test.i32", []).unwrap();
    fs::File::options()
        .write(true)
        .open(&file.path)
        .unwrap()
        .set_len(Trace::MAX_BYTES + 1)
        .unwrap();

    let error = Trace::open(&file.path).unwrap_err();
    assert!(matches!(error, TraceError::TooLarge { .. }));
    assert_eq!(
        error.to_string(),
        format!(
            "the trace {} holds more than 256 MiB; cut it into smaller files",
            file.path.display()
        )
    );
}

#[test]
fn the_cause_is_the_source_and_not_part_of_the_message() {
    let error = Trace::open("missing.txt").unwrap_err();
    let source = error.source().unwrap().to_string();
    assert!(!error.to_string().contains(&source));
}

#[test]
fn an_error_without_a_cause_has_no_source() {
    assert!(Trace::open("keys.dat").unwrap_err().source().is_none());
}
