//! The metrics of the cache, through the [`metrics`] facade: a layer over any backend.
//!
//! [`Metrics`] is the handle, [`Metrics::layer`] what a cache is built with, [`names`] the table of all metrics.
//! Keys are never labels: the number of series depends on the caches and not on what is in them.
//!
//! A get is counted in a word that belongs to its thread; a thread of this crate brings the numbers to the recorder.
//! `BENCHMARKS.md` has what that costs a hit, beside macros of the facade for each call.

mod backend;
mod config;
mod counted;
mod error;
#[cfg(feature = "exporter")]
mod exporter;
mod gauges;
mod handle;
mod instruments;
mod keys;
mod latency;
mod layer;
mod loading;
pub mod names;
mod server;
mod stripes;

pub use self::config::MetricsBuilder;
pub use self::handle::Metrics;
pub use self::layer::MetricsLayer;
pub use self::names::{LATENCY_BUCKETS, LOAD_BUCKETS, POOL_WAIT_BUCKETS, VALUE_SIZE_BUCKETS};
