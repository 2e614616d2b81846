//! The cases, one function each, grouped by what they are about. A case panics if the backend of the fixture does
//! not behave as its doc line says.
//!
//! Each wants a fresh fixture. [`conformance!`](crate::conformance!) gives it one; [`run`](crate::run) runs a single
//! case.

pub mod about;
pub mod batch;
pub mod cancel;
pub mod clear;
pub mod close;
pub mod concurrent;
pub mod delete;
pub mod errors;
pub mod exists;
pub mod get;
pub mod keys;
pub mod life;
pub mod load;
pub mod many;
pub mod neighbour;
mod probe;
mod samples;
pub mod set;
pub mod stale_loads;
pub mod tagged_loads;
pub mod tags;
pub mod ttl;
pub mod typed;
pub mod uses;
