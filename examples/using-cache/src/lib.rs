//! A small service that shows the cache at work: a catalogue of products over a slow source, with two caches, their
//! metrics and traffic of its own.
//!
//! Start to read at [`Catalogue`], where the caches are used, and [`Caches`], where they are built. `app.rs` puts the
//! parts together and takes them apart again when the service is told to stop.

mod app;
mod args;
mod banner;
mod caches;
mod catalogue;
mod failure;
mod generator;
mod healthcheck;
mod http;
mod ids;
mod logging;
mod lookups;
mod product;
mod settings;
mod shutdown;
mod source;
mod telemetry;
mod unknown;
mod usage;
mod values;
mod visits;
mod zipf;

pub use self::app::main;
pub use self::args::Args;
pub use self::caches::Caches;
pub use self::catalogue::{Answer, Catalogue};
pub use self::lookups::{CacheReport, CacheStatus};
pub use self::product::{Change, Product};
pub use self::source::{DataError, Source};
pub use self::zipf::Zipf;

/// The snippets of the README of the workspace, so that they compile and run.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

/// The snippet of the page on tags.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/tags.md")]
struct Tags;

/// The snippets of the page on configuration.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/configuration.md")]
struct Configuration;
