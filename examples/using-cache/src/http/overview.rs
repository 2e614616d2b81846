//! `GET /`: what there is to call, and how the caches do.

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::App;
use super::error::ApiError;
use crate::lookups::CacheReport;

/// The endpoints, for people who look at the service for the first time.
const ENDPOINTS: [Endpoint; 13] = [
    Endpoint::new("GET /", "this overview"),
    Endpoint::new(
        "GET /products/{id}",
        "a product; the header x-cache says hit, miss or stale",
    ),
    Endpoint::new(
        "GET /products?ids=1,2,3",
        "several products with one question to the cache",
    ),
    Endpoint::new(
        "GET /search?q=lamp",
        "products by a word, through a second cache with a short life",
    ),
    Endpoint::new(
        "PUT /products/{id}",
        "changes price_cents, stock or both, and deletes from the cache",
    ),
    Endpoint::new("DELETE /cache/products/{id}", "takes a product out of the cache"),
    Endpoint::new("DELETE /cache", "empties the cache of products"),
    Endpoint::new(
        "POST /source/stop",
        "stops the source; products are given stale from then on",
    ),
    Endpoint::new("POST /source/start", "starts the source again"),
    Endpoint::new("GET /health", "200 while both caches answer, 503 otherwise"),
    Endpoint::new("GET /health/live", "200 while the process answers"),
    Endpoint::new(
        "GET /health/ready",
        "200 while requests should be sent here, 503 otherwise",
    ),
    Endpoint::new("GET /metrics", "the metrics, for Prometheus"),
];

#[derive(Serialize)]
struct Endpoint {
    call: &'static str,
    what: &'static str,
}

impl Endpoint {
    const fn new(call: &'static str, what: &'static str) -> Self {
        Self { call, what }
    }
}

#[derive(Serialize)]
struct Overview {
    service: &'static str,
    version: &'static str,
    caches: [CacheReport; 2],
    source: SourceReport,
    endpoints: [Endpoint; 13],
}

#[derive(Serialize)]
struct SourceReport {
    products: usize,
    lookups: u64,
    stopped: bool,
}

/// Answers with line breaks, as it is read by people.
pub(super) async fn overview(State(app): State<App>) -> Result<Response, ApiError> {
    let source = app.catalogue.source();
    let overview = Overview {
        service: "using-cache",
        version: env!("CARGO_PKG_VERSION"),
        caches: app.catalogue.reports(),
        source: SourceReport {
            products: source.len(),
            lookups: source.lookups(),
            stopped: source.is_stopped(),
        },
        endpoints: ENDPOINTS,
    };
    let text =
        serde_json::to_string_pretty(&overview).map_err(|error| ApiError::Internal(error.to_string()))?;
    Ok(([(CONTENT_TYPE, "application/json")], text + "\n").into_response())
}
