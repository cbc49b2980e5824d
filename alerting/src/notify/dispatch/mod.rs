//! Dispatch: alerts → groups → what is to be said now. No clock, no I/O: everything is decided of what is handed in.
//!
//! An alert goes into a group of every route it takes. A group is looked at `group_wait` after it began, then every
//! `group_interval`; what is not muted is compared with what each integration was told last, and said if that differs or
//! `repeat_interval` has passed. A resolved alert leaves its group once that was looked at.

mod group;
mod log;
mod table;

pub use group::{Group, GroupId, by_names as order_names, order};
pub use log::{LogEntry, Reason};
pub use table::{list_groups, load};

use super::configuration::{Configuration, Integration, Route};
use super::inhibit::Inhibition;
use super::received::Received;
use super::silence::{self, Silence};
use crate::{Alert, Fingerprint, LabelSet};
use binnacle_storage::model::Timestamp;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

/// A group that lost its last alert is kept so long: an alert that comes back finds it and its pace.
const EMPTY_GROUP_KEPT: Duration = Duration::from_secs(30);

/// A resolved alert is remembered so long after its end.
const RESOLVED_ALERT_KEPT: Duration = Duration::from_secs(15 * 60);

/// What an integration was told is kept at most so long after the group is gone.
const LOG_KEPT: Duration = Duration::from_secs(120 * 60 * 60);

/// What is said to one integration about one group.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    pub receiver: String,
    /// Place among the receiver's integrations.
    pub integration: usize,
    pub group_key: String,
    pub group_labels: LabelSet,
    pub reason: Reason,
    /// In the order in which they are shown; never empty.
    pub alerts: Vec<Arc<Alert>>,
    pub now: Timestamp,
}

/// Group key and integration, as the log knows them.
pub type LogKey = (String, String);

/// All that dispatch knows of one tenant.
#[derive(Debug, Default)]
pub struct State {
    alerts: HashMap<Fingerprint, Received>,
    groups: BTreeMap<GroupId, Group>,
    log: HashMap<LogKey, LogEntry>,
    changed: Changed,
}

/// What is not written yet.
#[derive(Debug, Default)]
struct Changed {
    groups: BTreeSet<GroupId>,
    log: BTreeSet<LogKey>,
    forgotten: Vec<Fingerprint>,
    /// Alerts with another end.
    held: Vec<Fingerprint>,
}

impl State {
    /// Takes an alert in, into the groups of its routes.
    pub fn take(&mut self, received: Received, root: &Route, now: Timestamp) {
        let fingerprint = received.alert.fingerprint();
        for route in root.find(&received.alert.labels) {
            let id = GroupId::of(route, &received.alert.labels);
            let group = self.groups.entry(id.clone()).or_insert_with(|| Group::new(route, now));
            let before = group.clone();
            group.insert(fingerprint, received.alert.starts_at, route, now);
            if *group != before || group.members.len() == 1 {
                self.changed.groups.insert(id);
            }
        }
        self.alerts.insert(fingerprint, received);
    }

    /// Puts every alert that still matters where the routes of another configuration want it. Groups that remain keep their
    /// pace.
    pub fn reroute(&mut self, root: &Route, now: Timestamp) {
        let mut waiting: BTreeSet<Fingerprint> = BTreeSet::new();
        for (id, group) in &mut self.groups {
            waiting.extend(std::mem::take(&mut group.members));
            self.changed.groups.insert(id.clone());
        }
        let firing = self.alerts.iter().filter(|(_, received)| !received.alert.is_resolved(now));
        waiting.extend(firing.map(|(fingerprint, _)| *fingerprint));
        for fingerprint in waiting {
            if let Some(received) = self.alerts.get(&fingerprint).cloned() {
                self.take(received, root, now);
            }
        }
        self.groups.retain(|_, group| !group.members.is_empty());
    }

    /// After a time in which nobody was there to renew them, alerts of our own that were firing go on until `until`: what was
    /// not measured ends no alert. Alerts of others end when they said.
    pub fn hold(&mut self, until: Timestamp) {
        let members = self.groups.values().flat_map(|group| &group.members);
        for fingerprint in members.collect::<BTreeSet<_>>() {
            let Some(received) = self.alerts.get_mut(fingerprint) else { continue };
            let was_firing = received.alert.ends_at > received.updated_at;
            if received.is_own && was_firing && received.alert.ends_at < until {
                received.alert.ends_at = until;
                self.changed.held.push(*fingerprint);
            }
        }
    }

