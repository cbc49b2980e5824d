//! `GET /api/v1/traces/compare` and `…/compare/sets`: two traces, or two sets of them, side by side.

use super::Api;
use super::error::{ApiError, ErrorBody};
use super::record::{Decimal, KINDS, Name, STATUS_CODES, Text};
use super::render::Stats;
use super::request::{Params, Tenant};
use super::trace::{find, json};
use super::trace_set::{SetParams, time};
use super::value::JsonValue;
use axum::extract::State;
use axum::response::Response;
use binnacle_query::trace::{self, Change, compare_traces};
use binnacle_storage::model::{SpanId, TraceId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

#[derive(Debug, Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CompareParams {
    /// Trace id of the first, 32 hex digits.
    a: String,
    /// Trace id of the second.
    b: String,
}

/// Two traces side by side.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TracesCompared<'a> {
    #[schema(value_type = String)]
    pub a: Text<TraceId>,
    #[schema(value_type = String)]
    pub b: Text<TraceId>,
    /// Spans of either kind.
    pub same: usize,
    pub changed: usize,
    pub added: usize,
    pub removed: usize,
    /// Parents before children, siblings by start.
    pub spans: Vec<SpanCompared<'a>>,
    /// A trace is not whole; see the traces themselves.
    pub truncated: bool,
}

/// A span of one trace, or one that both have.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SpanCompared<'a> {
    /// Place in `spans` of the one above; null for a root.
    pub parent: Option<usize>,
    pub service: &'a str,
    pub name: &'a str,
    pub kind: Name,
    /// `same` and `changed` (status or attributes differ) are in both, `removed` in the first only, `added` in the second only.
    pub change: &'static str,
    pub a: Option<Side>,
    pub b: Option<Side>,
    /// Nanoseconds by which the second took longer.
    #[schema(value_type = Option<String>)]
    pub duration_difference: Option<Decimal>,
    /// Attributes that differ.
    pub attributes: Vec<AttributeChanged<'a>>,
}

/// A span in one of two traces.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[schema(as = SpanComparedSide)]
pub struct Side {
    #[schema(value_type = String)]
    pub span_id: Text<SpanId>,
    /// Nanoseconds after the first span of its trace.
    #[schema(value_type = String)]
    pub offset: Decimal,
    #[schema(value_type = String)]
    pub duration: Decimal,
    pub status: Name,
}

/// An attribute that differs; null where a span has it not.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AttributeChanged<'a> {
    pub key: &'a str,
    #[schema(value_type = Option<Object>)]
    pub a: Option<JsonValue<'a>>,
    #[schema(value_type = Option<Object>)]
    pub b: Option<JsonValue<'a>>,
}

fn span<'a>(of: &'a trace::ComparedSpan) -> SpanCompared<'a> {
    let side = |side: trace::ComparedSide| Side {
        span_id: Text(side.span_id),
        offset: Decimal(side.offset),
        duration: Decimal(side.duration),
        status: Name { names: STATUS_CODES, number: side.status_code },
    };
    let attribute = |one: &'a trace::ChangedAttribute| AttributeChanged {
        key: &one.key,
        a: one.a.as_ref().map(JsonValue),
        b: one.b.as_ref().map(JsonValue),
    };
    let longer = |(a, b): (trace::ComparedSide, trace::ComparedSide)| {
        Decimal(b.duration.saturating_sub(a.duration))
    };
    SpanCompared {
        parent: of.parent,
        service: &of.service,
        name: &of.name,
        kind: Name { names: KINDS, number: of.kind },
        change: match of.change {
            Change::Same => "same",
            Change::Changed => "changed",
            Change::Added => "added",
            Change::Removed => "removed",
        },
        a: of.a.map(side),
        b: of.b.map(side),
        duration_difference: of.a.zip(of.b).map(longer),
        attributes: of.attributes.iter().map(attribute).collect(),
    }
}

/// Two traces side by side: spans in both, added and removed, and how much longer those in both took.
///
/// Spans are matched from the roots down: among the children of matched spans those with the same service, name and kind, in the
/// order of their starts.
#[utoipa::path(get, path = "/api/v1/traces/compare", tag = "query", operation_id = "compare_traces",
    params(CompareParams, ("X-Scope-OrgID" = Option<String>, Header, description = "Tenant; `default` when left out")),
    responses(
        (status = 200, description = "The spans of both", body = TracesCompared),
        (status = 400, description = "Not a trace id", body = ErrorBody),
        (status = 404, description = "Nothing with one of the trace ids is stored", body = ErrorBody),
        (status = 429, description = "Too many queries wait", body = ErrorBody),
        (status = 500, description = "The query failed", body = ErrorBody),
        (status = 503, description = "Starting or stopping", body = ErrorBody),
        (status = 504, description = "The query took too long", body = ErrorBody)))]
