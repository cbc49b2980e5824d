//! Errors as Prometheus says them: `{"status": "error", "errorType", "error"}`.

use super::super::error::ApiError;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use binnacle_query::Error as QueryError;
use binnacle_query::promql::Failure;
use http::{HeaderValue, StatusCode, header};

/// An answer that is not a success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromError {
    pub status: StatusCode,
    pub kind: &'static str,
    pub message: String,
}

/// The client has gone; nginx's status for it, which Prometheus uses too.
const CLIENT_GONE: u16 = 499;

impl PromError {
    fn new(status: StatusCode, kind: &'static str, message: impl Into<String>) -> PromError {
        PromError { status, kind, message: message.into() }
    }

    pub fn bad_data(message: impl Into<String>) -> PromError {
        PromError::new(StatusCode::BAD_REQUEST, "bad_data", message)
    }

    /// A parameter that cannot be read.
    pub fn parameter(name: &str, reason: impl std::fmt::Display) -> PromError {
        PromError::bad_data(format!("invalid parameter {name:?}: {reason}"))
    }
}

impl From<Failure> for PromError {
    fn from(failure: Failure) -> PromError {
        let message = failure.to_string();
        match failure {
            Failure::Parse { .. } => PromError::parameter("query", message),
            Failure::Execution(_) | Failure::TooManySamples { .. } => {
                PromError::new(StatusCode::UNPROCESSABLE_ENTITY, "execution", message)
            }
            Failure::Timeout { .. } => {
                PromError::new(StatusCode::SERVICE_UNAVAILABLE, "timeout", message)
            }
            Failure::Cancelled => {
                let status = StatusCode::from_u16(CLIENT_GONE).unwrap_or(StatusCode::BAD_REQUEST);
                PromError::new(status, "canceled", message)
            }
            Failure::Source(error) => PromError::from(error),
        }
    }
}

impl From<QueryError> for PromError {
    fn from(error: QueryError) -> PromError {
        let message = error.to_string();
        match error {
            QueryError::Timeout { .. } => {
                PromError::new(StatusCode::SERVICE_UNAVAILABLE, "timeout", message)
            }
            QueryError::MemoryLimit { .. } => {
                PromError::new(StatusCode::UNPROCESSABLE_ENTITY, "execution", message)
            }
            QueryError::Overloaded { .. } => {
                PromError::new(StatusCode::TOO_MANY_REQUESTS, "unavailable", message)
            }
            other => PromError::from(ApiError::from(other)),
        }
    }
}

impl From<ApiError> for PromError {
    fn from(error: ApiError) -> PromError {
        let kind = match error.status {
            StatusCode::BAD_REQUEST
            | StatusCode::PAYLOAD_TOO_LARGE
            | StatusCode::METHOD_NOT_ALLOWED => "bad_data",
            StatusCode::NOT_FOUND => "not_found",
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => "unavailable",
            StatusCode::UNPROCESSABLE_ENTITY => "execution",
            _ => "internal",
        };
        PromError::new(error.status, kind, error.message)
    }
}

impl IntoResponse for PromError {
    fn into_response(self) -> Response {
        let body = serde_json::json!({
            "status": "error",
            "errorType": self.kind,
            "error": self.message,
        });
        let head = [(header::CONTENT_TYPE, "application/json")];
        (self.status, head, body.to_string()).into_response()
    }
}

pub async fn unknown_path(request: Request) -> PromError {
    let path: String = request.uri().path().chars().take(200).collect();
    PromError::new(StatusCode::NOT_FOUND, "not_found", format!("there is nothing at {path}"))
}

/// `error` names no method; the answer says those the path has.
pub fn unknown_method(path: &str, mut error: ApiError) -> Response {
    let both = [
        "query",
        "query_range",
        "query_exemplars",
        "format_query",
        "parse_query",
        "series",
        "labels",
    ];
    let allow = match path.rsplit('/').next() {
        Some("write") => "POST",
        Some("reload") => "POST, PUT",
        Some(route) if both.contains(&route) => "GET, HEAD, POST",
        _ => "GET, HEAD",
    };
    error.message.push_str("; use ");
    error.message.push_str(allow);
    let mut response = PromError::from(error).into_response();
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
    response
}
