//! The log, on standard output: lines for people, or JSON for programs that collect logs.

mod console;
mod json;
#[cfg(feature = "otlp")]
pub(crate) mod otlp;
mod trace_id;

use std::env;
use std::ffi::OsString;
use std::io::{self, IsTerminal};

use clap::ValueEnum;
use tracing::warn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt};

use self::console::Console;
use self::json::Json;
pub(crate) use self::trace_id::TraceId;
use self::trace_id::TraceIds;
use crate::failure::Failure;

/// How events are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Columns for people.
    Console,
    /// One JSON object for each event.
    Json,
}

/// What ends with the log.
#[derive(Debug, Default)]
pub(crate) struct Log {
    #[cfg(feature = "otlp")]
    _exporter: Option<otlp::Exporter>,
}

/// The variable that names a collector of spans.
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

/// Begins to log.
///
/// # Errors
/// Where spans are to be sent, if that is no place.
pub(crate) fn install(filter: EnvFilter, format: LogFormat) -> Result<Log, Failure> {
    let spans = filter.clone();
    let lines = fmt::layer().log_internal_errors(false);
    let lines: Box<dyn Layer<_> + Send + Sync> = match format {
        LogFormat::Console => {
            let colours = are_wanted(io::stdout().is_terminal(), env::var_os("NO_COLOR"));
            Box::new(lines.with_ansi(colours).event_format(Console::new(colours)))
        }
        LogFormat::Json => {
            let lines = lines.json().flatten_event(true).with_span_list(false);
            Box::new(lines.map_event_format(Json::new))
        }
    };
    let subscriber = Registry::default().with(TraceIds.and_then(lines).with_filter(filter));
    #[cfg(feature = "otlp")]
    let (subscriber, log) = match otlp::layer()? {
        Some((layer, exporter)) => {
            let log = Log {
                _exporter: Some(exporter),
            };
            (subscriber.with(Some(layer.with_filter(spans))), log)
        }
        None => (subscriber.with(None), Log::default()),
    };
    #[cfg(not(feature = "otlp"))]
    let (log, _) = (Log::default(), spans);
    // It fails only if there is a log already, and then that one serves.
    let _ = subscriber.try_init();
    if cfg!(not(feature = "otlp")) && env::var_os(ENDPOINT).is_some_and(|endpoint| !endpoint.is_empty()) {
        warn!("{ENDPOINT} is set, but this build sends no spans; build it with --features otlp");
    }
    Ok(log)
}

/// Says whether somebody looks who wants colours (<https://no-color.org>).
fn are_wanted(is_terminal: bool, no_color: Option<OsString>) -> bool {
    is_terminal && no_color.is_none_or(|value| value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_for_terminals_whose_users_want_them() {
        assert!(are_wanted(true, None));
        assert!(
            are_wanted(true, Some(OsString::new())),
            "an empty variable counts as none"
        );
        assert!(!are_wanted(true, Some("1".into())));
        assert!(!are_wanted(false, None));
    }
}
