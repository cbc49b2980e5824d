//! The system tables `alerts` and `alert_transitions`: the alerts of a tenant as they stand, of rules and of SLOs, and how they came
//! there.

use crate::slo_tables;
use arrow::array::{ArrayRef, Float64Array, StringArray, TimestampNanosecondArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::record_batch::RecordBatch;
use binnacle_alerting::rule::{KeptTransition, Rules};
use binnacle_alerting::slo::{ALERT_NAMES, AlertKey, SloAlert, Slos, TierStatus, Transition, span};
use binnacle_alerting::{Alerting, LabelSet};
use binnacle_query::QueryEngine;
use binnacle_storage::model::TenantId;
use binnacle_storage::{Clock, SystemClock};
use std::collections::BTreeMap;
use std::sync::Arc;
use tracing::warn;

/// Most transitions that one query sees, the newest.
const TRANSITIONS_MAX: usize = 100_000;

/// So long an alert of an SLO that is over is still in the table, as one of a rule is.
const RESOLVED_NANOS: i64 = 900 * 1_000_000_000;

/// Lets queries read both.
pub fn add_tables(engine: &QueryEngine, alerting: &Alerting) {
    let (rules, slos) = (alerting.rules().clone(), alerting.slos().clone());
    let alerts = move |tenant: &TenantId| {
        let mut rows = of_rules(&rules, tenant);
        rows.extend(of_slos(&slos, tenant));
        alert_records(&rows)
    };
    engine.add_system_table("alerts", alert_schema(), Arc::new(alerts));
    let (rules, slos) = (alerting.rules().clone(), alerting.slos().clone());
    let transitions = move |tenant: &TenantId| {
        let mut changes = changes_of_rules(&rules, tenant);
        changes.extend(changes_of_slos(&slos, tenant));
        changes.sort_by_key(|change| std::cmp::Reverse(change.at));
        changes.truncate(TRANSITIONS_MAX);
        transition_records(&changes)
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
        Field::new("value", DataType::Float64, true),
        time("active_at", false),
        time("fired_at", true),
        time("resolved_at", true),
        // Since when nothing was measured that could change it.
        time("held_since", true),
    ]))
}

/// One row of `alerts`. Times in Unix nanoseconds.
struct Row {
    name: String,
    group: String,
    file: String,
    state: &'static str,
    labels: LabelSet,
    annotations: LabelSet,
    value: Option<f64>,
    active_at: i64,
    fired_at: Option<i64>,
    resolved_at: Option<i64>,
    held_since: Option<i64>,
}

fn of_rules(rules: &Rules, tenant: &TenantId) -> Vec<Row> {
    let millis = |at: i64| at.saturating_mul(1_000_000);
    let mut rows = Vec::new();
    for live in rules.groups().into_iter().filter(|live| live.tenant == *tenant) {
        for (rule, state) in live.state().rules.iter().enumerate() {
            rows.extend(state.alerts.iter().map(|(labels, alert)| Row {
                name: live.group.rules[rule].name().to_owned(),
                group: live.group.name.clone(),
                file: live.group.file.clone(),
                state: alert.state.name(),
                labels: labels.clone(),
                annotations: alert.annotations.clone(),
                value: Some(alert.value),
                active_at: millis(alert.active_at),
                fired_at: alert.fired_at.map(millis),
                resolved_at: alert.resolved_at.map(millis),
                held_since: alert.held_since.map(millis),
            }));
        }
    }
    rows
}

/// Those that are pending, firing, or were not long ago.
fn of_slos(slos: &Slos, tenant: &TenantId) -> Vec<Row> {
    let alerts = slos.alerts(tenant).unwrap_or_else(|error| {
        warn!(%error, "the table alerts lacks those of SLOs");
        Vec::new()
    });
    let oldest = SystemClock.now().0 - RESOLVED_NANOS;
    let row = |alert: SloAlert| {
        let SloAlert { key, latch, labels } = alert;
        let resolved = latch.resolved_at.filter(|at| seconds(*at) >= oldest);
        let active_at = latch.level.since().or(resolved)?;
        let loaded = slos.find(tenant, &key.slo);
        let is_firing = latch.is_firing();
        Some(Row {
            name: labels.get("alertname").cloned().unwrap_or_default(),
            file: loaded.map(|loaded| loaded.version.file.clone()).unwrap_or_default(),
            state: latch.level.name(),
            value: burn_of(slos, tenant, &key),
            annotations: LabelSet::new(),
            active_at: seconds(active_at),
            fired_at: is_firing.then(|| seconds(active_at)),
            resolved_at: latch.resolved_at.filter(|_| !is_firing).map(seconds),
            held_since: latch.held_since.map(seconds),
            group: key.slo,
            labels,
        })
    };
    alerts.into_iter().filter_map(row).collect()
}

fn seconds(at: i64) -> i64 {
    at.saturating_mul(1_000_000_000)
}

