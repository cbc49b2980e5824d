//! One group of rules at work: when it is due, what it knows, and how an evaluation becomes durable.

use super::evaluate::{ALERT_NAME, Around, Health, RuleState, active_samples};
use super::file::{AlertRule, Group, Language, Rule, RuleKind};
use super::group::{Changes, GroupState, evaluate_group, tick_before};
use super::query::Stored;
use super::remember::{self, KeptTransition, RuleKey};
use super::state::{ActiveAlert, Alerts, State, Transition, is_to_be_sent};
use super::template::{Surroundings, link};
use crate::{Alert, Error, LabelSet, Parts, RecordedSample, Store, notify};
use binnacle_storage::model::{TenantId, Timestamp};
use parking_lot::RwLock;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

pub struct LiveGroup {
    pub group: Group,
    pub tenant: TenantId,
    /// Milliseconds.
    pub interval: i64,
    query_offset: i64,
    keys: Vec<RuleKey>,
    state: RwLock<Arc<GroupState>>,
    next_tick: AtomicI64,
    is_running: AtomicBool,
}

/// An alert on its way to notification, by its rule's place and its labels.
type Sent = (usize, LabelSet, Alert);

impl LiveGroup {
    pub fn new(group: Group, parts: &Parts, tenant: &TenantId, now: i64) -> LiveGroup {
        let tenant = group.tenant.clone().unwrap_or_else(|| tenant.clone());
        let interval = group.interval.filter(|interval| *interval > 0);
        let interval = interval.unwrap_or_else(|| milliseconds(parts.config.evaluation_interval));
        let offset = milliseconds(parts.config.query_offset);
        LiveGroup {
            keys: remember::keys(&tenant, &group),
            query_offset: group.query_offset.unwrap_or(offset),
            state: RwLock::new(Arc::new(GroupState::of(&group))),
            next_tick: AtomicI64::new(tick_before(&group, interval, now) + interval),
            is_running: AtomicBool::new(false),
            tenant,
            interval,
            group,
        }
    }

    /// What is left of a rule that there is no more: a group of its own, only to be retired.
    pub fn left(key: RuleKey, alerts: Alerts, parts: &Parts) -> LiveGroup {
        let name = alerts.keys().find_map(|labels| labels.get(ALERT_NAME)).cloned();
        let alert = AlertRule { name: name.unwrap_or_default(), ..AlertRule::default() };
        let rule = Rule {
            line: 0,
            kind: RuleKind::Alert(alert),
            language: Language::default(),
            expr: String::new(),
            has_data: None,
            window: 0,
            labels: Vec::new(),
        };
        let tenant = key.tenant.parse().unwrap_or_default();
        let group = Group {
            file: key.file.clone(),
            line: 0,
            name: key.group.clone(),
            tenant: None,
            interval: None,
            query_offset: None,
            limit: 0,
            labels: Vec::new(),
            rules: vec![rule],
        };
        let state = restored(alerts, &group.rules[0].kind, 0);
        let state = GroupState { rules: vec![state], ..GroupState::default() };
        let mut left = LiveGroup::new(group, parts, &tenant, 0);
        left.keys = vec![key];
        *left.state.write() = Arc::new(state);
        left
    }

    pub fn state(&self) -> Arc<GroupState> {
        self.state.read().clone()
    }

    pub fn keys(&self) -> &[RuleKey] {
        &self.keys
    }

    pub fn next_tick(&self) -> i64 {
        self.next_tick.load(Ordering::Relaxed)
    }

    /// Takes over what is known of its rules, from an earlier form of the group or from before a restart.
    pub fn resume(&self, known: &HashMap<RuleKey, RuleState>) {
        let mut state = self.state.write();
        let state = Arc::make_mut(&mut state);
        for (own, key) in state.rules.iter_mut().zip(&self.keys) {
            if let Some(known) = known.get(key) {
                *own = known.clone();
            }
        }
    }

    /// The tick that is due, which is then taken; those that were missed are passed over.
    pub fn begin(&self, now: i64) -> Option<i64> {
        if now < self.next_tick() || self.is_running.swap(true, Ordering::AcqRel) {
            return None;
        }
        let tick = tick_before(&self.group, self.interval, now);
        self.next_tick.store(tick + self.interval, Ordering::Relaxed);
        Some(tick)
    }

