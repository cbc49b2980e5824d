//! The service map: who calls whom, how often, how fast, with what failures.

use super::{Cells, Durations, ask, quoted, window, within};
use crate::{Error, QueryEngine, QueryStats, StatsSnapshot};
use arrow::datatypes::DataType;
use binnacle_storage::model::{TenantId, Timestamp};
use binnacle_storage::rollup::{OUTSIDE, SUM_PRECISION};
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Debug, Clone)]
pub struct ServiceMapRequest {
    pub start: Timestamp,
    pub end: Timestamp,
    /// Only the calls from and to this service.
    pub service: Option<String>,
}

#[derive(Debug)]
pub struct ServiceMap {
    /// The window, in whole minutes.
    pub start: Timestamp,
    pub end: Timestamp,
    /// By name.
    pub nodes: Vec<MapNode>,
    /// By caller and callee.
    pub edges: Vec<MapEdge>,
    pub stats: StatsSnapshot,
}

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NodeKind {
    /// It sends spans.
    Service,
    Database,
    Queue,
    /// Called, but sends no spans.
    External,
    /// Where calls come from that have no caller.
    User,
}

#[derive(Debug, Clone)]
pub struct MapNode {
    pub name: String,
    pub kind: NodeKind,
    /// Calls to it.
    pub count: i64,
    pub errors: i64,
    /// Of these calls, as it measured them; as their callers did where it sends no spans.
    pub durations: Durations,
}

#[derive(Debug, Clone)]
pub struct MapEdge {
    pub caller: String,
    pub callee: String,
    /// `rpc`, `messaging` or `database`.
    pub connection_type: String,
    /// Which sides sent spans: `both`, `caller` or `callee`.
    pub instrumented: String,
    pub count: i64,
    pub errors: i64,
    pub client: Durations,
    pub server: Durations,
}

impl QueryEngine {
    /// The calls between `tenant`'s services in a window, and to what they call.
    pub async fn service_map(
        &self,
        tenant: &TenantId,
        request: ServiceMapRequest,
    ) -> Result<ServiceMap, Error> {
        let range = window(request.start, request.end)?;
        let of_service = request.service.as_deref().map_or(String::new(), |service| {
            let service = quoted(service);
            format!(" AND (caller = {service} OR callee = {service})")
        });
        let query = format!(
            "SELECT caller, callee, connection_type, instrumented, sum(count), sum(errors), \
             sum(client_count), sum(client_duration_sum), histogram_sum(client_histogram), \
             sum(server_count), sum(server_duration_sum), histogram_sum(server_histogram) \
             FROM edges WHERE {}{of_service} GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4",
            within("minute", range),
        );
        let stats = Arc::new(QueryStats::new());
        let answers = ask(self, tenant, stats.clone(), vec![query]).await?;
        let mut edges = Vec::new();
        for batch in answers.iter().flatten() {
            read(batch, &mut edges)?;
        }
        let (start, end) = (range.start(), range.end());
        Ok(ServiceMap { start, end, nodes: nodes(&edges), edges, stats: stats.snapshot() })
    }
}

fn read(batch: &arrow::record_batch::RecordBatch, edges: &mut Vec<MapEdge>) -> Result<(), Error> {
    use DataType::{Binary, Int64, Utf8};
    let sum = || DataType::Decimal128(SUM_PRECISION, 0);
    let types = [Utf8, Utf8, Utf8, Utf8, Int64, Int64, Int64, sum(), Binary, Int64, sum(), Binary];
    let cells = Cells::of(batch, &types)?;
    for row in 0..batch.num_rows() {
        let durations = |at: usize| {
            let mut durations = Durations::default();
            let added =
                durations.add(cells.int(at, row), cells.sum(at + 1, row), cells.bytes(at + 2, row));
            added.map(|()| durations)
        };
        edges.push(MapEdge {
            caller: cells.text(0, row),
            callee: cells.text(1, row),
            connection_type: cells.text(2, row),
            instrumented: cells.text(3, row),
            count: cells.int(4, row),
            errors: cells.int(5, row),
            client: durations(6)?,
            server: durations(9)?,
        });
    }
    Ok(())
}

/// What the edges connect. A name that sends spans anywhere is a service everywhere.
fn nodes(edges: &[MapEdge]) -> Vec<MapNode> {
    let mut nodes: BTreeMap<&str, MapNode> = BTreeMap::new();
    for edge in edges {
        let peer = match edge.connection_type.as_str() {
            "database" => NodeKind::Database,
            "messaging" => NodeKind::Queue,
            _ => NodeKind::External,
        };
        let caller = match edge.instrumented.as_str() {
            "callee" if edge.caller == OUTSIDE => NodeKind::User,
            "callee" => peer,
            _ => NodeKind::Service,
        };
        let callee = if edge.instrumented == "caller" { peer } else { NodeKind::Service };
        node(&mut nodes, &edge.caller, caller);
        let node = node(&mut nodes, &edge.callee, callee);
        node.count += edge.count;
        node.errors += edge.errors;
        let is_measured = edge.instrumented != "caller";
        node.durations.merge(if is_measured { &edge.server } else { &edge.client });
    }
    nodes.into_values().collect()
}

fn node<'a, 'b>(
    nodes: &'b mut BTreeMap<&'a str, MapNode>,
    name: &'a str,
    kind: NodeKind,
) -> &'b mut MapNode {
    let node = nodes.entry(name).or_insert_with(|| MapNode {
        name: name.to_owned(),
        kind,
        count: 0,
        errors: 0,
        durations: Durations::default(),
    });
    node.kind = node.kind.min(kind);
    node
}
