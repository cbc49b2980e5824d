//! The system tables `alerts` and `alert_transitions`: the alerts of a tenant as they stand, and how they came there.

use arrow::array::{ArrayRef, Float64Array, StringArray, TimestampNanosecondArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::record_batch::RecordBatch;
use binnacle_alerting::rule::{ActiveAlert, KeptTransition, LiveGroup, Rules};
use binnacle_alerting::{Alerting, LabelSet};
use binnacle_query::QueryEngine;
use binnacle_storage::model::TenantId;
use std::sync::Arc;
use tracing::warn;

/// Most transitions that one query sees, the newest.
const TRANSITIONS_MAX: usize = 100_000;

/// Lets queries read both.
pub fn add_tables(engine: &QueryEngine, alerting: &Alerting) {
    let rules = alerting.rules().clone();
    let alerts = move |tenant: &TenantId| alert_records(&rules, tenant);
    engine.add_system_table("alerts", alert_schema(), Arc::new(alerts));
    let rules = alerting.rules().clone();
    let transitions = move |tenant: &TenantId| {
        let kept = rules.transitions(tenant, TRANSITIONS_MAX).unwrap_or_else(|error| {
            warn!(%error, "the table alert_transitions is empty");
            Vec::new()
        });
        transition_records(&kept)
    };
    engine.add_system_table("alert_transitions", transition_schema(), Arc::new(transitions));
}

fn text(name: &str) -> Field {
    Field::new(name, DataType::Utf8, false)
}

fn time(name: &str, is_nullable: bool) -> Field {
    let unit = DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()));
    Field::new(name, unit, is_nullable)
}

fn alert_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        text("name"),
        text("group"),
        text("file"),
        text("state"),
        // As JSON.
        text("labels"),
        text("annotations"),
        Field::new("value", DataType::Float64, false),
        time("active_at", false),
        time("fired_at", true),
        time("resolved_at", true),
        // Since when nothing was measured that could change it.
        time("held_since", true),
    ]))
}

/// One row of `alerts`.
struct Row {
    live: Arc<LiveGroup>,
    rule: usize,
    labels: LabelSet,
    alert: ActiveAlert,
}

fn alert_records(rules: &Rules, tenant: &TenantId) -> RecordBatch {
    let mut rows = Vec::new();
    for live in rules.groups().into_iter().filter(|live| live.tenant == *tenant) {
        for (rule, state) in live.state().rules.iter().enumerate() {
            rows.extend(state.alerts.iter().map(|(labels, alert)| Row {
                live: live.clone(),
                rule,
                labels: labels.clone(),
                alert: alert.clone(),
            }));
        }
    }
    let texts = |read: fn(&Row) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(rows.iter().map(read)))
    };
    let times = |read: fn(&Row) -> Option<i64>| -> ArrayRef {
        let nanoseconds = rows.iter().map(|row| read(row).map(|at| at.saturating_mul(1_000_000)));
        Arc::new(TimestampNanosecondArray::from_iter(nanoseconds).with_timezone("UTC"))
    };
    let columns: Vec<ArrayRef> = vec![
        texts(|row| row.live.group.rules[row.rule].name().to_owned()),
        texts(|row| row.live.group.name.clone()),
        texts(|row| row.live.group.file.clone()),
        texts(|row| row.alert.state.name().to_owned()),
        texts(|row| json(&row.labels)),
        texts(|row| json(&row.alert.annotations)),
        Arc::new(Float64Array::from_iter_values(rows.iter().map(|row| row.alert.value))),
        times(|row| Some(row.alert.active_at)),
        times(|row| row.alert.fired_at),
        times(|row| row.alert.resolved_at),
        times(|row| row.alert.held_since),
    ];
    RecordBatch::try_new(alert_schema(), columns).expect("the columns are those of the schema")
}

fn transition_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        time("time", false),
        text("source"),
        text("name"),
        text("group"),
        text("labels"),
        text("annotations"),
        Field::new("value", DataType::Float64, false),
        text("from_state"),
        text("to_state"),
    ]))
}

fn transition_records(kept: &[KeptTransition]) -> RecordBatch {
    let texts = |read: fn(&KeptTransition) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(kept.iter().map(read)))
    };
    let times = kept.iter().map(|kept| kept.transition.at.saturating_mul(1_000_000));
    let values = kept.iter().map(|kept| kept.transition.value);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(TimestampNanosecondArray::from_iter_values(times).with_timezone("UTC")),
        texts(|kept| kept.source.clone()),
        texts(|kept| kept.name.clone()),
        texts(|kept| kept.group.clone()),
        texts(|kept| json(&kept.transition.labels)),
        texts(|kept| json(&kept.transition.annotations)),
        Arc::new(Float64Array::from_iter_values(values)),
        texts(|kept| kept.transition.from.name().to_owned()),
        texts(|kept| kept.transition.to.name().to_owned()),
    ];
    RecordBatch::try_new(transition_schema(), columns).expect("the columns are those of the schema")
}

fn json(labels: &LabelSet) -> String {
    serde_json::to_string(labels).expect("texts are JSON")
}
