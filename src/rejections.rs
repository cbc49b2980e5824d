//! The system table `ingest_rejections`: what the collector refused of a tenant's telemetry, and why.

use arrow::array::{ArrayRef, StringArray, TimestampNanosecondArray, UInt64Array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::record_batch::RecordBatch;
use binnacle_collector::{RejectionEntry, RejectionLog};
use binnacle_query::QueryEngine;
use std::sync::Arc;

/// Lets queries read `rejections`, newest first.
pub fn add_table(engine: &QueryEngine, rejections: Arc<RejectionLog>) {
    let rows = move |tenant: &_| records(&rejections.entries(tenant));
    engine.add_system_table("ingest_rejections", schema(), Arc::new(rows));
}

fn schema() -> SchemaRef {
    let time = DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()));
    Arc::new(Schema::new(vec![
        Field::new("time", time, false),
        Field::new("signal", DataType::Utf8, false),
        Field::new("reason", DataType::Utf8, false),
        // Null when the request was refused whole, so that nobody counted its records.
        Field::new("records", DataType::UInt64, true),
        Field::new("service", DataType::Utf8, true),
        Field::new("client", DataType::Utf8, true),
    ]))
}

fn records(entries: &[RejectionEntry]) -> RecordBatch {
    let times = entries.iter().map(|entry| entry.time.0);
    let counts = entries.iter().map(|entry| (entry.records > 0).then_some(entry.records));
    let services = entries.iter().map(|e| (!e.service.is_empty()).then_some(e.service.as_str()));
    let clients = entries.iter().map(|entry| entry.client.map(|client| client.to_string()));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(TimestampNanosecondArray::from_iter_values(times).with_timezone("UTC")),
        Arc::new(StringArray::from_iter_values(entries.iter().map(|e| e.signal.name()))),
        Arc::new(StringArray::from_iter_values(entries.iter().map(|e| e.reason.as_str()))),
        Arc::new(UInt64Array::from_iter(counts)),
        Arc::new(StringArray::from_iter(services)),
        Arc::new(StringArray::from_iter(clients)),
    ];
    RecordBatch::try_new(schema(), columns).expect("the columns are those of the schema")
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::Array;
    use binnacle_storage::model::{Signal, Timestamp};

    #[test]
    fn unknown_counts_and_senders_are_null() {
        let entry = RejectionEntry {
            time: Timestamp(1),
            signal: Signal::Logs,
            reason: "not protobuf".to_owned(),
            records: 0,
            service: String::new(),
            client: None,
        };
        let batch = records(&[entry]);
        let nulls: Vec<bool> = batch.columns().iter().map(|column| column.is_null(0)).collect();
        assert_eq!(nulls, [false, false, false, true, true, true]);
        assert_eq!(records(&[]).num_rows(), 0);
    }
}
