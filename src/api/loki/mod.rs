//! `/loki/api/v1/…`: the HTTP API of Grafana Loki, for Grafana's stock Loki data source and other clients of it.
//!
//! Errors are plain text, as Loki's are. Times in parameters are Unix seconds or nanoseconds or RFC 3339; in answers,
//! lines have nanoseconds as texts, and points of series seconds.

mod detected;
mod error;
mod labels;
mod params;
mod patterns;
mod push;
mod query;
mod render;
mod status;
mod tail;
mod volume;

pub use push::{__path_push, otlp, push};
pub use status::ready;

use super::Api;
use axum::Router;
use axum::routing::{get, post};

/// The routes below `/loki`.
pub fn routes() -> Router<Api> {
    let v1 = Router::new()
        .route("/query", get(query::query).post(query::query))
        .route("/query_range", get(query::query_range).post(query::query_range))
        .route("/format_query", get(query::format_query).post(query::format_query))
        .route("/labels", get(labels::names).post(labels::names))
        .route("/label", get(labels::names).post(labels::names))
        .route("/label/{name}/values", get(labels::values).post(labels::values))
        .route("/series", get(labels::series).post(labels::series))
        .route("/index/stats", get(volume::stats).post(volume::stats))
        .route("/index/volume", get(volume::volume).post(volume::volume))
        .route("/index/volume_range", get(volume::volume_range).post(volume::volume_range))
        .route("/detected_labels", get(detected::labels).post(detected::labels))
        .route("/detected_fields", get(detected::fields).post(detected::fields))
        .route("/detected_field/{name}/values", get(detected::values).post(detected::values))
        .route("/patterns", get(patterns::patterns).post(patterns::patterns))
        .route("/tail", get(tail::tail))
        .route("/status/buildinfo", get(status::buildinfo))
        .route("/rules", get(status::rule_files))
        .fallback(error::unknown_path);
    Router::new().nest("/api/v1", v1).route("/ready", get(ready)).route("/otlp/v1/logs", post(otlp))
}

/// What a path of Loki's API answers; `None` when it is none.
pub fn methods(path: &str) -> Option<&'static str> {
    let is_root = path == "/ready" || path == "/otlp/v1/logs";
    let own = path.strip_prefix("/loki").or(is_root.then_some(path))?;
    Some(match own {
        "/api/v1/push" | "/otlp/v1/logs" => "POST",
        "/ready" | "/api/v1/tail" | "/api/v1/status/buildinfo" | "/api/v1/rules" => "GET, HEAD",
        _ => "GET, HEAD, POST",
    })
}

/// Senders and data sources whose URL has no path ask at the root.
pub fn root_routes() -> Router<Api> {
    Router::new().route("/ready", get(ready)).route("/otlp/v1/logs", post(otlp))
}