    /// When there is something to look at next.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.groups.values().map(|group| group.next_flush).min()
    }

    /// Looks at every group that is due, and says what there is to say.
    pub fn flush(
        &mut self,
        configuration: &Configuration,
        silences: &[Silence],
        now: Timestamp,
    ) -> Vec<Notice> {
        let due = self.groups.iter().filter(|(_, group)| group.next_flush <= now);
        let due: Vec<GroupId> = due.map(|(id, _)| id.clone()).collect();
        if due.is_empty() {
            return Vec::new();
        }
        let routes: HashMap<&str, &Route> =
            configuration.root.walk().into_iter().map(|route| (&*route.id, route)).collect();
        let alerts = self.alerts.values().map(|received| &received.alert);
        let inhibition = Inhibition::new(&configuration.inhibit_rules, alerts, now);
        let mut notices = Vec::new();
        for id in due {
            // A group of a route that is gone holds nothing: `reroute` saw to it.
            let Some(route) = routes.get(&*id.route) else { continue };
            let alerts = self.begin_flush(&id, route, now);
            let is_muted = |labels: &LabelSet| {
                inhibition.inhibited_by(labels).is_some()
                    || !silence::silenced_by(silences, labels, now).is_empty()
            };
            let said: Vec<Arc<Alert>> = match quiet_times(configuration, route, now).is_empty() {
                false => Vec::new(),
                true => alerts.iter().filter(|alert| !is_muted(&alert.labels)).cloned().collect(),
            };
            let receiver = configuration.find_receiver(&route.receiver);
            let integrations = receiver.map_or(&[][..], |receiver| &receiver.integrations);
            for (place, integration) in integrations.iter().enumerate() {
                let (group_key, integration_key) = (id.key(route), log_key(route, integration));
                let key = (group_key, integration_key);
                if let Some((reason, alerts)) = self.decide(&key, integration, route, &said, now) {
                    notices.push(Notice {
                        receiver: route.receiver.clone(),
                        integration: place,
                        group_key: key.0,
                        group_labels: id.labels.clone(),
                        reason,
                        alerts,
                        now,
                    });
                }
            }
            self.drop_resolved(&id, &alerts, now);
        }
        notices
    }

    /// Sets the group's next flush; its alerts as they stand now, in order.
    fn begin_flush(&mut self, id: &GroupId, route: &Route, now: Timestamp) -> Vec<Arc<Alert>> {
        let Some(group) = self.groups.get_mut(id) else { return Vec::new() };
        group.next_flush = now.saturating_add(route.group_interval);
        group.has_flushed = true;
        self.changed.groups.insert(id.clone());
        let found = group.members.iter().filter_map(|member| self.alerts.get(member));
        let mut alerts: Vec<Arc<Alert>> =
            found.map(|received| Arc::new(received.alert.clone())).collect();
        alerts.sort_by(|a, b| group::order(&a.labels, &b.labels));
        alerts
    }

    /// Compares with what was said last, and notes what is said now. `None`: nothing is to be said.
    fn decide(
        &mut self,
        key: &LogKey,
        integration: &Integration,
        route: &Route,
        alerts: &[Arc<Alert>],
        now: Timestamp,
    ) -> Option<(Reason, Vec<Arc<Alert>>)> {
        if alerts.is_empty() {
            return None;
        }
        let fingerprints = |is_resolved: bool| -> BTreeSet<Fingerprint> {
            let of_kind = alerts.iter().filter(|alert| alert.is_resolved(now) == is_resolved);
            of_kind.map(|alert| alert.fingerprint()).collect()
        };
        let (firing, resolved) = (fingerprints(false), fingerprints(true));
        let last = self.log.get(key);
        let repeat = route.repeat_interval;
        let reason = log::reason(last, &firing, &resolved, integration.send_resolved, repeat, now)?;
        let is_silent = !integration.send_resolved && firing.is_empty();
        let kept = LOG_KEPT.min(repeat.saturating_mul(2));
        let entry = LogEntry { firing, resolved, at: now, expires_at: now.saturating_add(kept) };
        self.log.insert(key.clone(), entry);
        self.changed.log.insert(key.clone());
        let is_said = |alert: &Alert| integration.send_resolved || !alert.is_resolved(now);
        let said = alerts.iter().filter(|alert| is_said(alert)).cloned();
        (!is_silent).then(|| (reason, said.collect()))
    }

    /// What is resolved was told of, or is muted: it leaves the group.
    fn drop_resolved(&mut self, id: &GroupId, alerts: &[Arc<Alert>], now: Timestamp) {
        let Some(group) = self.groups.get_mut(id) else { return };
        for alert in alerts.iter().filter(|alert| alert.is_resolved(now)) {
            group.members.remove(&alert.fingerprint());
        }
        if group.members.is_empty() && group.empty_since.is_none() {
            group.empty_since = Some(now);
        }
    }

    /// Forgets groups that stay empty, alerts that are over, and what was said of either.
    pub fn sweep(&mut self, root: &Route, now: Timestamp) {
        let is_over = |since: Timestamp, kept: Duration| since.saturating_add(kept) <= now;
        self.groups.retain(|id, group| {
            let is_gone = group.empty_since.is_some_and(|since| is_over(since, EMPTY_GROUP_KEPT));
            if is_gone {
                self.changed.groups.insert(id.clone());
            }
            !is_gone
        });
        let members: BTreeSet<Fingerprint> =
            self.groups.values().flat_map(|group| group.members.iter().copied()).collect();
        self.alerts.retain(|fingerprint, received| {
            let is_gone = is_over(received.alert.ends_at, RESOLVED_ALERT_KEPT)
                && is_over(received.updated_at, RESOLVED_ALERT_KEPT)
                && !members.contains(fingerprint);
            if is_gone {
                self.changed.forgotten.push(*fingerprint);
            }
            !is_gone
        });
        let routes = root.walk();
        let live: BTreeSet<String> = self
            .groups
            .keys()
            .filter_map(|id| Some(id.key(routes.iter().find(|route| route.id == id.route)?)))
            .collect();
        self.log.retain(|key, entry| {
            let is_gone = entry.expires_at <= now && !live.contains(&key.0);
            if is_gone {
                self.changed.log.insert(key.clone());
            }
            !is_gone
        });
    }
}

/// The time intervals for which the route is silent now: those it is muted in, or those of which none makes it active.
pub fn quiet_times(configuration: &Configuration, route: &Route, now: Timestamp) -> Vec<String> {
    let is_now = |name: &&String| configuration.is_within(std::slice::from_ref(*name), now);
    let mut names: Vec<String> = route.mute_time_intervals.iter().filter(is_now).cloned().collect();
    if !route.active_time_intervals.iter().any(|name| is_now(&name)) {
        names.extend(route.active_time_intervals.iter().cloned());
    }
    names
}

/// `team/webhook[0]`
fn log_key(route: &Route, integration: &Integration) -> String {
    format!("{}/{}", route.receiver, integration.name)
}

#[cfg(test)]
mod tests;
