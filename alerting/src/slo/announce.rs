//! From what alerts see to what is told: transitions, and the alerts that notification gets.

use super::evaluate::{AlertKind, AlertSeen, Status};
use super::grouping::{labels_of, words_of};
use super::latch::{Latch, Level};
use super::spec::{Extra, ObjectiveSpec, Slo};
use super::stored_alerts::{AlertKey, StoredAlert, Transition};
use super::tier::{Severity, span};
use crate::explain::Evidence;
use crate::{Alert, LabelSet};
use binnacle_query::sli::SliGroup;
use binnacle_storage::model::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// Labels by which routes tell SLO alerts, and that an SLO's own labels do not replace.
pub const ALERT_NAMES: [(&str, AlertKind); 3] = [
    ("SLOBudgetExhaustion", AlertKind::Exhaustion),
    ("SLONoTraffic", AlertKind::NoTraffic),
    ("SLONoTelemetry", AlertKind::NoTelemetry),
];

/// How alerts are told.
#[derive(Debug, Clone)]
pub(super) struct Telling {
    /// Unix seconds.
    pub now: i64,
    /// Address by which people reach this server; empty for a path alone.
    pub external_url: String,
    /// A firing alert is told again after so many seconds.
    pub resend_seconds: i64,
}

/// One objective as it was evaluated, as a whole or for one group.
pub(super) struct Evaluated<'a> {
    pub slo: &'a Slo,
    pub version: i64,
    pub objective: usize,
    /// `None` for the SLO as a whole.
    pub group: Option<&'a SliGroup>,
    pub spec: &'a ObjectiveSpec,
    pub status: &'a Status,
}

/// What one evaluation changes.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub alerts: BTreeMap<AlertKey, StoredAlert>,
    /// Alerts of groups that are no more.
    pub gone: BTreeSet<AlertKey>,
    pub transitions: Vec<Transition>,
    pub told: Vec<Alert>,
    /// Why alerts fire, of those that were explained meanwhile.
    pub evidence: Vec<Evidence>,
}

/// Labels that each alert has for itself.
const OWN_LABELS: [&str; 10] = [
    "alertname",
    "slo",
    "service",
    "objective",
    "objective_index",
    "severity",
    "notification_targets",
    "long_window",
    "short_window",
    "group",
];

