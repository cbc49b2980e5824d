//! Traces by search and by id.

use super::super::Api;
use super::super::otlp::resource_spans;
use super::super::request::{PathText, Tenant};
use super::super::trace::json;
use super::error::{JaegerError, envelope};
use super::params::Params;
use super::trace::trace_json;
use axum::extract::State;
use axum::response::Response;
use binnacle_query::{Trace, TraceRequest};
use binnacle_storage::model::{TenantId, TraceId};
use http::StatusCode;
use serde_json::json as value;

pub async fn traces(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    params: Params,
) -> Result<Response, JaegerError> {
    // Ids in the parameters ask for just these traces.
    let ids = params.0.0.iter().filter(|(key, _)| key == "traceID");
    let ids: Vec<TraceId> = ids.map(|(_, text)| parse_id(text)).collect::<Result<_, _>>()?;
    let found = match ids.is_empty() {
        true => search(&api, &tenant, params.search()?).await?,
        false => by_ids(&api, &tenant, ids).await?,
    };
    answer(found).await
}

pub async fn trace(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    PathText(id): PathText,
) -> Result<Response, JaegerError> {
    answer(vec![by_id(&api, &tenant, &id).await?]).await
}

pub async fn traces_v3(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    params: Params,
) -> Result<Response, JaegerError> {
    answer_v3(search(&api, &tenant, params.search_v3()?).await?).await
}

pub async fn trace_v3(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    PathText(id): PathText,
) -> Result<Response, JaegerError> {
    answer_v3(vec![by_id(&api, &tenant, &id).await?]).await
}

async fn answer(traces: Vec<Trace>) -> Result<Response, JaegerError> {
    let render = move || serde_json::to_vec(&envelope(traces.iter().map(trace_json).collect()));
    Ok(json(render).await?)
}

async fn answer_v3(traces: Vec<Trace>) -> Result<Response, JaegerError> {
    let render = move || {
        let spans: Vec<_> = traces.iter().flat_map(|trace| resource_spans(&trace.spans)).collect();
        serde_json::to_vec(&value!({ "result": { "resourceSpans": spans } }))
    };
    Ok(json(render).await?)
}

async fn search(
    api: &Api,
    tenant: &TenantId,
    request: TraceRequest,
) -> Result<Vec<Trace>, JaegerError> {
    let page = api.ready_product()?.engine.traces(tenant, request).await?;
    by_ids(api, tenant, page.traces.iter().map(|found| found.trace_id).collect()).await
}

/// The traces that are stored, in the order of their ids.
async fn by_ids(
    api: &Api,
    tenant: &TenantId,
    ids: Vec<TraceId>,
) -> Result<Vec<Trace>, JaegerError> {
    let engine = &api.ready_product()?.engine;
    let mut traces = Vec::with_capacity(ids.len());
    for id in ids {
        traces.extend(engine.trace(tenant, id).await?.filter(|trace| !trace.spans.is_empty()));
    }
    Ok(traces)
}

async fn by_id(api: &Api, tenant: &TenantId, text: &str) -> Result<Trace, JaegerError> {
    let found = by_ids(api, tenant, vec![parse_id(text)?]).await?;
    let missing = || JaegerError::new(StatusCode::NOT_FOUND, "trace not found");
    found.into_iter().next().ok_or_else(missing)
}

/// Hex digits; leading zeros may be left out.
pub fn parse_id(text: &str) -> Result<TraceId, JaegerError> {
    let padded = format!("{text:0>32}");
    padded.parse().map_err(|_| {
        JaegerError::bad_request(format!("trace id '{text}' is not up to 32 hex digits"))
    })
}
