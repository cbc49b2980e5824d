//! Correlation without a trace id: by resource, time and shared attributes.
//!
//! A log record that carries no trace id may still belong to a trace: its resource ran one of the spans at that time. That is a
//! guess, and answers say so. Of several spans the one that shares most attributes with the record is taken, of those the
//! shortest, since the innermost span says most.

use super::ast::Query;
use super::search::{Sources, Times};
use super::{LogId, LogRecord, cursor::Cursor, page, plan};
use crate::rows::Columns;
use crate::trace::{Span, Trace};
use crate::turn::Turn;
use crate::value::{Attributes, Resource};
use crate::{Error, QueryEngine, QueryStats, sql};
use binnacle_storage::Storage;
use binnacle_storage::model::{SpanId, TenantId, TraceId};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Most records, or spans, of an answer.
pub const RELATED_MAX: usize = 100;

/// Most records, the newest, of which the best are taken.
const RECORDS_LOOKED_AT: usize = 2000;

/// Most spans, the shortest, of which the best are taken; and most traces that these are of.
const SPANS_LOOKED_AT: usize = 50;
const TRACES_LOOKED_AT: usize = 10;

/// A span that began longer before a record than this is not found.
const SPAN_NANOS_MAX: i64 = 3_600_000_000_000;

/// A log record that may belong to a trace.
#[derive(Debug, Clone, PartialEq)]
pub struct RelatedLog {
    pub record: LogRecord,
    /// The span it fits best.
    pub span_id: SpanId,
    /// Attributes of which both have the same value.
    pub shared_attributes: Vec<String>,
}

/// A span that a log record may belong to.
#[derive(Debug, Clone, PartialEq)]
pub struct RelatedSpan {
    pub span: Span,
    pub shared_attributes: Vec<String>,
}

impl QueryEngine {
    /// Records without a trace id that the resources of a trace's spans logged while these ran: those that share most
    /// attributes first, then by time.
    pub async fn related_logs(
        &self,
        tenant: &TenantId,
        trace: &Trace,
    ) -> Result<Vec<RelatedLog>, Error> {
        let mut resources: Vec<Arc<Resource>> = Vec::new();
        for span in &trace.spans {
            if !resources.iter().any(|known| Arc::ptr_eq(known, &span.resource)) {
                resources.push(span.resource.clone());
            }
        }
        let from = trace.spans.iter().map(|span| span.start_time.0).min();
        let to = trace.spans.iter().map(|span| span.end_time().0).max();
        let (Some(from), Some(to)) = (from, to) else { return Ok(Vec::new()) };
        let query = Query::And(vec![
            Query::Not(Box::new(Query::TraceId(None))),
            Query::Resource(Arc::new(resources)),
        ]);
        let stats = Arc::new(QueryStats::new());
        let (storage, tenant, counted) = (self.storage().clone(), tenant.clone(), stats.clone());
        let work = async move {
            let snapshot = storage.snapshot(&tenant).await?;
            let mut sources = Sources::of(storage, &snapshot, counted);
            let times = Times { from, to };
            let query = plan::cheap_first(query);
            page::page(&mut sources, &query, times, RECORDS_LOOKED_AT, None).await
        };
        let (records, _) = self.run("logs", stats, |_| work).await?;
        let mut related: Vec<RelatedLog> =
            records.into_iter().filter_map(|record| best_span(record, &trace.spans)).collect();
        related.sort_by(|a, b| {
            let (more, fewer) = (b.shared_attributes.len(), a.shared_attributes.len());
            more.cmp(&fewer).then_with(|| a.record.time.cmp(&b.record.time))
        });
        related.truncate(RELATED_MAX);
        Ok(related)
    }

