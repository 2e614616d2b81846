//! The test servers and the fault proxy do what they say, and leave nothing behind.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cluster;
mod guard;
mod proxy;
mod sentinel;
mod single;
