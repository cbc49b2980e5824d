//! A group: alerts of one route that agree in the labels it groups by.

use crate::notify::configuration::Route;
use crate::{Fingerprint, LabelSet};
use binnacle_storage::model::Timestamp;
use std::cmp::Ordering;
use std::collections::BTreeSet;

/// Which group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct GroupId {
    /// The route's id.
    pub route: String,
    /// The labels its alerts have in common.
    pub labels: LabelSet,
}

impl GroupId {
    pub fn of(route: &Route, labels: &LabelSet) -> GroupId {
        GroupId { route: route.id.clone(), labels: route.group_labels(labels) }
    }

    /// `{}/{severity="page"}:{alertname="Slow"}`, as receivers and the log know it.
    pub fn key(&self, route: &Route) -> String {
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let labels = self.labels.iter().map(|(name, value)| format!("{name}={}", quoted(value)));
        format!("{}:{{{}}}", route.key, labels.collect::<Vec<_>>().join(", "))
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    pub next_flush: Timestamp,
    pub has_flushed: bool,
    pub empty_since: Option<Timestamp>,
    pub members: BTreeSet<Fingerprint>,
}

impl Group {
    /// One that has just begun.
    pub fn new(route: &Route, now: Timestamp) -> Group {
        Group {
            next_flush: now.saturating_add(route.group_wait),
            has_flushed: false,
            empty_since: None,
            members: BTreeSet::new(),
        }
    }

    /// Puts an alert in. One that has fired for longer than a new group waits makes it look at once.
    pub fn insert(
        &mut self,
        alert: Fingerprint,
        starts_at: Timestamp,
        route: &Route,
        now: Timestamp,
    ) {
        self.members.insert(alert);
        self.empty_since = None;
        if !self.has_flushed && starts_at.saturating_add(route.group_wait) < now {
            self.next_flush = now;
        }
    }
}

/// The order in which alerts are shown: by job, then instance, then all labels, fewer first.
pub fn order(a: &LabelSet, b: &LabelSet) -> Ordering {
    for name in ["job", "instance"] {
        let by_name = match (a.get(name), b.get(name)) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => return Ordering::Greater,
            (Some(_), None) => return Ordering::Less,
            (Some(a), Some(b)) => a.cmp(b),
        };
        if by_name.is_ne() {
            return by_name;
        }
    }
    by_names(a, b)
}

/// Fewer first; then, at the first name that only one has, or with which they differ: who has it, or the smaller value, is first.
pub fn by_names(a: &LabelSet, b: &LabelSet) -> Ordering {
    if a.len() != b.len() {
        return a.len().cmp(&b.len());
    }
    let names: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    for name in names {
        let by_name = match (a.get(name), b.get(name)) {
            (None, _) => Ordering::Less,
            (_, None) => Ordering::Greater,
            (Some(a), Some(b)) => a.cmp(b),
        };
        if by_name.is_ne() {
            return by_name;
        }
    }
    Ordering::Equal
}
