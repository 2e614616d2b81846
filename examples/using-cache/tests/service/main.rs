//! The service as its users meet it: a process of its own, signals and HTTP. One program, so that it is linked once.
#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "the helpers of these files fail the test that calls them"
)]

mod configuration;
mod endpoints;
mod healthcheck;
mod metrics;
mod monitoring;
mod prometheus;
mod redis;
mod settings;
mod shutdown;
mod support;
mod trace;
