//! Names in traces: services, their operations, and who called whom.

use crate::{Error, QueryEngine, SqlRequest};
use arrow::array::AsArray;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use arrow::record_batch::RecordBatch;
use binnacle_storage::model::{TenantId, Timestamp};
use binnacle_storage::rollup::minute_of;
use futures::TryStreamExt;

/// What a service does, with OTLP's `SpanKind` number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    pub name: String,
    pub kind: i32,
}

/// How often spans of one service had children of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calls {
    pub parent: String,
    pub child: String,
    pub count: i64,
}

impl QueryEngine {
    /// Every service that recorded spans, sorted.
    pub async fn trace_services(&self, tenant: &TenantId) -> Result<Vec<String>, Error> {
        let query = "SELECT DISTINCT service FROM spans ORDER BY 1".to_owned();
        let mut services = Vec::new();
        for batch in self.name_rows(tenant, query).await? {
            services.extend(texts(&batch, 0)?);
        }
        Ok(services)
    }

    /// The names and kinds of a service's spans, sorted.
    pub async fn trace_operations(
        &self,
        tenant: &TenantId,
        service: &str,
    ) -> Result<Vec<Operation>, Error> {
        let service = service.replace('\'', "''");
        let query = format!(
            "SELECT DISTINCT name, kind FROM spans WHERE service = '{service}' ORDER BY 1, 2"
        );
        let mut operations = Vec::new();
        for batch in self.name_rows(tenant, query).await? {
            let names = texts(&batch, 0)?.into_iter().zip(numbers(&batch, 1)?);
            operations.extend(
                names
                    .map(|(name, kind)| Operation { name, kind: i32::try_from(kind).unwrap_or(0) }),
            );
        }
        Ok(operations)
    }

    /// Calls from service to service in the minutes from that of `start` to that of `end`, sorted.
    pub async fn trace_calls(
        &self,
        tenant: &TenantId,
        start: Timestamp,
        end: Timestamp,
    ) -> Result<Vec<Calls>, Error> {
        let query = format!(
            "SELECT caller, callee, sum(count) FROM edges WHERE instrumented = 'both' AND caller <> callee \
             AND minute >= to_timestamp_nanos({}) AND minute <= to_timestamp_nanos({}) GROUP BY 1, 2 ORDER BY 1, 2",
            minute_of(start.0),
            end.0
        );
        let mut calls = Vec::new();
        for batch in self.name_rows(tenant, query).await? {
            let services = texts(&batch, 0)?.into_iter().zip(texts(&batch, 1)?);
            let counted = services.zip(numbers(&batch, 2)?);
            calls.extend(counted.map(|((parent, child), count)| Calls { parent, child, count }));
        }
        Ok(calls)
    }

    pub(crate) async fn name_rows(
        &self,
        tenant: &TenantId,
        query: String,
    ) -> Result<Vec<RecordBatch>, Error> {
        let request = SqlRequest { query, row_limit: None, memory_limit: None, timeout: None };
        self.sql(tenant, request).await?.batches.try_collect().await
    }
}

/// A column as texts; null is empty.
pub(crate) fn texts(batch: &RecordBatch, column: usize) -> Result<Vec<String>, Error> {
    let column = cast(batch.column(column), &DataType::Utf8).map_err(unexpected)?;
    let texts = column.as_string::<i32>().iter();
    Ok(texts.map(|text| text.unwrap_or_default().to_owned()).collect())
}

fn numbers(batch: &RecordBatch, column: usize) -> Result<Vec<i64>, Error> {
    let column = cast(batch.column(column), &DataType::Int64).map_err(unexpected)?;
    Ok(column.as_primitive::<Int64Type>().iter().map(Option::unwrap_or_default).collect())
}

fn unexpected(error: arrow::error::ArrowError) -> Error {
    Error::Execution { message: error.to_string() }
}
