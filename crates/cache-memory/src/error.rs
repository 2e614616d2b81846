//! What can be wrong with the settings of a memory cache, and what to do about it.

use std::io;
use std::time::Duration;

use cache_core::{CacheError, ErrorKind};

pub(crate) fn two_limits() -> CacheError {
    CacheError::new(
        ErrorKind::InvalidLimit,
        "max_items and max_weight are both set; a memory cache has one limit, so drop one of them",
    )
}

pub(crate) fn too_many_items(items: u64, most: u64) -> CacheError {
    let message =
        format!("max_items is {items}, more than the {most} that a process can hold; use 0 for no limit");
    CacheError::new(ErrorKind::InvalidLimit, message)
}

pub(crate) fn no_weight() -> CacheError {
    CacheError::new(
        ErrorKind::InvalidLimit,
        "max_weight is 0, so nothing would fit; give a weight above zero or leave it out",
    )
}

pub(crate) fn no_idle_time() -> CacheError {
    CacheError::new(
        ErrorKind::InvalidTtl,
        "time_to_idle is zero, so every entry would be over at once; give a duration above zero or leave it out",
    )
}

pub(crate) fn bad_interval(interval: Duration) -> CacheError {
    let message = format!("maintenance_interval is {interval:?}; give a duration from 1 ms to 1 h");
    CacheError::new(ErrorKind::InvalidConfig, message)
}

pub(crate) fn no_thread(cause: io::Error) -> CacheError {
    let message = "the maintenance thread cannot be started; raise the thread limit of the process";
    CacheError::new(ErrorKind::Exhausted, message).with_source(cause)
}
