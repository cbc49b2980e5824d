//! `GET /api/v1/red` and `GET /api/v1/service-map`: golden signals, and who calls whom.

use super::Api;
use super::error::{ApiError, ErrorBody};
use super::record::{Decimal, KINDS, Name};
use super::render::Stats;
use super::request::{Params, Tenant, parse_time};
use super::trace::json;
use axum::extract::State;
use axum::response::Response;
use binnacle_query::red::{
    By, Durations, MapEdge, MapNode, NodeKind, Operation, Red, RedRequest, ServiceMap,
    ServiceMapRequest,
};
use binnacle_storage::model::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use utoipa::{IntoParams, ToSchema};

/// How far back a window reaches that has no start.
const WINDOW_DEFAULT: Duration = Duration::from_secs(3600);

/// What golden signals are asked of.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RedParams {
    /// From when: Unix ns, RFC 3339, `now`, or a duration before now such as `-15m`; an hour before `end` when left out.
    start: Option<String>,
    /// Until when; now when left out. The window is widened to whole minutes.
    end: Option<String>,
    /// Only this service.
    service: Option<String>,
    /// `service` (when left out) or `operation`: service, span name and kind.
    by: Option<String>,
}

/// What the map is drawn of.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MapParams {
    /// From when: Unix ns, RFC 3339, `now`, or a duration before now such as `-15m`; an hour before `end` when left out.
    start: Option<String>,
    /// Until when; now when left out. The window is widened to whole minutes.
    end: Option<String>,
    /// Only the calls from and to this service.
    service: Option<String>,
}

/// Golden signals of a window.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct GoldenSignals<'a> {
    /// The whole minutes that were counted, Unix ns; the end is not in it.
    #[schema(value_type = String)]
    pub start: Decimal,
    #[schema(value_type = String)]
    pub end: Decimal,
    /// The busiest first.
    pub signals: Vec<Signals<'a>>,
    pub stats: Stats,
}

/// Traffic, errors, latency and saturation of a service or an operation.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Signals<'a> {
    pub service: &'a str,
    /// Span name and kind, of an operation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<Name>,
    /// What is counted of a service: its `requests` (server and consumer spans), or its `spans` where it has no requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "requests")]
    pub counted: Option<&'static str>,
    pub count: i64,
    pub errors: i64,
    pub rate_per_second: f64,
    /// Errors ÷ count.
    pub error_ratio: f64,
    /// Latency of what succeeded.
    pub success: Latency,
    /// Latency of what failed.
    pub error: Latency,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slowest_trace_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slowest_failed_trace_id: Option<&'a str>,
    /// Gauges between 0 and 1 that the service sends (metrics named `….utilization`).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub saturation: Vec<Utilization<'a>>,
}

/// Durations in nanoseconds; the mean is exact, quantiles are within 1/128 (0.79 %).
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Latency {
    pub count: i64,
    #[schema(value_type = Option<String>, example = "1500000")]
    pub mean: Option<Decimal>,
    #[schema(value_type = Option<String>)]
    pub p50: Option<Decimal>,
    #[schema(value_type = Option<String>)]
    pub p90: Option<Decimal>,
    #[schema(value_type = Option<String>)]
    pub p95: Option<Decimal>,
    #[schema(value_type = Option<String>)]
    pub p99: Option<Decimal>,
    #[schema(value_type = Option<String>)]
    pub p999: Option<Decimal>,
}

/// How full a resource was.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Utilization<'a> {
    #[schema(example = "process.cpu.utilization")]
    pub metric: &'a str,
    pub mean: f64,
    pub max: f64,
}

/// Who calls whom.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Map<'a> {
    /// The whole minutes that were counted, Unix ns; the end is not in it.
    #[schema(value_type = String)]
    pub start: Decimal,
    #[schema(value_type = String)]
    pub end: Decimal,
    pub nodes: Vec<Node<'a>>,
    pub edges: Vec<Edge<'a>>,
    pub stats: Stats,
}

