//! Spans and exemplars, owned, as they stand in a trace.

use crate::series::Series;
use crate::value::{Attributes, Resource, Scope, SpanEvent, SpanLink};
use binnacle_storage::batch::NumberValue;
use binnacle_storage::model::{SeriesId, SpanId, Timestamp, TraceId};
use std::sync::Arc;

/// One span with everything that was stored of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    pub trace_id: TraceId,
    pub span_id: SpanId,
    pub parent_span_id: Option<SpanId>,
    pub trace_state: String,
    pub flags: u32,
    pub service: String,
    pub name: String,
    /// OTLP's `SpanKind` number.
    pub kind: i32,
    pub start_time: Timestamp,
    /// Nanoseconds; negative when the sender's end lies before its start.
    pub duration: i64,
    /// OTLP's `StatusCode` number.
    pub status_code: i32,
    pub status_message: String,
    /// Sorted by key.
    pub attributes: Attributes,
    pub dropped_attributes_count: u32,
    pub events: Vec<SpanEvent>,
    pub dropped_events_count: u32,
    pub links: Vec<SpanLink>,
    pub dropped_links_count: u32,
    /// Shared by all spans of the trace that have the same one.
    pub resource: Arc<Resource>,
    pub scope: Arc<Scope>,
    pub ingested_at: Timestamp,
    /// How many spans it stands for, itself included, where others were thinned out.
    pub weight: u32,
}

impl Span {
    /// `start_time + duration`, stopping at the ends of time.
    pub fn end_time(&self) -> Timestamp {
        Timestamp(self.start_time.0.saturating_add(self.duration))
    }
}

/// A measurement that was recorded inside the trace, with the series it belongs to.
#[derive(Debug, Clone, PartialEq)]
pub struct Exemplar {
    pub series_id: SeriesId,
    pub time: Timestamp,
    /// Time of the data point that carried it.
    pub point_time: Timestamp,
    pub value: Option<NumberValue>,
    pub span_id: Option<SpanId>,
    /// The attributes the series left out.
    pub attributes: Attributes,
    /// `None` when the series' row is not stored (any more).
    pub series: Option<Arc<Series>>,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A span of trace 1; ids are one byte, parent 0 is none.
    pub(crate) fn span(id: u8, parent: u8, start: i64, end: i64) -> Span {
        let span_id = |byte: u8| SpanId([0, 0, 0, 0, 0, 0, 0, byte]);
        Span {
            trace_id: TraceId([1; 16]),
            span_id: span_id(id),
            parent_span_id: (parent > 0).then(|| span_id(parent)),
            trace_state: String::new(),
            flags: 0,
            service: "service".to_owned(),
            name: format!("span {id}"),
            kind: 1,
            start_time: Timestamp(start),
            duration: end - start,
            status_code: 0,
            status_message: String::new(),
            attributes: Vec::new(),
            dropped_attributes_count: 0,
            events: Vec::new(),
            dropped_events_count: 0,
            links: Vec::new(),
            dropped_links_count: 0,
            resource: Arc::default(),
            scope: Arc::default(),
            ingested_at: Timestamp(0),
            weight: 1,
        }
    }
}
