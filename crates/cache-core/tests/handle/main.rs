//! The handle that people hold: building it, and its operations on many keys.
#![expect(
    clippy::unwrap_used,
    reason = "the helpers of these files fail the test that calls them"
)]

mod batch;
mod builder;
mod doubles;
mod passing;