pub async fn traces(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    Params(params): Params<CompareParams>,
) -> Result<Response, ApiError> {
    let a = find(&api, &tenant, &params.a).await?;
    let b = find(&api, &tenant, &params.b).await?;
    json(move || {
        let spans = compare_traces(&a.spans, &b.spans);
        let count = |change| spans.iter().filter(|span| span.change == change).count();
        serde_json::to_vec(&TracesCompared {
            a: Text(a.trace_id),
            b: Text(b.trace_id),
            same: count(Change::Same),
            changed: count(Change::Changed),
            added: count(Change::Added),
            removed: count(Change::Removed),
            truncated: a.truncated || b.truncated,
            spans: spans.iter().map(span).collect(),
        })
    })
    .await
}

#[derive(Debug, Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CompareSetsParams {
    /// TraceQL that finds the first set; empty finds every trace.
    #[serde(default)]
    #[param(required = false)]
    a: String,
    /// TraceQL that finds the second set.
    #[serde(default)]
    #[param(required = false)]
    b: String,
    /// Time range of both, unless they have their own.
    start: Option<String>,
    end: Option<String>,
    a_start: Option<String>,
    a_end: Option<String>,
    b_start: Option<String>,
    b_end: Option<String>,
    /// Traces of each set, the newest: 1,000 when left out, at most 10,000.
    limit: Option<usize>,
}

/// Two sets of traces side by side.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SetsCompared<'a> {
    pub a: SetSize,
    pub b: SetSize,
    /// Those first whose time per trace differs most.
    pub operations: Vec<OperationCompared<'a>>,
    pub stats: Stats,
}

#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[schema(as = TraceSetSize)]
pub struct SetSize {
    pub traces: u64,
    /// There are more traces than were looked at.
    pub more: bool,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct OperationCompared<'a> {
    pub service: &'a str,
    pub name: &'a str,
    pub a: Operation,
    pub b: Operation,
}

/// An operation in one set. Durations are nanoseconds; percentiles are exact: the least duration that so many percent do not exceed.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[schema(as = OperationComparedSide)]
pub struct Operation {
    /// Traces that have such a span.
    pub traces: u64,
    pub spans: u64,
    pub errors: u64,
    #[schema(value_type = String)]
    pub duration_sum: Decimal,
    #[schema(value_type = String)]
    pub duration_min: Decimal,
    #[schema(value_type = String)]
    pub duration_max: Decimal,
    #[schema(value_type = String)]
    pub duration_p50: Decimal,
    #[schema(value_type = String)]
    pub duration_p90: Decimal,
    #[schema(value_type = String)]
    pub duration_p99: Decimal,
}

impl From<trace::OperationSide> for Operation {
    fn from(side: trace::OperationSide) -> Operation {
        Operation {
            traces: side.traces,
            spans: side.spans,
            errors: side.errors,
            duration_sum: Decimal(side.duration_sum),
            duration_min: Decimal(side.duration_min),
            duration_max: Decimal(side.duration_max),
            duration_p50: Decimal(side.duration_p50),
            duration_p90: Decimal(side.duration_p90),
            duration_p99: Decimal(side.duration_p99),
        }
    }
}

/// Two sets of traces side by side, by operation: how often, how long, how often failed. All spans of the traces count.
#[utoipa::path(get, path = "/api/v1/traces/compare/sets", tag = "query",
    params(CompareSetsParams, ("X-Scope-OrgID" = Option<String>, Header, description = "Tenant; `default` when left out")),
    responses(
        (status = 200, description = "The operations of both", body = SetsCompared),
        (status = 400, description = "Not a query or a time", body = ErrorBody),
        (status = 429, description = "Too many queries wait", body = ErrorBody),
        (status = 500, description = "The query failed", body = ErrorBody),
        (status = 503, description = "Starting or stopping", body = ErrorBody),
        (status = 504, description = "The query took too long", body = ErrorBody)))]
pub async fn sets(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    Params(params): Params<CompareSetsParams>,
) -> Result<Response, ApiError> {
    let now = api.now();
    let set = |query: String, start: Option<String>, end: Option<String>| {
        let common = SetParams { query, limit: params.limit, ..SetParams::default() };
        let mut set = common.set(now)?;
        set.start = time("start", start.or_else(|| params.start.clone()), now)?;
        set.end = time("end", end.or_else(|| params.end.clone()), now)?;
        Ok::<_, ApiError>(set)
    };
    let a = set(params.a.clone(), params.a_start.clone(), params.a_end.clone())?;
    let b = set(params.b.clone(), params.b_start.clone(), params.b_end.clone())?;
    let page = api.ready_product()?.engine.compare_trace_sets(&tenant, a, b).await?;
    let size = |size: trace::SetSize| SetSize { traces: size.traces, more: size.more };
    json(move || {
        let operations = page.operations.iter().map(|one| OperationCompared {
            service: &one.service,
            name: &one.name,
            a: one.a.into(),
            b: one.b.into(),
        });
        serde_json::to_vec(&SetsCompared {
            a: size(page.a),
            b: size(page.b),
            operations: operations.collect(),
            stats: Stats::from(&page.stats),
        })
    })
    .await
}
