//! Alert policies: OpenSLO's conditions have one window, ours get their short window as a twelfth of it.

use super::fields::{Field, Fields, Problems, seconds, text_of};
use crate::slo::objective::parse_decimal;
use crate::slo::{Severity, Tier, Trigger};
use std::collections::BTreeMap;

/// Of the lookback window; the workbook's ratio.
const SHORT_PART: u64 = 12;

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Condition {
    pub tier: Tier,
    pub hold_seconds: u64,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct AlertPolicy {
    pub condition: Option<Condition>,
    /// Names of those to be told, for routes to match.
    pub targets: Vec<String>,
}

/// The conditions of other documents, by name.
pub(super) type Conditions = BTreeMap<String, Condition>;

/// The `spec` of an AlertPolicy.
pub(super) fn read(
    spec: &Field<'_>,
    conditions: &Conditions,
    problems: &mut Problems,
) -> Option<AlertPolicy> {
    let known = [
        "description",
        "alertWhenNoData",
        "alertWhenResolved",
        "alertWhenBreaching",
        "conditions",
        "notificationTargets",
    ];
    let fields = spec.fields(&known, &[], problems)?;
    for (flag, why) in [
        ("alertWhenNoData", "an alert of its own tells when there is no data"),
        ("alertWhenResolved", "receivers say whether they send what is resolved"),
    ] {
        let field = fields.find(flag);
        if let Some(field) = field.filter(|_| fields.flag(flag, problems) == Some(true)) {
            // Both happen anyway; only the wish that they do not could not be met.
            tracing::debug!(field = field.path, why, "a flag that is always so");
        }
    }
    let items = fields.items("conditions", problems);
    if items.len() > 1 {
        items[1].refuse("is one too many: a policy has one condition", problems);
    }
    let is_told = fields.flag("alertWhenBreaching", problems) != Some(false);
    let condition = items.first().and_then(|item| read_condition(item, conditions, problems));
    let targets = fields.items("notificationTargets", problems);
    let targets = targets.iter().filter_map(|target| read_target(target, problems)).collect();
    Some(AlertPolicy { condition: condition.filter(|_| is_told), targets })
}

fn read_condition(
    item: &Field<'_>,
    conditions: &Conditions,
    problems: &mut Problems,
) -> Option<Condition> {
    let fields =
        item.fields(&["conditionRef", "apiVersion", "kind", "metadata", "spec"], &[], problems)?;
    if let Some(reference) = fields.find("conditionRef") {
        let name = reference.text(problems)?;
        let found = conditions.get(name).cloned();
        if found.is_none() {
            reference.refuse(format!("there is no AlertCondition '{name}'"), problems);
        }
        return found;
    }
    read_condition_spec(&fields.need("spec", problems)?, problems)
}

/// The `spec` of an AlertCondition.
pub(super) fn read_condition_spec(spec: &Field<'_>, problems: &mut Problems) -> Option<Condition> {
    let fields = spec.fields(&["description", "severity", "condition"], &[], problems)?;
    let severity = match fields.need_text("severity", problems)? {
        "page" | "critical" => Severity::Page,
        "ticket" | "warning" => Severity::Ticket,
        _ => {
            let severity = fields.find("severity")?;
            severity.refuse("is to be page (or critical) or ticket (or warning)", problems);
            return None;
        }
    };
    let condition = fields.need("condition", problems)?;
    let known = ["kind", "op", "threshold", "lookbackWindow", "alertAfter"];
    let fields = condition.fields(&known, &[], problems)?;
    expect(&fields, "kind", &["burnrate"], problems);
    if fields.find("op").is_some() {
        expect(&fields, "op", &["gte", "gt"], problems);
    }
    let threshold = fields.need("threshold", problems)?;
    let parts = threshold.text(problems).and_then(|text| parse_decimal(text, 9));
    let Some(parts) = parts.filter(|parts| *parts > 0) else {
        threshold.refuse("is to be a burn rate above 0", problems);
        return None;
    };
    let long_seconds = length(&fields.need("lookbackWindow", problems)?, problems)?;
    let after = fields.find("alertAfter");
    let hold_seconds = match after.filter(|after| !text_of(after.node).is_some_and(is_zero)) {
        Some(after) => length(&after, problems)?,
        None => 0,
    };
    let short_seconds = (long_seconds / SHORT_PART).max(60);
    let trigger = Trigger::BurnRate(parts);
    Some(Condition { tier: Tier { severity, long_seconds, short_seconds, trigger }, hold_seconds })
}

fn is_zero(text: &str) -> bool {
    matches!(text, "0" | "0s" | "0m" | "0h")
}

fn expect(fields: &Fields<'_>, key: &str, words: &[&str], problems: &mut Problems) {
    let Some(field) = fields.need(key, problems) else { return };
    if !text_of(field.node).is_some_and(|text| words.contains(&text)) {
        field.refuse(format!("is to be {}", words.join(" or ")), problems);
    }
}

fn length(field: &Field<'_>, problems: &mut Problems) -> Option<u64> {
    let length = field.text(problems).and_then(seconds);
    if length.is_none() {
        field.refuse("is to be a length such as 5m, 1h or 3d", problems);
    }
    length
}

fn read_target(item: &Field<'_>, problems: &mut Problems) -> Option<String> {
    let fields =
        item.fields(&["targetRef", "apiVersion", "kind", "metadata", "spec"], &[], problems)?;
    if let Some(reference) = fields.find("targetRef") {
        return reference.text(problems).map(str::to_owned);
    }
    let metadata = fields.need("metadata", problems)?;
    let fields =
        metadata.fields(&["name", "displayName", "labels", "annotations"], &[], problems)?;
    fields.need_text("name", problems).map(str::to_owned)
}
