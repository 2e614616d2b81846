//! Everything that can be wrong with a trace file, each with the file's path and the way out.

use std::{error, fmt, io, path::PathBuf};

use crate::Trace;

/// Why a trace could not be read.
///
/// The message is one level only; [`source`](error::Error::source) has the cause, if there is one.
#[derive(Debug)]
#[non_exhaustive]
pub enum TraceError {
    /// The file could not be opened or read.
    Open {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The file's name does not tell the format.
    UnknownFormat {
        /// The file.
        path: PathBuf,
    },
    /// The file begins like a gzip or xz file but cannot be decompressed.
    Decompress {
        /// The file.
        path: PathBuf,
        /// What the decompressor said.
        source: io::Error,
    },
    /// The file holds more than [`Trace::MAX_BYTES`], as stored or decompressed.
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// The content is not in the format it was read as.
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where the first access is that does not fit.
        position: Position,
    },
    /// The file has no accesses.
    Empty {
        /// The file.
        path: PathBuf,
    },
}

/// A place in the decompressed content of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// The line, counted from 1.
    Line(usize),
    /// The number of bytes before it.
    Byte(usize),
}

impl fmt::Display for TraceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open { path, .. } => {
                write!(
                    f,
                    "cannot read the trace {}; check that the file exists and is readable",
                    path.display()
                )
            }
            Self::UnknownFormat { path } => write!(
                f,
                "the name of the trace {} does not tell its format; begin it with cache2k_, corda_ or lirs_, \
                 end it with .i32, .i64 or .txt (before .gz or .xz), or state the format",
                path.display()
            ),
            Self::Decompress { path, .. } => {
                write!(
                    f,
                    "cannot decompress the trace {}; fetch the file again",
                    path.display()
                )
            }
            Self::TooLarge { path } => write!(
                f,
                "the trace {} holds more than {} MiB; cut it into smaller files",
                path.display(),
                Trace::MAX_BYTES >> 20
            ),
            Self::Malformed {
                path,
                position: Position::Line(line),
            } => write!(
                f,
                "line {line} of the trace {} is not an unsigned 64-bit number; correct the line or state the \
                 format that the file has",
                path.display()
            ),
            Self::Malformed {
                path,
                position: Position::Byte(offset),
            } => write!(
                f,
                "the trace {} ends within the access at byte {offset}; fetch the file again or state the format \
                 that it has",
                path.display()
            ),
            Self::Empty { path } => {
                write!(
                    f,
                    "the trace {} has no accesses; choose another file",
                    path.display()
                )
            }
        }
    }
}

impl error::Error for TraceError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Open { source, .. } | Self::Decompress { source, .. } => Some(source),
            Self::UnknownFormat { .. }
            | Self::TooLarge { .. }
            | Self::Malformed { .. }
            | Self::Empty { .. } => None,
        }
    }
}
