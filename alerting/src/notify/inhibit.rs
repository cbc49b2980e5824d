//! Inhibition: an alert is not told of while a more important one, that explains it, is firing.

use super::configuration::InhibitRule;
use super::matcher;
use crate::{Alert, Fingerprint, LabelSet};
use binnacle_storage::model::Timestamp;
use std::collections::HashMap;

/// What is firing now and inhibits, ready to be asked often.
#[derive(Debug)]
pub struct Inhibition<'a> {
    rules: Vec<(&'a InhibitRule, Sources)>,
}

/// Alerts that a rule's source matches, by the values of its `equal` labels, and whether its target matches them as well.
type Sources = HashMap<Vec<String>, Vec<(Fingerprint, bool)>>;

impl<'a> Inhibition<'a> {
    pub fn new<'b>(
        rules: &'a [InhibitRule],
        alerts: impl Iterator<Item = &'b Alert> + Clone,
        now: Timestamp,
    ) -> Inhibition<'a> {
        let firing = alerts.filter(|alert| !alert.is_resolved(now));
        let rules = rules.iter().map(|rule| (rule, sources(rule, firing.clone())));
        Inhibition { rules: rules.collect() }
    }

    /// The alert that inhibits one with these labels. An alert on both sides of a rule is not inhibited by another such.
    pub fn inhibited_by(&self, labels: &LabelSet) -> Option<Fingerprint> {
        self.rules.iter().find_map(|(rule, sources)| {
            if !matcher::matches_all(&rule.target, labels) {
                return None;
            }
            let is_source = matcher::matches_all(&rule.source, labels);
            let equal = sources.get(&equal_values(rule, labels))?;
            let mut inhibiting = equal.iter().filter(|(_, is_target)| !(is_source && *is_target));
            inhibiting.next().map(|(fingerprint, _)| *fingerprint)
        })
    }
}

fn sources<'b>(rule: &InhibitRule, firing: impl Iterator<Item = &'b Alert>) -> Sources {
    let mut sources = Sources::new();
    for alert in firing.filter(|alert| matcher::matches_all(&rule.source, &alert.labels)) {
        let is_target = matcher::matches_all(&rule.target, &alert.labels);
        let equal = sources.entry(equal_values(rule, &alert.labels)).or_default();
        equal.push((alert.fingerprint(), is_target));
    }
    for equal in sources.values_mut() {
        equal.sort();
    }
    sources
}

/// A label that is missing equals one that is empty.
fn equal_values(rule: &InhibitRule, labels: &LabelSet) -> Vec<String> {
    rule.equal.iter().map(|name| labels.get(name).cloned().unwrap_or_default()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::matcher::parse_list;

    fn alert(labels: &str, ends_at: i64) -> Alert {
        let labels = parse_list(labels).unwrap();
        let labels = labels.iter().map(|m| (m.name().to_owned(), m.value().to_owned()));
        Alert {
            labels: labels.collect(),
            annotations: LabelSet::new(),
            starts_at: Timestamp(0),
            ends_at: Timestamp(ends_at),
            generator_url: String::new(),
        }
    }

    /// Whether the first of the alerts is inhibited.
    fn check(source: &str, target: &str, equal: &[&str], alerts: &[Alert], expected: bool) {
        let rules = [InhibitRule {
            source: parse_list(source).unwrap(),
            target: parse_list(target).unwrap(),
            equal: equal.iter().map(|name| name.to_string()).collect(),
        }];
        let inhibition = Inhibition::new(&rules, alerts.iter(), Timestamp(10));
        let found = inhibition.inhibited_by(&alerts[0].labels).is_some();
        assert_eq!(found, expected, "{source} {target} {equal:?} {alerts:?}");
    }

    #[test]
    fn a_firing_source_with_equal_labels_inhibits() {
        let warning = alert("severity=warning,cluster=a", 20);
        let check = |other: Alert, expected: bool| {
            let alerts = [warning.clone(), other];
            check("severity=page", "severity=warning", &["cluster", "zone"], &alerts, expected);
        };
        check(alert("severity=page,cluster=a", 20), true);
        check(alert("severity=page,cluster=b", 20), false);
        check(alert("severity=page,cluster=a,zone=1", 20), false);
        check(alert("severity=page,cluster=a", 10), false);
        check(alert("severity=info,cluster=a", 20), false);
    }

    #[test]
    fn alerts_on_both_sides_do_not_inhibit_each_other() {
        let both = [alert("a=1,b=1,x=1", 20), alert("a=1,b=1,x=2", 20)];
        check("a=1", "b=1", &[], &both, false);
        check("a=1", "b=1", &[], &both[..1], false);
        check("a=1", "b=1", &[], &[both[0].clone(), alert("a=1", 20)], true);
        check("a=1", "b=1", &[], &[alert("b=1", 20), both[0].clone()], true);
    }
}
