//! What the memory backend promises beyond the contract: who is evicted, what the limits are worth, when memory is
//! freed. One program, so that it links once.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod clear;
mod close;
mod config;
mod conformance;
mod expiry;
mod flood;
mod history;
mod idle;
mod loading;
mod lru;
mod remembered;
mod support;
mod traces;
mod weight;
