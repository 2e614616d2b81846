//! The trace itself: a named sequence of keys, read from a file or given.

use std::{collections::HashSet, fmt, fs::File, path::Path};

use crate::{
    Format, TraceError,
    decompress::{decompress, read_capped},
};

/// The keys that a system accessed, in order.
#[derive(Clone)]
pub struct Trace {
    name: String,
    accesses: Vec<u64>,
}

impl Trace {
    /// The most that a trace file may hold, as stored and decompressed, in bytes: 256 MiB.
    ///
    /// Five million accesses of four bytes take 20 MB. A file that is made to decompress without end is thus an
    /// error before it exhausts the memory.
    pub const MAX_BYTES: u64 = 256 << 20;

    /// Reads the trace in a file whose name tells the format; see [`Format::of_path`].
    ///
    /// Whether the file is compressed is told by its first bytes (gzip: 1f 8b, xz: fd 37 7a 58 5a 00) and
    /// not by its name. An uncompressed trace whose first key has those very bytes must be compressed to be read.
    ///
    /// # Errors
    ///
    /// [`TraceError::UnknownFormat`] if the name does not tell the format, and those of
    /// [`open_as`](Self::open_as).
    pub fn open(path: impl AsRef<Path>) -> Result<Self, TraceError> {
        let path = path.as_ref();
        match Format::of_path(path) {
            Some(format) => Self::open_as(path, format),
            None => Err(TraceError::UnknownFormat {
                path: path.to_owned(),
            }),
        }
    }

    /// Reads the trace in a file of the given format, whatever the file's name.
    ///
    /// # Errors
    ///
    /// - [`TraceError::Open`] if the file cannot be opened or read.
    /// - [`TraceError::Decompress`] if it is compressed and damaged.
    /// - [`TraceError::TooLarge`] if it holds more than [`MAX_BYTES`](Self::MAX_BYTES).
    /// - [`TraceError::Malformed`] if its content is not in the format.
    /// - [`TraceError::Empty`] if it has no accesses.
    pub fn open_as(path: impl AsRef<Path>, format: Format) -> Result<Self, TraceError> {
        Self::open_capped(path.as_ref(), format, Self::MAX_BYTES)
    }

    fn open_capped(path: &Path, format: Format, limit: u64) -> Result<Self, TraceError> {
        let too_large = || TraceError::TooLarge {
            path: path.to_owned(),
        };
        let stored = File::open(path)
            .and_then(|file| read_capped(file, limit))
            .map_err(|source| TraceError::Open {
                path: path.to_owned(),
                source,
            })?
            .ok_or_else(too_large)?;
        let content = decompress(stored, limit)
            .map_err(|source| TraceError::Decompress {
                path: path.to_owned(),
                source,
            })?
            .ok_or_else(too_large)?;
        let accesses = format
            .decode(&content)
            .map_err(|position| TraceError::Malformed {
                path: path.to_owned(),
                position,
            })?;
        if accesses.is_empty() {
            return Err(TraceError::Empty {
                path: path.to_owned(),
            });
        }
        Ok(Self::from_accesses(
            path.file_name().unwrap_or_default().to_string_lossy(),
            accesses,
        ))
    }

    /// Makes a trace of the given keys, which may be none.
    pub fn from_accesses(name: impl Into<String>, accesses: Vec<u64>) -> Self {
        Self {
            name: name.into(),
            accesses,
        }
    }

    /// What to call the trace in a report: the file's name without its folder, or the name it was given.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The keys, in the order of access.
    pub fn accesses(&self) -> &[u64] {
        &self.accesses
    }

    /// The number of accesses.
    pub fn len(&self) -> usize {
        self.accesses.len()
    }

    /// Whether there are no accesses, which no opened trace is.
    pub fn is_empty(&self) -> bool {
        self.accesses.is_empty()
    }

    /// The number of different keys. It is counted anew by each call, in time linear in the accesses.
    pub fn distinct(&self) -> usize {
        self.accesses.iter().collect::<HashSet<_>>().len()
    }
}

/// Shows the number of accesses in place of what may be millions of them.
impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trace")
            .field("name", &self.name)
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_of_exactly_the_limit_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.i32");
        fs::write(&path, [0; 64]).unwrap();

        assert_eq!(
            Trace::open_capped(&path, Format::I32BigEndian, 64).unwrap().len(),
            16
        );
    }

    #[test]
    fn a_file_beyond_the_limit_is_too_large() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.i32");
        fs::write(&path, [0; 64]).unwrap();

        let error = Trace::open_capped(&path, Format::I32BigEndian, 63).unwrap_err();
        assert!(matches!(error, TraceError::TooLarge { path: named } if named == path));
    }

    #[test]
    fn a_small_file_that_decompresses_beyond_the_limit_is_too_large() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.i32.gz");
        let file = File::create(&path).unwrap();
        let mut encoder = flate2::write::GzEncoder::new(file, flate2::Compression::best());
        std::io::Write::write_all(&mut encoder, &[0; 10_000]).unwrap();
        encoder.finish().unwrap();

        let error = Trace::open_capped(&path, Format::I32BigEndian, 9_999).unwrap_err();
        assert!(matches!(error, TraceError::TooLarge { path: named } if named == path));
    }

    #[test]
    fn distinct_counts_each_key_once() {
        assert_eq!(Trace::from_accesses("test", vec![3, 1, 3, 3, 1]).distinct(), 2);
    }

    #[test]
    fn a_given_trace_may_be_empty() {
        assert!(Trace::from_accesses("test", Vec::new()).is_empty());
    }

    #[test]
    fn debug_output_leaves_the_keys_out() {
        let trace = Trace::from_accesses("test", vec![1, 2, 3]);
        assert_eq!(format!("{trace:?}"), r#"Trace { name: "test", len: 3, .. }"#);
    }
}
