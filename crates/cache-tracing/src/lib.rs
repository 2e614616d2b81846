//! Spans and log events of the cache, through the [`tracing`] facade: a layer over any backend.
//!
//! ```
//! # fn main() -> cache_core::Result<()> {
//! use cache_core::Cache;
//! use cache_memory::MemoryBackend;
//! use cache_tracing::Tracing;
//!
//! let users = Cache::builder(MemoryBackend::builder().build()?).name("users").layer(Tracing::new()).build()?;
//! # Ok(()) }
//! ```
//!
//! Everything has the target `cache`, so `info,cache=debug` as a filter shows each operation and `cache=off` nothing. A filter
//! that names a span only, `[cache.get]=debug`, shows nothing: whether anybody listens is asked once for all operations.
//!
//! | level | what |
//! |---|---|
//! | `debug` | a span `cache.<operation>` for each operation, below the caller's, and one event in it when it ends; a span `cache.load` for each load, below the call that leads it, and one event when it ends |
//! | `info` | a cache was built, cleared or closed |
//! | `warn` | an operation failed in a way that may pass by itself, or because the cache is closed |
//! | `error` | an operation failed in another way |
//!
//! Failures are told once per cache, kind and [interval](Tracing::failure_interval). The next line says how many were
//! held back meanwhile, and the end of the cache tells the rest.
//!
//! # Fields
//!
//! | field | of | what |
//! |---|---|---|
//! | `cache.name`, `cache.backend`, `cache.operation` | all | as the labels of the metrics |
//! | `cache.key` | operations on one key | its length and hash, or [the key](Keys::Shown) |
//! | `cache.keys`, `cache.found` | operations on several keys | how many were asked for, and how many of them were there; of `invalidate_tags` how many tags |
//! | `cache.result` | operations | `hit`, `miss`, `stored`, `deleted`, `present`, `absent`, `cleared`, `up`, `closed`, `invalidated`, `error`; `mixed` if several keys differ; of `get_or_load` also `loaded`, `coalesced`, `stale`; of loads a word of the metric `loads_total` |
//! | `cache.hit` | lookups, of several keys if they agree | whether there was a live entry |
//! | `elapsed_us` | events of operations | how long the operation took, in microseconds |
//! | `refresh` | loads | whether it ran in the background |
//! | `error.type` | failures | the kind of the error |
//! | `suppressed` | lines about failures | how many like it were held back since the last line |
//! | `otel.kind` | spans | `client` of an operation on any backend but `memory`, since it leaves the process as a rule; `internal` of one on `memory`, of a call that loads and of a load |
//! | `otel.status_code`, `otel.status_description` | spans | what OpenTelemetry bridges look for |
//!
//! # Loads
//!
//! `cache.get_or_load` covers the whole call, and what it asks of the backend is below it. A loader runs as a task of its
//! own, within the span `cache.load`, which is below that of the call that leads it; those who wait for it have only their
//! calls. A load in the background stands by itself and follows from the call that began it. Where nobody listens at
//! `debug`, a loader runs within the span of the caller that leads, so that what it says has its request.
//!
//! # What it costs
//!
//! Where nobody listens to the target `cache` at `debug`, a get passes this layer by if it is the outermost, for one load and
//! one comparison; other operations pay them and the call through one more object. No span is made, so the caller's span stays the current one.

mod answer;
mod backend;
mod failures;
mod follow;
mod keys;
mod layer;
mod listeners;
mod scene;

pub use self::keys::Keys;
pub use self::layer::Tracing;
