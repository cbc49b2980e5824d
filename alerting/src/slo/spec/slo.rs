//! One SLO, with all it refers to in place.

use super::annotations;
use super::composite;
use super::fields::{Field, Fields, Problems, seconds, text_of};
use super::indicator::{self, Comparison, Indicator, Sli};
use super::policy::{self, AlertPolicy, Conditions};
use super::tiers::{check_tiers, tiers_of};
use crate::slo::composite::Composite;
use crate::slo::counting::table_of;
use crate::slo::objective::parse_decimal;
use crate::slo::{
    Calendar, CalendarUnit, DEFAULT_TIERS, GROUP_GONE_SECONDS, Method, Objective, Policy,
    SLICE_SECONDS, TimesliceGoal, Window,
};
use chrono::{NaiveDate, NaiveDateTime};
use std::collections::BTreeMap;

/// Slices of time when an objective does not say.
const TIMESLICE_SECONDS: u64 = 60;

/// Periods of rolling windows; below an hour no tier means anything.
pub(super) const PERIOD_SECONDS: std::ops::RangeInclusive<u64> = 3_600..=366 * 86_400;

/// Fields of an objective.
pub(super) const OBJECTIVE_FIELDS: [&str; 10] = [
    "displayName",
    "op",
    "value",
    "target",
    "targetPercent",
    "timeSliceTarget",
    "timeSliceWindow",
    "indicator",
    "indicatorRef",
    "compositeWeight",
];

#[derive(Debug, Clone, PartialEq)]
pub struct Slo {
    pub name: String,
    pub display_name: String,
    pub description: String,
    pub service: String,
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
    pub objectives: Vec<ObjectiveSpec>,
    /// For routes to match.
    pub targets: Vec<String>,
    pub told: Told,
    /// Without anything of a group for so long its alerts are over.
    pub group_gone_seconds: u64,
}

/// What its burn-rate alerts are called, and what they say beside what all do.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Told {
    /// Empty for the usual name.
    pub name: String,
    pub page: Extra,
    pub ticket: Extra,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Extra {
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ObjectiveSpec {
    pub display_name: String,
    pub sli: Sli,
    pub policy: Policy,
    /// Of what it is made, where it counts nothing of its own.
    pub composite: Option<Composite>,
}

/// What other documents have, by name.
#[derive(Debug, Default)]
pub(super) struct Named {
    pub indicators: BTreeMap<String, Indicator>,
    pub policies: BTreeMap<String, AlertPolicy>,
    pub conditions: Conditions,
}

/// Name, display name, labels and annotations of a document.
pub(super) struct Metadata<'a> {
    pub name: String,
    pub display_name: String,
    labels: Vec<(String, Field<'a>)>,
    annotations: Vec<(String, Field<'a>)>,
}

pub(super) fn read_metadata<'a>(
    document: &Fields<'a>,
    problems: &mut Problems,
) -> Option<Metadata<'a>> {
    let metadata = document.need("metadata", problems)?;
    let known = ["name", "displayName", "labels", "annotations"];
    let fields = metadata.fields(&known, &[], problems)?;
    let name = fields.need("name", problems)?;
    let text = name.text(problems)?;
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if text.is_empty() || text.len() > 128 || !text.bytes().all(is_name) {
        name.refuse("is to be letters, digits, '-', '_' and '.', at most 128", problems);
        return None;
    }
    Some(Metadata {
        name: text.to_owned(),
        display_name: fields.text("displayName", problems).unwrap_or(text).to_owned(),
        labels: fields.texts("labels", problems),
        annotations: fields.texts("annotations", problems),
    })
}

