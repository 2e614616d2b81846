//! Lines for programs: one JSON object for each event, with the trace id at its top, where those who collect logs look
//! for it. The format of the library shows the innermost span alone, and the trace id is on an outer one.

use std::fmt;

use serde_json::Value;
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::trace_id;

/// The format of the library, and the trace id.
#[derive(Debug)]
pub(super) struct Json<F> {
    inner: F,
}

impl<F> Json<F> {
    pub(super) fn new(inner: F) -> Self {
        Self { inner }
    }
}

impl<S, N, F> FormatEvent<S, N> for Json<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let Some(trace_id) = trace_id::of(context, event) else {
            return self.inner.format_event(context, writer, event);
        };
        let mut object = String::new();
        self.inner
            .format_event(context, Writer::new(&mut object), event)?;
        let fields = object.strip_prefix('{').ok_or(fmt::Error)?;
        write!(writer, "{{\"trace_id\":{},{fields}", Value::String(trace_id))
    }
}
