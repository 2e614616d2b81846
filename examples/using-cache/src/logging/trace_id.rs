//! Trace ids: one for all that a request causes, from its caller or made here. A span has one if it has the field
//! `trace_id`, and so has everything below that span.

use std::fmt;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// A trace id as W3C Trace Context has it: 16 bytes that are not all zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TraceId(u128);

impl TraceId {
    /// Makes a new one.
    pub(crate) fn random() -> Self {
        Self(fastrand::u128(1..))
    }

    /// Reads the one in the value of a header `traceparent`.
    pub(crate) fn from_traceparent(header: &str) -> Option<Self> {
        let id = header.split('-').nth(1).filter(|id| id.len() == 32)?;
        let id = u128::from_str_radix(id, 16).ok()?;
        (id != 0).then_some(Self(id))
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// Keeps the trace ids of spans where a format finds them.
pub(super) struct TraceIds;

struct Kept(String);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for TraceIds {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut found = Found(None);
        attributes.record(&mut found);
        if let (Some(trace_id), Some(span)) = (found.0, context.span(id)) {
            span.extensions_mut().insert(Kept(trace_id));
        }
    }
}

struct Found(Option<String>);

impl Visit for Found {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "trace_id" {
            self.0 = Some(format!("{value:?}"));
        }
    }
}

/// Returns the trace id that an event belongs to.
pub(super) fn of<S, N>(context: &FmtContext<'_, S, N>, event: &Event<'_>) -> Option<String>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> tracing_subscriber::fmt::FormatFields<'a> + 'static,
{
    let span = event.parent().and_then(|id| context.span(id));
    let span = span.or_else(|| context.lookup_current())?;
    span.scope()
        .find_map(|span| span.extensions().get::<Kept>().map(|kept| kept.0.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_a_caller_is_read_and_written_back() {
        let header = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let id = TraceId::from_traceparent(header).unwrap();
        assert_eq!(id.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
    }

    #[test]
    fn what_is_no_trace_id_is_none() {
        for header in [
            "",
            "00",
            "00--00f067aa0ba902b7-01",
            "00-4bf9-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-zzf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(TraceId::from_traceparent(header), None, "{header}");
        }
    }
}