    pub fn end(&self) {
        self.is_running.store(false, Ordering::Release);
    }

    /// Evaluates at a tick. What changed, and the notice of it, are durable together, or the state stays as it was.
    pub async fn evaluate(&self, parts: &Parts, store: &Store, at: i64) -> Result<usize, Error> {
        let querier = Stored::new(parts, &self.tenant);
        let surroundings = surroundings(parts, at);
        let around = Around {
            querier: &querier,
            surroundings: &surroundings,
            limit: self.group.limit,
            query_offset: self.query_offset,
        };
        let before = self.state();
        let mut state = (*before).clone();
        let sink = &*parts.sink;
        let (group, tenant) = (&self.group, &self.tenant);
        let changes = evaluate_group(group, &mut state, tenant, sink, &around, at).await;
        let failed = state.rules.iter().filter(|rule| rule.health == Health::Bad).count();
        let sent = self.take_to_be_sent(&mut state, parts, at);
        let changed: Vec<usize> = (0..state.rules.len())
            .filter(|rule| !is_same(&before.rules[*rule].alerts, &state.rules[*rule].alerts))
            .collect();
        if !changed.is_empty() || !changes.is_empty() || !sent.is_empty() {
            self.persist(store, parts, (&state, changed), changes, sent).await?;
        }
        *self.state.write() = Arc::new(state);
        Ok(failed)
    }

    /// The alerts that notification is to hear of, which count as sent.
    fn take_to_be_sent(&self, state: &mut GroupState, parts: &Parts, at: i64) -> Vec<Sent> {
        let delay = milliseconds(parts.config.resend_delay);
        let valid_until = at.saturating_add(4 * self.interval.max(delay));
        let mut sent = Vec::new();
        for (index, rule) in state.rules.iter_mut().enumerate() {
            let expr = &self.group.rules[index].expr;
            for (labels, alert) in &mut rule.alerts {
                if is_to_be_sent(alert, at, delay) {
                    alert.last_sent_at = Some(at);
                    let out = outgoing(labels, alert, parts, expr, valid_until);
                    sent.push((index, labels.clone(), out));
                }
            }
        }
        sent
    }

    async fn persist(
        &self,
        store: &Store,
        parts: &Parts,
        (state, changed): (&GroupState, Vec<usize>),
        changes: Changes,
        sent: Vec<Sent>,
    ) -> Result<(), Error> {
        let now = parts.clock.now();
        let rows = changed.into_iter();
        let rows: Vec<(RuleKey, Alerts)> =
            rows.map(|rule| (self.keys[rule].clone(), state.rules[rule].alerts.clone())).collect();
        let kept: Vec<KeptTransition> =
            changes.into_iter().map(|(rule, change)| self.kept(rule, change)).collect();
        let alerts: Vec<Alert> = sent.into_iter().map(|(_, _, alert)| alert).collect();
        let tenant = self.tenant.clone();
        in_store(store, "record what rules found", move |tx| {
            rows.iter().try_for_each(|(key, alerts)| remember::save(tx, key, alerts))?;
            remember::add_transitions(tx, &tenant, &kept, now)?;
            notify::receive(tx, &tenant, &alerts, now)
        })
        .await
    }

    fn kept(&self, rule: usize, transition: Transition) -> KeptTransition {
        KeptTransition {
            source: "rule".to_owned(),
            name: self.group.rules[rule].name().to_owned(),
            group: self.group.name.clone(),
            transition,
        }
    }

