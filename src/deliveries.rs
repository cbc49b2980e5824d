//! The system tables `deliveries` and `delivery_attempts`: what was said about a tenant's alerts, and how each try went.

use arrow::array::{ArrayRef, Int64Array, StringArray, TimestampNanosecondArray, UInt16Array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::record_batch::RecordBatch;
use binnacle_alerting::notify::Notifier;
use binnacle_alerting::notify::outbox::{Delivery, Filter, ROWS_MAX};
use binnacle_query::QueryEngine;
use binnacle_storage::model::TenantId;
use std::sync::Arc;
use tracing::error;

/// Lets queries read both, newest first.
pub fn add_tables(engine: &QueryEngine, notifier: &Notifier) {
    let of = notifier.clone();
    let rows = move |tenant: &TenantId| deliveries(&list(&of, tenant));
    engine.add_system_table("deliveries", deliveries_schema(), Arc::new(rows));
    let of = notifier.clone();
    let rows = move |tenant: &TenantId| attempts(&list(&of, tenant));
    engine.add_system_table("delivery_attempts", attempts_schema(), Arc::new(rows));
}

fn list(notifier: &Notifier, tenant: &TenantId) -> Vec<Delivery> {
    let filter = Filter { limit: ROWS_MAX, ..Filter::default() };
    notifier.list_deliveries(tenant, &filter).unwrap_or_else(|error| {
        error!(%error, "failed to list deliveries for a query");
        Vec::new()
    })
}

fn time(name: &str, nullable: bool) -> Field {
    let time = DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()));
    Field::new(name, time, nullable)
}

fn deliveries_schema() -> SchemaRef {
    let text = |name: &str| Field::new(name, DataType::Utf8, false);
    Arc::new(Schema::new(vec![
        Field::new("id", DataType::Int64, false),
        time("created_at", false),
        text("receiver"),
        text("integration"),
        text("group_key"),
        text("idempotency_key"),
        text("status"),
        text("reason"),
        Field::new("alerts", DataType::Int64, false),
        text("state"),
        Field::new("attempts", DataType::Int64, false),
        // Null while it waits.
        time("finished_at", true),
        Field::new("error", DataType::Utf8, true),
        text("body"),
    ]))
}

fn deliveries(all: &[Delivery]) -> RecordBatch {
    let text = |of: fn(&Delivery) -> &str| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(all.iter().map(of)))
    };
    let number = |of: fn(&Delivery) -> i64| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(all.iter().map(of)))
    };
    let created = all.iter().map(|delivery| Some(delivery.created_at.0));
    let finished = all.iter().map(|delivery| delivery.finished_at.map(|time| time.0));
    let errors = all.iter().map(|delivery| delivery.error.as_deref());
    let columns: Vec<ArrayRef> = vec![
        number(|delivery| delivery.id),
        Arc::new(TimestampNanosecondArray::from_iter(created).with_timezone("UTC")),
        text(|delivery| &delivery.receiver),
        text(|delivery| &delivery.integration),
        text(|delivery| &delivery.group_key),
        text(|delivery| &delivery.idempotency_key),
        text(|delivery| &delivery.status),
        text(|delivery| &delivery.reason),
        number(|delivery| delivery.alerts),
        text(|delivery| &delivery.state),
        number(|delivery| delivery.attempt_count),
        Arc::new(TimestampNanosecondArray::from_iter(finished).with_timezone("UTC")),
        Arc::new(StringArray::from_iter(errors)),
        text(|delivery| &delivery.body),
    ];
    RecordBatch::try_new(deliveries_schema(), columns).expect("the columns are those of the schema")
}

fn attempts_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("delivery_id", DataType::Int64, false),
        Field::new("number", DataType::Int64, false),
        time("time", false),
        // Nanoseconds.
        Field::new("duration", DataType::Int64, false),
        // Null when there was no answer.
        Field::new("status", DataType::UInt16, true),
        Field::new("error", DataType::Utf8, true),
    ]))
}

fn attempts(all: &[Delivery]) -> RecordBatch {
    let rows: Vec<_> = all
        .iter()
        .flat_map(|of| of.attempts.iter().map(move |(number, attempt)| (of.id, *number, attempt)))
        .collect();
    let times = rows.iter().map(|(_, _, attempt)| attempt.at.0);
    let durations = rows
        .iter()
        .map(|(_, _, attempt)| i64::try_from(attempt.elapsed.as_nanos()).unwrap_or(i64::MAX));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|(id, _, _)| *id))),
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|(_, number, _)| *number))),
        Arc::new(TimestampNanosecondArray::from_iter_values(times).with_timezone("UTC")),
        Arc::new(Int64Array::from_iter_values(durations)),
        Arc::new(UInt16Array::from_iter(rows.iter().map(|(_, _, attempt)| attempt.status))),
        Arc::new(StringArray::from_iter(rows.iter().map(|(_, _, a)| a.error.as_deref()))),
    ];
    RecordBatch::try_new(attempts_schema(), columns).expect("the columns are those of the schema")
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::Array;
    use binnacle_alerting::notify::outbox::Attempt;
    use binnacle_storage::model::Timestamp;
    use std::time::Duration;

    #[test]
    fn what_has_not_happened_is_null() {
        let text = String::new;
        let attempt = Attempt {
            at: Timestamp(1),
            elapsed: Duration::from_secs(1),
            status: None,
            error: Some("no answer".to_owned()),
        };
        let waiting = Delivery {
            id: 1,
            receiver: text(),
            integration: text(),
            group_key: text(),
            idempotency_key: text(),
            status: text(),
            reason: text(),
            alerts: 1,
            body: text(),
            created_at: Timestamp(1),
            state: "waiting".to_owned(),
            attempt_count: 1,
            next_attempt_at: Timestamp(2),
            finished_at: None,
            error: None,
            attempts: vec![(1, attempt)],
        };
        let nulls = |batch: RecordBatch| -> Vec<usize> {
            (0..batch.num_columns()).filter(|place| batch.column(*place).is_null(0)).collect()
        };
        assert_eq!(nulls(deliveries(std::slice::from_ref(&waiting))), [11, 12]);
        assert_eq!(nulls(attempts(&[waiting])), [4]);
        assert_eq!(deliveries(&[]).num_rows() + attempts(&[]).num_rows(), 0);
    }
}
