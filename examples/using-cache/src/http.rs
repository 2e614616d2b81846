//! The HTTP interface: which path is answered by what.

mod error;
mod health;
mod overview;
mod products;
mod request;

use std::io;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use tokio::net::TcpListener;
use tracing::{Instrument, debug, info_span};

use crate::catalogue::Catalogue;
use crate::logging::TraceId;
use crate::shutdown::{Gate, Stop};
use crate::telemetry::Telemetry;

/// What the handlers work with.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) catalogue: Arc<Catalogue>,
    pub(crate) telemetry: Telemetry,
    /// Tells that the service stops, which it says when it is asked.
    pub(crate) stop: Stop,
    /// What requests for the catalogue go through.
    pub(crate) gate: Gate,
}

/// Answers requests until it is told that nothing is left to tell, and returns when the last of them has its answer.
pub(crate) async fn serve(listener: TcpListener, app: App, mut end: Stop) -> io::Result<()> {
    axum::serve(listener, router(app))
        .with_graceful_shutdown(async move { end.told().await })
        .await
}

fn router(app: App) -> Router {
    // Who runs the service asks how its end goes, so these are answered for as long as there is a server.
    let operating = Router::new()
        .route("/health", get(health::health))
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .route("/metrics", get(health::metrics));
    Router::new()
        .route("/", get(overview::overview))
        .route("/products", get(products::several))
        .route("/products/{id}", get(products::one).put(products::update))
        .route("/search", get(products::search))
        .route("/cache", delete(products::clear))
        .route("/cache/products/{id}", delete(products::forget))
        .route("/source/stop", post(products::stop_source))
        .route("/source/start", post(products::start_source))
        .route_layer(middleware::from_fn_with_state(app.gate.clone(), admit))
        .merge(operating)
        .fallback(error::no_such_path)
        .method_not_allowed_fallback(error::no_such_method)
        .layer(DefaultBodyLimit::max(request::LONGEST_BODY))
        .layer(middleware::from_fn(trace))
        .with_state(app)
}

/// Refuses requests once the service stops.
async fn admit(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    match gate.enter() {
        Some(_inside) => next.run(request).await,
        None => error::ApiError::Stopping.into_response(),
    }
}

/// Makes the span of a request, with the trace id of its caller or a new one, and logs it when it is answered.
async fn trace(request: Request, next: Next) -> Response {
    let given = request
        .headers()
        .get("traceparent")
        .and_then(|header| header.to_str().ok());
    let trace_id = given
        .and_then(TraceId::from_traceparent)
        .unwrap_or_else(TraceId::random);
    let (method, uri, start) = (request.method().clone(), request.uri().clone(), Instant::now());
    let span = info_span!("request", %trace_id, %method, path = uri.path());
    #[cfg(feature = "otlp")]
    crate::logging::otlp::adopt(&span, request.headers(), trace_id);
    async move {
        let response = next.run(request).await;
        debug!(%method, %uri, status = response.status().as_u16(), elapsed = ?start.elapsed(), "request");
        response
    }
    .instrument(span)
    .await
}
