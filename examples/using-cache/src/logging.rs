//! The log: one line for each event, on standard output, in colour only where somebody looks at it.

use std::env;
use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

pub(crate) fn install(filter: EnvFilter) {
    let colours = io::stdout().is_terminal() && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(colours)
        // A log that cannot be written must not write to standard error about it, which may be gone as well.
        .log_internal_errors(false);
    // It fails only if there is a log already, and then that one serves.
    let _ = subscriber.try_init();
}