impl Evaluated<'_> {
    pub fn key(&self, kind: AlertKind) -> AlertKey {
        let (slo, group) = (self.slo.name.clone(), self.group.cloned());
        AlertKey { slo, objective: self.objective, group, kind }
    }

    /// Moves each alert on.
    pub fn announce(
        &self,
        before: &BTreeMap<AlertKey, StoredAlert>,
        telling: &Telling,
        changes: &mut Changes,
    ) {
        for seen in &self.status.alerts {
            let key = self.key(seen.kind);
            let known = before.get(&key);
            let latch = known.map_or(Latch::default(), |alert| alert.latch);
            let next = latch.next(seen.seen, telling.now, seen.temper);
            if known.is_none() && next == Latch::default() {
                continue;
            }
            let labels = self.labels(seen);
            let mut told_at = known.and_then(|alert| alert.told_at);
            if next.level.name() != latch.level.name() {
                changes.transitions.push(self.transition(&key, seen, next, telling.now));
            }
            // An edit of the SLO may call a firing alert otherwise: whoever has it under its old labels hears that it is over.
            let renamed = known.filter(|known| latch.is_firing() && known.labels() != labels);
            if let Some(known) = renamed {
                changes.told.extend(resolve_orphan(known, false, telling));
            }
            let was_firing = latch.is_firing() && renamed.is_none();
            let is_due = told_at.is_none_or(|at| telling.now - at >= telling.resend_seconds);
            if next.is_firing() && (!was_firing || is_due) || was_firing && !next.is_firing() {
                changes.told.push(self.alert(seen, &labels, latch, next, telling));
                told_at = Some(telling.now);
            }
            let labels = serde_json::to_string(&labels).unwrap_or_default();
            changes.alerts.insert(key, StoredAlert { latch: next, told_at, labels });
        }
    }

    fn labels(&self, seen: &AlertSeen) -> LabelSet {
        let name = ALERT_NAMES.iter().find(|(_, kind)| *kind == seen.kind);
        let told = &self.slo.told;
        let name = match (name, told.name.as_str()) {
            (Some((name, _)), _) => name,
            (None, "") => "SLOBurnRate",
            (None, name) => name,
        };
        let objective = called(self.spec);
        let mut others = self.slo.objectives.iter().enumerate();
        let is_called_alike =
            others.any(|(index, other)| index != self.objective && called(other) == objective);
        let mut labels: LabelSet = self.slo.labels.clone();
        labels.insert("alertname".to_owned(), name.to_owned());
        labels.insert("service".to_owned(), self.slo.service.clone());
        labels.insert("severity".to_owned(), seen.severity.name().to_owned());
        if !self.slo.targets.is_empty() {
            labels.insert("notification_targets".to_owned(), self.slo.targets.join(","));
        }
        labels.extend(self.extra(seen).labels.clone());
        // By these the alerts of one SLO are told apart, so nobody may replace them.
        labels.insert("slo".to_owned(), self.slo.name.clone());
        labels.insert("objective".to_owned(), objective);
        if is_called_alike {
            labels.insert("objective_index".to_owned(), self.objective.to_string());
        }
        if let AlertKind::BurnRate { long_seconds, short_seconds } = seen.kind {
            labels.insert("long_window".to_owned(), span(long_seconds));
            labels.insert("short_window".to_owned(), span(short_seconds));
        }
        // After all others: by them the groups' alerts are told apart.
        if let Some(group) = self.group {
            labels.extend(labels_of(group, &self.spec.sli, &OWN_LABELS));
        }
        labels.retain(|_, value| !value.is_empty());
        labels
    }

    /// What its author has this alert say.
    fn extra(&self, seen: &AlertSeen) -> &Extra {
        match seen.severity {
            Severity::Page => &self.slo.told.page,
            Severity::Ticket => &self.slo.told.ticket,
        }
    }

    fn transition(&self, key: &AlertKey, seen: &AlertSeen, next: Latch, now: i64) -> Transition {
        Transition {
            version: self.version,
            key: key.clone(),
            severity: seen.severity.name().to_owned(),
            at: now,
            until: self.status.until,
            level: next.level.name().to_owned(),
            reason: self.reason(seen.kind),
        }
    }

    fn alert(
        &self,
        seen: &AlertSeen,
        labels: &LabelSet,
        before: Latch,
        next: Latch,
        telling: &Telling,
    ) -> Alert {
        let since = match (next.level, before.level) {
            (Level::Firing { since }, _) | (_, Level::Firing { since }) => since,
            _ => telling.now,
        };
        // Sent again long before it would count as over.
        let ends =
            if next.is_firing() { telling.now + 4 * telling.resend_seconds } else { telling.now };
        let name =
            if self.slo.display_name.is_empty() { &self.slo.name } else { &self.slo.display_name };
        let of_group = self.group.map(|group| words_of(group, &self.spec.sli));
        let name = match of_group {
            Some(group) => format!("{name} ({group})"),
            None => name.clone(),
        };
        let objective = self.spec.policy.objective;
        let what = match seen.kind {
            AlertKind::BurnRate { .. } => {
                format!("{name} burns its error budget (objective {objective})")
            }
            AlertKind::Exhaustion => {
                format!("{name} will have spent its error budget within a day")
            }
            AlertKind::NoTraffic => format!("{name} has no traffic"),
            AlertKind::NoTelemetry => format!("{name} is not heard of any more"),
        };
        let mut annotations = LabelSet::new();
        annotations.insert("summary".to_owned(), what);
        annotations.insert("description".to_owned(), self.reason(seen.kind));
        annotations.extend(self.extra(seen).annotations.clone());
        if let Some(held) = next.held_since {
            annotations.insert("held_since".to_owned(), moment(held));
        }
        let base = telling.external_url.trim_end_matches('/');
        Alert {
            labels: labels.clone(),
            annotations,
            starts_at: seconds(since),
            ends_at: seconds(ends),
            generator_url: format!("{base}/slos/{}", self.slo.name),
        }
    }

    /// What was seen, in words.
    fn reason(&self, kind: AlertKind) -> String {
        let number =
            |value: Option<f64>| value.map_or("unknown".to_owned(), |value| format!("{value:.2}"));
        let remaining = self.status.remaining.map(|remaining| remaining * 100.0);
        // Of how many events: a budget of an hour's reads otherwise when a month of history has come.
        let events = self.status.events.total;
        let left =
            format!("{} % of the budget is left, counted over {events} events", number(remaining));
        match kind {
            AlertKind::BurnRate { long_seconds, short_seconds } => {
                let is_it = |tier: &&super::TierStatus| {
                    tier.tier.long_seconds == long_seconds
                        && tier.tier.short_seconds == short_seconds
                };
                let Some(tier) = self.status.tiers.iter().find(is_it) else { return left };
                format!(
                    "burn rate {} over {} and {} over {}, told from {:.2} on; {} of {} bad in {}; {left}; data: {}",
                    number(tier.long_burn),
                    span(long_seconds),
                    number(tier.short_burn),
                    span(short_seconds),
                    tier.threshold.as_f64(),
                    tier.long.bad(),
                    tier.long.total,
                    span(long_seconds),
                    tier.state.name(),
                )
            }
            AlertKind::Exhaustion => match self.status.exhausted_in {
                Some(0) => format!("the budget is spent: {left}"),
                Some(seconds) => format!("spent in {} at the present rate; {left}", span(seconds)),
                None => left,
            },
            AlertKind::NoTraffic => {
                "no event for longer than chance explains, after a day that had some in nearly every hour".to_owned()
            }
            AlertKind::NoTelemetry => {
                "nothing arrives any more from those who sent these events".to_owned()
            }
        }
    }
}

