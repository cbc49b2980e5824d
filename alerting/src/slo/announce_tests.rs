//! Alerts of one SLO are told apart by their labels, whatever its author says.

use super::announce::{Changes, Evaluated, Telling};
use super::spec::parse;
use super::stored_alerts::{AlertKey, StoredAlert};
use super::*;
use binnacle_storage::model::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

const NOW: i64 = 400 * 86_400;

/// What is told when all of a day's events have failed.
fn told(text: &str) -> Vec<crate::Alert> {
    announced(text, &BTreeMap::new(), NOW).told
}

fn announced(text: &str, before: &BTreeMap<AlertKey, StoredAlert>, now: i64) -> Changes {
    let slo = &parse(text).unwrap().slos[0];
    let slices = slice_of(NOW - 86_400)..slice_of(NOW);
    let events: History = slices.map(|at| (at, Count::new(0, 100))).collect();
    let mut changes = Changes::default();
    for (objective, spec) in slo.objectives.iter().enumerate() {
        let counted = Counted::of(spec.policy.method, &events);
        let facts = Facts {
            counted: &counted,
            events: &events,
            all_events: &events,
            excluded: &[],
            now: Timestamp(NOW * 1_000_000_000),
            watermark: NOW,
            lag_seconds_max: 60,
            has_failed: false,
            last_heard: Some(NOW),
            silence_seconds_max: 120,
            unmeasured: &[],
            is_group: false,
        };
        let status = evaluate(&spec.policy, &facts);
        let evaluated =
            Evaluated { slo, version: 1, objective, group: None, spec, status: &status };
        let telling = Telling { now, external_url: String::new(), resend_seconds: 60 };
        evaluated.announce(before, &telling, &mut changes);
    }
    changes
}

fn spec(objectives: &str) -> String {
    format!(
        "apiVersion: openslo/v1
kind: SLO
metadata: {{name: shop, labels: {{objective: mine, long_window: mine}}}}
spec:
  service: shop
  indicator:
    spec:
      ratioMetric:
        total: {{metricSource: {{type: spans, spec: {{query: '{{ kind = server }}'}}}}}}
        good: {{metricSource: {{type: spans, spec: {{query: '{{ status != error }}'}}}}}}
  timeWindow: [{{duration: 30d, isRolling: true}}]
  budgetingMethod: Timeslices
  objectives: [{objectives}]
"
    )
}

#[test]
fn objectives_that_are_called_alike_have_alerts_of_their_own() {
    let alike = "{target: 0.97, timeSliceTarget: 0.5}, {target: 0.97, timeSliceTarget: 0.95}";
    let named = "{target: 0.97, timeSliceTarget: 0.5, displayName: a}, {target: 0.97, timeSliceTarget: 0.95, displayName: b}";
    for (objectives, has_index) in [(alike, true), (named, false)] {
        let told = told(&spec(objectives));
        let fingerprints: BTreeSet<_> = told.iter().map(crate::Alert::fingerprint).collect();
        assert!(told.len() >= 10 && fingerprints.len() == told.len(), "{told:?}");
        for alert in &told {
            assert_eq!(alert.labels.contains_key("objective_index"), has_index, "{alert:?}");
            assert_ne!(alert.labels["objective"], "mine");
        }
    }
}

#[test]
fn an_alert_that_an_edit_calls_otherwise_ends_as_what_it_was() {
    let first = announced(&spec("{target: 0.97, timeSliceTarget: 0.5}"), &BTreeMap::new(), NOW);
    let again = announced(&spec("{target: 0.97, timeSliceTarget: 0.5}"), &first.alerts, NOW + 10);
    assert!(again.told.is_empty(), "nothing is due: {:?}", again.told);
    let edited = announced(&spec("{target: 0.96, timeSliceTarget: 0.5}"), &first.alerts, NOW + 10);
    let of = |target: &str| -> Vec<&crate::Alert> {
        edited.told.iter().filter(|alert| alert.labels["objective"] == target).collect()
    };
    let (old, new) = (of("97%"), of("96%"));
    let ended: BTreeSet<_> = old.iter().map(|alert| alert.fingerprint()).collect();
    assert_eq!(ended, first.told.iter().map(crate::Alert::fingerprint).collect());
    assert!(old.iter().all(|alert| alert.ends_at == Timestamp((NOW + 10) * 1_000_000_000)));
    assert!(!new.is_empty() && new.iter().all(|alert| alert.ends_at > old[0].ends_at));
}

#[test]
fn an_alert_says_of_how_many_events_its_budget_is() {
    let changes = announced(&spec("{target: 0.97, timeSliceTarget: 0.5}"), &BTreeMap::new(), NOW);
    let reasons: Vec<&str> = changes
        .transitions
        .iter()
        .filter(|one| matches!(one.key.kind, AlertKind::BurnRate { .. }))
        .map(|one| one.reason.as_str())
        .collect();
    // A day of ten-second slices of 100 events.
    let left = " % of the budget is left, counted over 864000 events; data: measured";
    assert!(
        !reasons.is_empty() && reasons.iter().all(|reason| reason.ends_with(left)),
        "{reasons:?}"
    );
}
