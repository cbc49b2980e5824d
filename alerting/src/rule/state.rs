//! The states of a rule's alerts: inactive, pending, firing, inactive again. Pure; the rules of Prometheus.

use super::file::AlertRule;
use crate::LabelSet;
use std::collections::{BTreeMap, BTreeSet};

/// An alert that is over is remembered, and sent again, for this long: 15 minutes.
pub const RESOLVED_RETENTION: i64 = 15 * 60_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum State {
    #[default]
    Inactive,
    Pending,
    Firing,
}

impl State {
    pub fn name(self) -> &'static str {
        match self {
            State::Inactive => "inactive",
            State::Pending => "pending",
            State::Firing => "firing",
        }
    }

    pub fn of_name(name: &str) -> Option<State> {
        [State::Inactive, State::Pending, State::Firing].into_iter().find(|s| s.name() == name)
    }
}

/// One alert of a rule. Times are Unix milliseconds.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ActiveAlert {
    pub annotations: LabelSet,
    pub value: f64,
    pub state: State,
    pub active_at: i64,
    pub fired_at: Option<i64>,
    pub resolved_at: Option<i64>,
    /// Since when it only fires because of `keep_firing_for`.
    pub keep_firing_since: Option<i64>,
    pub last_sent_at: Option<i64>,
    /// Since when nothing measured says anything about it.
    pub held_since: Option<i64>,
}

/// The alerts of a rule by their labels, those that are over among them for a while.
pub type Alerts = BTreeMap<LabelSet, ActiveAlert>;

/// What an evaluation found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Found {
    pub labels: LabelSet,
    pub annotations: LabelSet,
    pub value: f64,
}

/// One alert went from one state to another.
#[derive(Debug, Clone, PartialEq)]
pub struct Transition {
    /// Unix milliseconds.
    pub at: i64,
    pub labels: LabelSet,
    pub annotations: LabelSet,
    pub value: f64,
    pub from: State,
    pub to: State,
}

/// Brings a rule's alerts to what was found at a time. Labels in `found` are distinct.
pub fn step(alerts: &mut Alerts, found: Vec<Found>, rule: &AlertRule, at: i64) -> Vec<Transition> {
    let mut transitions = Vec::new();
    let before: BTreeMap<LabelSet, State> =
        alerts.iter().map(|(labels, alert)| (labels.clone(), alert.state)).collect();
    let mut is_found: BTreeSet<LabelSet> = BTreeSet::new();
    for Found { labels, annotations, value } in found {
        is_found.insert(labels.clone());
        match alerts.get_mut(&labels).filter(|alert| alert.state != State::Inactive) {
            Some(alert) => {
                alert.value = value;
                alert.annotations = annotations;
                resume(alert, at);
            }
            None => {
                let (active_at, state) = (at, State::Pending);
                let alert =
                    ActiveAlert { annotations, value, active_at, state, ..ActiveAlert::default() };
                alerts.insert(labels, alert);
            }
        }
    }
    alerts.retain(|labels, alert| {
        let keeps = match is_found.contains(labels) {
            true => {
                alert.keep_firing_since = None;
                true
            }
            false => stays_when_gone(alert, rule, at),
        };
        if alert.state == State::Pending && keeps && at - alert.active_at >= rule.hold {
            alert.state = State::Firing;
            alert.fired_at = Some(at);
        }
        let from = before.get(labels).copied().unwrap_or_default();
        let to = if keeps { alert.state } else { State::Inactive };
        if from != to {
            let (labels, annotations) = (labels.clone(), alert.annotations.clone());
            transitions.push(Transition { at, labels, annotations, value: alert.value, from, to });
        }
        keeps
    });
    transitions
}

/// As [`step`], of an answer that may lack something: what it finds counts, what it does not find stays as it was.
pub fn step_partly(
    alerts: &mut Alerts,
    found: Vec<Found>,
    rule: &AlertRule,
    at: i64,
) -> Vec<Transition> {
    let is_found: BTreeSet<LabelSet> = found.iter().map(|found| found.labels.clone()).collect();
    let is_unknown = |labels: &LabelSet, alert: &ActiveAlert| {
        alert.state != State::Inactive && !is_found.contains(labels)
    };
    let mut unknown: Alerts =
        alerts.extract_if(.., |labels, alert| is_unknown(labels, alert)).collect();
    let transitions = step(alerts, found, rule, at);
    hold(&mut unknown, at);
    alerts.append(&mut unknown);
    transitions
}

/// What becomes of an alert whose condition no longer holds; false when it can be forgotten.
fn stays_when_gone(alert: &mut ActiveAlert, rule: &AlertRule, at: i64) -> bool {
    alert.held_since = None;
    match alert.state {
        State::Pending => false,
        State::Inactive => {
            alert.resolved_at.is_none_or(|resolved| at - resolved <= RESOLVED_RETENTION)
        }
        State::Firing => {
            let since = *alert.keep_firing_since.get_or_insert(at);
            if rule.keep_firing_for == 0 || at - since >= rule.keep_firing_for {
                alert.keep_firing_since = None;
                alert.state = State::Inactive;
                alert.resolved_at = Some(at);
            }
            true
        }
    }
}

/// Nothing was measured at a time: everything stays as it is. Time that is not measured does not count towards `for`.
pub fn hold(alerts: &mut Alerts, at: i64) {
    for alert in alerts.values_mut().filter(|alert| alert.state != State::Inactive) {
        alert.held_since.get_or_insert(at);
    }
}

/// It is measured again.
fn resume(alert: &mut ActiveAlert, at: i64) {
    if let Some(since) = alert.held_since.take()
        && alert.state == State::Pending
    {
        alert.active_at += at - since;
    }
}

