//! Errors as the API says them: `{"error": {"code", "message", "hint", "position"?}}`, for every answer that is not a success.

use axum::Json;
use axum::response::{IntoResponse, Response};
use binnacle_query::Error as QueryError;
use binnacle_storage::Error as StorageError;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use std::error::Error as _;
use std::time::Duration;
use tracing::{error, warn};
use utoipa::ToSchema;

/// An answer that is not a success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    pub status: StatusCode,
    /// A stable word for programs.
    pub code: &'static str,
    /// What is wrong, in one sentence.
    pub message: String,
    /// What the caller can try.
    pub hint: Option<String>,
    /// Where in the query's text.
    pub position: Option<Position>,
    /// When to try again.
    pub retry_after: Option<Duration>,
    /// Methods this path does answer, for 405.
    pub allow: Option<HeaderValue>,
}

/// The body of every answer that is not a success.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ErrorBody {
    pub error: ErrorDetail,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ErrorDetail {
    /// A stable word for programs.
    #[schema(example = "parse_error")]
    pub code: String,
    /// What is wrong, in one sentence.
    #[schema(example = "expected an expression, found FROM")]
    pub message: String,
    /// What the caller can try.
    pub hint: Option<String>,
    /// Where in the query's text, when the error is about a place in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
}

/// A place in a query's text; both are counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct Position {
    pub line: u64,
    pub column: u64,
}

impl ApiError {
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> ApiError {
        ApiError {
            status,
            code,
            message: message.into(),
            hint: None,
            position: None,
            retry_after: None,
            allow: None,
        }
    }

    /// A request that cannot be answered as it stands.
    pub fn invalid(message: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::BAD_REQUEST, "invalid_request", message)
    }

    pub fn hint(mut self, hint: impl Into<String>) -> ApiError {
        self.hint = Some(hint.into());
        self
    }

    pub fn retry_after(mut self, delay: Duration) -> ApiError {
        self.retry_after = Some(delay);
        self
    }

    pub fn body(&self) -> ErrorBody {
        ErrorBody {
            error: ErrorDetail {
                code: self.code.to_owned(),
                message: self.message.clone(),
                hint: self.hint.clone(),
                position: self.position,
            },
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.body())).into_response();
        if let Some(delay) = self.retry_after {
            // Whole seconds, rounded up: zero would invite a storm.
            let seconds = delay.as_secs() + u64::from(delay.subsec_nanos() > 0);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        if let Some(methods) = self.allow {
            response.headers_mut().insert(header::ALLOW, methods);
        }
        response
    }
}

impl From<QueryError> for ApiError {
    fn from(error: QueryError) -> ApiError {
        let (hint, code) = (error.hint(), error.code());
        let position = error.position().map(|p| Position { line: p.line, column: p.column });
        let (status, message) = match &error {
            QueryError::Parse { message, .. }
            | QueryError::NotFound { message, .. }
            | QueryError::InvalidRequest { message, .. } => {
                (StatusCode::BAD_REQUEST, message.clone())
            }
            QueryError::Timeout { .. } => (StatusCode::GATEWAY_TIMEOUT, error.to_string()),
            QueryError::MemoryLimit { .. } => (StatusCode::UNPROCESSABLE_ENTITY, error.to_string()),
            QueryError::Overloaded { retry_after, .. } => {
                let refused = ApiError::new(StatusCode::TOO_MANY_REQUESTS, code, error.to_string());
                return ApiError { hint, ..refused }.retry_after(*retry_after);
            }
            // Only a server that stops cancels a query whose client still listens.
            QueryError::Cancelled => (StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
            QueryError::Storage(source) => return storage_error(source),
            QueryError::Execution { .. } => {
                warn!(error = %error, "query failed");
                (StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
            }
        };
        ApiError { hint, position, ..ApiError::new(status, code, message) }
    }
}

/// Storage's errors as a reader meets them. The log gets the whole chain, the caller the first sentence.
fn storage_error(error: &StorageError) -> ApiError {
    let unavailable =
        |code| ApiError::new(StatusCode::SERVICE_UNAVAILABLE, code, error.to_string());
    match error {
        StorageError::Overloaded { retry_after, .. } => {
            unavailable("overloaded").retry_after(*retry_after)
        }
        StorageError::ReadOnly { .. } => unavailable("read_only"),
        StorageError::ShuttingDown => {
            unavailable("shutting_down").retry_after(Duration::from_secs(1))
        }
        StorageError::Disk { .. }
        | StorageError::Object { .. }
        | StorageError::Corrupt { .. }
        | StorageError::Catalog { .. }
        | StorageError::Encode { .. }
        | StorageError::Locked { .. }
        | StorageError::CatalogUnusable { .. }
        | StorageError::WalUnusable { .. } => {
            error!(error = %chain(error), "storage failed under a query");
            ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "storage_error", error.to_string())
                .hint("the server's log has the whole cause")
        }
    }
}

/// An error with its causes, joined by colons.
fn chain(error: &StorageError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parse_error_says_where() {
        let error = ApiError::from(QueryError::Parse {
            message: "expected an expression".into(),
            position: Some(binnacle_query::Position { line: 2, column: 7 }),
            hint: Some("remove the comma".into()),
        });
        assert_eq!(error.status, StatusCode::BAD_REQUEST);
        let body = serde_json::to_value(error.body()).unwrap();
        let expected = serde_json::json!({"error": {
            "code": "parse_error", "message": "expected an expression", "hint": "remove the comma",
            "position": {"line": 2, "column": 7}
        }});
        assert_eq!(body, expected);
    }

    #[test]
    fn overload_says_when_to_come_back() {
        let retry_after = Duration::from_millis(1200);
        let error = QueryError::Overloaded { running: 8, waiting: 64, retry_after };
        let response = ApiError::from(error).into_response();
        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(response.headers()[header::RETRY_AFTER], "2");
    }

    #[test]
    fn other_errors_have_no_position() {
        let body = ApiError::from(QueryError::Cancelled).body();
        assert!(!serde_json::to_string(&body).unwrap().contains("position"));
    }
}
