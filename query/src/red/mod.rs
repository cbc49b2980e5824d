//! Golden signals and the service map, from the rollups.
//!
//! Rollups count by the minute, so a window is answered for the whole minutes it touches; the answer says which.

mod durations;
mod map;
pub(crate) mod minutes;
mod services;

pub use durations::Durations;
pub use map::{MapEdge, MapNode, NodeKind, ServiceMap, ServiceMapRequest};
pub use services::{By, Operation, Red, RedRequest, Saturation};

use crate::{Error, QueryEngine, QueryStats, sql};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Decimal128Type, Float64Type, Int64Type};
use arrow::record_batch::RecordBatch;
use binnacle_storage::model::{TenantId, TimeRange, Timestamp};
use binnacle_storage::rollup::whole_minutes;
use std::sync::Arc;

/// The whole minutes of a request's window.
fn window(start: Timestamp, end: Timestamp) -> Result<TimeRange, Error> {
    let range = TimeRange::new(start, end).ok_or_else(|| Error::InvalidRequest {
        message: "the window is empty: its start is not before its end".to_owned(),
        hint: None,
    })?;
    Ok(whole_minutes(range))
}

/// The condition on `column` that says so in SQL.
fn within(column: &str, range: TimeRange) -> String {
    let time = |time: Timestamp| format!("to_timestamp_nanos({})", time.0);
    format!("{column} >= {} AND {column} < {}", time(range.start()), time(range.end()))
}

/// A text as SQL writes it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Answers several SQL queries over one snapshot, in their order.
async fn ask(
    engine: &QueryEngine,
    tenant: &TenantId,
    stats: Arc<QueryStats>,
    queries: Vec<String>,
) -> Result<Vec<Vec<RecordBatch>>, Error> {
    let (own, tenant, counted) = (engine.clone(), tenant.clone(), stats.clone());
    engine
        .run("red", stats, |turn| async move {
            let snapshot = own.storage().snapshot(&tenant).await?;
            let mut answers = Vec::with_capacity(queries.len());
            for query in &queries {
                let (snapshot, counted, turn) = (snapshot.clone(), counted.clone(), turn.clone());
                answers.push(sql::rows(&own, &tenant, snapshot, counted, turn, query).await?);
            }
            Ok(answers)
        })
        .await
}

/// Typed cells of an answer's batch.
struct Cells {
    columns: Vec<ArrayRef>,
}

impl Cells {
    /// `types` are what the columns are read as.
    fn of(batch: &RecordBatch, types: &[DataType]) -> Result<Cells, Error> {
        let cells = batch.columns().iter().zip(types);
        let columns = cells.map(|(column, wanted)| arrow::compute::cast(column, wanted));
        let columns = columns.collect::<Result<Vec<_>, _>>();
        let columns = columns.map_err(|error| Error::Execution { message: error.to_string() })?;
        Ok(Cells { columns })
    }

    fn text(&self, column: usize, row: usize) -> String {
        self.columns[column].as_string::<i32>().value(row).to_owned()
    }

    fn int(&self, column: usize, row: usize) -> i64 {
        let column = self.columns[column].as_primitive::<Int64Type>();
        if column.is_null(row) { 0 } else { column.value(row) }
    }

    fn double(&self, column: usize, row: usize) -> f64 {
        self.columns[column].as_primitive::<Float64Type>().value(row)
    }

    fn sum(&self, column: usize, row: usize) -> i128 {
        let column = self.columns[column].as_primitive::<Decimal128Type>();
        if column.is_null(row) { 0 } else { column.value(row) }
    }

    fn bytes(&self, column: usize, row: usize) -> &[u8] {
        let column = self.columns[column].as_binary::<i32>();
        if column.is_null(row) { &[] } else { column.value(row) }
    }
}