/// Whether notification is to hear of an alert now: when it changed, and again every `resend_delay`.
pub fn is_to_be_sent(alert: &ActiveAlert, at: i64, resend_delay: i64) -> bool {
    let Some(sent) = alert.last_sent_at else {
        return match alert.state {
            State::Firing => true,
            State::Inactive => alert.resolved_at.is_some(),
            State::Pending => false,
        };
    };
    match alert.state {
        State::Pending => false,
        State::Inactive if alert.resolved_at.is_some_and(|resolved| resolved > sent) => true,
        State::Inactive | State::Firing => sent + resend_delay < at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn found() -> Vec<Found> {
        let labels = LabelSet::from([("alertname".to_owned(), "A".to_owned())]);
        vec![Found { labels, value: 1.0, ..Found::default() }]
    }

    /// States after each tick of a minute: `1` found, `0` not found, `h` held.
    fn timeline(ticks: &str, hold_minutes: i64, keep_minutes: i64) -> String {
        let (minute, name) = (60_000, "A".to_owned());
        let rule = AlertRule {
            name,
            hold: hold_minutes * minute,
            keep_firing_for: keep_minutes * minute,
            annotations: Vec::new(),
        };
        let mut alerts = Alerts::new();
        let mut states = String::new();
        for (at, tick) in ticks.chars().enumerate() {
            let at = at as i64 * minute;
            match tick {
                '1' => drop(step(&mut alerts, found(), &rule, at)),
                '0' => drop(step(&mut alerts, Vec::new(), &rule, at)),
                _ => hold(&mut alerts, at),
            }
            states.push(match alerts.values().next().map(|alert| alert.state) {
                None => '-',
                Some(State::Inactive) => 'i',
                Some(State::Pending) => 'p',
                Some(State::Firing) => 'f',
            });
        }
        states
    }

    #[test]
    fn timelines_are_those_of_prometheus() {
        for (ticks, hold, keep, expected) in [
            ("0110", 0, 0, "-ffi"),
            ("1111", 2, 0, "ppff"),
            ("1101", 2, 0, "pp-p"),
            ("1110001", 1, 2, "pffffip"),
            ("111010001", 1, 2, "pffffffip"),
            ("11", 10, 0, "pp"),
            ("10000000000000000001", 0, 0, "fiiiiiiiiiiiiiiii--f"),
        ] {
            assert_eq!(timeline(ticks, hold, keep), expected, "{ticks}");
        }
    }

    #[test]
    fn what_is_not_measured_changes_nothing() {
        assert_eq!(timeline("1hhhh10", 0, 0), "ffffffi");
        // Two minutes of five were measured.
        assert_eq!(timeline("11hhh11", 3, 0), "ppppppf");
        assert_eq!(timeline("1h0", 3, 0), "pp-");
    }

    #[test]
    fn an_answer_in_part_raises_and_resolves_nothing() {
        let rule = AlertRule::default();
        let mut alerts = Alerts::new();
        step(&mut alerts, found(), &rule, 0);
        let other = LabelSet::from([("alertname".to_owned(), "B".to_owned())]);
        let others = vec![Found { labels: other.clone(), ..Found::default() }];
        let raised = step_partly(&mut alerts, others, &rule, 1);
        assert_eq!(raised.len(), 1);
        assert!(alerts.values().all(|alert| alert.state == State::Firing));
        assert_eq!(alerts.values().filter(|alert| alert.held_since == Some(1)).count(), 1);
        assert_eq!(step_partly(&mut alerts, Vec::new(), &rule, 2), []);
        assert_eq!(step(&mut alerts, Vec::new(), &rule, 3).len(), 2);
    }

    #[test]
    fn alerts_are_sent_when_they_change_and_again() {
        let mut alert = ActiveAlert { state: State::Pending, ..ActiveAlert::default() };
        assert!(!is_to_be_sent(&alert, 5, 60));
        alert.state = State::Firing;
        assert!(is_to_be_sent(&alert, 5, 60));
        alert.last_sent_at = Some(5);
        assert!(!is_to_be_sent(&alert, 65, 60) && is_to_be_sent(&alert, 66, 60));
        (alert.state, alert.resolved_at) = (State::Inactive, Some(20));
        assert!(is_to_be_sent(&alert, 20, 60));
        alert.last_sent_at = Some(20);
        assert!(!is_to_be_sent(&alert, 30, 60) && is_to_be_sent(&alert, 81, 60));
    }

    proptest! {
        #[test]
        fn transitions_tell_every_change(ticks in prop::collection::vec(any::<(bool, bool)>(), 1..60), hold in 0i64..5, keep in 0i64..5) {
            let rule = AlertRule { hold, keep_firing_for: keep, ..AlertRule::default() };
            let mut alerts = Alerts::new();
            let mut told: BTreeMap<LabelSet, State> = BTreeMap::new();
            for (at, (first, second)) in ticks.into_iter().enumerate() {
                let names = [("a", first), ("b", second)];
                let there = names.iter().filter(|(_, there)| *there);
                let found = there.map(|(name, _)| Found {
                    labels: LabelSet::from([("n".to_owned(), (*name).to_owned())]),
                    ..Found::default()
                });
                for change in step(&mut alerts, found.collect(), &rule, at as i64) {
                    let before = told.insert(change.labels, change.to).unwrap_or_default();
                    prop_assert_eq!(before, change.from);
                    prop_assert_ne!(change.from, change.to);
                }
                for (labels, alert) in &alerts {
                    prop_assert_eq!(told.get(labels).copied().unwrap_or_default(), alert.state);
                }
            }
        }
    }
}
