//! The catalogue over HTTP. Each read says in the header `x-cache` whether the cache had the answer.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};
use tracing::info;

use super::App;
use super::error::ApiError;
use super::request::{ProductChange, ProductId, ProductIds, SearchTerm};
use crate::catalogue::Answer;
use crate::lookups::CacheStatus;
use crate::product::Product;

/// Answers in JSON and says whether the cache had it.
fn with_status(status: CacheStatus, body: &impl Serialize) -> Response {
    ([("x-cache", status.as_str())], Json(body)).into_response()
}

/// `GET /products/{id}`
pub(super) async fn one(State(app): State<App>, ProductId(id): ProductId) -> Result<Response, ApiError> {
    let Answer { value, status } = app.catalogue.product(id).await?;
    match value.as_deref() {
        Some(product) => Ok(with_status(status, product)),
        None => Ok(([("x-cache", status.as_str())], ApiError::NoSuchProduct(id)).into_response()),
    }
}

#[derive(Serialize)]
struct Several<'a> {
    products: Vec<&'a Product>,
    unknown: Vec<u64>,
    hits: usize,
    misses: usize,
}

/// `GET /products?ids=1,2,3`
pub(super) async fn several(
    State(app): State<App>,
    ProductIds(ids): ProductIds,
) -> Result<Response, ApiError> {
    let answers = app.catalogue.products(&ids).await?;
    let unknown = ids
        .iter()
        .zip(&answers)
        .filter(|(_, answer)| answer.value.is_none())
        .map(|(id, _)| *id);
    let misses = answers
        .iter()
        .filter(|answer| answer.status != CacheStatus::Hit)
        .count();
    // The worst of all answers: one that is stale, then one that the source was asked for.
    let has = |status| answers.iter().any(|answer| answer.status == status);
    let status = if has(CacheStatus::Stale) {
        CacheStatus::Stale
    } else if has(CacheStatus::Miss) {
        CacheStatus::Miss
    } else {
        CacheStatus::Hit
    };
    let body = Several {
        products: known(&answers),
        unknown: unknown.collect(),
        hits: answers.len() - misses,
        misses,
    };
    Ok(with_status(status, &body))
}

#[derive(Serialize)]
struct Found<'a> {
    q: &'a str,
    products: Vec<&'a Product>,
}

/// `GET /search?q=lamp`
pub(super) async fn search(State(app): State<App>, SearchTerm(q): SearchTerm) -> Result<Response, ApiError> {
    let found = app.catalogue.search(&q).await?;
    let answers = app.catalogue.products(&found.value).await?;
    Ok(with_status(
        found.status,
        &Found {
            q: &q,
            products: known(&answers),
        },
    ))
}

/// Returns the products among answers that may be that there is none.
fn known(answers: &[Answer<Option<Arc<Product>>>]) -> Vec<&Product> {
    answers
        .iter()
        .filter_map(|answer| answer.value.as_deref())
        .collect()
}

/// `PUT /products/{id}`
pub(super) async fn update(
    State(app): State<App>,
    ProductId(id): ProductId,
    ProductChange(change): ProductChange,
) -> Result<Json<Product>, ApiError> {
    let updated = app.catalogue.update(id, change).await?;
    updated.map(Json).ok_or(ApiError::NoSuchProduct(id))
}

/// `DELETE /cache/products/{id}`
pub(super) async fn forget(
    State(app): State<App>,
    ProductId(id): ProductId,
) -> Result<Json<Value>, ApiError> {
    let deleted = app.catalogue.forget(id).await?;
    Ok(Json(json!({ "deleted": deleted })))
}

/// `DELETE /cache`
pub(super) async fn clear(State(app): State<App>) -> Result<Json<Value>, ApiError> {
    app.catalogue.clear().await?;
    Ok(Json(json!({ "cleared": true })))
}

/// `POST /source/stop`
pub(super) async fn stop_source(State(app): State<App>) -> Json<Value> {
    set_source(&app, true)
}

/// `POST /source/start`
pub(super) async fn start_source(State(app): State<App>) -> Json<Value> {
    set_source(&app, false)
}

fn set_source(app: &App, stopped: bool) -> Json<Value> {
    app.catalogue.source().set_stopped(stopped);
    info!(stopped, "the source was switched");
    Json(json!({ "stopped": stopped }))
}