/// What an objective is called in labels.
fn called(spec: &ObjectiveSpec) -> String {
    match spec.display_name.as_str() {
        "" => spec.policy.objective.to_string(),
        name => name.to_owned(),
    }
}

/// Resolves the alerts of what is no more: an SLO deleted, a tier taken out, a group that is gone.
pub(super) fn resolve_orphan(
    alert: &StoredAlert,
    is_group_gone: bool,
    telling: &Telling,
) -> Option<Alert> {
    let Level::Firing { since } = alert.latch.level else { return None };
    let labels = alert.labels();
    let summary = match is_group_gone {
        true => "nothing comes of its group any more".to_owned(),
        false => "its SLO was changed or deleted".to_owned(),
    };
    Some(Alert {
        labels,
        annotations: LabelSet::from([("summary".to_owned(), summary)]),
        starts_at: seconds(since),
        ends_at: seconds(telling.now),
        generator_url: format!("{}/slos", telling.external_url.trim_end_matches('/')),
    })
}

/// What becomes of the alert of a group that is no more.
pub(super) fn end_of_group(
    key: &AlertKey,
    alert: &StoredAlert,
    version: i64,
    at: i64,
    until: i64,
) -> Transition {
    let labels = alert.labels();
    Transition {
        version,
        key: key.clone(),
        severity: labels.get("severity").cloned().unwrap_or_default(),
        at,
        until,
        level: Level::Inactive.name().to_owned(),
        reason: "nothing comes of its group any more".to_owned(),
    }
}

fn seconds(at: i64) -> Timestamp {
    Timestamp(at.saturating_mul(1_000_000_000))
}

fn moment(at: i64) -> String {
    let time = chrono::DateTime::from_timestamp(at, 0).unwrap_or_default();
    time.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}
