//! Lines for people, in columns like those of the source system: level, time, trace id, message; and of an operation
//! of a cache its result, how long it took, the key and the cache.

use std::fmt::{self, Debug, Write};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::trace_id;

/// How wide the columns are: for every operation and result that there is, for hours, and for keys that are redacted.
/// Longer texts push the rest of their line to the right.
const TRACE_ID: usize = 32;
const MESSAGE: usize = 22;
const TAG: usize = 12;
const DURATION: usize = 14;
const KEY: usize = 29;

/// The colours of the source system, by their ANSI numbers.
const RED: u8 = 31;
const GREEN: u8 = 32;
const YELLOW: u8 = 33;
const GREY: u8 = 90;

/// The format.
#[derive(Clone, Copy, Debug)]
pub(super) struct Console {
    colours: bool,
    now: fn() -> SystemTime,
}

impl Console {
    pub(super) fn new(colours: bool) -> Self {
        Self {
            colours,
            now: SystemTime::now,
        }
    }

    /// Writes a text as wide as its column, which colours do not make narrower.
    fn column(self, writer: &mut Writer<'_>, colour: Option<u8>, width: usize, text: &str) -> fmt::Result {
        let blanks = width.saturating_sub(text.chars().count());
        match colour.filter(|_| self.colours && !text.is_empty()) {
            Some(colour) => write!(writer, "\u{1b}[{colour}m{text}\u{1b}[0m{:blanks$} ", ""),
            None => write!(writer, "{text}{:blanks$} ", ""),
        }
    }
}

impl<S, N> FormatEvent<S, N> for Console
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let level = *event.metadata().level();
        let colour = match level {
            Level::ERROR => RED,
            Level::WARN => YELLOW,
            Level::INFO => GREEN,
            _ => GREY,
        };
        let mut line = Line::default();
        event.record(&mut line);
        let writer = &mut writer;
        self.column(writer, Some(colour), 5, level.as_str())?;
        self.column(writer, Some(GREY), 12, &time_of_day((self.now)()))?;
        let trace_id = trace_id::of(context, event).unwrap_or_default();
        self.column(writer, Some(GREY), TRACE_ID, &trace_id)?;
        if line.result.is_empty() {
            write!(writer, "{}{}", line.message, line.rest)?;
            if !line.cache.is_empty() {
                write!(writer, " cache={}", line.cache)?;
            }
        } else {
            self.column(writer, None, MESSAGE, &line.message)?;
            self.column(
                writer,
                Some(tag_colour(&line.result)),
                TAG,
                &line.result.to_uppercase(),
            )?;
            self.column(
                writer,
                Some(GREY),
                DURATION,
                &format!("{:>DURATION$}", line.elapsed),
            )?;
            self.column(writer, None, KEY, &line.key)?;
            write!(writer, "{}{}", line.cache, line.rest)?;
        }
        writeln!(writer)
    }
}

fn microseconds(value: f64) -> String {
    format!("{value:.1}µs")
}

fn tag_colour(result: &str) -> u8 {
    match result {
        "hit" => GREEN,
        "miss" => YELLOW,
        "error" => RED,
        _ => GREY,
    }
}

/// Returns hours, minutes, seconds and milliseconds in UTC.
fn time_of_day(now: SystemTime) -> String {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let seconds = since.as_secs() % 86_400;
    format!(
        "{:02}:{:02}:{:02}.{:03}",
        seconds / 3_600,
        seconds / 60 % 60,
        seconds % 60,
        since.subsec_millis()
    )
}

/// The fields of an event, sorted into columns. The rest follows as `name=value`.
#[derive(Debug, Default)]
struct Line {
    message: String,
    result: String,
    elapsed: String,
    key: String,
    cache: String,
    rest: String,
}

impl Line {
    fn put(&mut self, field: &Field, value: &str) {
        // A line break or an escape sequence in a value would forge lines and colours.
        let value: String = value
            .chars()
            .flat_map(|c| {
                let escaped = c.is_control().then(|| c.escape_default());
                let plain = (!c.is_control()).then_some(c);
                escaped.into_iter().flatten().chain(plain)
            })
            .collect();
        match field.name() {
            "message" => self.message = value,
            "cache.result" => self.result = value,
            "cache.key" => self.key = value,
            "cache.name" => self.cache = value,
            // The message, the tag and the name of the cache say it.
            "cache.operation" | "cache.backend" | "cache.hit" => {}
            "cache.keys" => self.key = format!("{value} keys"),
            "cache.found" => self.key = format!("{value} of {}", self.key),
            name => {
                // Writing to a string does not fail.
                let _ = write!(self.rest, " {name}={value}");
            }
        }
    }
}

impl Visit for Line {
    fn record_f64(&mut self, field: &Field, value: f64) {
        if field.name() == "elapsed_us" {
            self.elapsed = microseconds(value);
        } else {
            self.put(field, &value.to_string());
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.put(field, &format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests;
