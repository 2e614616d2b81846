//! Reads requests. What is wrong with one is said in words of this service, since those of the framework speak of its
//! types.

use std::collections::HashMap;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::error::ApiError;
use crate::product::Change;

/// The longest body in bytes.
pub(super) const LONGEST_BODY: usize = 16 * 1024;
/// The most products of one request.
const MOST_IDS: usize = 100;
/// The longest search term in bytes.
const LONGEST_TERM: usize = 100;

/// The id in a path.
pub(super) struct ProductId(pub(super) u64);

impl<S: Send + Sync> FromRequestParts<S> for ProductId {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match Path::<u64>::from_request_parts(parts, state).await {
            Ok(Path(id)) => Ok(Self(id)),
            Err(_) => Err(ApiError::bad_request(
                "the id of a product is a whole number, as in /products/7",
            )),
        }
    }
}

/// The ids in `?ids=`, each once.
pub(super) struct ProductIds(pub(super) Vec<u64>);

impl<S: Send + Sync> FromRequestParts<S> for ProductIds {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let text = parameter(parts, state, "ids").await.unwrap_or_default();
        let mut ids = Vec::new();
        for part in text.split(',') {
            let id = part.trim().parse();
            let id =
                id.map_err(|_| ApiError::bad_request("give whole numbers, as in /products?ids=1,2,3"))?;
            if !ids.contains(&id) {
                ids.push(id);
            }
            if ids.len() > MOST_IDS {
                return Err(ApiError::bad_request(format!(
                    "ask for at most {MOST_IDS} products at once"
                )));
            }
        }
        Ok(Self(ids))
    }
}

/// The term in `?q=`.
pub(super) struct SearchTerm(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for SearchTerm {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let term = parameter(parts, state, "q").await.unwrap_or_default();
        match term.trim() {
            "" => Err(ApiError::bad_request(
                "give a word to search for, as in /search?q=lamp",
            )),
            word if word.len() > LONGEST_TERM => Err(ApiError::bad_request(format!(
                "search for at most {LONGEST_TERM} bytes"
            ))),
            word => Ok(Self(word.to_owned())),
        }
    }
}

async fn parameter<S: Send + Sync>(parts: &mut Parts, state: &S, name: &str) -> Option<String> {
    let Query(mut all) = Query::<HashMap<String, String>>::from_request_parts(parts, state)
        .await
        .ok()?;
    all.remove(name)
}

/// The body of an update. The content type is not looked at, so that `curl -d` works as it is.
pub(super) struct ProductChange(pub(super) Change);

impl<S: Send + Sync> FromRequest<S> for ProductChange {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let body = Bytes::from_request(request, state).await.map_err(|rejection| {
            let message = format!("send at most {LONGEST_BODY} bytes: {}", rejection.body_text());
            ApiError::Body(rejection.status(), message)
        })?;
        // By way of an object, since a list of the values would be taken too.
        let change = serde_json::from_slice::<Map<String, Value>>(&body)
            .and_then(|object| Change::deserialize(Value::Object(object)));
        let change = change.map_err(|error| {
            ApiError::bad_request(format!(
                r#"give JSON such as {{"price_cents":1999,"stock":3}}: {error}"#
            ))
        })?;
        if change.is_empty() {
            return Err(ApiError::bad_request(
                "nothing is to change; give price_cents, stock or both",
            ));
        }
        Ok(Self(change))
    }
}
