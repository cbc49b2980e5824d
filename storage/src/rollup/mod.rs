//! Rollups: what spans add up to, per minute, kept beside every segment of spans.
//!
//! Two tables: `red` counts the spans of each operation (rate, errors, duration), `edges` the calls between services. A
//! segment's rollup describes exactly its rows, so that the rollups of all segments and of the buffer add up to what a
//! count over all rows gives. Everything in them is an integer, and adding is all that is done to them.
//!
//! [`SpanSet`] holds the columns both are made of; [`red`] and [`edges`] make them, [`file`] writes and reads them.

mod edges;
mod file;
pub mod histogram;
mod peer;
mod red;
mod spans;

pub use edges::{EdgeTotals, OUTSIDE, edge_schema};
pub use file::{RollupTable, decode, encode};
pub(crate) use peer::{PEER_KEYS, Peer, PeerValues};
pub use red::red_schema;
pub(crate) use spans::NO_PEER;
pub use spans::SpanSet;

use crate::Error;
use crate::model::{TimeRange, Timestamp};
use arrow::datatypes::{DataType, Field, TimeUnit};
use arrow::record_batch::RecordBatch;
use std::ops::Range;

/// What rollups count by, in nanoseconds.
pub const MINUTE: i64 = 60_000_000_000;

/// OTLP's span kinds and the status that counts as an error.
pub const KIND_SERVER: i32 = 2;
pub const KIND_CLIENT: i32 = 3;
pub const KIND_PRODUCER: i32 = 4;
pub const KIND_CONSUMER: i32 = 5;
pub const STATUS_ERROR: i32 = 2;

/// Sums of durations have as many digits as a 128-bit decimal: they never overflow.
pub const SUM_PRECISION: u8 = 38;

/// The rollup of some spans.
#[derive(Debug, Clone)]
pub struct Rollup {
    pub red: RecordBatch,
    pub edges: RecordBatch,
}

impl Rollup {
    /// The rollup of no spans.
    pub fn empty() -> Rollup {
        let none = RecordBatch::new_empty;
        Rollup { red: none(red_schema()), edges: none(edge_schema()) }
    }

    /// The rollup of the spans `rows` of `spans`.
    pub fn of(spans: &SpanSet, rows: Range<u32>) -> Result<Rollup, Error> {
        let mut edges = EdgeTotals::default();
        edges.add_spans(spans, rows.clone(), 1);
        Ok(Rollup { red: red::red(spans, rows)?, edges: edges.into_batch()? })
    }
}

/// Start of the minute of `time`.
pub fn minute_of(time: i64) -> i64 {
    time - time.rem_euclid(MINUTE)
}

/// The minutes that `range` touches.
pub fn whole_minutes(range: TimeRange) -> TimeRange {
    let start = range.start().0.div_euclid(MINUTE).saturating_mul(MINUTE);
    let end =
        range.end().0.checked_add(MINUTE - 1).map_or(i64::MAX, |end| end - end.rem_euclid(MINUTE));
    TimeRange::new(Timestamp(start), Timestamp(end)).unwrap_or(range)
}

fn time_field(name: &str) -> Field {
    Field::new(name, DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())), false)
}

fn sum_field(name: &str) -> Field {
    Field::new(name, DataType::Decimal128(SUM_PRECISION, 0), false)
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::Encode { detail: format!("rollup: {error}") }
}
