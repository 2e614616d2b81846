//! Everything about dashboards, rules and the stack that can be checked without running it. What only a running Prometheus
//! can tell is checked in `examples/using-cache/tests/service/monitoring`.
#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "the helpers of these files fail the test that calls them"
)]

mod generated;
mod metrics;
mod mutants;
mod panels;
mod provisioning;
mod rules;
mod stack;
mod support;
