//! Liveness, readiness and status.

use super::Api;
use super::error::{ApiError, ErrorBody};
use axum::Json;
use axum::extract::State;
use binnacle_storage::Space;
use http::StatusCode;
use serde::Serialize;
use std::time::Duration;
use utoipa::ToSchema;

/// Whether data is taken in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct IngestState {
    /// `accepting`, `read_only` or `starting`.
    #[schema(example = "accepting")]
    pub state: &'static str,
    /// Why ingest is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What `/readyz` answers once queries are served.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Ready {
    #[schema(example = "ready")]
    pub status: &'static str,
    pub ingest: IngestState,
}

/// What the process is and how it does.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Status {
    #[schema(example = "0.1.0")]
    pub version: &'static str,
    pub uptime_seconds: u64,
    pub ready: bool,
    pub ingest: IngestState,
    /// Absolute path of the data directory.
    pub data_path: String,
    /// Room on the file system of the data directory; absent where that cannot be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk: Option<Room>,
    /// Where each listener listens.
    pub listeners: Vec<Listener>,
    /// Whether anyone who reaches a listener is answered. Always true: there are no keys yet.
    pub anonymous: bool,
    /// The tenant in which this server keeps its own telemetry; absent where it keeps none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "binnacle")]
    pub telemetry_tenant: Option<String>,
    /// What the last start found on disk.
    pub recovery: Option<Recovery>,
}

/// Room on a file system, in bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Room {
    pub total_bytes: u64,
    /// What the server may still write.
    pub free_bytes: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Listener {
    #[schema(example = "api")]
    pub name: &'static str,
    #[schema(example = "127.0.0.1:7070")]
    pub address: String,
}

/// What recovery found.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Recovery {
    pub wal_files: u64,
    pub wal_bytes: u64,
    /// Requests whose rows went back into the buffer.
    pub records_replayed: u64,
    pub rows_replayed: u64,
    /// Requests whose rows were in a segment already.
    pub records_skipped: u64,
    /// What could not be read, in words.
    pub problems: Vec<String>,
}

impl Api {
    fn ingest_state(&self) -> IngestState {
        match self.product() {
            None => IngestState { state: "starting", reason: None },
            Some(product) => match product.storage.read_only_reason() {
                None => IngestState { state: "accepting", reason: None },
                reason => IngestState { state: "read_only", reason },
            },
        }
    }
}

/// The process lives.
#[utoipa::path(get, path = "/healthz", tag = "operation",
    responses((status = 200, description = "The process lives", body = String, content_type = "text/plain")))]
pub async fn healthz() -> &'static str {
    "ok\n"
}

/// Whether queries are answered. A read-only store is still ready; the body says so.
#[utoipa::path(get, path = "/readyz", tag = "operation", responses(
    (status = 200, description = "Recovery is done and queries are answered", body = Ready),
    (status = 503, description = "Starting or stopping", body = ErrorBody)))]
pub async fn readyz(State(api): State<Api>) -> Result<Json<Ready>, ApiError> {
    if api.is_stopping() {
        return Err(ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "shutting_down",
            "the server is stopping",
        ));
    }
    api.ready_product()?;
    Ok(Json(Ready { status: "ready", ingest: api.ingest_state() }))
}

/// Version, uptime, listeners, ingest state and what recovery found.
#[utoipa::path(get, path = "/api/v1/status", tag = "operation",
    responses((status = 200, description = "The state of this process", body = Status)))]
pub async fn status(State(api): State<Api>) -> Json<Status> {
    let facts = api.facts();
    let product = api.product();
    let space = product.and_then(|product| product.storage.space(&facts.data_path).ok());
    Json(Status {
        version: env!("CARGO_PKG_VERSION"),
        uptime_seconds: facts.started.elapsed().as_secs(),
        ready: product.is_some() && !api.is_stopping(),
        ingest: api.ingest_state(),
        data_path: facts.data_path.display().to_string(),
        disk: space
            .map(|Space { total, available }| Room { total_bytes: total, free_bytes: available }),
        listeners: facts.listeners.clone(),
        anonymous: true,
        telemetry_tenant: api.telemetry_tenant().map(ToString::to_string),
        recovery: product.map(|product| Recovery {
            wal_files: product.recovery.wal_files,
            wal_bytes: product.recovery.wal_bytes,
            records_replayed: product.recovery.records_replayed,
            rows_replayed: product.recovery.rows_replayed,
            records_skipped: product.recovery.records_skipped,
            problems: product.recovery.problems.clone(),
        }),
    })
}

/// What answers while recovery runs.
pub fn starting() -> ApiError {
    let message = "the server is starting: recovery has not finished";
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "starting", message)
        .hint("/readyz answers 200 when it has")
        .retry_after(Duration::from_secs(1))
}
