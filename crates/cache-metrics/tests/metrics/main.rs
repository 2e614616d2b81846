//! What the metrics say, read from a real Prometheus exposition. One program, so that it links once.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::float_cmp, reason = "the values are counts")]

mod config;
mod conformance;
mod counts;
mod dropped;
mod exposition;
mod latency;
mod loading;
mod lookups;
mod server;
mod several;
mod sizes;
mod support;
