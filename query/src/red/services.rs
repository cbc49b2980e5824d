//! Golden signals: rate, errors and latency of services and operations, and how full their resources are.

use super::{Cells, Durations, ask, quoted, window, within};
use crate::{Error, QueryEngine, QueryStats, StatsSnapshot};
use arrow::datatypes::DataType;
use binnacle_storage::model::{TenantId, Timestamp};
use binnacle_storage::rollup::{KIND_CONSUMER, KIND_SERVER, STATUS_ERROR, SUM_PRECISION};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What is told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    Service,
    /// Service, span name and kind.
    Operation,
}

#[derive(Debug, Clone)]
pub struct RedRequest {
    pub start: Timestamp,
    pub end: Timestamp,
    /// Only this service.
    pub service: Option<String>,
    pub by: By,
}

/// What the spans of a window add up to.
#[derive(Debug)]
pub struct Red {
    /// The window, in whole minutes.
    pub start: Timestamp,
    pub end: Timestamp,
    /// The busiest first.
    pub operations: Vec<Operation>,
    pub stats: StatsSnapshot,
}

/// A service, or one of its operations.
#[derive(Debug, Default)]
pub struct Operation {
    pub service: String,
    /// Of an operation: span name and kind.
    pub name: Option<(String, i32)>,
    /// A service is measured by the requests it serves (server and consumer spans); one without any by all its spans.
    pub is_by_requests: bool,
    pub successes: Durations,
    pub errors: Durations,
    /// The longest duration, and the trace it is of; of successes and errors apart.
    pub slowest_success: Option<(i64, String)>,
    pub slowest_error: Option<(i64, String)>,
    /// Of a service, where its metrics say so.
    pub saturation: Vec<Saturation>,
}

/// How full a resource was, from a gauge between 0 and 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Saturation {
    pub metric: String,
    pub mean: f64,
    pub max: f64,
}

impl Operation {
    pub fn count(&self) -> i64 {
        self.successes.count + self.errors.count
    }
}

/// Sums by service, name, kind and status.
#[derive(Debug)]
struct Row {
    service: String,
    name: String,
    kind: i32,
    is_error: bool,
    durations: Durations,
    slowest: (i64, String),
}

impl QueryEngine {
    /// The golden signals of `tenant`'s services or operations in a window.
    pub async fn red(&self, tenant: &TenantId, request: RedRequest) -> Result<Red, Error> {
        let range = window(request.start, request.end)?;
        let of_service = |column: &str| match &request.service {
            Some(service) => format!(" AND {column} = {}", quoted(service)),
            None => String::new(),
        };
        let red = format!(
            "SELECT service, name, kind, status_code, sum(count), sum(duration_sum), histogram_sum(duration_histogram), \
             max(duration_max), hex(first_value(slowest_trace_id ORDER BY duration_max DESC, slowest_trace_id)) \
             FROM red WHERE {}{} GROUP BY 1, 2, 3, 4",
            within("minute", range),
            of_service("service"),
        );
        let mut queries = vec![red];
        if request.by == By::Service {
            queries.push(format!(
                "SELECT s.service, s.name, avg(p.value), max(p.value) FROM metric_points p \
                 JOIN (SELECT DISTINCT series_id, service, name FROM series WHERE name LIKE '%.utilization'{}) s \
                 ON p.series_id = s.series_id WHERE {} AND p.value IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2",
                of_service("service"),
                within("p.time", range),
            ));
        }
        let stats = Arc::new(QueryStats::new());
        let answers = ask(self, tenant, stats.clone(), queries).await?;
        let mut answers = answers.into_iter();
        let mut rows = Vec::new();
        for batch in answers.next().unwrap_or_default() {
            read(&batch, &mut rows)?;
        }
        let mut operations = match request.by {
            By::Service => services(rows),
            By::Operation => operations(rows),
        };
        for batch in answers.next().unwrap_or_default() {
            add_saturation(&batch, &mut operations)?;
        }
        operations.sort_by(|a, b| {
            let names = |o: &Operation| (o.service.clone(), o.name.clone());
            b.count().cmp(&a.count()).then_with(|| names(a).cmp(&names(b)))
        });
        let (start, end) = (range.start(), range.end());
        Ok(Red { start, end, operations, stats: stats.snapshot() })
    }
}

fn read(batch: &arrow::record_batch::RecordBatch, rows: &mut Vec<Row>) -> Result<(), Error> {
    use DataType::{Binary, Decimal128, Int64, Utf8};
    let sum = Decimal128(SUM_PRECISION, 0);
    let types = [Utf8, Utf8, Int64, Int64, Int64, sum, Binary, Int64, Utf8];
    let cells = Cells::of(batch, &types)?;
    for row in 0..batch.num_rows() {
        let mut durations = Durations::default();
        durations.add(cells.int(4, row), cells.sum(5, row), cells.bytes(6, row))?;
        rows.push(Row {
            service: cells.text(0, row),
            name: cells.text(1, row),
            kind: cells.int(2, row) as i32,
            is_error: cells.int(3, row) == i64::from(STATUS_ERROR),
            durations,
            slowest: (cells.int(7, row), cells.text(8, row)),
        });
    }
    Ok(())
}

fn operations(rows: Vec<Row>) -> Vec<Operation> {
    let mut operations: BTreeMap<(String, String, i32), Operation> = BTreeMap::new();
    for row in rows {
        let key = (row.service.clone(), row.name.clone(), row.kind);
        let operation = operations.entry(key).or_insert_with(|| Operation {
            service: row.service.clone(),
            name: Some((row.name.clone(), row.kind)),
            ..Operation::default()
        });
        add(operation, &row);
    }
    operations.into_values().collect()
}

fn services(rows: Vec<Row>) -> Vec<Operation> {
    let mut by_service: BTreeMap<String, Vec<Row>> = BTreeMap::new();
    for row in rows {
        by_service.entry(row.service.clone()).or_default().push(row);
    }
    let service = |(service, rows): (String, Vec<Row>)| {
        let is_request = |row: &Row| matches!(row.kind, KIND_SERVER | KIND_CONSUMER);
        let is_by_requests = rows.iter().any(is_request);
        let mut operation = Operation { service, is_by_requests, ..Operation::default() };
        let counted = rows.iter().filter(|row| !is_by_requests || is_request(row));
        counted.for_each(|row| add(&mut operation, row));
        operation
    };
    by_service.into_iter().map(service).collect()
}

fn add(operation: &mut Operation, row: &Row) {
    let (durations, slowest) = if row.is_error {
        (&mut operation.errors, &mut operation.slowest_error)
    } else {
        (&mut operation.successes, &mut operation.slowest_success)
    };
    durations.merge(&row.durations);
    if slowest.as_ref().is_none_or(|slowest| *slowest < row.slowest) {
        *slowest = Some(row.slowest.clone());
    }
}

fn add_saturation(
    batch: &arrow::record_batch::RecordBatch,
    operations: &mut [Operation],
) -> Result<(), Error> {
    use DataType::{Float64, Utf8};
    let cells = Cells::of(batch, &[Utf8, Utf8, Float64, Float64])?;
    for row in 0..batch.num_rows() {
        let service = cells.text(0, row);
        if let Some(operation) = operations.iter_mut().find(|of| of.service == service) {
            operation.saturation.push(Saturation {
                metric: cells.text(1, row),
                mean: cells.double(2, row),
                max: cells.double(3, row),
            });
        }
    }
    Ok(())
}
