//! The system tables `slo_slices` and `slo_transitions`.

use arrow::array::{ArrayRef, Int64Array, StringArray, TimestampNanosecondArray, UInt64Array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::record_batch::RecordBatch;
use binnacle_alerting::slo::{SLICE_SECONDS, Slos, span};
use binnacle_query::QueryEngine;
use binnacle_storage::model::TenantId;
use std::sync::Arc;

/// Most transitions in the table; the newest.
const TRANSITIONS_MAX: usize = 100_000;

const NANOS: i64 = 1_000_000_000;

/// Lets queries read what SLOs count and what their alerts did.
pub fn add_tables(engine: &QueryEngine, slos: &Slos) {
    let of = slos.clone();
    let rows = move |tenant: &TenantId| slices(&of, tenant);
    engine.add_system_table("slo_slices", slices_schema(), Arc::new(rows));
    let of = slos.clone();
    let rows = move |tenant: &TenantId| transitions(&of, tenant);
    engine.add_system_table("slo_transitions", transitions_schema(), Arc::new(rows));
}

fn time(name: &str) -> Field {
    let zone = Some("UTC".into());
    Field::new(name, DataType::Timestamp(TimeUnit::Nanosecond, zone), false)
}

fn slices_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("slo", DataType::Utf8, false),
        Field::new("objective", DataType::UInt64, false),
        time("slice"),
        Field::new("good", DataType::UInt64, false),
        Field::new("total", DataType::UInt64, false),
    ]))
}

fn slices(slos: &Slos, tenant: &TenantId) -> RecordBatch {
    let (mut names, mut objectives, mut times) = (Vec::new(), Vec::new(), Vec::new());
    let (mut good, mut total) = (Vec::new(), Vec::new());
    for loaded in slos.list(tenant) {
        let Some(standing) = slos.standing(tenant, &loaded.slo.name) else { continue };
        for (index, objective) in standing.objectives.iter().enumerate() {
            for (at, count) in objective.events.slices(i64::MIN..i64::MAX) {
                names.push(loaded.slo.name.clone());
                objectives.push(index as u64);
                times.push(at.saturating_mul(SLICE_SECONDS * NANOS));
                good.push(count.good);
                total.push(count.total);
            }
        }
    }
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from(names)),
        Arc::new(UInt64Array::from(objectives)),
        Arc::new(TimestampNanosecondArray::from(times).with_timezone("UTC")),
        Arc::new(UInt64Array::from(good)),
        Arc::new(UInt64Array::from(total)),
    ];
    RecordBatch::try_new(slices_schema(), columns).expect("the columns are those of the schema")
}

fn transitions_schema() -> SchemaRef {
    let text = |name: &str| Field::new(name, DataType::Utf8, false);
    Arc::new(Schema::new(vec![
        time("time"),
        text("slo"),
        Field::new("version", DataType::Int64, false),
        Field::new("objective", DataType::UInt64, false),
        text("kind"),
        text("severity"),
        text("windows"),
        text("level"),
        time("counted_until"),
        text("reason"),
    ]))
}

fn transitions(slos: &Slos, tenant: &TenantId) -> RecordBatch {
    let all = slos.transitions(tenant, None, TRANSITIONS_MAX).unwrap_or_else(|error| {
        tracing::error!(%error, "failed to read SLO transitions");
        Vec::new()
    });
    let text = |of: &dyn Fn(&binnacle_alerting::slo::Transition) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(all.iter().map(of)))
    };
    let times = |of: &dyn Fn(&binnacle_alerting::slo::Transition) -> i64| -> ArrayRef {
        let nanos = all.iter().map(|transition| of(transition).saturating_mul(NANOS));
        Arc::new(TimestampNanosecondArray::from_iter_values(nanos).with_timezone("UTC"))
    };
    let windows =
        |transition: &binnacle_alerting::slo::Transition| match transition.key.kind.windows() {
            (0, _) => String::new(),
            (long, short) => format!("{}/{}", span(long), span(short)),
        };
    let columns: Vec<ArrayRef> = vec![
        times(&|transition| transition.at),
        text(&|transition| transition.key.slo.clone()),
        Arc::new(Int64Array::from_iter_values(all.iter().map(|transition| transition.version))),
        Arc::new(UInt64Array::from_iter_values(all.iter().map(|t| t.key.objective as u64))),
        text(&|transition| transition.key.kind.name().to_owned()),
        text(&|transition| transition.severity.clone()),
        text(&windows),
        text(&|transition| transition.level.clone()),
        times(&|transition| transition.until),
        text(&|transition| transition.reason.clone()),
    ];
    RecordBatch::try_new(transitions_schema(), columns)
        .expect("the columns are those of the schema")
}
