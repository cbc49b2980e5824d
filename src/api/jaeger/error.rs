//! Errors and answers in Jaeger's envelope.

use super::super::error::ApiError;
use axum::Json;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use binnacle_query::Error as QueryError;
use http::StatusCode;
use serde_json::{Value, json};

/// An answer that is not a success.
#[derive(Debug)]
pub struct JaegerError {
    status: StatusCode,
    message: String,
}

impl JaegerError {
    pub fn new(status: StatusCode, message: impl Into<String>) -> JaegerError {
        JaegerError { status, message: message.into() }
    }

    pub fn message(&self) -> &str {
        &self.message
    }

    pub fn bad_request(message: impl Into<String>) -> JaegerError {
        JaegerError::new(StatusCode::BAD_REQUEST, message)
    }
}

impl From<ApiError> for JaegerError {
    fn from(error: ApiError) -> JaegerError {
        JaegerError { status: error.status, message: error.message }
    }
}

impl From<QueryError> for JaegerError {
    fn from(error: QueryError) -> JaegerError {
        JaegerError::from(ApiError::from(error))
    }
}

impl IntoResponse for JaegerError {
    fn into_response(self) -> Response {
        let error = json!({ "code": self.status.as_u16(), "msg": self.message });
        let body = json!({ "data": null, "total": 0, "limit": 0, "offset": 0, "errors": [error] });
        (self.status, Json(body)).into_response()
    }
}

/// An answer of version 1.
pub fn envelope(data: Vec<Value>) -> Value {
    json!({ "total": data.len(), "data": data, "limit": 0, "offset": 0, "errors": null })
}

pub async fn unknown_path(request: Request) -> JaegerError {
    let path: String = request.uri().path().chars().take(200).collect();
    JaegerError::new(StatusCode::NOT_FOUND, format!("there is nothing at {path}"))
}
