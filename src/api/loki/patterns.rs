//! Patterns of lines, for Grafana's Logs Drilldown.

use super::super::Api;
use super::error::LokiError;
use super::params::Params;
use super::render::seconds;
use axum::Json;
use axum::extract::State;
use binnacle_query::logql::PatternsRequest;
use binnacle_query::logs::LogPattern;
use serde_json::{Value, json};
use std::time::Duration;

/// Most patterns of an answer. Loki tells some hundred.
const PATTERNS_MAX: usize = 300;

/// Shortest step; Loki counts by it.
const STEP_MIN: Duration = Duration::from_secs(10);

pub async fn patterns(State(api): State<Api>, params: Params) -> Result<Json<Value>, LokiError> {
    let (start, end) = params.range()?;
    let step = params.step(start, end)?.max(STEP_MIN);
    let query = params.required("query")?.to_owned();
    let request = PatternsRequest { query, start, end, step };
    let found = api.ready_product()?.engine.logql_patterns(&params.tenant, request).await?;
    let data: Vec<Value> = found.into_iter().take(PATTERNS_MAX).map(pattern).collect();
    Ok(Json(json!({ "status": "success", "data": data })))
}

fn pattern(found: LogPattern) -> Value {
    let samples: Vec<Value> =
        found.counts.iter().map(|(time, count)| json!([seconds(time.0), count])).collect();
    json!({
        "pattern": found.pattern.unwrap_or_default(),
        "level": found.severity.unwrap_or("unknown"),
        "samples": samples,
    })
}
