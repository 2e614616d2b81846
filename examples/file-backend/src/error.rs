//! What can go wrong with files.

use std::io;

use cache_core::{CacheError, ErrorKind, Result};

pub(crate) fn no_folder(cause: io::Error) -> CacheError {
    let message = "the folder of options.folder cannot be made; choose another, or look at the rights";
    CacheError::new(ErrorKind::InvalidConfig, message).with_source(cause)
}

pub(crate) fn failed(cause: io::Error) -> CacheError {
    let message = "a file of the cache cannot be used; look at the rights and the room of its folder";
    CacheError::new(ErrorKind::Backend, message).with_source(cause)
}

/// Returns what was done, or nothing if there is no such file.
pub(crate) fn unless_absent<T>(done: io::Result<T>) -> Result<Option<T>> {
    match done {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
        done => done.map(Some).map_err(failed),
    }
}
