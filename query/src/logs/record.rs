//! A log record, owned, as it stands in an answer.

use crate::Error;
use crate::rows::{
    ByteColumn, Columns, FixedColumn, IntColumn, RowAttributes, Shared, TextColumn, malformed,
};
use crate::value::{AnyValue, Attributes, Resource, Scope};
use arrow::record_batch::RecordBatch;
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

/// Decodes the records of one batch.
pub(crate) struct LogRows {
    time: IntColumn,
    time_origin: IntColumn,
    observed_time: IntColumn,
    trace_id: FixedColumn,
    span_id: FixedColumn,
    flags: IntColumn,
    service: TextColumn,
    severity_number: IntColumn,
    severity_text: TextColumn,
    event_name: TextColumn,
    body: TextColumn,
    body_value: ByteColumn,
    dropped_attributes_count: IntColumn,
    attributes: RowAttributes,
    resource: ByteColumn,
    scope: ByteColumn,
    ingested_at: IntColumn,
}

impl LogRows {
    pub(crate) fn of(batch: &RecordBatch) -> Result<LogRows, Error> {
        let columns = Columns(batch);
        Ok(LogRows {
            time: columns.int("time")?,
            time_origin: columns.int("time_origin")?,
            observed_time: columns.int("observed_time")?,
            trace_id: columns.fixed("trace_id")?,
            span_id: columns.fixed("span_id")?,
            flags: columns.int("flags")?,
            service: columns.text("service")?,
            severity_number: columns.int("severity_number")?,
            severity_text: columns.text("severity_text")?,
            event_name: columns.text("event_name")?,
            body: columns.text("body")?,
            body_value: columns.bytes("body_value")?,
            dropped_attributes_count: columns.int("dropped_attributes_count")?,
            attributes: RowAttributes::of(batch)?,
            resource: columns.bytes("resource")?,
            scope: columns.bytes("scope")?,
            ingested_at: columns.int("ingested_at")?,
        })
    }

    pub(crate) fn read(&self, row: usize, shared: &mut Shared) -> Result<LogRecord, Error> {
        let time = |column: &IntColumn| Timestamp(column.value(row).unwrap_or_default());
        Ok(LogRecord {
            time: time(&self.time),
            time_origin: time_origin(self.time_origin.value(row)),
            observed_time: self.observed_time.value(row).map(Timestamp),
            trace_id: self.trace_id.id(row).map(TraceId),
            span_id: self.span_id.id(row).map(SpanId),
            flags: self.flags.u32(row),
            service: self.service.owned(row),
            severity_number: self.severity_number.i32(row),
            severity_text: self.severity_text.owned(row),
            event_name: self.event_name.owned(row),
            body: self.body(row)?,
            attributes: self.attributes.read(row)?,
            dropped_attributes_count: self.dropped_attributes_count.u32(row),
            resource: shared.resource(self.resource.value(row))?,
            scope: shared.scope(self.scope.value(row))?,
            ingested_at: time(&self.ingested_at),
        })
    }

    fn body(&self, row: usize) -> Result<Option<AnyValue>, Error> {
        if let Some(bytes) = self.body_value.value(row) {
            return AnyValue::decode(bytes)
                .map(Some)
                .map_err(|error| malformed("body_value", error));
        }
        Ok(self.body.value(row).map(|text| AnyValue::String(text.to_owned())))
    }
}

fn time_origin(code: Option<i64>) -> TimeOrigin {
    match code {
        Some(1) => TimeOrigin::Observed,
        Some(2) => TimeOrigin::Ingested,
        _ => TimeOrigin::Sent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::content::content_hash;

    #[test]
    fn a_batch_without_the_columns_reads_as_empty_records() {
        let batch = RecordBatch::try_new_with_options(
            Arc::new(arrow::datatypes::Schema::empty()),
            Vec::new(),
            &arrow::record_batch::RecordBatchOptions::new().with_row_count(Some(1)),
        )
        .unwrap();
        let record = LogRows::of(&batch).unwrap().read(0, &mut Shared::default()).unwrap();
        assert_eq!((record.body.clone(), record.service.as_str()), (None, ""));
        assert_eq!(content_hash(&record), content_hash(&record.clone()));
    }
}
