//! Errors as answers: each is JSON with a word for programs and a message for people.

use axum::Json;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use cache_core::{CacheError, ErrorKind};
use serde_json::json;
use tracing::warn;

use crate::source::SourceStopped;

/// Why a request has no other answer.
#[derive(Debug)]
pub(super) enum ApiError {
    /// The request makes no sense, and how it would.
    BadRequest(String),
    /// The body is not taken, with the status that says why.
    Body(StatusCode, String),
    /// There is no such product.
    NoSuchProduct(u64),
    NoSuchPath(String),
    NoSuchMethod(String),
    /// The cache failed.
    Cache(CacheError),
    /// The service failed.
    Internal(String),
    /// The service takes no more requests.
    Stopping,
}

impl ApiError {
    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::BadRequest(message.into())
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::Body(status, _) => *status,
            Self::NoSuchProduct(_) | Self::NoSuchPath(_) => StatusCode::NOT_FOUND,
            Self::NoSuchMethod(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::Cache(error)
                if error.is_transient() || matches!(error.kind(), ErrorKind::Closed | ErrorKind::Load) =>
            {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Stopping => StatusCode::SERVICE_UNAVAILABLE,
            Self::Cache(_) | Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::BadRequest(_) => "bad_request",
            Self::Body(..) => "bad_body",
            Self::NoSuchProduct(_) => "no_such_product",
            Self::NoSuchPath(_) => "no_such_path",
            Self::NoSuchMethod(_) => "no_such_method",
            Self::Cache(error) => error.kind().as_str(),
            Self::Internal(_) => "internal",
            Self::Stopping => "stopping",
        }
    }

    fn message(&self) -> String {
        match self {
            Self::BadRequest(message) | Self::Body(_, message) | Self::Internal(message) => message.clone(),
            Self::NoSuchProduct(id) => format!("there is no product {id}; /products/1 is one"),
            Self::NoSuchPath(path) => format!("there is nothing at {path}; GET / lists what there is"),
            Self::NoSuchMethod(request) => format!("{request} is not allowed; GET / lists what is"),
            Self::Stopping => "the service stops; send the request to another one".to_owned(),
            // That the source is stopped is known best to the source.
            Self::Cache(error) => match error.downcast_ref::<SourceStopped>() {
                Some(stopped) => stopped.to_string(),
                None => error.to_string(),
            },
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, kind, message) = (self.status(), self.kind(), self.message());
        // That the service stops is said once, and not for each request that comes too late.
        if status.is_server_error() && !matches!(self, Self::Stopping) {
            warn!(kind, message, "a request failed");
        }
        (
            status,
            Json(json!({ "error": { "kind": kind, "message": message } })),
        )
            .into_response()
    }
}

impl From<CacheError> for ApiError {
    fn from(error: CacheError) -> Self {
        Self::Cache(error)
    }
}

pub(super) async fn no_such_path(uri: Uri) -> ApiError {
    ApiError::NoSuchPath(uri.path().to_owned())
}

pub(super) async fn no_such_method(method: Method, uri: Uri) -> ApiError {
    ApiError::NoSuchMethod(format!("{method} {}", uri.path()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_cache_is_unavailable_and_a_broken_value_is_our_fault() {
        let decode = CacheError::new(ErrorKind::Decode, "it does not decode");
        assert_eq!(
            ApiError::Cache(CacheError::closed()).status(),
            StatusCode::SERVICE_UNAVAILABLE
        );
        assert_eq!(
            ApiError::Cache(decode).status(),
            StatusCode::INTERNAL_SERVER_ERROR
        );
    }
}