pub(super) fn read(document: &Fields<'_>, named: &Named, problems: &mut Problems) -> Option<Slo> {
    let metadata = read_metadata(document, problems)?;
    let spec = document.need("spec", problems)?;
    let known = [
        "description",
        "service",
        "indicator",
        "indicatorRef",
        "timeWindow",
        "budgetingMethod",
        "objectives",
        "alertPolicies",
    ];
    let fields = spec.fields(&known, &[], problems)?;
    let annotations = annotations::read(&metadata.annotations, problems);
    let items = fields.items("objectives", &mut Problems::new());
    let is_composite = composite::is_composite(&fields, &items);
    let indicator = match is_composite {
        true => None,
        false => read_indicator(&fields, named, problems),
    };
    let window = read_window(&fields, problems);
    let method = fields.need("budgetingMethod", problems);
    let policies = read_policies(&fields, named, problems);
    let conditions: Vec<_> =
        policies.iter().filter_map(|policy| policy.condition.as_ref()).collect();
    let tiers = match (annotations.tiers, conditions.is_empty()) {
        (Some(tiers), _) => tiers,
        (None, true) => DEFAULT_TIERS.to_vec(),
        (None, false) => tiers_of(&conditions, &fields, problems),
    };
    let objectives = fields.need("objectives", problems);
    if let Some(objectives) = &objectives
        && objectives.items(problems).is_empty()
    {
        objectives.refuse("is to have one objective or more", problems);
    }
    let service = fields.need_text("service", problems);
    let has_none = indicator.is_none() && !is_composite;
    if has_none || window.is_none() || items.is_empty() {
        // No objective is going to say so.
        check_method(method.as_ref(), problems);
    }
    if has_none {
        return None;
    }
    let (objectives, window, method) = (objectives?, window?, method?);
    let (mut read, mut weights) = (Vec::new(), Vec::new());
    for item in &items {
        let own = composite::own_indicator(item, is_composite, named, problems);
        let Some(indicator) = indicator.as_ref().or(own.as_ref()) else { continue };
        let objective = Reading { indicator, method: &method }.objective(item, problems);
        let Some((display_name, mut sli, objective, method)) = objective else { continue };
        sli.group_by.clone_from(&annotations.group_by);
        weights.push(composite::weight(item, is_composite, problems));
        let display_name = match display_name.as_str() {
            "" if is_composite => composite::member_name(item, read.len()),
            _ => display_name,
        };
        read.push(ObjectiveSpec {
            display_name,
            sli,
            policy: Policy {
                objective,
                method,
                window,
                tiers: tiers.clone(),
                hold_seconds: conditions.first().map_or(0, |condition| condition.hold_seconds),
                guards: annotations.guards,
                mode: annotations.mode,
                no_traffic: annotations.no_traffic,
                no_telemetry: annotations.no_telemetry,
                exclusions: annotations.exclusions.clone(),
            },
            composite: None,
        });
        check_tiers(&read[read.len() - 1].policy, item, problems);
    }
    check_groups(&metadata.annotations, &read, is_composite, problems);
    let said = &annotations.composite;
    let whole = match is_composite {
        true => composite::read(&read, &weights, said, &objectives, problems),
        false => composite::refuse(said, &objectives, problems),
    };
    read.extend(whole);
    let texts = |list: &[(String, Field<'_>)]| {
        let text = |(name, field): &(String, Field<'_>)| {
            text_of(field.node).map(|text| (name.clone(), text.to_owned()))
        };
        list.iter().filter_map(text).collect::<BTreeMap<_, _>>()
    };
    let mut targets: Vec<String> = policies.into_iter().flat_map(|policy| policy.targets).collect();
    targets.sort();
    targets.dedup();
    Some(Slo {
        name: metadata.name,
        display_name: metadata.display_name,
        description: fields.text("description", problems).unwrap_or_default().to_owned(),
        service: service?.to_owned(),
        labels: texts(&metadata.labels),
        annotations: texts(&metadata.annotations),
        objectives: read,
        targets,
        told: Told::default(),
        group_gone_seconds: annotations.group_gone_seconds.unwrap_or(GROUP_GONE_SECONDS),
    })
}

/// Refuses attributes by which what is counted cannot be told apart.
fn check_groups(
    annotations: &[(String, Field<'_>)],
    objectives: &[ObjectiveSpec],
    is_composite: bool,
    problems: &mut Problems,
) {
    let field = annotations.iter().find(|(name, _)| name == "binnacle/group-by");
    let (Some((_, field)), Some(objective)) = (field, objectives.first()) else { return };
    let sli = &objective.sli;
    if sli.group_by.is_empty() {
        return;
    }
    if is_composite {
        field.refuse("is not for composites: group the events of its members apart", problems);
        return;
    }
    if let Err(error) = binnacle_query::sli::check_groups(table_of(sli), &sli.group_by) {
        let hint = error.hint().map(|hint| format!(" ({hint})")).unwrap_or_default();
        field.refuse(format!("{error}{hint}"), problems);
    }
}

pub(super) fn read_indicator(
    fields: &Fields<'_>,
    named: &Named,
    problems: &mut Problems,
) -> Option<Indicator> {
    if let Some(reference) = fields.find("indicatorRef") {
        let name = reference.text(problems)?;
        let found = named.indicators.get(name).cloned();
        if found.is_none() {
            reference.refuse(format!("there is no SLI '{name}', or it is refused"), problems);
        }
        return found;
    }
    let indicator = fields.need("indicator", problems)?;
    let inner = indicator.fields(&["apiVersion", "kind", "metadata", "spec"], &[], problems)?;
    indicator::read(&inner.need("spec", problems)?, problems)
}

fn read_policies(fields: &Fields<'_>, named: &Named, problems: &mut Problems) -> Vec<AlertPolicy> {
    let mut policies = Vec::new();
    for item in fields.items("alertPolicies", problems) {
        let by_name = |field: &Field<'_>, problems: &mut Problems| {
            let name = field.text(problems)?;
            let found = named.policies.get(name).cloned();
            if found.is_none() {
                field.refuse(
                    format!("there is no AlertPolicy '{name}', or it is refused"),
                    problems,
                );
            }
            found
        };
        if text_of(item.node).is_some() {
            policies.extend(by_name(&item, problems));
            continue;
        }
        let known = ["alertPolicyRef", "apiVersion", "kind", "metadata", "spec"];
        let Some(inner) = item.fields(&known, &[], problems) else { continue };
        if let Some(reference) = inner.find("alertPolicyRef") {
            policies.extend(by_name(&reference, problems));
        } else if let Some(spec) = inner.need("spec", problems) {
            policies.extend(policy::read(&spec, &named.conditions, problems));
        }
    }
    policies
}

fn read_window(fields: &Fields<'_>, problems: &mut Problems) -> Option<Window> {
    let list = fields.need("timeWindow", problems)?;
    let items = list.items(problems);
    let [item] = items.as_slice() else {
        list.refuse("is to have exactly one window", problems);
        return None;
    };
    let fields = item.fields(&["duration", "isRolling", "calendar"], &[], problems)?;
    let duration = fields.need("duration", problems)?;
    let text = duration.text(problems)?;
    let calendar = fields.find("calendar");
    let is_rolling = fields.flag("isRolling", problems).unwrap_or(calendar.is_none());
    if is_rolling {
        if let Some(calendar) = calendar {
            calendar.refuse("is for a window that is not rolling", problems);
        }
        let length = seconds(text).filter(|seconds| PERIOD_SECONDS.contains(seconds));
        if length.is_none() {
            let hint =
                "is to be between 1h and 366d; a rolling window has a fixed length (30d, not 1M)";
            duration.refuse(hint, problems);
        }
        return Some(Window::Rolling { seconds: length? });
    }
    let calendar = fields.need("calendar", problems)?;
    read_calendar(&calendar, &duration, problems).map(Window::Calendar)
}

fn read_calendar(
    calendar: &Field<'_>,
    duration: &Field<'_>,
    problems: &mut Problems,
) -> Option<Calendar> {
    let text = duration.text(problems)?;
    let unit = match text.chars().last() {
        Some('h') => Some(CalendarUnit::Hours),
        Some('d') => Some(CalendarUnit::Days),
        Some('w') => Some(CalendarUnit::Weeks),
        Some('M') => Some(CalendarUnit::Months),
        Some('Q') => Some(CalendarUnit::Quarters),
        Some('Y') => Some(CalendarUnit::Years),
        _ => None,
    };
    let count = text.get(..text.len().saturating_sub(1)).and_then(|count| count.parse().ok());
    let (Some(unit), Some(count)) = (unit, count.filter(|count| (1..=1000).contains(count))) else {
        let hint = "is to be a number of h, d, w, M (months), Q or Y; 1m would be one minute";
        duration.refuse(hint, problems);
        return None;
    };
    let fields = calendar.fields(&["startTime", "timeZone"], &[], problems)?;
    let start = fields.need("startTime", problems)?;
    let zone = fields.need("timeZone", problems)?;
    let start_time = start.text(problems).and_then(local_time);
    if start_time.is_none() {
        start.refuse("is to be a local time as 2024-01-01 00:00:00", problems);
    }
    let parsed = zone.text(problems).and_then(|name| name.parse().ok());
    if parsed.is_none() {
        zone.refuse("is not a zone of the IANA database, such as Europe/Berlin", problems);
    }
    Some(Calendar { start: start_time?, zone: parsed?, count, unit })
}

fn local_time(text: &str) -> Option<NaiveDateTime> {
    let formats = ["%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S"];
    let time = formats.iter().find_map(|format| NaiveDateTime::parse_from_str(text, format).ok());
    time.or_else(|| {
        NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().and_then(|date| date.and_hms_opt(0, 0, 0))
    })
}

/// What all objectives of an SLO share.
pub(super) struct Reading<'a, 'b> {
    pub indicator: &'a Indicator,
    pub method: &'a Field<'b>,
}

impl Reading<'_, '_> {
    fn objective(
        &self,
        item: &Field<'_>,
        problems: &mut Problems,
    ) -> Option<(String, Sli, Objective, Method)> {
        let fields = item.fields(&OBJECTIVE_FIELDS, &[], problems)?;
        let objective = read_target(&fields, item, problems);
        let comparison = match fields.find("op") {
            None => None,
            Some(op) => {
                let comparison = op.text(problems).and_then(Comparison::from_name);
                if comparison.is_none() {
                    op.refuse("is to be lte, lt, gte or gt", problems);
                }
                comparison
            }
        };
        let sli = self.indicator.sli(comparison, fields.find("value").as_ref(), item, problems);
        let method = self.method(&fields, problems);
        let display_name = fields.text("displayName", problems).unwrap_or_default().to_owned();
        Some((display_name, sli?, objective?, method?))
    }

    pub fn method(&self, fields: &Fields<'_>, problems: &mut Problems) -> Option<Method> {
        let (target, window) = (fields.find("timeSliceTarget"), fields.find("timeSliceWindow"));
        let name = self.method.text(problems)?;
        match name {
            "Occurrences" => {
                for field in [target, window].into_iter().flatten() {
                    field.refuse("is for Timeslices", problems);
                }
                Some(Method::Occurrences)
            }
            "Timeslices" => {
                let target = fields.need("timeSliceTarget", problems)?;
                let parts = target.text(problems).and_then(|text| parse_decimal(text, 9));
                let Some(target_parts) = parts.filter(|parts| (1..=1_000_000_000).contains(parts))
                else {
                    target.refuse("is to be above 0 and at most 1", problems);
                    return None;
                };
                let seconds = slice_seconds(window, problems)?;
                Some(Method::Timeslices(TimesliceGoal { seconds, target_parts }))
            }
            "RatioTimeslices" => {
                if let Some(target) = target {
                    target.refuse("is for Timeslices", problems);
                }
                Some(Method::RatioTimeslices { seconds: slice_seconds(window, problems)? })
            }
            _ => {
                check_method(Some(self.method), problems);
                None
            }
        }
    }
}

fn check_method(method: Option<&Field<'_>>, problems: &mut Problems) {
    let Some(method) = method else { return };
    let known = ["Occurrences", "Timeslices", "RatioTimeslices"];
    if !text_of(method.node).is_some_and(|name| known.contains(&name)) {
        method.refuse("is to be Occurrences, Timeslices or RatioTimeslices", problems);
    }
}

fn slice_seconds(window: Option<Field<'_>>, problems: &mut Problems) -> Option<u64> {
    let Some(window) = window else { return Some(TIMESLICE_SECONDS) };
    let length = window.text(problems).and_then(seconds);
    let length = length.filter(|s| s.is_multiple_of(SLICE_SECONDS as u64) && *s <= 86_400);
    if length.is_none() {
        window.refuse("is to be a multiple of 10s, at most 1d", problems);
    }
    length
}

pub(super) fn read_target(
    fields: &Fields<'_>,
    item: &Field<'_>,
    problems: &mut Problems,
) -> Option<Objective> {
    let (target, percent) = (fields.find("target"), fields.find("targetPercent"));
    let (field, digits) = match (&target, &percent) {
        (Some(target), None) => (target, 9),
        (None, Some(percent)) => (percent, 7),
        _ => {
            item.refuse("needs either target or targetPercent", problems);
            return None;
        }
    };
    let parts = field.text(problems).and_then(|text| parse_decimal(text, digits));
    let objective = parts.and_then(Objective::new);
    if objective.is_none() {
        let hint = "is to be above 0 and below all (an objective of 100 % leaves no budget), with at most 9 digits";
        field.refuse(hint, problems);
    }
    objective
}
