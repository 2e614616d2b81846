//! Keys that were checked once, so that no backend has to check them again.

use std::fmt;

use crate::error::{CacheError, ErrorKind, Result};

/// How many characters of a key an error or a log line shows.
const SHORT_CHARACTERS: usize = 32;

/// A key: UTF-8, at least one byte, any byte else (spaces, control characters and NUL too).
///
/// It is a checked `&str`: copying it is free and no method allocates, but for [`short`](Self::short).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key<'a>(&'a str);

impl<'a> Key<'a> {
    /// The longest key that a cache takes unless it is told otherwise, in bytes: 64 KiB.
    pub const DEFAULT_MAX_LEN: usize = 64 * 1024;

    /// Checks a key.
    ///
    /// # Errors
    /// [`ErrorKind::EmptyKey`] for the empty string.
    #[inline]
    pub fn new(key: &'a str) -> Result<Self> {
        if key.is_empty() {
            Err(empty())
        } else {
            Ok(Self(key))
        }
    }

    /// Checks a key against a limit in bytes as well.
    ///
    /// # Errors
    /// [`ErrorKind::EmptyKey`] for the empty string, [`ErrorKind::KeyTooLong`] above the limit.
    #[inline]
    pub fn with_max_len(key: &'a str, max_len: usize) -> Result<Self> {
        let checked = Self::new(key)?;
        if key.len() > max_len {
            Err(too_long(checked, max_len))
        } else {
            Ok(checked)
        }
    }

    /// Makes a key of the library's own, which is never empty.
    pub(crate) const fn own(key: &'a str) -> Self {
        Self(key)
    }

    /// Returns the key as it was given.
    #[inline]
    pub const fn as_str(self) -> &'a str {
        self.0
    }

    /// Returns a form for people: one line, at most 32 characters of the key, and its length if that is not all.
    ///
    /// ```
    /// # use cache_core::Key;
    /// assert_eq!(Key::new("user:7\n")?.short(), r#""user:7\n""#);
    /// assert_eq!(Key::new(&"k".repeat(500))?.short(), format!("\"{}\"… (500 bytes)", "k".repeat(32)));
    /// # Ok::<_, cache_core::CacheError>(())
    /// ```
    pub fn short(self) -> String {
        match self.0.char_indices().nth(SHORT_CHARACTERS) {
            None => format!("{:?}", self.0),
            Some((end, _)) => format!("{:?}… ({} bytes)", &self.0[..end], self.0.len()),
        }
    }
}

impl fmt::Debug for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.short())
    }
}

#[cold]
fn empty() -> CacheError {
    CacheError::new(
        ErrorKind::EmptyKey,
        "the key is empty; give it at least one character",
    )
}

#[cold]
fn too_long(key: Key<'_>, max_len: usize) -> CacheError {
    let len = key.as_str().len();
    CacheError::new(
        ErrorKind::KeyTooLong,
        format!(
            "the key has {len} bytes, the limit is {max_len}; shorten it (a digest will do) or raise max_key_len"
        ),
    )
}
