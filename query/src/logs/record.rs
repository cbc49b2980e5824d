//! A log record, owned, as it stands in an answer.

use crate::value::{AnyValue, Attributes, Resource, Scope};
use binnacle_storage::batch::TimeOrigin;
use binnacle_storage::model::{SpanId, Timestamp, TraceId};
use std::sync::Arc;

/// One log record with everything that was stored of it.
#[derive(Debug, Clone, PartialEq)]
pub struct LogRecord {
    pub time: Timestamp,
    /// Whether the sender set `time`, or what stands in for it.
    pub time_origin: TimeOrigin,
    pub observed_time: Option<Timestamp>,
    pub trace_id: Option<TraceId>,
    pub span_id: Option<SpanId>,
    pub flags: u32,
    pub service: String,
    pub severity_number: i32,
    pub severity_text: String,
    pub event_name: String,
    /// `None` without a body. A body that was sent as a string is a [`AnyValue::String`].
    pub body: Option<AnyValue>,
    /// Sorted by key, so that a record reads the same wherever it is stored.
    pub attributes: Attributes,
    pub dropped_attributes_count: u32,
    /// Shared by all records of an answer that have the same one.
    pub resource: Arc<Resource>,
    pub scope: Arc<Scope>,
    pub ingested_at: Timestamp,
}
