//! Trace by id: everything that carries one trace id, without a time range.
//!
//! The path: the segments' sidecars say which rows have the id ([`find`]), only those rows are read and decoded, the
//! exemplars get their series ([`series`]), and the whole is put in order ([`assemble`]) with its critical path
//! ([`critical_path`]). An id nobody has costs a probe per segment and reads no file.

mod critical_path;
mod span;

pub use critical_path::{CriticalSegment, critical_path};
pub use span::{Exemplar, ExemplarSeries, Span};

use crate::StatsSnapshot;
use crate::logs::LogRecord;
use binnacle_storage::model::{SpanId, TraceId};

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
    /// Parents that spans name but that are not (or not yet) stored; sorted.
    pub missing_parents: Vec<SpanId>,
    /// There is more than the answer holds; the warnings say what.
    pub truncated: bool,
    pub stats: StatsSnapshot,
}
