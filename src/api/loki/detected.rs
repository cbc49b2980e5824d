//! What lines hold: labels of their streams and fields of their own, for Grafana's Logs Drilldown.

use super::super::Api;
use super::super::request::PathText;
use super::error::LokiError;
use super::params::Params;
use axum::Json;
use axum::extract::State;
use binnacle_query::logql::{DetectedField, FieldsRequest};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Fields of an answer, and lines looked at, when the request does not say; Loki's defaults too.
const FIELDS_DEFAULT: usize = 1000;
const LINES_DEFAULT: usize = 100;

/// Labels that are told even when they have one value only.
const STATIC_LABELS: [&str; 4] = ["cluster", "namespace", "instance", "pod"];

pub async fn labels(State(api): State<Api>, params: Params) -> Result<Json<Value>, LokiError> {
    let selection = params.selection(&["query"])?;
    let streams = api.ready_product()?.engine.log_streams(&params.tenant, selection).await?;
    let mut values: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (name, value) in streams.iter().flat_map(|labels| labels.iter()) {
        values.entry(name).or_default().insert(value);
    }
    // Labels whose values are all ids tell nobody anything.
    let is_id = |value: &&str| value.parse::<f64>().is_ok() || is_uuid(value);
    let list: Vec<Value> = values
        .into_iter()
        .filter(|(name, values)| STATIC_LABELS.contains(name) || !values.iter().all(is_id))
        .map(|(name, values)| json!({ "label": name, "cardinality": values.len() }))
        .collect();
    Ok(Json(json!({ "detectedLabels": list })))
}

fn is_uuid(text: &str) -> bool {
    let parts: Vec<usize> = text.split('-').map(str::len).collect();
    parts == [8, 4, 4, 4, 12] && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

pub async fn fields(State(api): State<Api>, params: Params) -> Result<Json<Value>, LokiError> {
    let limit = field_limit(&params)?;
    let field = |(name, field): (String, DetectedField)| {
        let parsers = Some(&field.parsers).filter(|parsers| !parsers.is_empty());
        json!({
            "label": name,
            "type": field.kind,
            "cardinality": field.values.len(),
            "parsers": parsers,
        })
    };
    let found = find(&api, &params).await?;
    let fields: Vec<Value> = found.into_iter().take(limit).map(field).collect();
    Ok(Json(json!({ "fields": fields, "limit": limit })))
}

pub async fn values(
    State(api): State<Api>,
    PathText(name): PathText,
    params: Params,
) -> Result<Json<Value>, LokiError> {
    let limit = field_limit(&params)?;
    let field = find(&api, &params).await?.remove(&name).unwrap_or_default();
    let values: Vec<String> = field.values.into_iter().take(limit).collect();
    Ok(Json(json!({ "values": values, "limit": limit })))
}

fn field_limit(params: &Params) -> Result<usize, LokiError> {
    let limit = match params.count("limit")? {
        Some(limit) => Some(limit),
        None => params.count("field_limit")?,
    };
    Ok(limit.filter(|limit| *limit > 0).unwrap_or(FIELDS_DEFAULT))
}

async fn find(api: &Api, params: &Params) -> Result<BTreeMap<String, DetectedField>, LokiError> {
    let (start, end) = params.range()?;
    let request = FieldsRequest {
        query: params.required("query")?.to_owned(),
        start,
        end,
        lines: params.count("line_limit")?.filter(|lines| *lines > 0).unwrap_or(LINES_DEFAULT),
    };
    Ok(api.ready_product()?.engine.log_fields(&params.tenant, request).await?)
}
