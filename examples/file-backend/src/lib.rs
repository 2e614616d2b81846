//! A backend of a program's own: one file for each entry. It is registered under the name `file`, is configured like the
//! built-in ones, and gets metrics, logs and spans without a line about them.
//!
//! `backend.rs` is all of it, settings and errors included, `main.rs` uses it, and the conformance suite says that it keeps the contract.

mod backend;

pub use self::backend::{FileBackend, FileOptions};
