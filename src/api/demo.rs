//! `/api/v1/demo/faults`: what is broken in the shop that `binnacle demo` runs. Without it, there is nothing here.

use super::Api;
use super::error::{ApiError, ErrorBody};
use super::request::PathText;
use crate::demo::{DemoFaults, FaultRequest};
use axum::Json;
use axum::extract::{Request, State};
use http::StatusCode;
use serde_json::Value;

/// A request names one fault.
const BODY_BYTES_MAX: usize = 1 << 12;

fn faults(api: &Api) -> Result<&DemoFaults, ApiError> {
    api.demo().ok_or_else(|| {
        ApiError::new(StatusCode::NOT_FOUND, "not_found", "this is not the demo")
            .hint("start the server with `binnacle demo`")
    })
}

/// All faults and how they stand.
#[utoipa::path(get, path = "/api/v1/demo/faults", tag = "operation",
    responses(
        (status = 200, description = "`faults`, each with `name`, `about`, `is_on`, `starts_in_ms` and `ends_in_ms`", body = Object),
        (status = 404, description = "This is not the demo", body = ErrorBody)))]
pub async fn list_faults(State(api): State<Api>) -> Result<Json<Value>, ApiError> {
    Ok(Json(faults(&api)?.list()))
}

/// Begins a fault, now or later, for a time or until it is ended.
#[utoipa::path(post, path = "/api/v1/demo/faults", tag = "operation",
    request_body = FaultRequest,
    responses(
        (status = 200, description = "All faults and how they stand", body = Object),
        (status = 400, description = "No such fault, or no time", body = ErrorBody),
        (status = 404, description = "This is not the demo", body = ErrorBody)))]
pub async fn begin_fault(
    State(api): State<Api>,
    request: Request,
) -> Result<Json<Value>, ApiError> {
    let faults = faults(&api)?;
    let body = axum::body::to_bytes(request.into_body(), BODY_BYTES_MAX).await;
    let body = body.map_err(|error| ApiError::invalid(error.to_string()))?;
    let request: FaultRequest = serde_json::from_slice(&body).map_err(|error| {
        ApiError::invalid(error.to_string())
            .hint(r#"send {"fault": "slow-database", "after": "30s", "for": "5m"}"#)
    })?;
    faults.begin(&request).map_err(ApiError::invalid)?;
    Ok(Json(faults.list()))
}

/// Ends a fault, or what was planned of it.
#[utoipa::path(delete, path = "/api/v1/demo/faults/{name}", tag = "operation",
    params(("name" = String, Path, description = "The fault")),
    responses(
        (status = 200, description = "All faults and how they stand", body = Object),
        (status = 404, description = "No such fault, or this is not the demo", body = ErrorBody)))]
pub async fn end_fault(
    State(api): State<Api>,
    PathText(name): PathText,
) -> Result<Json<Value>, ApiError> {
    let faults = faults(&api)?;
    if !faults.end(&name) {
        let message = format!("there is no fault '{name}'");
        return Err(ApiError::new(StatusCode::NOT_FOUND, "not_found", message)
            .hint("GET /api/v1/demo/faults lists them"));
    }
    Ok(Json(faults.list()))
}
