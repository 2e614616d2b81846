//! `get_or_load`: what callers get, how often loaders run, and what is stored.
#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "the helpers of these files fail the test that calls them"
)]

mod cancel;
mod faults;
mod fences;
mod history;
mod limit;
mod lives;
mod many;
mod memory;
mod options;
mod outage;
mod patience;
mod release;
mod single;
mod stale;
mod support;
