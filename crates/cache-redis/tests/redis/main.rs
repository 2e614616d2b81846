//! The Redis backend against real servers. One program, so that it links once.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod cancel;
mod clear;
mod commands;
#[cfg(feature = "compression")]
mod compression;
mod config;
mod conformance;
mod count;
mod foreign;
#[cfg(target_os = "linux")]
mod keepalive;
mod late;
mod lifetime;
mod limits;
mod metrics;
mod peer;
mod reconnect;
mod rights;
mod secrets;
mod sizes;
mod start;
mod stats;
mod support;
mod tags;
