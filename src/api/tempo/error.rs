//! Errors as Tempo says them: a status and one line of text.

use super::super::error::ApiError;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use binnacle_query::Error as QueryError;
use http::StatusCode;

/// An answer that is not a success.
#[derive(Debug)]
pub struct TempoError {
    status: StatusCode,
    message: String,
}

impl TempoError {
    pub fn new(status: StatusCode, message: impl Into<String>) -> TempoError {
        TempoError { status, message: message.into() }
    }

    pub fn bad_request(message: impl Into<String>) -> TempoError {
        TempoError::new(StatusCode::BAD_REQUEST, message)
    }
}

impl From<ApiError> for TempoError {
    fn from(error: ApiError) -> TempoError {
        let ApiError { status, message, hint, position, .. } = error;
        let place = position
            .map(|position| format!(" at line {}, column {}", position.line, position.column))
            .unwrap_or_default();
        let hint = hint.map(|hint| format!(" ({hint})")).unwrap_or_default();
        TempoError { status, message: format!("{message}{place}{hint}") }
    }
}

impl From<QueryError> for TempoError {
    fn from(error: QueryError) -> TempoError {
        TempoError::from(ApiError::from(error))
    }
}

impl IntoResponse for TempoError {
    fn into_response(self) -> Response {
        (self.status, self.message).into_response()
    }
}

pub async fn unknown_path(request: Request) -> TempoError {
    let path: String = request.uri().path().chars().take(200).collect();
    TempoError::new(StatusCode::NOT_FOUND, format!("there is nothing at {path}"))
}