    /// Rules that are no more: their series end, their alerts are over.
    pub async fn retire(&self, gone: &[usize], parts: &Parts, store: &Store) -> Result<(), Error> {
        let now = parts.clock.now();
        let at = now.0.div_euclid(1_000_000);
        let state = self.state();
        let (mut kept, mut alerts, mut ends) = (Vec::new(), Vec::new(), Vec::new());
        for rule in gone {
            let own = &state.rules[*rule];
            let end = |labels| RecordedSample { labels, time: at, value: None };
            ends.extend(own.series.iter().cloned().map(end));
            for (labels, alert) in &own.alerts {
                if alert.state == State::Inactive {
                    continue;
                }
                kept.push(self.kept(*rule, ended(labels, alert, at)));
                if alert.state == State::Firing {
                    let mut over = alert.clone();
                    (over.state, over.resolved_at) = (State::Inactive, Some(at));
                    let expr = &self.group.rules[*rule].expr;
                    alerts.push(outgoing(labels, &over, parts, expr, at));
                }
            }
        }
        let keys: Vec<RuleKey> = gone.iter().map(|rule| self.keys[*rule].clone()).collect();
        let tenant = self.tenant.clone();
        in_store(store, "end the alerts of rules that are gone", move |tx| {
            keys.iter().try_for_each(|key| remember::forget(tx, key))?;
            remember::add_transitions(tx, &tenant, &kept, now)?;
            notify::receive(tx, &tenant, &alerts, now)
        })
        .await?;
        if let Err(reason) = parts.sink.write(&self.tenant, ends).await {
            tracing::warn!(
                group = self.group.name,
                reason,
                "failed to end the series of rules that are gone"
            );
        }
        Ok(())
    }
}

fn ended(labels: &LabelSet, alert: &ActiveAlert, at: i64) -> Transition {
    Transition {
        at,
        labels: labels.clone(),
        annotations: alert.annotations.clone(),
        value: alert.value,
        from: alert.state,
        to: State::Inactive,
    }
}

/// The state of a rule that goes on after a restart. What was not evaluated in between counts towards no `for`.
pub fn restored(mut alerts: Alerts, kind: &RuleKind, unmeasured: i64) -> RuleState {
    for alert in alerts.values_mut().filter(|alert| alert.state == State::Pending) {
        alert.active_at += unmeasured.max(0);
    }
    let series = match kind {
        RuleKind::Alert(_) => active_samples(&alerts, 0).into_iter().map(|s| s.labels).collect(),
        RuleKind::Record(_) => Default::default(),
    };
    RuleState { alerts, series, ..RuleState::default() }
}

pub fn surroundings(parts: &Parts, at: i64) -> Surroundings {
    Surroundings {
        external_labels: Arc::new(parts.config.external_labels.clone()),
        external_url: parts.config.external_url.clone(),
        time: at,
    }
}

/// An alert as it leaves.
fn outgoing(
    labels: &LabelSet,
    alert: &ActiveAlert,
    parts: &Parts,
    expr: &str,
    valid_until: i64,
) -> Alert {
    let mut labels = labels.clone();
    for (name, value) in &parts.config.external_labels {
        labels.entry(name.clone()).or_insert_with(|| value.clone());
    }
    let nanoseconds = |milliseconds: i64| Timestamp(milliseconds.saturating_mul(1_000_000));
    let url = parts.config.external_url.trim_end_matches('/');
    Alert {
        labels,
        annotations: alert.annotations.clone(),
        starts_at: nanoseconds(alert.fired_at.unwrap_or(alert.active_at)),
        ends_at: nanoseconds(alert.resolved_at.unwrap_or(valid_until)),
        generator_url: format!("{url}{}", link(expr, true)),
    }
}

/// Whether alerts are the same but for their values and annotations, which the next evaluation finds again.
fn is_same(before: &Alerts, after: &Alerts) -> bool {
    let essence = |alert: &ActiveAlert| ActiveAlert {
        value: 0.0,
        annotations: LabelSet::new(),
        ..alert.clone()
    };
    before.len() == after.len()
        && before.iter().zip(after).all(|(a, b)| a.0 == b.0 && essence(a.1) == essence(b.1))
}

/// Writes on a thread that may block.
pub async fn in_store(
    store: &Store,
    action: &'static str,
    write: impl FnOnce(&rusqlite::Transaction<'_>) -> rusqlite::Result<()> + Send + 'static,
) -> Result<(), Error> {
    let store = store.clone();
    let written = tokio::task::spawn_blocking(move || store.write(action, write)).await;
    written.unwrap_or(Err(Error::Stopped))
}

pub fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