    /// Spans that a record's resource ran at its time; `None` when the record is not stored (any more).
    pub async fn related_spans(
        &self,
        tenant: &TenantId,
        id: LogId,
    ) -> Result<Option<Vec<RelatedSpan>>, Error> {
        let stats = Arc::new(QueryStats::new());
        let found = {
            let (engine, tenant, stats) = (self.clone(), tenant.clone(), stats.clone());
            self.run("logs", stats.clone(), |turn| candidates(engine, tenant, id, stats, turn))
        };
        let Some((record, traces)) = found.await? else { return Ok(None) };
        let mut related = Vec::new();
        for trace_id in traces {
            let Some(trace) = self.trace(tenant, trace_id).await? else { continue };
            let fits = trace.spans.into_iter().filter(|span| fits(&record, span));
            related.extend(fits.map(|span| RelatedSpan {
                shared_attributes: shared(&record.attributes, &span.attributes),
                span,
            }));
        }
        related.sort_by(|a, b| {
            let key = |of: &RelatedSpan| (of.span.duration, of.span.trace_id.0, of.span.span_id.0);
            let (more, fewer) = (b.shared_attributes.len(), a.shared_attributes.len());
            more.cmp(&fewer).then_with(|| key(a).cmp(&key(b)))
        });
        related.truncate(RELATED_MAX);
        Ok(Some(related))
    }
}

/// Whether the span's resource logged the record while the span ran.
fn fits(record: &LogRecord, span: &Span) -> bool {
    let (start, end) = (span.start_time, span.end_time());
    (start..=end).contains(&record.time) && record.resource == span.resource
}

fn best_span(record: LogRecord, spans: &[Span]) -> Option<RelatedLog> {
    let fitting = spans.iter().filter(|span| fits(&record, span));
    let scored = fitting.map(|span| (shared(&record.attributes, &span.attributes), span));
    let (shared_attributes, span) = scored.min_by_key(|(shared, span)| {
        (std::cmp::Reverse(shared.len()), span.duration, span.span_id.0)
    })?;
    Some(RelatedLog { span_id: span.span_id, shared_attributes, record })
}

/// Names of the attributes of which both have the same value.
fn shared(a: &Attributes, b: &Attributes) -> Vec<String> {
    let both: BTreeSet<&String> =
        a.iter().filter(|pair| b.contains(pair)).map(|(key, _)| key).collect();
    both.into_iter().cloned().collect()
}

/// The record, and traces with a short span of its service at its time.
async fn candidates(
    engine: QueryEngine,
    tenant: TenantId,
    id: LogId,
    stats: Arc<QueryStats>,
    turn: Arc<Turn>,
) -> Result<Option<(LogRecord, Vec<TraceId>)>, Error> {
    let storage: Storage = engine.storage().clone();
    let snapshot = storage.snapshot(&tenant).await?;
    let mut sources = Sources::of(storage, &snapshot, stats.clone());
    let at = Cursor { time: id.time.0, hash: id.hash, given: 1 };
    let Some(record) = page::find(&mut sources, at).await? else { return Ok(None) };
    let query = query(&record);
    let batches = sql::rows(&engine, &tenant, snapshot, stats, turn, &query).await?;
    let mut traces: Vec<TraceId> = Vec::new();
    for batch in &batches {
        let ids = Columns(batch).fixed("trace_id")?;
        for row in 0..batch.num_rows() {
            if let Some(id) = ids.id(row).map(TraceId)
                && !traces.contains(&id)
                && traces.len() < TRACES_LOOKED_AT
            {
                traces.push(id);
            }
        }
    }
    Ok(Some((record, traces)))
}

fn query(record: &LogRecord) -> String {
    let time = record.time.0;
    let moment = |nanos: i64| format!("arrow_cast({nanos}, 'Timestamp(ns, \"UTC\")')");
    format!(
        "SELECT trace_id, span_id FROM spans WHERE service = '{}' AND start_time <= {} AND start_time >= {} \
         AND arrow_cast(start_time, 'Int64') + arrow_cast(duration, 'Int64') >= {time} \
         ORDER BY duration, trace_id, span_id LIMIT {SPANS_LOOKED_AT}",
        record.service.replace('\'', "''"),
        moment(time),
        moment(time.saturating_sub(SPAN_NANOS_MAX)),
    )
}
