//! Configurations, right and wrong ones, and what becomes of them. One program, so that it links once.
#![cfg(all(
    feature = "memory",
    feature = "message-pack",
    feature = "metrics",
    feature = "postcard",
    feature = "redis",
    feature = "tracing"
))]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod codec;
mod config;
mod health;
mod kinds;
mod redis;
mod registry;
#[cfg(feature = "schema")]
mod schema;
mod setup;
mod spans;
mod support;
mod table;
#[cfg(feature = "schema")]
mod valid;
