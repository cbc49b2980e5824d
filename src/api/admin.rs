//! `POST /api/v1/admin/…`: storage's background work, now instead of later.

use super::Api;
use super::error::{ApiError, ErrorBody};
use super::request::PathText;
use axum::extract::State;
use binnacle_query::Error as QueryError;
use http::StatusCode;

/// Runs one of storage's jobs to its end: `flush` writes every buffer to segments, `compact` joins segments until nothing
/// is left worth joining, `retain` deletes what retention says.
#[utoipa::path(post, path = "/api/v1/admin/{job}", tag = "operation",
    params(("job" = String, Path, description = "`flush`, `compact` or `retain`")),
    responses(
        (status = 204, description = "Done"),
        (status = 404, description = "No such job", body = ErrorBody),
        (status = 500, description = "The job failed", body = ErrorBody),
        (status = 503, description = "Starting or stopping, or the disk is full", body = ErrorBody)))]
pub async fn admin(
    State(api): State<Api>,
    PathText(job): PathText,
) -> Result<StatusCode, ApiError> {
    let product = api.ready_product()?;
    let done = match job.as_str() {
        "flush" => product.storage.flush().await,
        "compact" => product.storage.compact().await,
        "retain" => product.storage.retain().await,
        _ => {
            let message = format!("there is no job '{job}'");
            return Err(ApiError::new(StatusCode::NOT_FOUND, "not_found", message)
                .hint("the jobs are flush, compact and retain"));
        }
    };
    done.map_err(|error| ApiError::from(QueryError::Storage(error)))?;
    Ok(StatusCode::NO_CONTENT)
}