/// The burn rate of its long window; `None` for alerts of another kind.
fn burn_of(slos: &Slos, tenant: &TenantId, key: &AlertKey) -> Option<f64> {
    let standing = slos.standing(tenant, &key.slo)?;
    let objective = standing.objectives.get(key.objective)?;
    let status = match &key.group {
        Some(group) => &objective.groups.iter().find(|of| of.group == *group)?.status,
        None => &objective.status,
    };
    let windows = key.kind.windows();
    let is_it = |tier: &&TierStatus| (tier.tier.long_seconds, tier.tier.short_seconds) == windows;
    status.tiers.iter().find(is_it)?.long_burn
}

fn alert_records(rows: &[Row]) -> RecordBatch {
    let texts = |read: fn(&Row) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(rows.iter().map(read)))
    };
    let times = |read: fn(&Row) -> Option<i64>| -> ArrayRef {
        let nanoseconds = rows.iter().map(read);
        Arc::new(TimestampNanosecondArray::from_iter(nanoseconds).with_timezone("UTC"))
    };
    let columns: Vec<ArrayRef> = vec![
        texts(|row| row.name.clone()),
        texts(|row| row.group.clone()),
        texts(|row| row.file.clone()),
        texts(|row| row.state.to_owned()),
        texts(|row| json(&row.labels)),
        texts(|row| json(&row.annotations)),
        Arc::new(Float64Array::from_iter(rows.iter().map(|row| row.value))),
        times(|row| Some(row.active_at)),
        times(|row| row.fired_at),
        times(|row| row.resolved_at),
        times(|row| row.held_since),
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
        Field::new("value", DataType::Float64, true),
        text("from_state"),
        text("to_state"),
    ]))
}

/// One row of `alert_transitions`; the time in Unix nanoseconds.
struct Change {
    at: i64,
    source: String,
    name: String,
    group: String,
    labels: LabelSet,
    annotations: LabelSet,
    value: Option<f64>,
    from: String,
    to: String,
}

fn changes_of_rules(rules: &Rules, tenant: &TenantId) -> Vec<Change> {
    let kept = rules.transitions(tenant, TRANSITIONS_MAX).unwrap_or_else(|error| {
        warn!(%error, "the table alert_transitions lacks those of rules");
        Vec::new()
    });
    let change = |kept: KeptTransition| Change {
        at: kept.transition.at.saturating_mul(1_000_000),
        source: kept.source,
        name: kept.name,
        group: kept.group,
        labels: kept.transition.labels,
        annotations: kept.transition.annotations,
        value: Some(kept.transition.value),
        from: kept.transition.from.name().to_owned(),
        to: kept.transition.to.name().to_owned(),
    };
    kept.into_iter().map(change).collect()
}

/// What the alerts of SLOs did, by the labels that tell them apart; `slo_transitions` has more of them.
fn changes_of_slos(slos: &Slos, tenant: &TenantId) -> Vec<Change> {
    let mut kept = slos.transitions(tenant, None, TRANSITIONS_MAX).unwrap_or_else(|error| {
        warn!(%error, "the table alert_transitions lacks those of SLOs");
        Vec::new()
    });
    kept.reverse();
    let mut before: BTreeMap<AlertKey, String> = BTreeMap::new();
    let change = |kept: Transition| {
        let from = before.insert(kept.key.clone(), kept.level.clone());
        let mut labels = LabelSet::from([
            ("slo".to_owned(), kept.key.slo.clone()),
            ("objective_index".to_owned(), kept.key.objective.to_string()),
            ("severity".to_owned(), kept.severity),
        ]);
        let (long, short) = kept.key.kind.windows();
        if long > 0 {
            labels.insert("long_window".to_owned(), span(long));
            labels.insert("short_window".to_owned(), span(short));
        }
        if let Some(group) = &kept.key.group {
            labels.insert("group".to_owned(), slo_tables::group_text(group));
        }
        let name = ALERT_NAMES.iter().find(|(_, kind)| *kind == kept.key.kind);
        Change {
            at: seconds(kept.at),
            source: "slo".to_owned(),
            name: name.map_or("SLOBurnRate", |(name, _)| name).to_owned(),
            group: kept.key.slo,
            labels,
            annotations: LabelSet::from([("description".to_owned(), kept.reason)]),
            value: None,
            from: from.unwrap_or_else(|| "inactive".to_owned()),
            to: kept.level,
        }
    };
    kept.into_iter().map(change).collect()
}

fn transition_records(kept: &[Change]) -> RecordBatch {
    let texts = |read: fn(&Change) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(kept.iter().map(read)))
    };
    let times = kept.iter().map(|kept| kept.at);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(TimestampNanosecondArray::from_iter_values(times).with_timezone("UTC")),
        texts(|kept| kept.source.clone()),
        texts(|kept| kept.name.clone()),
        texts(|kept| kept.group.clone()),
        texts(|kept| json(&kept.labels)),
        texts(|kept| json(&kept.annotations)),
        Arc::new(Float64Array::from_iter(kept.iter().map(|kept| kept.value))),
        texts(|kept| kept.from.clone()),
        texts(|kept| kept.to.clone()),
    ];
    RecordBatch::try_new(transition_schema(), columns).expect("the columns are those of the schema")
}

fn json(labels: &LabelSet) -> String {
    serde_json::to_string(labels).expect("texts are JSON")
}
