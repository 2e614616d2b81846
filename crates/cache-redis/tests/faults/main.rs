//! The fault matrix: what a caller sees of each fault, for each kind of call, against a real server. `docs/faults.md`
//! is the table.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[macro_use]
mod cell;
mod bench;
mod call;
mod machine;

mod breaker;
mod broken;
mod cancel;
mod cluster;
mod corrupt;
mod corrupt_cluster;
mod defaults;
mod docs;
mod down;
mod frozen;
mod limits;
mod refused;
mod secured;
mod sentinel;
mod slots;
mod slow;
mod stored;
mod tls;
mod unready;
