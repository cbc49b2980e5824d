//! `GET /api/v1/traces/flame-graph`, `…/critical-path` and `…/{id}/flame-graph`: where the time of traces goes.

use super::Api;
use super::error::{ApiError, ErrorBody};
use super::record::Decimal;
use super::render::Stats;
use super::request::{Params, PathText, Tenant};
use super::trace::{find, json};
use super::trace_set::SetParams;
use axum::extract::State;
use axum::response::Response;
use binnacle_query::StatsSnapshot;
use binnacle_query::trace::{self, FlameTime, flame};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which time is counted.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Time {
    /// All time; work done side by side counts as often as it was done.
    #[default]
    All,
    /// The critical path: each moment of a trace belongs to one span.
    CriticalPath,
}

#[derive(Debug, Clone, Copy, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FlameParams {
    /// `all` when left out.
    #[serde(default)]
    #[param(required = false, inline)]
    time: Time,
}

/// A flame graph.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FlameGraph<'a> {
    /// Depth first: parents before children, children of one parent by total time, the longest first.
    pub nodes: Vec<FlameNode<'a>>,
    pub traces: u64,
    /// There are more traces than were looked at, or more paths than there are nodes.
    pub truncated: bool,
    pub stats: Stats,
}

/// The spans with one path of services and operations from the root.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FlameNode<'a> {
    /// Place in `nodes` of the node above; null for a root.
    pub parent: Option<usize>,
    pub service: &'a str,
    pub name: &'a str,
    /// Spans of this path; on the critical path, those that are on it themselves.
    pub spans: u64,
    /// Of those, with an error status.
    pub errors: u64,
    /// Nanoseconds in these spans alone, not in spans below them.
    #[schema(value_type = String)]
    pub self_time: Decimal,
    /// Nanoseconds in these spans; on the critical path, in them and the spans below.
    #[schema(value_type = String)]
    pub total_time: Decimal,
}

fn graph<'a>(flame: &'a trace::Flame, more: bool, stats: &StatsSnapshot) -> FlameGraph<'a> {
    let node = |node: &'a trace::FlameNode| FlameNode {
        parent: node.parent,
        service: &node.service,
        name: &node.name,
        spans: node.spans,
        errors: node.errors,
        self_time: Decimal(node.self_time),
        total_time: Decimal(node.total_time),
    };
    FlameGraph {
        nodes: flame.nodes.iter().map(node).collect(),
        traces: flame.traces,
        truncated: more || flame.truncated,
        stats: Stats::from(stats),
    }
}

/// Where the time of the newest traces goes that a query finds, by path of services and operations.
#[utoipa::path(get, path = "/api/v1/traces/flame-graph", tag = "query",
    params(SetParams, ("X-Scope-OrgID" = Option<String>, Header, description = "Tenant; `default` when left out")),
    responses(
        (status = 200, description = "The flame graph", body = FlameGraph),
        (status = 400, description = "Not a query or a time", body = ErrorBody),
        (status = 429, description = "Too many queries wait", body = ErrorBody),
        (status = 500, description = "The query failed", body = ErrorBody),
        (status = 503, description = "Starting or stopping", body = ErrorBody),
        (status = 504, description = "The query took too long", body = ErrorBody)))]
pub async fn flame_graph(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    Params(params): Params<SetParams>,
) -> Result<Response, ApiError> {
    let set = params.set(api.now())?;
    let engine = &api.ready_product()?.engine;
    let page = engine.trace_flame(&tenant, set, FlameTime::All).await?;
    json(move || serde_json::to_vec(&graph(&page.flame, page.more, &page.stats))).await
}

/// Where the newest traces that a query finds were held up: the time on their critical paths, by path of services and operations.
///
/// Each moment of a root span belongs to one span, so the total times add up to how long the roots took.
#[utoipa::path(get, path = "/api/v1/traces/critical-path", tag = "query",
    params(SetParams, ("X-Scope-OrgID" = Option<String>, Header, description = "Tenant; `default` when left out")),
    responses(
        (status = 200, description = "The flame graph", body = FlameGraph),
        (status = 400, description = "Not a query or a time", body = ErrorBody),
        (status = 429, description = "Too many queries wait", body = ErrorBody),
        (status = 500, description = "The query failed", body = ErrorBody),
        (status = 503, description = "Starting or stopping", body = ErrorBody),
        (status = 504, description = "The query took too long", body = ErrorBody)))]
pub async fn critical_path(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    Params(params): Params<SetParams>,
) -> Result<Response, ApiError> {
    let set = params.set(api.now())?;
    let engine = &api.ready_product()?.engine;
    let page = engine.trace_flame(&tenant, set, FlameTime::CriticalPath).await?;
    json(move || serde_json::to_vec(&graph(&page.flame, page.more, &page.stats))).await
}

/// Where the time of one trace went, by path of services and operations.
#[utoipa::path(get, path = "/api/v1/traces/{trace_id}/flame-graph", tag = "query",
    params(("trace_id" = String, Path, description = "32 hex digits"), FlameParams,
        ("X-Scope-OrgID" = Option<String>, Header, description = "Tenant; `default` when left out")),
    responses(
        (status = 200, description = "The flame graph", body = FlameGraph),
        (status = 400, description = "Not a trace id", body = ErrorBody),
        (status = 404, description = "Nothing with this trace id is stored", body = ErrorBody),
        (status = 429, description = "Too many queries wait", body = ErrorBody),
        (status = 500, description = "The query failed", body = ErrorBody),
        (status = 503, description = "Starting or stopping", body = ErrorBody),
        (status = 504, description = "The query took too long", body = ErrorBody)))]
pub async fn of_trace(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    PathText(id): PathText,
    Params(params): Params<FlameParams>,
) -> Result<Response, ApiError> {
    let trace = find(&api, &tenant, &id).await?;
    let time = match params.time {
        Time::All => FlameTime::All,
        Time::CriticalPath => FlameTime::CriticalPath,
    };
    json(move || {
        let flame = flame(&trace.spans, time);
        serde_json::to_vec(&graph(&flame, trace.truncated, &trace.stats))
    })
    .await
}
