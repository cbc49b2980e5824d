//! `/prometheus/api/v1/…`: the HTTP API of Prometheus, for Grafana's stock data source and every other client of it.

mod error;
mod json;
mod metadata;
mod params;
mod query;
pub mod rules;
mod series;
mod status;
mod tree;

pub use error::unknown_method;
pub use params::form;

use super::Api;
use axum::Router;
use axum::routing::get;

/// The routes below `/prometheus/api/v1`.
pub fn routes() -> Router<Api> {
    Router::new()
        .route("/query", get(query::query).post(query::query))
        .route("/query_range", get(query::query_range).post(query::query_range))
        .route("/query_exemplars", get(series::exemplars).post(series::exemplars))
        .route("/format_query", get(query::format_query).post(query::format_query))
        .route("/parse_query", get(query::parse_query).post(query::parse_query))
        .route("/series", get(series::series).post(series::series))
        .route("/labels", get(series::labels).post(series::labels))
        .route("/label/{name}/values", get(series::label_values))
        .route("/metadata", get(metadata::metadata))
        .route("/targets/metadata", get(status::targets_metadata))
        .route("/rules", get(rules::rules))
        .route("/alerts", get(rules::alerts))
        .route("/alertmanagers", get(rules::alertmanagers))
        .route("/status/buildinfo", get(status::buildinfo))
        .route("/status/config", get(status::config))
        .route("/status/flags", get(status::flags))
        .route("/status/runtimeinfo", get(status::runtimeinfo))
        .route("/status/tsdb", get(status::tsdb))
        .fallback(error::unknown_path)
}

#[cfg(test)]
mod tests;
