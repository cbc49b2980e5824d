//! `GET /jaeger/api/v3/trace-summaries`: what a list of traces shows of each, without its spans.

use super::super::Api;
use super::super::request::Tenant;
use super::error::JaegerError;
use super::params::Params;
use super::proto::{ServiceSummary, TraceSummary};
use axum::Json;
use axum::extract::State;
use binnacle_query::traceql::TraceMatch;
use serde_json::{Value, json};

pub async fn summaries(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    params: Params,
) -> Result<Json<Value>, JaegerError> {
    let page = api.ready_product()?.engine.traces(&tenant, params.search_v3()?).await?;
    let all: Vec<Value> = page.traces.iter().map(|found| summary_json(&summary(found))).collect();
    Ok(Json(json!({ "result": { "summaries": all } })))
}

pub fn summary(found: &TraceMatch) -> TraceSummary {
    let count = |number: u64| i32::try_from(number).unwrap_or(i32::MAX);
    let unsigned = |time: i64| u64::try_from(time).unwrap_or(0);
    let services = found.services.iter().map(|(name, stats)| ServiceSummary {
        name: name.clone(),
        span_count: count(stats.spans),
        error_span_count: count(stats.errors),
    });
    TraceSummary {
        trace_id: found.trace_id.to_string(),
        root_service_name: found.root_service.clone().unwrap_or_default(),
        root_operation_name: found.root_name.clone().unwrap_or_default(),
        min_start_time_unix_nano: unsigned(found.start_time.0),
        max_end_time_unix_nano: unsigned(found.start_time.0.saturating_add(found.duration)),
        span_count: count(found.services.values().map(|stats| stats.spans).sum()),
        error_span_count: count(found.services.values().map(|stats| stats.errors).sum()),
        orphan_span_count: count(found.orphans),
        services: services.collect(),
    }
}

fn summary_json(summary: &TraceSummary) -> Value {
    let service = |service: &ServiceSummary| {
        json!({
            "name": service.name,
            "spanCount": service.span_count,
            "errorSpanCount": service.error_span_count,
        })
    };
    json!({
        "traceId": summary.trace_id,
        "rootServiceName": summary.root_service_name,
        "rootOperationName": summary.root_operation_name,
        "minStartTimeUnixNano": summary.min_start_time_unix_nano.to_string(),
        "maxEndTimeUnixNano": summary.max_end_time_unix_nano.to_string(),
        "spanCount": summary.span_count,
        "errorSpanCount": summary.error_span_count,
        "orphanSpanCount": summary.orphan_span_count,
        "services": summary.services.iter().map(service).collect::<Vec<_>>(),
    })
}
