//! Streams, and names and values of their labels.

use super::super::Api;
use super::super::request::PathText;
use super::error::LokiError;
use super::params::Params;
use super::render::object;
use axum::Json;
use axum::extract::State;
use binnacle_query::promql::labels::Labels;
use serde_json::{Value, json};
use std::collections::BTreeSet;

pub async fn names(State(api): State<Api>, params: Params) -> Result<Json<Value>, LokiError> {
    let streams = streams(&api, &params, &["query"]).await?;
    let names: BTreeSet<&str> =
        streams.iter().flat_map(|labels| labels.iter().map(|(name, _)| name)).collect();
    Ok(success(json!(names)))
}

pub async fn values(
    State(api): State<Api>,
    PathText(name): PathText,
    params: Params,
) -> Result<Json<Value>, LokiError> {
    let streams = streams(&api, &params, &["query"]).await?;
    let values = streams.iter().map(|labels| labels.value(&name)).filter(|value| !value.is_empty());
    Ok(success(json!(values.collect::<BTreeSet<&str>>())))
}

pub async fn series(State(api): State<Api>, params: Params) -> Result<Json<Value>, LokiError> {
    let streams = streams(&api, &params, &["match[]", "match"]).await?;
    Ok(success(streams.iter().map(object).collect()))
}

async fn streams(
    api: &Api,
    params: &Params,
    names: &[&str],
) -> Result<BTreeSet<Labels>, LokiError> {
    let selection = params.selection(names)?;
    Ok(api.ready_product()?.engine.log_streams(&params.tenant, selection).await?)
}

fn success(data: Value) -> Json<Value> {
    Json(json!({ "status": "success", "data": data }))
}
