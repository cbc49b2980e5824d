//! Borrowed rows: what a decoder hands to a batch, one record at a time.

use crate::model::{Attribute, SeriesId, SpanId, Timestamp, TraceId};

/// One span. Lists of messages are protobuf bytes as sent, already checked.
#[derive(Debug, Clone, Copy)]
pub struct SpanRow<'a> {
    pub trace_id: TraceId,
    pub span_id: SpanId,
    pub parent_span_id: Option<SpanId>,
    pub trace_state: &'a str,
    pub flags: u32,
    pub name: &'a str,
    pub kind: i32,
    pub start_time: Timestamp,
    pub end_time: Timestamp,
    pub status_code: i32,
    pub status_message: &'a str,
    pub dropped_attributes_count: u32,
    pub dropped_events_count: u32,
    pub dropped_links_count: u32,
    pub attributes: &'a [Attribute<'a>],
    /// `Span.Event` messages.
    pub events: &'a [&'a [u8]],
    /// `Span.Link` messages.
    pub links: &'a [&'a [u8]],
}

/// Where a log record's time came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeOrigin {
    /// The sender set `time_unix_nano`.
    Sent = 0,
    /// `time_unix_nano` was 0, so `observed_time_unix_nano` stands for it.
    Observed = 1,
    /// Both were 0, so the arrival time stands for it.
    Ingested = 2,
}

/// One log record.
#[derive(Debug, Clone, Copy)]
pub struct LogRow<'a> {
    pub time: Timestamp,
    pub time_origin: TimeOrigin,
    /// `None` when the sender left it 0.
    pub observed_time: Option<Timestamp>,
    pub trace_id: Option<TraceId>,
    pub span_id: Option<SpanId>,
    pub flags: u32,
    pub severity_number: i32,
    pub severity_text: &'a str,
    pub event_name: &'a str,
    /// The body to search: the string itself, or the text of any other kind of body. `None` without a body.
    pub body: Option<&'a str>,
    /// The `AnyValue` message of a body that is not a string.
    pub body_value: Option<&'a [u8]>,
    pub dropped_attributes_count: u32,
    pub attributes: &'a [Attribute<'a>],
}

/// One series: everything about a metric's stream that its data points share.
#[derive(Debug, Clone, Copy)]
pub struct SeriesRow<'a> {
    pub series_id: SeriesId,
    /// Time of the data point it was first seen with in this request.
    pub time: Timestamp,
    pub name: &'a str,
    pub description: &'a str,
    pub unit: &'a str,
    /// `gauge`, `sum`, `histogram`, `exponential_histogram` or `summary`; of Prometheus's senders also `native_histogram` and
    /// `metadata` (see `FORMAT.md`).
    pub kind: &'static str,
    /// OTLP's `AggregationTemporality` number; `None` for gauges and summaries.
    pub temporality: Option<i32>,
    /// Only for sums.
    pub is_monotonic: Option<bool>,
    /// `Metric.metadata`: a stored list of `KeyValue` (see [`crate::model::wire::attributes`]); may be empty.
    pub metadata: &'a [u8],
    /// The data points' attributes.
    pub attributes: &'a [Attribute<'a>],
}

/// A number as sent; integers and doubles stay apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum NumberValue {
    Int(i64),
    Double(f64),
}

/// One data point of any kind.
#[derive(Debug, Clone, Copy, Default)]
pub struct MetricPointRow<'a> {
    pub series_id: SeriesId,
    pub time: Timestamp,
    /// `None` when the sender left it 0.
    pub start_time: Option<Timestamp>,
    pub flags: u32,
    /// Gauges and sums; `None` for a point with the no-recorded-value flag.
    pub value: Option<NumberValue>,
    /// Histograms and summaries.
    pub count: Option<u64>,
    pub sum: Option<f64>,
    pub min: Option<f64>,
    pub max: Option<f64>,
    /// Histograms with explicit bounds (see [`crate::model::distribution`]).
    pub bucket_counts: Option<&'a str>,
    pub explicit_bounds: Option<&'a str>,
    /// Histograms and summaries: what no column says of the OTLP data point (see [`crate::model::distribution`]); or the
    /// `Histogram` message of remote write without its times.
    pub distribution: Option<&'a [u8]>,
}

/// One exemplar of a data point.
#[derive(Debug, Clone, Copy)]
pub struct ExemplarRow<'a> {
    pub series_id: SeriesId,
    pub time: Timestamp,
    /// Time of the data point that carried it.
    pub point_time: Timestamp,
    pub value: Option<NumberValue>,
    pub trace_id: Option<TraceId>,
    pub span_id: Option<SpanId>,
    /// `filtered_attributes`.
    pub attributes: &'a [Attribute<'a>],
}
