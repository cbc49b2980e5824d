//! `GET /api/v1/traces/{id}`: everything that carries one trace id.

use super::Api;
use super::error::{ApiError, ErrorBody};
use super::record::{CriticalSegment, Exemplar, Log, Resource, Span, Text};
use super::render::Stats;
use super::request::{PathText, Tenant};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use binnacle_query::trace;
use binnacle_query::value;
use binnacle_storage::model::{InvalidId, SpanId, TraceId};
use http::{StatusCode, header};
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// A trace with what belongs to it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Trace<'a> {
    #[schema(value_type = String, example = "5b8aa5a2d2c872e8321cf37308d69df2")]
    pub trace_id: Text<TraceId>,
    /// By start time. A span stored twice is here once.
    pub spans: Vec<Span<'a>>,
    /// By time.
    pub logs: Vec<Log<'a>>,
    /// By time.
    pub exemplars: Vec<Exemplar<'a>>,
    /// What the trace was waiting for, in order of time.
    pub critical_path: Vec<CriticalSegment>,
    /// The resources of the spans, each once.
    pub resources: Vec<Resource<'a>>,
    /// Parents that spans name but that are not (or not yet) stored.
    #[schema(value_type = Vec<String>)]
    pub missing_parents: Vec<Text<SpanId>>,
    /// There is more than the answer holds; the warnings say what.
    pub truncated: bool,
    pub stats: Stats,
}

impl<'a> From<&'a trace::Trace> for Trace<'a> {
    fn from(trace: &'a trace::Trace) -> Self {
        Trace {
            trace_id: Text(trace.trace_id),
            spans: trace.spans.iter().map(Span::from).collect(),
            logs: trace.logs.iter().map(Log::from).collect(),
            exemplars: trace.exemplars.iter().map(Exemplar::from).collect(),
            critical_path: trace.critical_path.iter().map(CriticalSegment::from).collect(),
            resources: resources(&trace.spans),
            missing_parents: trace.missing_parents.iter().copied().map(Text).collect(),
            truncated: trace.truncated,
            stats: Stats::from(&trace.stats),
        }
    }
}

/// The spans' resources, each once, in order of appearance.
fn resources(spans: &[trace::Span]) -> Vec<Resource<'_>> {
    let mut seen: Vec<&Arc<value::Resource>> = Vec::new();
    for span in spans {
        if !seen.iter().any(|other| Arc::ptr_eq(other, &span.resource)) {
            seen.push(&span.resource);
        }
    }
    seen.into_iter().map(|resource| Resource::from(&**resource)).collect()
}

/// Everything that carries one trace id: spans, logs, exemplars, critical path. No time range is needed.
#[utoipa::path(get, path = "/api/v1/traces/{trace_id}", tag = "query",
    params(("trace_id" = String, Path, description = "32 hex digits"),
        ("X-Scope-OrgID" = Option<String>, Header, description = "Tenant; `default` when left out")),
    responses(
        (status = 200, description = "The trace", body = Trace),
        (status = 400, description = "Not a trace id", body = ErrorBody),
        (status = 404, description = "Nothing with this trace id is stored", body = ErrorBody),
        (status = 422, description = "The trace needs more memory than it may have", body = ErrorBody),
        (status = 429, description = "Too many queries wait", body = ErrorBody),
        (status = 500, description = "The query failed", body = ErrorBody),
        (status = 503, description = "Starting or stopping", body = ErrorBody),
        (status = 504, description = "The query took too long", body = ErrorBody)))]
pub async fn trace(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    PathText(text): PathText,
) -> Result<Response, ApiError> {
    let product = api.ready_product()?;
    let id: TraceId = text.parse().map_err(|error: InvalidId| {
        ApiError::invalid(error.to_string()).hint("a trace id is 32 hex digits")
    })?;
    let Some(trace) = product.engine.trace(&tenant, id).await? else {
        let message = format!("nothing with trace id {id} is stored for tenant '{tenant}'");
        return Err(ApiError::new(StatusCode::NOT_FOUND, "not_found", message).hint(
            "it may not have arrived yet, be past its retention, or belong to another tenant",
        ));
    };
    json(move || serde_json::to_vec(&Trace::from(&trace))).await
}

/// Renders a large answer off the async threads.
pub async fn json(
    render: impl FnOnce() -> serde_json::Result<Vec<u8>> + Send + 'static,
) -> Result<Response, ApiError> {
    let failed = |message: String| {
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "execution_error", message)
    };
    let body = tokio::task::spawn_blocking(render).await.map_err(|e| failed(e.to_string()))?;
    let body = body.map_err(|e| failed(e.to_string()))?;
    Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
}
