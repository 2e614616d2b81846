//! Spans for OpenTelemetry, behind the feature `otlp`: where `OTEL_EXPORTER_OTLP_ENDPOINT` names a collector, such as
//! `http://localhost:4318`, every span goes there, those of the caches too.

use std::collections::HashMap;
use std::env;

use axum::http::HeaderMap;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use tracing::{Span, Subscriber};
use tracing_opentelemetry::{OpenTelemetryLayer, OpenTelemetrySpanExt};
use tracing_subscriber::registry::LookupSpan;

use super::{ENDPOINT, TraceId};
use crate::failure::Failure;

/// Sends what is left when it goes.
#[derive(Debug)]
pub(crate) struct Exporter(SdkTracerProvider);

impl Drop for Exporter {
    fn drop(&mut self) {
        // A collector that is gone is no reason to end otherwise.
        let _ = self.0.shutdown();
    }
}

/// A layer that makes OpenTelemetry spans of ours, and what sends them.
type Sending<S> = (OpenTelemetryLayer<S, SdkTracer>, Exporter);

/// Returns what sends spans, if the environment names a collector.
pub(super) fn layer<S>() -> Result<Option<Sending<S>>, Failure>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    if env::var_os(ENDPOINT).is_none_or(|endpoint| endpoint.is_empty()) {
        return Ok(None);
    }
    let exporter = SpanExporter::builder().with_http().build().map_err(|error| {
        Failure::Usage(format!(
            "spans cannot be sent where {ENDPOINT} says: {error}; give the URL of a collector, such as http://localhost:4318"
        ))
    })?;
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_resource(Resource::builder().with_service_name("using-cache").build())
        .build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("using-cache"));
    Ok(Some((layer, Exporter(provider))))
}

/// Puts the span of a request into the trace of its caller, or into the new one that the log names.
pub(crate) fn adopt(span: &Span, headers: &HeaderMap, trace_id: TraceId) {
    let given = headers.get("traceparent").and_then(|header| header.to_str().ok());
    // A trace needs the span that began it; where the caller named none, one that nobody sees stands for it.
    let parent = given.map_or_else(
        || format!("00-{trace_id}-{:016x}-01", fastrand::u64(1..)),
        str::to_owned,
    );
    let carrier = HashMap::from([("traceparent".to_owned(), parent)]);
    // It fails where no span is exported.
    let _ = span.set_parent(TraceContextPropagator::new().extract(&carrier));
}
