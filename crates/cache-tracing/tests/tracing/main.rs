//! What the layer tells, read by a subscriber of the test's own. One program, so that it links once.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod conformance;
mod events;
mod failures;
mod loads;
mod spans;
mod support;