/// A service, or what services call.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Node<'a> {
    pub name: &'a str,
    /// `service` sends spans; `database`, `queue` and `external` are called and send none; `user` is where calls without a
    /// caller come from.
    #[serde(rename = "type")]
    #[schema(example = "service")]
    pub kind: &'static str,
    /// Calls to it.
    pub count: i64,
    pub errors: i64,
    pub rate_per_second: f64,
    pub latency: Latency,
}

/// The calls of one to another.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Edge<'a> {
    pub caller: &'a str,
    pub callee: &'a str,
    /// `rpc`, `messaging` or `database`.
    pub connection_type: &'a str,
    /// Which sides sent spans: `both`, `caller` or `callee`.
    pub instrumented: &'a str,
    pub count: i64,
    /// Calls that failed on either side.
    pub errors: i64,
    pub rate_per_second: f64,
    pub error_ratio: f64,
    /// As the caller measured.
    pub client: Latency,
    /// As the callee measured.
    pub server: Latency,
}

impl From<&Durations> for Latency {
    fn from(durations: &Durations) -> Latency {
        let quantile = |q| durations.quantile(q).map(Decimal);
        Latency {
            count: durations.count,
            mean: durations.mean().map(Decimal),
            p50: quantile(0.5),
            p90: quantile(0.9),
            p95: quantile(0.95),
            p99: quantile(0.99),
            p999: quantile(0.999),
        }
    }
}

/// Length of a window in seconds.
fn seconds(start: Timestamp, end: Timestamp) -> f64 {
    end.0.saturating_sub(start.0) as f64 / 1e9
}

fn ratio(errors: i64, count: i64) -> f64 {
    if count == 0 { 0.0 } else { errors as f64 / count as f64 }
}

fn signals(operation: &Operation, seconds: f64) -> Signals<'_> {
    let count = operation.count();
    let counted = if operation.is_by_requests { "requests" } else { "spans" };
    Signals {
        service: &operation.service,
        name: operation.name.as_ref().map(|(name, _)| name.as_str()),
        kind: operation.name.as_ref().map(|(_, kind)| Name { names: KINDS, number: *kind }),
        counted: operation.name.is_none().then_some(counted),
        count,
        errors: operation.errors.count,
        rate_per_second: count as f64 / seconds,
        error_ratio: ratio(operation.errors.count, count),
        success: Latency::from(&operation.successes),
        error: Latency::from(&operation.errors),
        slowest_trace_id: operation.slowest_success.as_ref().map(|(_, id)| id.as_str()),
        slowest_failed_trace_id: operation.slowest_error.as_ref().map(|(_, id)| id.as_str()),
        saturation: operation
            .saturation
            .iter()
            .map(|of| Utilization { metric: &of.metric, mean: of.mean, max: of.max })
            .collect(),
    }
}

impl<'a> From<&'a Red> for GoldenSignals<'a> {
    fn from(red: &'a Red) -> Self {
        let seconds = seconds(red.start, red.end);
        GoldenSignals {
            start: Decimal(red.start.0),
            end: Decimal(red.end.0),
            signals: red.operations.iter().map(|operation| signals(operation, seconds)).collect(),
            stats: Stats::from(&red.stats),
        }
    }
}

fn node(node: &MapNode, seconds: f64) -> Node<'_> {
    let kind = match node.kind {
        NodeKind::Service => "service",
        NodeKind::Database => "database",
        NodeKind::Queue => "queue",
        NodeKind::External => "external",
        NodeKind::User => "user",
    };
    Node {
        name: &node.name,
        kind,
        count: node.count,
        errors: node.errors,
        rate_per_second: node.count as f64 / seconds,
        latency: Latency::from(&node.durations),
    }
}

