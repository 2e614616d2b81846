//! What a loader fails with.

use std::error::Error;
use std::fmt;

/// An error of a loader's own type, with a number to know it again by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceDown(pub u32);

impl fmt::Display for SourceDown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the database is down, code {}", self.0)
    }
}

impl Error for SourceDown {}
