//! Calls and spans minute by minute, as the rollups have them.

use super::{Cells, quoted, within};
use crate::turn::Turn;
use crate::{Error, QueryEngine, QueryStats, sql};
use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;
use binnacle_storage::Snapshot;
use binnacle_storage::model::{TenantId, TimeRange, Timestamp};
use binnacle_storage::rollup::{MINUTE, SUM_PRECISION};
use std::sync::Arc;

/// Where rollups are read: one snapshot, within a query that has its turn already.
pub(crate) struct Minutes<'a> {
    pub engine: &'a QueryEngine,
    pub tenant: &'a TenantId,
    pub snapshot: &'a Snapshot,
    pub stats: &'a Arc<QueryStats>,
    pub turn: &'a Arc<Turn>,
}

/// What is wanted of the minutes that begin in `range`.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub range: TimeRange,
    /// Values that columns are to have.
    pub equal: Vec<(&'static str, String)>,
    pub histograms: bool,
    /// One minute of everything told apart is enough: the latest.
    pub only_latest: bool,
}

/// Durations in nanoseconds as stored: how many, their sum and their histogram.
#[derive(Debug, Clone, Default)]
pub(crate) struct Measured {
    pub count: i64,
    pub sum: i128,
    pub histogram: Vec<u8>,
}

/// What the calls between two sides came to in one minute.
#[derive(Debug)]
pub(crate) struct CallMinute {
    /// When it begins, in Unix nanoseconds.
    pub minute: i64,
    pub caller: String,
    pub callee: String,
    pub connection_type: String,
    pub instrumented: String,
    pub count: i64,
    pub errors: i64,
    pub client: Measured,
    pub server: Measured,
}

/// What the spans of one operation came to in one minute.
#[derive(Debug)]
pub(crate) struct SpanMinute {
    pub minute: i64,
    pub service: String,
    pub name: String,
    pub kind: i32,
    pub status: i32,
    pub durations: Measured,
}

impl Minutes<'_> {
    pub async fn calls(&self, wanted: &Wanted) -> Result<Vec<CallMinute>, Error> {
        let query = format!(
            "SELECT {}, caller, callee, connection_type, instrumented, sum(count), sum(errors), {}, {} FROM edges {}",
            minute(wanted),
            measured("client_", wanted),
            measured("server_", wanted),
            rest(wanted, "2, 3, 4, 5"),
        );
        let mut calls = Vec::new();
        for batch in &self.ask(&query).await? {
            read_calls(batch, &mut calls)?;
        }
        Ok(calls)
    }

    pub async fn spans(&self, wanted: &Wanted) -> Result<Vec<SpanMinute>, Error> {
        let query = format!(
            "SELECT {}, service, name, kind, status_code, {} FROM red {}",
            minute(wanted),
            measured("", wanted),
            rest(wanted, "2, 3, 4, 5"),
        );
        let mut spans = Vec::new();
        for batch in &self.ask(&query).await? {
            read_spans(batch, &mut spans)?;
        }
        Ok(spans)
    }

    async fn ask(&self, query: &str) -> Result<Vec<RecordBatch>, Error> {
        let (snapshot, stats, turn) =
            (self.snapshot.clone(), self.stats.clone(), self.turn.clone());
        sql::rows(self.engine, self.tenant, snapshot, stats, turn, query).await
    }
}

fn minute(wanted: &Wanted) -> &'static str {
    if wanted.only_latest { "max(CAST(minute AS BIGINT))" } else { "CAST(minute AS BIGINT)" }
}

/// Count, sum and histogram of the columns with a prefix.
fn measured(prefix: &str, wanted: &Wanted) -> String {
    let histogram = if prefix.is_empty() { "duration_" } else { prefix };
    let histogram = match wanted.histograms && !wanted.only_latest {
        true => format!("histogram_sum({histogram}histogram)"),
        false => "CAST(NULL AS BYTEA)".to_owned(),
    };
    format!("sum({prefix}count), sum({prefix}duration_sum), {histogram} AS {prefix}buckets")
}

/// The condition, and that rows are told apart by the columns `keys` of the answer (and the minute, its first).
fn rest(wanted: &Wanted, keys: &str) -> String {
    let equal = wanted.equal.iter();
    let equal: String =
        equal.map(|(column, value)| format!(" AND {column} = {}", quoted(value))).collect();
    let minute = if wanted.only_latest { "" } else { "1, " };
    format!("WHERE {}{equal} GROUP BY {minute}{keys}", within("minute", wanted.range))
}

/// The minutes that end in `start..=end`, in Unix milliseconds.
pub(crate) fn ending_in(start: i64, end: i64) -> Option<TimeRange> {
    const MILLISECOND: i64 = 1_000_000;
    /// Nothing is stored past it; sums with it do not overflow.
    const LATEST: i64 = i64::MAX / 2;
    let nanos = |ms: i64| ms.saturating_mul(MILLISECOND).clamp(0, LATEST);
    let first = (nanos(start) - MINUTE).max(0);
    let last = nanos(end) - MINUTE + 1;
    TimeRange::new(Timestamp(first), Timestamp(last))
}

fn read_calls(batch: &RecordBatch, calls: &mut Vec<CallMinute>) -> Result<(), Error> {
    use DataType::{Binary, Int64, Utf8};
    let sum = || DataType::Decimal128(SUM_PRECISION, 0);
    let mut types = vec![Int64, Utf8, Utf8, Utf8, Utf8, Int64, Int64];
    types.extend([Int64, sum(), Binary, Int64, sum(), Binary]);
    let cells = Cells::of(batch, &types)?;
    calls.extend((0..batch.num_rows()).map(|row| CallMinute {
        minute: cells.int(0, row),
        caller: cells.text(1, row),
        callee: cells.text(2, row),
        connection_type: cells.text(3, row),
        instrumented: cells.text(4, row),
        count: cells.int(5, row),
        errors: cells.int(6, row),
        client: durations(&cells, 7, row),
        server: durations(&cells, 10, row),
    }));
    Ok(())
}

fn read_spans(batch: &RecordBatch, spans: &mut Vec<SpanMinute>) -> Result<(), Error> {
    use DataType::{Binary, Int64, Utf8};
    let sum = DataType::Decimal128(SUM_PRECISION, 0);
    let cells = Cells::of(batch, &[Int64, Utf8, Utf8, Int64, Int64, Int64, sum, Binary])?;
    spans.extend((0..batch.num_rows()).map(|row| SpanMinute {
        minute: cells.int(0, row),
        service: cells.text(1, row),
        name: cells.text(2, row),
        kind: cells.int(3, row) as i32,
        status: cells.int(4, row) as i32,
        durations: durations(&cells, 5, row),
    }));
    Ok(())
}

fn durations(cells: &Cells, at: usize, row: usize) -> Measured {
    Measured {
        count: cells.int(at, row),
        sum: cells.sum(at + 1, row),
        histogram: cells.bytes(at + 2, row).to_vec(),
    }
}
