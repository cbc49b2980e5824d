//! `GET /jaeger/api/dependencies`: which service called which, and how often.

use super::super::Api;
use super::super::request::Tenant;
use super::error::{JaegerError, envelope};
use super::params::Params;
use axum::Json;
use axum::extract::State;
use binnacle_query::trace::Calls;
use binnacle_storage::model::Timestamp;
use serde_json::{Value, json};

/// Milliseconds looked back when the request does not say: a day.
const LOOKBACK_DEFAULT: i64 = 86_400_000;

pub async fn dependencies(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    params: Params,
) -> Result<Json<Value>, JaegerError> {
    let number = |name: &str| -> Result<Option<i64>, JaegerError> {
        let parse = |text: &str| {
            text.parse().map_err(|_| {
                JaegerError::bad_request(format!("unable to parse param '{name}': '{text}'"))
            })
        };
        params.find(&[name]).map(parse).transpose()
    };
    let end = number("endTs")?.unwrap_or(api.now().0 / 1_000_000);
    let lookback = number("lookback")?.unwrap_or(LOOKBACK_DEFAULT);
    let nanos = |millis: i64| Timestamp(millis.saturating_mul(1_000_000));
    let engine = &api.ready_product()?.engine;
    let start = nanos(end.saturating_sub(lookback));
    let calls = engine.trace_calls(&tenant, start, nanos(end)).await?;
    Ok(Json(envelope(calls.into_iter().map(call_json).collect())))
}

/// Version 3: times in RFC 3339.
pub async fn dependencies_v3(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    params: Params,
) -> Result<Json<Value>, JaegerError> {
    let end = params.rfc3339(&["end_time", "endTime"])?.unwrap_or(api.now());
    let lookback = Timestamp(end.0.saturating_sub(LOOKBACK_DEFAULT * 1_000_000));
    let start = params.rfc3339(&["start_time", "startTime"])?.unwrap_or(lookback);
    let calls = api.ready_product()?.engine.trace_calls(&tenant, start, end).await?;
    let calls: Vec<Value> = calls.into_iter().map(call_json).collect();
    Ok(Json(json!({ "dependencies": calls })))
}

fn call_json(calls: Calls) -> Value {
    json!({ "parent": calls.parent, "child": calls.child, "callCount": calls.count })
}
