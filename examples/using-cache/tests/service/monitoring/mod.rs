//! The shipped dashboards and rules on a running system: the service on memory and on Redis, with traffic, scraped by a
//! real Prometheus with the shipped configuration. `scripts/check-monitoring.sh` installs what this needs and runs it.

mod alerts;
mod api;
mod files;
mod process;
mod queries;
mod stack;
