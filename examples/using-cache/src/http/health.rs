//! What those who run the service ask it: is it well, and what are its numbers.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::App;
use super::error::ApiError;
use crate::caches::Caches;

/// The type of the text format that Prometheus scrapes.
const EXPOSITION: &str = "text/plain; version=0.0.4; charset=utf-8";

/// `GET /health`
pub(super) async fn health(State(app): State<App>) -> Response {
    let (status, body) = check(app.catalogue.caches()).await;
    (status, Json(body)).into_response()
}

/// Asks each cache for a sign of life.
async fn check(caches: &Caches) -> (StatusCode, Value) {
    let mut well = true;
    let mut answers = Map::new();
    for cache in caches.all() {
        let answer = match cache.ping().await {
            Ok(()) => "up".to_owned(),
            Err(error) => {
                well = false;
                format!("down: {error}")
            }
        };
        answers.insert(cache.name().to_owned(), Value::String(answer));
    }
    let (status, word) = if well {
        (StatusCode::OK, "up")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "down")
    };
    (status, json!({ "status": word, "caches": answers }))
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use cache_memory::EvictionPolicy;
    use cache_metrics::Metrics;

    use super::*;
    use crate::caches::CacheSettings;

    #[tokio::test]
    async fn a_closed_cache_is_named_and_unavailable() {
        let settings = CacheSettings {
            stale_for: std::time::Duration::ZERO,
            max_items: 1,
            ttl: Duration::from_secs(1),
            policy: EvictionPolicy::Lru,
        };
        let caches = Caches::build(&settings, &Metrics::builder().build().unwrap()).unwrap();
        assert_eq!(check(&caches).await.0, StatusCode::OK);
        caches.searches.close().await.unwrap();
        let (status, body) = check(&caches).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(
            (&body["status"], &body["caches"]["products"]),
            (&json!("down"), &json!("up"))
        );
        assert!(
            body["caches"]["searches"].as_str().unwrap().starts_with("down: "),
            "{body}"
        );
    }
}
