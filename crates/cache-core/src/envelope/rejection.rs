//! Why stored bytes are not an answer.

use std::error::Error;
use std::fmt;

/// Why stored bytes were rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rejection {
    /// A newer library wrote them.
    UnknownVersion(u8),
    /// They use a part of the format that this library does not know.
    UnknownFlags(u8),
    /// They end before they say they do, or go on behind it.
    WrongLength,
    /// They are not the bytes that were stored.
    WrongChecksum,
    /// They were stored for another key.
    WrongKey,
    /// They say that they have tags, and these are none.
    WrongTags,
}

impl Rejection {
    /// Says whether the connection that brought the bytes may be out of step and must be dropped.
    pub fn is_desync(self) -> bool {
        matches!(self, Self::WrongLength | Self::WrongChecksum | Self::WrongKey)
    }

    /// Returns the word for metrics, in snake case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UnknownVersion(_) => "unknown_version",
            Self::UnknownFlags(_) => "unknown_flags",
            Self::WrongLength => "wrong_length",
            Self::WrongChecksum => "wrong_checksum",
            Self::WrongKey => "wrong_key",
            Self::WrongTags => "wrong_tags",
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownVersion(version) => {
                write!(f, "the stored value has version {version}, which is not known")
            }
            Self::UnknownFlags(flags) => {
                write!(f, "the stored value has flags {flags:#04x}, which are not known")
            }
            Self::WrongLength => f.write_str("the stored value is not as long as its header says"),
            Self::WrongChecksum => f.write_str("the stored value does not match its checksum"),
            Self::WrongKey => f.write_str("the stored value belongs to another key"),
            Self::WrongTags => f.write_str("the stored value has tags that are none"),
        }
    }
}

impl Error for Rejection {}
