//! The atomics that `ages.rs`, `afresh.rs` and `changes.rs` run on. A model checker puts its own in their place.

pub(crate) use std::sync::atomic::{AtomicU64, Ordering, fence};
