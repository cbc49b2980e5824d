//! `GET /api/v1/traces/{id}`: everything that carries one trace id.

use super::Api;
use super::error::{ApiError, ErrorBody};
use super::record::{CriticalSegment, Decimal, Exemplar, Log, Resource, Span, Text};
use super::render::Stats;
use super::request::{PathText, Tenant};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use binnacle_query::trace;
use binnacle_query::value;
use binnacle_storage::model::{InvalidId, SpanId, TenantId, TraceId};
use http::{StatusCode, header};
use serde::Serialize;
use std::collections::HashMap;
use std::sync::Arc;
use utoipa::ToSchema;

/// A trace with what belongs to it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Trace<'a> {
    #[schema(value_type = String, example = "5b8aa5a2d2c872e8321cf37308d69df2")]
    pub trace_id: Text<TraceId>,
    /// By start time. A span stored twice is here once.
    pub spans: Vec<SpanInTrace<'a>>,
    /// By time.
    pub logs: Vec<Log<'a>>,
    /// By time.
    pub exemplars: Vec<Exemplar<'a>>,
    /// What the trace was waiting for, in order of time.
    pub critical_path: Vec<CriticalSegment>,
    /// The resources of the spans, each once.
    pub resources: Vec<Resource<'a>>,
    /// Spans without a parent; more than one, or none, where spans are missing.
    pub roots: usize,
    /// Spans whose parent is not (or not yet) stored.
    pub orphans: usize,
    /// Parents that spans name but that are not (or not yet) stored.
    #[schema(value_type = Vec<String>)]
    pub missing_parents: Vec<Text<SpanId>>,
    /// Services whose clocks seem to differ from that of the trace's root, judged by calls between them. All times in the answer are as
    /// they were sent.
    pub clock_skew: Vec<ClockSkew<'a>>,
    /// There is more than the answer holds; the warnings say what.
    pub truncated: bool,
    pub stats: Stats,
}

/// A span with what was logged inside of it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SpanInTrace<'a> {
    #[serde(flatten)]
    pub span: Span<'a>,
    /// Places in the trace's `logs` of the records that name this span.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub logs: Vec<usize>,
}

/// By how much a service's clock seems to be off.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ClockSkew<'a> {
    pub service: &'a str,
    /// The service that called it, whose clock it is compared with.
    pub caller: &'a str,
    /// Nanoseconds to add to the service's times so that they fit those of the root.
    #[schema(value_type = String, example = "-1500000")]
    pub offset: Decimal,
    /// Calls from the caller.
    pub calls: u64,
    /// Of those, where the server's span sticks out of the client's.
    pub outside: u64,
}

/// Places of the log records by the span that they name.
fn logs_by_span(trace: &trace::Trace) -> HashMap<SpanId, Vec<usize>> {
    let mut logs: HashMap<SpanId, Vec<usize>> = HashMap::new();
    for (place, log) in trace.logs.iter().enumerate() {
        if let Some(span_id) = log.span_id {
            logs.entry(span_id).or_default().push(place);
        }
    }
    logs
}

impl<'a> From<&'a trace::Trace> for Trace<'a> {
    fn from(trace: &'a trace::Trace) -> Self {
        let logs = logs_by_span(trace);
        let span = |span: &'a trace::Span| SpanInTrace {
            span: Span::from(span),
            logs: logs.get(&span.span_id).cloned().unwrap_or_default(),
        };
        let skew = |skew: &'a trace::ClockSkew| ClockSkew {
            service: &skew.service,
            caller: &skew.caller,
            offset: Decimal(skew.offset),
            calls: skew.calls,
            outside: skew.outside,
        };
        Trace {
            trace_id: Text(trace.trace_id),
            spans: trace.spans.iter().map(span).collect(),
            logs: trace.logs.iter().map(Log::from).collect(),
            exemplars: trace.exemplars.iter().map(Exemplar::from).collect(),
            critical_path: trace.critical_path.iter().map(CriticalSegment::from).collect(),
            resources: resources(&trace.spans),
            roots: trace.roots,
            orphans: trace.orphans,
            clock_skew: trace.clock_skew.iter().map(skew).collect(),
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
    let trace = find(&api, &tenant, &text).await?;
    json(move || serde_json::to_vec(&Trace::from(&trace))).await
}

/// The trace with an id, which is as a request gives it.
pub async fn find(api: &Api, tenant: &TenantId, text: &str) -> Result<trace::Trace, ApiError> {
    let product = api.ready_product()?;
    let id: TraceId = text.parse().map_err(|error: InvalidId| {
        ApiError::invalid(error.to_string()).hint("a trace id is 32 hex digits")
    })?;
    product.engine.trace(tenant, id).await?.ok_or_else(|| {
        let message = format!("nothing with trace id {id} is stored for tenant '{tenant}'");
        ApiError::new(StatusCode::NOT_FOUND, "not_found", message)
            .hint("it may not have arrived yet, be past its retention, or belong to another tenant")
    })
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
