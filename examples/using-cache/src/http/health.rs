//! What those who run the service ask it: is it well, does it live, is it ready, and what are its numbers.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;

use super::App;
use super::error::ApiError;

/// The type of the text format that Prometheus scrapes.
const EXPOSITION: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Answers with 200 if all is well, with 503 otherwise.
fn answer(is_well: bool, body: impl Serialize) -> Response {
    let status = if is_well {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(body)).into_response()
}

/// `GET /health`: how each cache does. For dashboards and people; a cache that is down is no reason to restart.
pub(super) async fn health(State(app): State<App>) -> Response {
    let report = app.catalogue.caches().health().check().await;
    answer(report.is_up(), report)
}

/// `GET /health/live`: whether the process answers at all. It asks nobody else, so that a server which is down does not
/// get the process restarted.
pub(super) async fn live() -> Response {
    answer(true, json!({ "status": "up" }))
}

/// `GET /health/ready`: whether requests should be sent here. They should not while the service stops, and not while a
/// required cache is down.
pub(super) async fn ready(State(app): State<App>) -> Response {
    let stops = app.stop.is_told();
    let is_ready = !stops && app.catalogue.caches().health().check().await.is_ready();
    let reason = match (stops, is_ready) {
        (true, _) => "the service stops",
        (false, true) => "every required cache answers",
        (false, false) => "a required cache is down; GET /health says which",
    };
    answer(is_ready, json!({ "ready": is_ready, "reason": reason }))
}

/// `GET /metrics`
pub(super) async fn metrics(State(app): State<App>) -> Result<Response, ApiError> {
    let text = app
        .telemetry
        .render()
        .await
        .map_err(|error| ApiError::Internal(error.to_string()))?;
    Ok(([(CONTENT_TYPE, EXPOSITION)], text).into_response())
}
