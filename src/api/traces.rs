//! `GET /api/v1/traces`: traces found by TraceQL, newest first, page by page.

use super::Api;
use super::error::{ApiError, ErrorBody};
use super::events;
use super::progress::{PARTS_WAITING, progress};
use super::record::{Decimal, Name, STATUS_CODES, Text};
use super::render::Stats;
use super::request::{Params, Tenant};
use super::trace::json;
use super::trace_set::{nanos, time};
use super::value::JsonAttributes;
use axum::extract::State;
use axum::response::Response;
use binnacle_query::traceql;
use binnacle_query::{QueryEngine, TracePage, TraceRequest};
use binnacle_storage::model::{SpanId, TenantId, TraceId};
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use tokio::sync::mpsc;
use utoipa::{IntoParams, ToSchema};

/// What to search for.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TraceParams {
    /// TraceQL; empty finds every trace. See query/LANGUAGE.md.
    #[serde(default)]
    #[param(
        required = false,
        example = "{ resource.service.name = \"checkout\" && status = error }"
    )]
    query: String,
    /// Only traces with a span in question that starts at or after this time: Unix ns, RFC 3339, `now`, or a duration
    /// before now such as `-15m`.
    start: Option<String>,
    /// Only traces with a span in question that starts before this time.
    end: Option<String>,
    /// Only traces that take at least this long as a whole, such as `500ms`.
    duration_min: Option<String>,
    /// Only traces that take at most this long as a whole.
    duration_max: Option<String>,
    /// Traces of this page: 20 when left out, at most 1,000.
    limit: Option<usize>,
    /// Spans shown of each set: 3 when left out.
    spans: Option<usize>,
    /// Where the page before ended, as it said; the other parameters must be the same as then.
    cursor: Option<String>,
    /// `true` sends traces as server-sent events as they are found; so does `Accept: text/event-stream`.
    #[serde(default)]
    #[param(required = false)]
    stream: bool,
}

/// The event `traces`: found since the one before.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TracesPart<'a> {
    pub traces: Vec<FoundTrace<'a>>,
    pub stats: Stats,
}

/// The event `end`, the last.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TracesEnd<'a> {
    /// Asks for the next page; null when this is the last.
    pub cursor: Option<&'a str>,
    pub stats: Stats,
}

/// One page of traces.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Traces<'a> {
    /// Newest first.
    pub traces: Vec<FoundTrace<'a>>,
    /// Asks for the next page; null when this is the last.
    pub cursor: Option<&'a str>,
    pub stats: Stats,
}

/// A trace that matches.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FoundTrace<'a> {
    #[schema(value_type = String, example = "5b8aa5a2d2c872e8321cf37308d69df2")]
    pub trace_id: Text<TraceId>,
    /// Of the earliest span without a parent; null when none is stored.
    pub root_service: Option<&'a str>,
    pub root_name: Option<&'a str>,
    /// Of the earliest span, Unix ns.
    #[schema(value_type = String, example = "1700000000000000000")]
    pub start_time: Decimal,
    /// Nanoseconds up to the end of the span that ends last.
    #[schema(value_type = String, example = "1500000")]
    pub duration: Decimal,
    /// The sets of spans that the query leaves.
    pub sets: Vec<FoundSet<'a>>,
    /// Spans whose parent is not (or not yet) stored.
    pub orphans: u64,
    /// Spans and errors by service.
    pub services: BTreeMap<&'a str, FoundService>,
}

/// A set of spans that the query leaves.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FoundSet<'a> {
    /// What the query computed of the set, by its text.
    #[schema(value_type = Object)]
    pub attributes: JsonAttributes<'a>,
    /// Spans of the set.
    pub matched: usize,
    /// The first of them.
    pub spans: Vec<FoundSpan<'a>>,
}

/// A span of a set.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FoundSpan<'a> {
    #[schema(value_type = String, example = "051581bf3cb55c13")]
    pub span_id: Text<SpanId>,
    pub service: &'a str,
    pub name: &'a str,
    /// Unix ns.
    #[schema(value_type = String)]
    pub start_time: Decimal,
    /// Nanoseconds.
    #[schema(value_type = String)]
    pub duration: Decimal,
    /// `unset`, `ok` or `error`; a number that has no name stays one.
    #[schema(example = "error")]
    pub status: Name,
    /// The fields that the query names, by their text.
    #[schema(value_type = Object)]
    pub attributes: JsonAttributes<'a>,
}

