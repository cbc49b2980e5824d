//! Errors as Loki says them: a status and text.

use super::super::error::ApiError;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use binnacle_query::Error as QueryError;
use http::{StatusCode, header};

/// An answer that is not a success.
#[derive(Debug)]
pub struct LokiError {
    status: StatusCode,
    message: String,
    retry_after: Option<u64>,
}

impl LokiError {
    pub fn new(status: StatusCode, message: impl Into<String>) -> LokiError {
        LokiError { status, message: message.into(), retry_after: None }
    }

    pub fn bad_request(message: impl Into<String>) -> LokiError {
        LokiError::new(StatusCode::BAD_REQUEST, message)
    }
}

impl From<ApiError> for LokiError {
    fn from(error: ApiError) -> LokiError {
        let ApiError { status, message, hint, retry_after, .. } = error;
        let hint = hint.map(|hint| format!(" ({hint})")).unwrap_or_default();
        let retry_after = retry_after.map(|delay| delay.as_secs().max(1));
        LokiError { status, message: format!("{message}{hint}"), retry_after }
    }
}

impl From<QueryError> for LokiError {
    fn from(error: QueryError) -> LokiError {
        match &error {
            QueryError::Parse { message, position: Some(position), .. } => {
                let (line, column) = (position.line, position.column);
                LokiError::bad_request(format!(
                    "parse error at line {line}, col {column}: {message}"
                ))
            }
            QueryError::Parse { message, .. } => {
                LokiError::bad_request(format!("parse error : {message}"))
            }
            // Loki's limits, too, are the request's fault.
            QueryError::MemoryLimit { .. } => {
                let hint = error.hint().unwrap_or_default();
                LokiError::bad_request(format!("{error} ({hint})"))
            }
            _ => LokiError::from(ApiError::from(error)),
        }
    }
}

impl IntoResponse for LokiError {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.message).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

pub async fn unknown_path(request: Request) -> LokiError {
    let path: String = request.uri().path().chars().take(200).collect();
    super::super::discard_body(request).await;
    LokiError::new(StatusCode::NOT_FOUND, format!("there is nothing at {path}"))
}
