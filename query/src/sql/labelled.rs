//! Rows as labelled numbers, which is what a rule judges: the column `value` is the number, each other one a label.

use super::SqlRequest;
use crate::promql::labels::Labels;
use crate::{Error, QueryEngine, StatsSnapshot};
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use binnacle_storage::model::TenantId;
use futures::StreamExt;

/// The column that holds the number.
const VALUE: &str = "value";

/// Most rows that a rule's query may have.
const ROWS_MAX: u64 = 10_000;

impl QueryEngine {
    /// Answers a query whose rows have a `value` each. A label that is null is none; a value that is null is no row.
    pub async fn labelled_numbers(
        &self,
        tenant: &TenantId,
        query: String,
    ) -> Result<(Vec<(Labels, f64)>, StatsSnapshot), Error> {
        let request = SqlRequest { query, row_limit: Some(ROWS_MAX + 1), ..SqlRequest::default() };
        let mut answer = self.sql(tenant, request).await?;
        if answer.schema.column_with_name(VALUE).is_none() {
            return Err(Error::InvalidRequest {
                message: "the query has no column named value".to_owned(),
                hint: Some("name the number: SELECT service, count(*) AS value FROM …".to_owned()),
            });
        }
        let mut found = Vec::new();
        while let Some(batch) = answer.batches.next().await {
            add(&batch?, &mut found)?;
            if found.len() as u64 > ROWS_MAX {
                let message = format!("the query has more than {ROWS_MAX} rows");
                return Err(Error::InvalidRequest { message, hint: None });
            }
        }
        Ok((found, answer.stats.snapshot()))
    }
}

fn add(batch: &RecordBatch, found: &mut Vec<(Labels, f64)>) -> Result<(), Error> {
    let failed = |error: arrow::error::ArrowError| Error::Execution { message: error.to_string() };
    let Some(values) = batch.column_by_name(VALUE) else { return Ok(()) };
    let values = cast(values, &DataType::Float64).map_err(failed)?;
    let values = values.as_primitive::<Float64Type>();
    let options = FormatOptions::default().with_null("");
    let schema = batch.schema();
    let named = schema.fields().iter().zip(batch.columns());
    let labels: Vec<(&str, ArrayFormatter<'_>)> = named
        .filter(|(field, _)| field.name() != VALUE)
        .map(|(field, column)| {
            let texts = ArrayFormatter::try_new(column.as_ref(), &options).map_err(failed)?;
            Ok((field.name().as_str(), texts))
        })
        .collect::<Result<_, Error>>()?;
    for row in (0..batch.num_rows()).filter(|row| values.is_valid(*row)) {
        let pairs = labels.iter().map(|(name, texts)| (*name, texts.value(row).to_string()));
        found.push((Labels::new(pairs), values.value(row)));
    }
    Ok(())
}
