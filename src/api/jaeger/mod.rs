//! `/jaeger/…`: Jaeger's query API, version 1 (Grafana's stock Jaeger data source) and 3, for clients of Jaeger.
//!
//! `/jaeger.api_v3.QueryService/…` is version 3 by gRPC.
//!
//! Version 1 answers `{"data", "total", "limit", "offset", "errors"}` with times in microseconds; version 3 answers OTLP.

mod dependencies;
mod error;
mod find;
mod names;
mod params;
mod proto;
mod service;
mod summary;
mod trace;

use super::Api;
use axum::Router;
use axum::routing::{get, post};

/// The routes below `/jaeger`.
pub fn routes() -> Router<Api> {
    Router::new()
        .route("/api/services", get(names::services))
        .route("/api/services/{service}/operations", get(names::operations_of))
        .route("/api/operations", get(names::operations))
        .route("/api/traces", get(find::traces))
        .route("/api/traces/{trace_id}", get(find::trace))
        .route("/api/dependencies", get(dependencies::dependencies))
        .route("/api/v3/services", get(names::services_v3))
        .route("/api/v3/operations", get(names::operations_v3))
        .route("/api/v3/traces", get(find::traces_v3))
        .route("/api/v3/traces/{trace_id}", get(find::trace_v3))
        .route("/api/v3/trace-summaries", get(summary::summaries))
        .route("/api/v3/dependencies", get(dependencies::dependencies_v3))
        .fallback(error::unknown_path)
}

/// The methods below `/jaeger.api_v3.QueryService`.
pub fn grpc_routes() -> Router<Api> {
    Router::new().route("/{method}", post(service::call))
}

/// Grafana's Jaeger data source drops the path of its URL when it searches, so this one answers at the root as well.
pub fn root_routes() -> Router<Api> {
    Router::new().route("/api/traces", get(find::traces))
}
