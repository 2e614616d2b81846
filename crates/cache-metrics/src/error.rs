//! What can be wrong with the settings of the metrics, and what to do about it.

use std::time::Duration;

use cache_core::{CacheError, ErrorKind};

pub(crate) fn bad_prefix(part: &str, given: &str) -> CacheError {
    let message = format!(
        "the metric {part} {given:?} is not a metric name; use letters, digits and `_`, not a digit first"
    );
    CacheError::new(ErrorKind::InvalidName, message)
}

pub(crate) fn bad_label(given: &str) -> CacheError {
    let message = format!(
        "the label {given:?} cannot be a constant label; use letters, digits and `_`, not a digit or `__` first, and \
         none of the names that the metrics use themselves"
    );
    CacheError::new(ErrorKind::InvalidName, message)
}

pub(crate) fn bad_sampling() -> CacheError {
    let message = "latency_sampling is 0; give 1 to time every get from memory, or 64 to time one in 64";
    CacheError::new(ErrorKind::InvalidConfig, message)
}

pub(crate) fn bad_buckets() -> CacheError {
    let message = "latency_buckets must be finite seconds above zero, each larger than the one before, and at least one";
    CacheError::new(ErrorKind::InvalidConfig, message)
}

pub(crate) fn bad_interval(interval: Duration) -> CacheError {
    let message = format!("collect_interval is {interval:?}; give a duration from 10 ms to 1 h");
    CacheError::new(ErrorKind::InvalidConfig, message)
}

pub(crate) fn no_thread(cause: std::io::Error) -> CacheError {
    let message = "the thread that collects metrics cannot be started; raise the thread limit of the process";
    CacheError::new(ErrorKind::Exhausted, message).with_source(cause)
}
