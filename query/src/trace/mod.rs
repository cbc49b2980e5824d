//! Trace by id: everything that carries one trace id, without a time range.
//!
//! The path: the segments' sidecars say which rows have the id ([`find()`]), only those rows are read and decoded, the
//! exemplars get their series ([`crate::series`]), and the whole is put in order ([`assemble`]) with its critical path
//! ([`critical_path()`]) and what its clocks seem to be off by ([`skew`]). An id nobody has costs a probe per segment and reads no
//! file.
//!
//! Beside it stand the tools that compare traces: two of them ([`compare`]), two sets ([`operations`]), what sets some spans apart
//! ([`differences`]), and where their time goes ([`flame`]).

mod assemble;
mod compare;
mod critical_path;
mod decode;
mod differences;
mod find;
mod flame;
mod names;
mod operations;
mod skew;
mod span;
pub(crate) mod statistics;
#[cfg(test)]
mod tests;
mod tools;
pub(crate) mod tree;

pub(crate) use assemble::order_spans;
pub use compare::{Change, ChangedAttribute, ComparedSide, ComparedSpan, compare_traces};
pub use critical_path::{CriticalSegment, critical_path};
pub(crate) use critical_path::{goes_on, path as critical_steps};
pub(crate) use decode::spans as decode_spans;
pub use differences::{AttributeValue, ComparedAttribute, ComparedRanks, ComparedValue};
pub(crate) use find::Found;
pub use flame::{FLAME_NODES_MAX, Flame, FlameNode, FlameTime, flame};
pub(crate) use names::texts;
pub use names::{Calls, Operation};
pub use operations::{ComparedOperation, OperationSide};
pub use skew::{ClockSkew, clock_skew};
#[cfg(test)]
pub(crate) use span::tests::span as tests_span;
pub use span::{Exemplar, Span};
pub use tools::{Brush, DifferencesPage, DifferencesRequest, FlamePage, SetSize, SetsPage};

use crate::logs::{LogRecord, LogRows};
use crate::rows::Shared;
use crate::series::find_series;
use crate::{Error, QueryEngine, QueryStats, StatsSnapshot};
use binnacle_storage::model::{SpanId, Table, TenantId, TraceId};
use binnacle_storage::{Snapshot, Storage};
use find::find;
use std::sync::Arc;

/// Most spans of one trace in an answer. The largest traces seen in practice have some ten thousand; more are a loop that
/// never ends its trace, and would not be drawn anyway.
pub const TRACE_SPANS_MAX: usize = 100_000;

/// Most log records, and most exemplars, of one trace in an answer.
pub const TRACE_LOGS_MAX: usize = 10_000;

/// Everything that carries one trace id.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    pub trace_id: TraceId,
    /// By start time, then span id, then kind. A span stored twice is here once.
    pub spans: Vec<Span>,
    /// By time.
    pub logs: Vec<LogRecord>,
    /// By time.
    pub exemplars: Vec<Exemplar>,
    /// What the trace was waiting for, in order of time.
    pub critical_path: Vec<CriticalSegment>,
    /// Spans without a parent id.
    pub roots: usize,
    /// Spans whose parent is not (or not yet) stored.
    pub orphans: usize,
    /// Parents that spans name but that are not (or not yet) stored; sorted.
    pub missing_parents: Vec<SpanId>,
    /// Services whose clocks seem to differ from that of the trace's root; times are given as they were sent.
    pub clock_skew: Vec<ClockSkew>,
    /// There is more than the answer holds; the warnings say what.
    pub truncated: bool,
    pub stats: StatsSnapshot,
}

impl QueryEngine {
    /// Everything of `tenant` that carries `id`; `None` when nothing does.
    pub async fn trace(&self, tenant: &TenantId, id: TraceId) -> Result<Option<Trace>, Error> {
        let stats = Arc::new(QueryStats::new());
        let (storage, tenant, counted) = (self.storage().clone(), tenant.clone(), stats.clone());
        let work = async move {
            let snapshot = storage.snapshot(&tenant).await?;
            counted.warn_all(snapshot.warnings());
            collect(storage, snapshot, id, counted).await
        };
        let trace = self.run("trace", stats.clone(), |_| work).await?;
        Ok(trace.map(|trace| Trace { stats: stats.snapshot(), ..trace }))
    }
}

