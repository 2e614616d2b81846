//! Access traces of real systems, and the hit counts that ideal caches reach on them.
//!
//! A cache looks good on made-up traffic: uniform keys suit nobody and a Zipf curve suits everybody. The
//! traffic generator and the hit-ratio benchmark therefore replay what real systems recorded, and compare the
//! cache with true LRU and with the best that any cache could have done.
//!
//! ```
//! use access_trace::{Trace, ideal};
//!
//! let trace = Trace::from_accesses("a loop over three keys", vec![1, 2, 3, 1, 2, 3]);
//!
//! assert_eq!(trace.distinct(), 3);
//! assert_eq!(ideal::lru_hits(trace.accesses(), 2), 0);
//! assert_eq!(ideal::optimum_hits(trace.accesses(), 2), 2);
//! ```
//!
//! [`Trace::open`] reads the published traces of cache2k, Corda and LIRS as they are distributed; [`Format`]
//! lists what it understands and how it tells.

mod decompress;
mod error;
mod format;
pub mod ideal;
mod trace;

pub use error::{Position, TraceError};
pub use format::{Format, ParseFormatError};
pub use trace::Trace;
