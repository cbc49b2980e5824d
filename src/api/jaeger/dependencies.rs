//! `GET /jaeger/api/dependencies`: which service called which, and how often.

use super::super::Api;
use super::super::request::Tenant;
use super::error::{JaegerError, envelope};
use super::params::Params;
use axum::Json;
use axum::extract::State;
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
    let call = |call: binnacle_query::trace::Calls| json!({ "parent": call.parent, "child": call.child, "callCount": call.count });
    Ok(Json(envelope(calls.into_iter().map(call).collect())))
}
