//! The log, on standard output: lines for people, or JSON for programs that collect logs.

mod console;
mod trace_id;

use std::env;
use std::io::{self, IsTerminal};

use clap::ValueEnum;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt};

use self::console::Console;
pub(crate) use self::trace_id::TraceId;
use self::trace_id::TraceIds;

/// How events are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Columns for people.
    Console,
    /// One JSON object for each event.
    Json,
}

pub(crate) fn install(filter: EnvFilter, format: LogFormat) {
    let lines = fmt::layer().log_internal_errors(false);
    let lines: Box<dyn Layer<_> + Send + Sync> = match format {
        LogFormat::Console => {
            let colours = colours();
            Box::new(lines.with_ansi(colours).event_format(Console::new(colours)))
        }
        LogFormat::Json => Box::new(lines.json().flatten_event(true).with_span_list(false)),
    };
    let subscriber = Registry::default().with(TraceIds.and_then(lines).with_filter(filter));
    // It fails only if there is a log already, and then that one serves.
    let _ = subscriber.try_init();
}

/// Says whether somebody looks who wants colours (<https://no-color.org>).
fn colours() -> bool {
    io::stdout().is_terminal() && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