fn edge(edge: &MapEdge, seconds: f64) -> Edge<'_> {
    Edge {
        caller: &edge.caller,
        callee: &edge.callee,
        connection_type: &edge.connection_type,
        instrumented: &edge.instrumented,
        count: edge.count,
        errors: edge.errors,
        rate_per_second: edge.count as f64 / seconds,
        error_ratio: ratio(edge.errors, edge.count),
        client: Latency::from(&edge.client),
        server: Latency::from(&edge.server),
    }
}

impl<'a> From<&'a ServiceMap> for Map<'a> {
    fn from(map: &'a ServiceMap) -> Self {
        let seconds = seconds(map.start, map.end);
        Map {
            start: Decimal(map.start.0),
            end: Decimal(map.end.0),
            nodes: map.nodes.iter().map(|of| node(of, seconds)).collect(),
            edges: map.edges.iter().map(|of| edge(of, seconds)).collect(),
            stats: Stats::from(&map.stats),
        }
    }
}

fn window(
    start: Option<&str>,
    end: Option<&str>,
    now: Timestamp,
) -> Result<(Timestamp, Timestamp), ApiError> {
    let end = end.map_or(Ok(now), |text| parse_time("end", text, now))?;
    let default = Ok(end.saturating_sub(WINDOW_DEFAULT));
    Ok((start.map_or(default, |text| parse_time("start", text, now))?, end))
}

/// Rate, errors and latency of services or operations, from rollups.
#[utoipa::path(get, path = "/api/v1/red", tag = "query",
    params(RedParams, ("X-Scope-OrgID" = Option<String>, Header, description = "Tenant; `default` when left out")),
    responses(
        (status = 200, description = "Golden signals", body = GoldenSignals),
        (status = 400, description = "Not a time, or an empty window", body = ErrorBody),
        (status = 422, description = "The query needs more memory than it may have", body = ErrorBody),
        (status = 429, description = "Too many queries wait", body = ErrorBody),
        (status = 500, description = "The query failed", body = ErrorBody),
        (status = 503, description = "Starting or stopping", body = ErrorBody),
        (status = 504, description = "The query took too long", body = ErrorBody)))]
pub async fn red(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    Params(params): Params<RedParams>,
) -> Result<Response, ApiError> {
    let product = api.ready_product()?;
    let (start, end) = window(params.start.as_deref(), params.end.as_deref(), api.now())?;
    let by = match params.by.as_deref() {
        None | Some("service") => By::Service,
        Some("operation") => By::Operation,
        Some(other) => {
            return Err(ApiError::invalid(format!("'{other}' is nothing to tell spans apart by"))
                .hint("by is service or operation"));
        }
    };
    let request = RedRequest { start, end, service: params.service, by };
    let red = product.engine.red(&tenant, request).await?;
    json(move || serde_json::to_vec(&GoldenSignals::from(&red))).await
}

/// Services, databases, queues and other peers, and the calls between them, from rollups.
#[utoipa::path(get, path = "/api/v1/service-map", tag = "query",
    params(MapParams, ("X-Scope-OrgID" = Option<String>, Header, description = "Tenant; `default` when left out")),
    responses(
        (status = 200, description = "Nodes and edges", body = Map),
        (status = 400, description = "Not a time, or an empty window", body = ErrorBody),
        (status = 422, description = "The query needs more memory than it may have", body = ErrorBody),
        (status = 429, description = "Too many queries wait", body = ErrorBody),
        (status = 500, description = "The query failed", body = ErrorBody),
        (status = 503, description = "Starting or stopping", body = ErrorBody),
        (status = 504, description = "The query took too long", body = ErrorBody)))]
pub async fn service_map(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    Params(params): Params<MapParams>,
) -> Result<Response, ApiError> {
    let product = api.ready_product()?;
    let (start, end) = window(params.start.as_deref(), params.end.as_deref(), api.now())?;
    let request = ServiceMapRequest { start, end, service: params.service };
    let map = product.engine.service_map(&tenant, request).await?;
    json(move || serde_json::to_vec(&Map::from(&map))).await
}
