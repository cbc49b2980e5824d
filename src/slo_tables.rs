//! The system tables `slo_slices`, `slo_transitions` and `slo_evidence`.

use arrow::array::{ArrayRef, Int64Array, StringArray, TimestampNanosecondArray, UInt64Array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::record_batch::RecordBatch;
use binnacle_alerting::slo::{History, OVERFLOW, SLICE_SECONDS, Slos, Standing, span};
use binnacle_query::QueryEngine;
use binnacle_query::sli::SliGroup;
use binnacle_storage::model::TenantId;
use std::sync::Arc;

/// Most transitions in the table; the newest.
const TRANSITIONS_MAX: usize = 100_000;

/// Rows after which no more groups are added: what SLOs count as a whole is always there.
const GROUP_ROWS_MAX: usize = 4_000_000;

const NANOS: i64 = 1_000_000_000;

/// Lets queries read what SLOs count and what their alerts did.
pub fn add_tables(engine: &QueryEngine, slos: &Slos) {
    let of = slos.clone();
    let rows = move |tenant: &TenantId| slices(&of, tenant);
    engine.add_system_table("slo_slices", slices_schema(), Arc::new(rows));
    let of = slos.clone();
    let rows = move |tenant: &TenantId| transitions(&of, tenant);
    engine.add_system_table("slo_transitions", transitions_schema(), Arc::new(rows));
    let of = slos.clone();
    let rows = move |tenant: &TenantId| crate::slo_evidence::rows(&of, tenant);
    engine.add_system_table("slo_evidence", crate::slo_evidence::schema(), Arc::new(rows));
}

fn time(name: &str) -> Field {
    let zone = Some("UTC".into());
    Field::new(name, DataType::Timestamp(TimeUnit::Nanosecond, zone), false)
}

fn slices_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("slo", DataType::Utf8, false),
        Field::new("version", DataType::Int64, false),
        Field::new("objective", DataType::UInt64, false),
        Field::new("group", DataType::Utf8, true),
        time("slice"),
        Field::new("good", DataType::UInt64, false),
        Field::new("total", DataType::UInt64, false),
    ]))
}

/// First what each SLO counts as a whole, then its groups.
fn all_slices<'a>(
    slos: &'a Slos,
    tenant: &'a TenantId,
    standings: &'a [Arc<Standing>],
) -> impl Iterator<Item = (&'a Standing, usize, Option<String>, History)> {
    let objectives = || {
        standings.iter().flat_map(|standing| {
            let all = standing.objectives.iter().enumerate();
            all.map(move |(index, objective)| (&**standing, index, objective))
        })
    };
    let whole = objectives()
        .map(|(standing, index, objective)| (standing, index, None, objective.events.clone()));
    let groups = objectives().flat_map(move |(standing, index, objective)| {
        let groups = objective.groups.iter();
        groups.map(move |of| {
            let events = slos.events_of_group(tenant, objective, of).unwrap_or_else(|error| {
                tracing::error!(%error, "failed to read slices of a group");
                History::default()
            });
            (standing, index, Some(group_text(&of.group)), events)
        })
    });
    whole.chain(groups)
}

fn slices(slos: &Slos, tenant: &TenantId) -> RecordBatch {
    let (mut names, mut objectives, mut times) = (Vec::new(), Vec::new(), Vec::new());
    let (mut good, mut total, mut members) = (Vec::new(), Vec::new(), Vec::new());
    let mut versions = Vec::new();
    let standings = slos.list(tenant).into_iter();
    let standings = standings.filter_map(|loaded| slos.standing(tenant, &loaded.slo.name));
    let standings: Vec<Arc<Standing>> = standings.collect();
    for (standing, index, group, events) in all_slices(slos, tenant, &standings) {
        if group.is_some() && names.len() >= GROUP_ROWS_MAX {
            tracing::warn!(%tenant, "slo_slices leaves out groups: there are too many slices");
            break;
        }
        for (at, count) in events.slices(i64::MIN..i64::MAX) {
            names.push(standing.loaded.slo.name.clone());
            versions.push(standing.loaded.version.version);
            objectives.push(index as u64);
            members.push(group.clone());
            times.push(at.saturating_mul(SLICE_SECONDS * NANOS));
            good.push(count.good);
            total.push(count.total);
        }
    }
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from(names)),
        Arc::new(Int64Array::from(versions)),
        Arc::new(UInt64Array::from(objectives)),
        Arc::new(StringArray::from(members)),
        Arc::new(TimestampNanosecondArray::from(times).with_timezone("UTC")),
        Arc::new(UInt64Array::from(good)),
        Arc::new(UInt64Array::from(total)),
    ];
    RecordBatch::try_new(slices_schema(), columns).expect("the columns are those of the schema")
}

/// A JSON list of its values; `overflow` for all groups beyond the limit.
pub fn group_text(group: &SliGroup) -> String {
    match group.is_overflow() {
        true => OVERFLOW.to_owned(),
        false => serde_json::to_string(&group.0).unwrap_or_default(),
    }
}

fn transitions_schema() -> SchemaRef {
    let text = |name: &str| Field::new(name, DataType::Utf8, false);
    Arc::new(Schema::new(vec![
        time("time"),
        text("slo"),
        Field::new("version", DataType::Int64, false),
        Field::new("objective", DataType::UInt64, false),
        Field::new("group", DataType::Utf8, true),
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
        Arc::new(StringArray::from_iter(
            all.iter().map(|transition| transition.key.group.as_ref().map(group_text)),
        )),
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
