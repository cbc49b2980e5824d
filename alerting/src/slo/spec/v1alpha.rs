//! `openslo/v1alpha`, which other tools still read: an SLO whose objectives each have their own ratio of counters.

use super::annotations::Annotations;
use super::fields::{Field, Fields, Problems};
use super::indicator::{Indicator, Part, Sli, SliSource, query_text};
use super::slo::{ObjectiveSpec, Reading, Slo, Told, read_metadata, read_target};
use crate::slo::{DEFAULT_TIERS, GROUP_GONE_SECONDS, Policy, Window};
use std::collections::BTreeMap;

pub(super) const API_VERSION: &str = "openslo/v1alpha";

pub(super) fn read(root: &Field<'_>, problems: &mut Problems) -> Option<Slo> {
    let document = root.fields(&["apiVersion", "kind", "metadata", "spec"], &[], problems)?;
    let kind = document.need("kind", problems)?;
    if kind.text(problems)? != "SLO" {
        kind.refuse(format!("is to be SLO; other kinds are read as {}", "openslo/v1"), problems);
        return None;
    }
    let metadata = read_metadata(&document, problems)?;
    let spec = document.need("spec", problems)?;
    let known =
        ["service", "description", "budgetingMethod", "objectives", "timeWindows", "alertPolicies"];
    let threshold = "its value is no count of events; give objectives with ratioMetrics";
    let fields = spec.fields(&known, &[("indicator", threshold)], problems)?;
    let method = fields.need("budgetingMethod", problems)?;
    let window = read_window(&fields, problems);
    let objectives = fields.need("objectives", problems)?;
    let items = objectives.items(problems);
    let read = |item: &Field<'_>| read_objective(item, &method, window, problems);
    let objectives: Vec<ObjectiveSpec> = items.iter().filter_map(read).collect();
    Some(Slo {
        name: metadata.name,
        display_name: metadata.display_name,
        description: fields.text("description", problems).unwrap_or_default().to_owned(),
        service: fields.need_text("service", problems)?.to_owned(),
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
        objectives,
        targets: Vec::new(),
        told: Told::default(),
        group_gone_seconds: GROUP_GONE_SECONDS,
    })
}

fn read_objective(
    item: &Field<'_>,
    method: &Field<'_>,
    window: Option<Window>,
    problems: &mut Problems,
) -> Option<ObjectiveSpec> {
    let known = ["displayName", "ratioMetrics", "target", "timeSliceTarget"];
    let threshold = "is for a threshold; give ratioMetrics";
    let fields = item.fields(&known, &[("op", threshold), ("value", threshold)], problems)?;
    let objective = read_target(&fields, item, problems);
    let ratio = fields.need("ratioMetrics", problems)?;
    let sli = read_ratio(&ratio, problems)?;
    let indicator = Indicator::Ratio(sli.clone());
    let method = Reading { indicator: &indicator, method }.method(&fields, problems)?;
    let Annotations { guards, mode, no_traffic, no_telemetry, .. } = Annotations::default();
    let policy = Policy {
        objective: objective?,
        method,
        window: window?,
        tiers: DEFAULT_TIERS.to_vec(),
        hold_seconds: 0,
        guards,
        mode,
        no_traffic,
        no_telemetry,
        exclusions: Vec::new(),
    };
    let display_name = fields.text("displayName", problems).unwrap_or_default().to_owned();
    Some(ObjectiveSpec { display_name, sli, policy, composite: None })
}

fn read_ratio(field: &Field<'_>, problems: &mut Problems) -> Option<Sli> {
    let known = ["counter", "incremental", "good", "bad", "total"];
    let fields = field.fields(&known, &[], problems)?;
    let total = fields.need("total", problems).and_then(|total| read_query(&total, problems));
    let (part, is_good) = match (fields.find("good"), fields.find("bad")) {
        (Some(good), None) => (good, true),
        (None, Some(bad)) => (bad, false),
        _ => {
            field.refuse("needs either good or bad", problems);
            return None;
        }
    };
    let (source, chosen) = read_query(&part, problems)?;
    let (total_source, total) = total?;
    if total_source != source {
        part.refuse(format!("is to count {}, as the total does", total_source.name()), problems);
    }
    let part = if is_good { Part::Good(chosen) } else { Part::Bad(chosen) };
    Some(Sli { source, total, part, lookback_seconds: 0, group_by: Vec::new() })
}

fn read_query(field: &Field<'_>, problems: &mut Problems) -> Option<(SliSource, String)> {
    let fields = field.fields(&["source", "queryType", "query"], &[], problems)?;
    let source = fields.need("source", problems)?;
    let Some(known) = SliSource::from_name(source.text(problems)?) else {
        source.refuse("is none here; there are spans, logs, promql (prometheus) and sql", problems);
        return None;
    };
    let query = fields.need("query", problems)?;
    Some((known, query_text(&query, known, problems)?))
}

fn read_window(fields: &Fields<'_>, problems: &mut Problems) -> Option<Window> {
    let list = fields.need("timeWindows", problems)?;
    let items = list.items(problems);
    let [item] = items.as_slice() else {
        list.refuse("is to have exactly one window", problems);
        return None;
    };
    let calendar = "write the SLO as openslo/v1 for a calendar's window";
    let fields =
        item.fields(&["count", "unit", "isRolling"], &[("calendar", calendar)], problems)?;
    if fields.flag("isRolling", problems) == Some(false)
        && let Some(rolling) = fields.find("isRolling")
    {
        rolling.refuse(calendar, problems);
    }
    let count = fields.need("count", problems)?;
    let unit = fields.need("unit", problems)?;
    let seconds = match unit.text(problems)? {
        "Hour" => 3_600,
        "Day" => 86_400,
        "Week" => 604_800,
        _ => {
            unit.refuse("is to be Hour, Day or Week", problems);
            return None;
        }
    };
    let number = count.text(problems).and_then(|text| text.parse::<u64>().ok());
    let seconds = number.and_then(|number| number.checked_mul(seconds));
    let seconds = seconds.filter(|seconds| super::slo::PERIOD_SECONDS.contains(seconds));
    if seconds.is_none() {
        count.refuse("is to make a window of 1 hour to 366 days", problems);
    }
    Some(Window::Rolling { seconds: seconds? })
}
