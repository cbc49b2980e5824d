//! The stored tables: which columns each has, in what order its rows are sorted, what is indexed.
//!
//! Metrics make three tables, so that a data point repeats neither its series' attributes nor its exemplars. Every segment
//! holds rows of exactly one table. The names here are the SQL names and the Parquet names.

use super::Signal;

/// A stored table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    Spans,
    Logs,
    MetricPoints,
    Series,
    Exemplars,
}

/// What a column holds, and with it the Parquet type it is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    /// Unix ns; Parquet timestamp(ns, UTC).
    Timestamp,
    Int64,
    Int32,
    UInt32,
    /// Bit pattern kept in an `i64` while in a batch.
    UInt64,
    Float64,
    Bool,
    /// Fixed number of bytes.
    Fixed(usize),
    /// UTF-8; dictionary-encoded where values repeat.
    Text,
    /// Bytes; dictionary-encoded where values repeat.
    Bytes,
}

/// How many rows of its kind a row stands for, itself included, when others were thinned out ([`crate::RetentionRule`]);
/// null means one. Files of which nothing was thinned have no such column.
pub const WEIGHT_COLUMN: &str = "weight";

/// One column every segment of a table has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ColumnSpec {
    pub name: &'static str,
    pub kind: ColumnKind,
    /// A required column has a value in every row.
    pub required: bool,
}

const fn required(name: &'static str, kind: ColumnKind) -> ColumnSpec {
    ColumnSpec { name, kind, required: true }
}

const fn optional(name: &'static str, kind: ColumnKind) -> ColumnSpec {
    ColumnSpec { name, kind, required: false }
}

/// How the rows of a segment are ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortKey {
    /// Service, name, time: most questions name a service, and equal neighbours compress.
    ServiceNameTime,
    /// Errors, then warnings, then all else, each by time: what is searched for most lies close together, and the newest of all are
    /// on three pages.
    SeverityTime,
    /// Series, then time: a range query reads whole series.
    SeriesTime,
}

use ColumnKind::{Bytes, Fixed, Float64, Int32, Int64, Text, Timestamp, UInt32, UInt64};

const SPANS: &[ColumnSpec] = &[
    required("trace_id", Fixed(16)),
    required("span_id", Fixed(8)),
    optional("parent_span_id", Fixed(8)),
    optional("trace_state", Text),
    optional("flags", UInt32),
    required("service", Text),
    required("name", Text),
    required("kind", Int32),
    required("start_time", Timestamp),
    required("duration", Int64),
    required("status_code", Int32),
    optional("status_message", Text),
    optional("dropped_attributes_count", UInt32),
    optional("dropped_events_count", UInt32),
    optional("dropped_links_count", UInt32),
    optional("events", Bytes),
    optional("links", Bytes),
    required("resource", Bytes),
    required("scope", Bytes),
    required("ingested_at", Timestamp),
    optional(WEIGHT_COLUMN, UInt32),
];

const LOGS: &[ColumnSpec] = &[
    required("time", Timestamp),
    optional("time_origin", Int32),
    optional("observed_time", Timestamp),
    optional("trace_id", Fixed(16)),
    optional("span_id", Fixed(8)),
    optional("flags", UInt32),
    required("service", Text),
    required("severity_number", Int32),
    optional("severity_text", Text),
    optional("event_name", Text),
    optional("body", Text),
    optional("body_value", Bytes),
    optional("dropped_attributes_count", UInt32),
    required("resource", Bytes),
    required("scope", Bytes),
    required("ingested_at", Timestamp),
    optional(WEIGHT_COLUMN, UInt32),
];

const METRIC_POINTS: &[ColumnSpec] = &[
    required("series_id", Fixed(16)),
    required("time", Timestamp),
    optional("start_time", Timestamp),
    optional("flags", UInt32),
    optional("value", Float64),
    optional("int_value", Int64),
    optional("count", UInt64),
    optional("sum", Float64),
    optional("min", Float64),
    optional("max", Float64),
    optional("bucket_counts", Text),
    optional("explicit_bounds", Text),
    optional("distribution", Bytes),
    required("ingested_at", Timestamp),
];

const SERIES: &[ColumnSpec] = &[
    required("series_id", Fixed(16)),
    required("time", Timestamp),
    required("service", Text),
    required("name", Text),
    optional("description", Text),
    optional("unit", Text),
    required("type", Text),
    optional("temporality", Int32),
    optional("is_monotonic", ColumnKind::Bool),
    optional("metadata", Bytes),
    required("resource", Bytes),
    required("scope", Bytes),
    required("ingested_at", Timestamp),
];

const EXEMPLARS: &[ColumnSpec] = &[
    required("series_id", Fixed(16)),
    required("time", Timestamp),
    required("point_time", Timestamp),
    optional("value", Float64),
    optional("int_value", Int64),
    optional("trace_id", Fixed(16)),
    optional("span_id", Fixed(8)),
    required("ingested_at", Timestamp),
];

impl Table {
    pub const ALL: [Table; 5] =
        [Table::Spans, Table::Logs, Table::MetricPoints, Table::Series, Table::Exemplars];

    /// SQL name, also used in paths and in the catalog.
    pub fn name(self) -> &'static str {
        match self {
            Table::Spans => "spans",
            Table::Logs => "logs",
            Table::MetricPoints => "metric_points",
            Table::Series => "series",
            Table::Exemplars => "exemplars",
        }
    }

    pub fn from_name(name: &str) -> Option<Table> {
        Table::ALL.into_iter().find(|table| table.name() == name)
    }

    pub fn signal(self) -> Signal {
        match self {
            Table::Spans => Signal::Traces,
            Table::Logs => Signal::Logs,
            Table::MetricPoints | Table::Series | Table::Exemplars => Signal::Metrics,
        }
    }

    /// Columns of every segment, in file order. Attribute columns follow them.
    pub fn columns(self) -> &'static [ColumnSpec] {
        match self {
            Table::Spans => SPANS,
            Table::Logs => LOGS,
            Table::MetricPoints => METRIC_POINTS,
            Table::Series => SERIES,
            Table::Exemplars => EXEMPLARS,
        }
    }

    /// Position of a column in [`Table::columns`].
    pub fn column_index(self, name: &str) -> Option<usize> {
        self.columns().iter().position(|column| column.name == name)
    }

    /// The column that places a row in time.
    pub fn time_column(self) -> &'static str {
        match self {
            Table::Spans => "start_time",
            _ => "time",
        }
    }

    pub fn sort_key(self) -> SortKey {
        match self {
            Table::Spans => SortKey::ServiceNameTime,
            Table::Logs => SortKey::SeverityTime,
            Table::MetricPoints | Table::Series | Table::Exemplars => SortKey::SeriesTime,
        }
    }

    /// Whether rows carry attributes of their own.
    pub fn has_attributes(self) -> bool {
        self != Table::MetricPoints
    }

    /// Whether segments carry a trace index.
    pub fn has_trace_index(self) -> bool {
        self.column_index("trace_id").is_some()
    }

    /// Whether segments carry a log index.
    pub fn has_log_index(self) -> bool {
        self == Table::Logs
    }
}
