//! `/tempo/…`: the HTTP API of Grafana Tempo, for Grafana's stock Tempo data source and other clients of it.
//!
//! `/tempopb.StreamingQuerier/…` is the same by gRPC. Errors are plain text, as Tempo's are. Times in parameters are Unix seconds.

mod error;
mod metrics;
mod params;
mod proto;
mod search;
mod status;
mod streaming;
mod tags;
mod trace;

use super::Api;
use axum::Router;
use axum::routing::{get, post};

/// The routes below `/tempo`.
pub fn routes() -> Router<Api> {
    Router::new()
        .route("/api/echo", get(status::echo))
        .route("/api/status/buildinfo", get(status::buildinfo))
        .route("/api/overrides", get(status::overrides))
        .route("/ready", get(status::ready))
        .route("/api/metrics/query_range", get(metrics::query_range))
        .route("/api/metrics/query", get(metrics::query))
        .route("/api/search", get(search::search))
        .route("/api/search/tags", get(tags::tags))
        .route("/api/search/tag/{tag}/values", get(tags::values))
        .route("/api/v2/search/tags", get(tags::tags_v2))
        .route("/api/v2/search/tag/{tag}/values", get(tags::values_v2))
        .route("/api/traces/{trace_id}", get(trace::trace))
        .route("/api/v2/traces/{trace_id}", get(trace::trace_v2))
        .fallback(error::unknown_path)
}

/// The methods below `/tempopb.StreamingQuerier`.
pub fn grpc_routes() -> Router<Api> {
    Router::new().route("/{method}", post(streaming::call))
}
