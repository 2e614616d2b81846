//! What the benchmarks of this folder share. How to run and read them stands in `BENCHMARKS.md`.
//!
//! Each benchmark compares within one run, since the machine drifts more between two runs than caches differ: every
//! [round](compare) measures all of them in turn, a ratio is taken inside a round, and the median of all rounds counts.
//! Nothing here fails because something was slow; what can be exact is a gate (`tests/allocations.rs`,
//! `check-instructions.sh`).

mod asked;
pub mod child;
pub mod clients;
pub mod compare;
pub mod heap;
pub mod lives;
pub mod notified;
pub mod ours;
pub mod prototype;
pub mod recorder;
pub mod source;
pub mod table;
pub mod usual;
pub mod wait;
pub mod workload;

pub use self::asked::is_asked_for;
