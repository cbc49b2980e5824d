//! How much there is: lines and bytes of streams.

use super::super::Api;
use super::error::LokiError;
use super::params::Params;
use super::render::{object, point, stats as query_stats};
use axum::Json;
use axum::extract::State;
use binnacle_query::StatsSnapshot;
use binnacle_query::logql::{VolumeBy, VolumeRequest};
use binnacle_query::promql::labels::Labels;
use serde_json::{Value, json};
use std::time::Duration;

/// Series of an answer when the request does not say; Loki's default too.
const LIMIT_DEFAULT: usize = 100;

pub async fn stats(State(api): State<Api>, params: Params) -> Result<Json<Value>, LokiError> {
    let selection = params.selection(&["query"])?;
    let stats = api.ready_product()?.engine.log_stats(&params.tenant, selection).await?;
    Ok(Json(json!({
        "streams": stats.streams,
        "chunks": stats.streams,
        "bytes": stats.bytes,
        "entries": stats.entries,
    })))
}

pub async fn volume(State(api): State<Api>, params: Params) -> Result<Json<Value>, LokiError> {
    let (_, end) = params.range()?;
    let series = find(&api, &params, None).await?.into_iter().map(|(labels, points)| {
        let bytes: u64 = points.iter().map(|(_, bytes)| bytes).sum();
        json!({ "metric": labels, "value": point(end.0, bytes as f64) })
    });
    Ok(answer("vector", series.collect()))
}

pub async fn volume_range(
    State(api): State<Api>,
    params: Params,
) -> Result<Json<Value>, LokiError> {
    let (start, end) = params.range()?;
    let step = params.step(start, end)?;
    let series = find(&api, &params, Some(step)).await?.into_iter().map(|(labels, points)| {
        let values: Vec<Value> =
            points.into_iter().map(|(time, bytes)| point(time, bytes as f64)).collect();
        json!({ "metric": labels, "values": values })
    });
    Ok(answer("matrix", series.collect()))
}

type Found = Vec<(Value, Vec<(i64, u64)>)>;

async fn find(api: &Api, params: &Params, step: Option<Duration>) -> Result<Found, LokiError> {
    params.required("query")?;
    let targets = params.find("targetLabels").unwrap_or("").split(',').map(str::trim);
    let targets = targets.filter(|target| !target.is_empty()).map(str::to_owned).collect();
    let by_labels = match params.find("aggregateBy") {
        None | Some("series") => false,
        Some("labels") => true,
        Some(other) => {
            return Err(LokiError::bad_request(format!("invalid aggregateBy {other:?}")));
        }
    };
    let request = VolumeRequest {
        selection: params.selection(&["query"])?,
        by: if by_labels { VolumeBy::Labels(targets) } else { VolumeBy::Series(targets) },
        limit: params.count("limit")?.filter(|limit| *limit > 0).unwrap_or(LIMIT_DEFAULT),
        step,
    };
    let found = api.ready_product()?.engine.log_volume(&params.tenant, request).await?;
    let metric = |labels: &Labels| match by_labels {
        // Of a label itself there is no value.
        true => labels.iter().map(|(name, _)| (name.to_owned(), Value::from(""))).collect(),
        false => object(labels),
    };
    Ok(found.into_iter().map(|(labels, points)| (metric(&labels), points)).collect())
}

fn answer(kind: &str, result: Value) -> Json<Value> {
    let stats = query_stats(&StatsSnapshot::default());
    Json(json!({
        "status": "success",
        "data": { "resultType": kind, "result": result, "stats": stats },
    }))
}
