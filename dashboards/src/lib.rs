//! Writes the Grafana dashboards and the reference of the metrics from what the code says, so that a new metric cannot be
//! forgotten and no panel can ask for one that does not exist.
//!
//! `overview.rs`, `redis.rs` and `objectives.rs` say what is on each dashboard; [`Panel`] and [`Dashboard`] turn that into
//! the JSON that Grafana loads. `cargo run -p cache-dashboards` writes the files, and a test compares them.

mod dashboard;
mod file;
mod objectives;
mod overview;
mod panel;
mod query;
mod redis;
mod reference;
mod unit;
mod variable;

pub use self::dashboard::Dashboard;
pub use self::file::{File, files};
pub use self::panel::Panel;
pub use self::unit::Unit;