async fn collect(
    storage: Storage,
    snapshot: Snapshot,
    id: TraceId,
    stats: Arc<QueryStats>,
) -> Result<Option<Trace>, Error> {
    let mut shared = Shared::default();
    let mut spans = Vec::new();
    for found in found(&storage, &snapshot, Table::Spans, id, TRACE_SPANS_MAX, &stats).await? {
        keep(&mut spans, decode::spans(&found, &mut shared), &stats);
        tokio::task::yield_now().await;
    }
    let mut logs = Vec::new();
    for found in found(&storage, &snapshot, Table::Logs, id, TRACE_LOGS_MAX, &stats).await? {
        keep(&mut logs, log_records(&found, &mut shared), &stats);
    }
    let mut exemplars = Vec::new();
    for found in found(&storage, &snapshot, Table::Exemplars, id, TRACE_LOGS_MAX, &stats).await? {
        keep(&mut exemplars, decode::exemplars(&found), &stats);
    }
    if spans.is_empty() && logs.is_empty() && exemplars.is_empty() && !stats.has_warnings() {
        return Ok(None);
    }
    let ids = exemplars.iter().map(|exemplar| exemplar.series_id).collect();
    let series = find_series(&storage, &snapshot, ids, &mut shared, &stats).await?;
    for exemplar in &mut exemplars {
        exemplar.series = series.get(&exemplar.series_id).cloned();
    }
    assemble::order_spans(&mut spans);
    assemble::order_logs(&mut logs);
    assemble::order_exemplars(&mut exemplars);
    stats.add_rows_returned((spans.len() + logs.len() + exemplars.len()) as u64);
    let missing_parents = assemble::missing_parents(&spans);
    let is_orphan = |span: &&Span| {
        span.parent_span_id.is_some_and(|parent| missing_parents.binary_search(&parent).is_ok())
    };
    Ok(Some(Trace {
        trace_id: id,
        critical_path: critical_path(&spans),
        roots: spans.iter().filter(|span| span.parent_span_id.is_none()).count(),
        orphans: spans.iter().filter(is_orphan).count(),
        missing_parents,
        clock_skew: clock_skew(&spans),
        truncated: stats.is_truncated(),
        spans,
        logs,
        exemplars,
        stats: StatsSnapshot::default(),
    }))
}

/// The log records of a trace, by time.
pub(crate) async fn logs_of_trace(
    storage: &Storage,
    snapshot: &Snapshot,
    id: TraceId,
    limit: usize,
    stats: &Arc<QueryStats>,
) -> Result<Vec<LogRecord>, Error> {
    let (mut logs, mut shared) = (Vec::new(), Shared::default());
    for found in found(storage, snapshot, Table::Logs, id, limit, stats).await? {
        keep(&mut logs, log_records(&found, &mut shared), stats);
    }
    assemble::order_logs(&mut logs);
    Ok(logs)
}

/// [`find()`], with a word in the warnings when there is more than the limit.
async fn found(
    storage: &Storage,
    snapshot: &Snapshot,
    table: Table,
    id: TraceId,
    limit: usize,
    stats: &Arc<QueryStats>,
) -> Result<Vec<Found>, Error> {
    let (found, more) = find(storage, snapshot, table, id, limit, stats).await?;
    if more {
        let table = table.name();
        stats.warn(format!("the trace has more {table} than {limit}; the rest is left out"));
        stats.mark_truncated();
    }
    Ok(found)
}

fn log_records(found: &Found, shared: &mut Shared) -> Result<Vec<LogRecord>, Error> {
    let rows = LogRows::of(&found.batch)?;
    found.rows.iter().map(|&row| rows.read(row, shared)).collect()
}

/// Rows that cannot be decoded are left out with a warning; the rest of the trace is still worth having.
fn keep<T>(all: &mut Vec<T>, some: Result<Vec<T>, Error>, stats: &QueryStats) {
    match some {
        Ok(rows) => all.extend(rows),
        Err(error) => stats.warn(format!("rows that could not be decoded are left out: {error}")),
    }
}
