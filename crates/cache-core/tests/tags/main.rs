//! Tags: what carries one is there until it is invalidated, whatever happens at the same time. What every backend has to give
//! for it is in the conformance suite.
#![expect(
    clippy::unwrap_used,
    reason = "the helpers of these files fail the test that calls them"
)]

mod conformance;
mod enclosing;
mod handle;
mod history;
mod loading;
mod markers;
mod support;