/// What one service recorded of a trace.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct FoundService {
    pub spans: u64,
    pub errors: u64,
}

impl<'a> From<&'a TracePage> for Traces<'a> {
    fn from(page: &'a TracePage) -> Self {
        Traces {
            traces: page.traces.iter().map(FoundTrace::from).collect(),
            cursor: page.cursor.as_deref(),
            stats: Stats::from(&page.stats),
        }
    }
}

impl<'a> From<&'a traceql::TraceMatch> for FoundTrace<'a> {
    fn from(found: &'a traceql::TraceMatch) -> Self {
        let service = |(name, stats): (&'a String, &traceql::ServiceStats)| {
            (name.as_str(), FoundService { spans: stats.spans, errors: stats.errors })
        };
        FoundTrace {
            trace_id: Text(found.trace_id),
            root_service: found.root_service.as_deref(),
            root_name: found.root_name.as_deref(),
            start_time: Decimal(found.start_time.0),
            duration: Decimal(found.duration),
            sets: found.sets.iter().map(FoundSet::from).collect(),
            orphans: found.orphans,
            services: found.services.iter().map(service).collect(),
        }
    }
}

impl<'a> From<&'a traceql::SpansetMatch> for FoundSet<'a> {
    fn from(set: &'a traceql::SpansetMatch) -> Self {
        FoundSet {
            attributes: JsonAttributes(&set.attributes),
            matched: set.matched,
            spans: set.spans.iter().map(FoundSpan::from).collect(),
        }
    }
}

impl<'a> From<&'a traceql::MatchedSpan> for FoundSpan<'a> {
    fn from(span: &'a traceql::MatchedSpan) -> Self {
        FoundSpan {
            span_id: Text(span.span_id),
            service: &span.service,
            name: &span.name,
            start_time: Decimal(span.start_time.0),
            duration: Decimal(span.duration),
            status: Name { names: STATUS_CODES, number: span.status_code },
            attributes: JsonAttributes(&span.attributes),
        }
    }
}

/// Searches traces, newest first.
///
/// As a stream of events: `traces` (`TracesPart`) whenever some are found, then `end` (`TracesEnd`), or `error` (`ErrorBody`) when
/// the search fails midway.
#[utoipa::path(get, path = "/api/v1/traces", tag = "query",
    params(TraceParams, ("X-Scope-OrgID" = Option<String>, Header, description = "Tenant; `default` when left out")),
    responses(
        (status = 200, description = "One page of traces", body = Traces),
        (status = 400, description = "Not a query, a time or a cursor", body = ErrorBody),
        (status = 422, description = "The query needs more memory than it may have", body = ErrorBody),
        (status = 429, description = "Too many queries wait", body = ErrorBody),
        (status = 500, description = "The query failed", body = ErrorBody),
        (status = 503, description = "Starting or stopping", body = ErrorBody),
        (status = 504, description = "The query took too long", body = ErrorBody)))]
pub async fn traces(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    Params(params): Params<TraceParams>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let streamed = params.stream || events::wanted(&headers);
    let product = api.ready_product()?;
    let now = api.now();
    let request = TraceRequest {
        query: params.query,
        start: time("start", params.start, now)?,
        end: time("end", params.end, now)?,
        limit: params.limit,
        spans_per_set: params.spans,
        duration_min: nanos("duration_min", params.duration_min)?,
        duration_max: nanos("duration_max", params.duration_max)?,
        cursor: params.cursor,
    };
    if streamed {
        return stream(product.engine.clone(), tenant, request).await;
    }
    let page = product.engine.traces(&tenant, request).await?;
    json(move || serde_json::to_vec(&Traces::from(&page))).await
}

async fn stream(
    engine: QueryEngine,
    tenant: TenantId,
    request: TraceRequest,
) -> Result<Response, ApiError> {
    let (sender, receiver) = mpsc::channel(PARTS_WAITING);
    let work = async move { engine.traces_as_found(&tenant, request, sender).await };
    let render = |found: &traceql::TracesFound| {
        let traces = found.traces.iter().map(FoundTrace::from).collect();
        events::event("traces", &TracesPart { traces, stats: Stats::from(&found.stats) })
    };
    let end = |page: &TracePage| {
        let (cursor, stats) = (page.cursor.as_deref(), Stats::from(&page.stats));
        events::event("end", &TracesEnd { cursor, stats })
    };
    events::answer(progress(receiver, work), render, end).await
}
