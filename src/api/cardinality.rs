//! `GET /api/v1/cardinality`: what a tenant's series are made of, as they are sent now.

use super::Api;
use super::error::ApiError;
use super::request::{Params, Tenant};
use axum::Json;
use axum::extract::State;
use binnacle_collector::CardinalityReport;
use serde::Deserialize;
use serde_json::{Value, json};

/// Entries of each list without `limit`, and the most there can be.
const LIMIT_DEFAULT: usize = 20;
const LIMIT_MAX: usize = 10_000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CardinalityParams {
    limit: Option<usize>,
}

/// Series by metric, label and source, and how many are new by the hour. A series counts until an hour or two after its last
/// data point, also across restarts.
#[utoipa::path(get, path = "/api/v1/cardinality", tag = "query",
    params(("limit" = Option<usize>, Query, description = "Entries of each list, 20 unless said, at most 10,000")),
    responses(
        (status = 200, description = "The most first", body = Object),
        (status = 400, description = "A wrong parameter", body = super::error::ErrorBody)))]
pub async fn cardinality(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    Params(params): Params<CardinalityParams>,
) -> Result<Json<Value>, ApiError> {
    let product = api.ready_product()?;
    let limit = params.limit.unwrap_or(LIMIT_DEFAULT).min(LIMIT_MAX);
    Ok(Json(render(&product.collector.cardinality(&tenant, limit))))
}

fn render(report: &CardinalityReport) -> Value {
    let counts = |list: &[(String, u64)], name: &str| -> Vec<Value> {
        list.iter().map(|(of, series)| json!({ name: of, "series": series })).collect()
    };
    let labels = report.labels.iter();
    let labels = labels
        .map(|label| json!({ "name": label.name, "values": label.values, "series": label.series }));
    let growth = report.growth.iter();
    let growth = growth.map(|(hour, new)| json!({ "time": hour.0.to_string(), "new_series": new }));
    json!({
        "since": report.since.0.to_string(),
        "series": report.series,
        "limits": { "series": report.series_max, "label_values": report.label_values_max },
        "overflowed": report.overflowed,
        "metrics": counts(&report.metrics, "name"),
        "labels": labels.collect::<Vec<_>>(),
        "sources": counts(&report.sources, "source"),
        "growth": growth.collect::<Vec<_>>(),
    })
}
