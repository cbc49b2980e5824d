//! Explaining: what spent an objective's budget, when somebody asks and when its alert begins to fire.
//!
//! An alert that begins to fire is given a moment to be explained before it is told; what takes longer goes on beside the
//! looks, and its evidence is pinned by one of the next.

use super::announce::Changes;
use super::counting::{Counting, query_of, table_of};
use super::engine::Slos;
use super::evaluate::{AlertKind, burn_rate};
use super::history::slice_of;
use super::narrowing::narrowed;
use super::spec::{Sli, SliSource};
use super::standing::Loaded;
use super::stored_alerts::{self, AlertKey, StoredAlert, Transition};
use crate::explain::{self, Evidence};
use crate::{Error, Fingerprint, LabelSet};
use binnacle_query::explain::{ExplainRequest, Explanation};
use binnacle_query::sli::{SliGroup, SliQuery};
use binnacle_storage::model::TenantId;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tracing::warn;

/// How long the look that sees alerts begin to fire waits for their explanations: telling comes first.
const WAIT: Duration = Duration::from_secs(2);

/// Explanations under way at one time, and those that wait for one of them to end.
const RUNNING_MAX: usize = 4;
const WAITING_MAX: usize = 64;

/// An explanation that failed is tried again so often.
const ATTEMPTS_MAX: u32 = 3;

/// Seconds explained of an alert at most: what spends a budget now is in them, however long the alert's window.
const WINDOW_SECONDS_MAX: i64 = 6 * 3_600;

const NANOS: i64 = 1_000_000_000;

/// One firing of one alert: its tenant, its fingerprint, and since when.
type Firing = (TenantId, Fingerprint, i64);

/// What is known of the evidence of alerts that fire.
#[derive(Debug)]
pub(super) struct Pins {
    running: BTreeMap<Firing, JoinHandle<Result<Explanation, Error>>>,
    turns: Arc<Semaphore>,
    /// Up to when was counted as an alert began to fire: what is explained is what it saw.
    until: BTreeMap<Firing, i64>,
    /// Annotations of what is pinned.
    pinned: BTreeMap<Firing, LabelSet>,
    failed: BTreeMap<Firing, u32>,
}

impl Default for Pins {
    fn default() -> Pins {
        Pins {
            running: BTreeMap::new(),
            turns: Arc::new(Semaphore::new(RUNNING_MAX)),
            until: BTreeMap::new(),
            pinned: BTreeMap::new(),
            failed: BTreeMap::new(),
        }
    }
}

impl Pins {
    fn forget(&mut self, tenant: &TenantId, firing: &[Firing]) {
        let is_over = |known: &Firing| known.0 == *tenant && !firing.contains(known);
        self.pinned.retain(|known, _| !is_over(known));
        self.failed.retain(|known, _| !is_over(known));
        self.until.retain(|known, _| !is_over(known));
    }
}

impl Slos {
    /// What spent the budget of an objective, or of one of its groups, in `window`, compared with `before`; Unix seconds.
    pub async fn explain(
        &self,
        tenant: &TenantId,
        loaded: &Loaded,
        (objective, group): (usize, Option<&SliGroup>),
        window: Range<i64>,
        before: Range<i64>,
    ) -> Result<Explanation, Error> {
        let query = match group {
            Some(group) if group.is_overflow() => {
                let spec = loaded.slo.objectives.get(objective).ok_or(Error::GivenUp)?;
                Arc::new(self.overflow(tenant, &spec.sli).await?)
            }
            Some(group) => {
                let spec = loaded.slo.objectives.get(objective).ok_or(Error::GivenUp)?;
                Arc::new(query_of(&narrowed(&spec.sli, group))?)
            }
            None => self.query(tenant, loaded, objective, &window)?,
        };
        let nanos =
            |range: Range<i64>| range.start.saturating_mul(NANOS)..range.end.saturating_mul(NANOS);
        let request = ExplainRequest { query, window: nanos(window), before: nanos(before) };
        self.inner().parts.engine.explain(tenant, request).await.map_err(Error::Query)
    }

    /// What chooses the events of all groups that have no place of their own, by those that have one now.
    async fn overflow(&self, tenant: &TenantId, sli: &Sli) -> Result<SliQuery, Error> {
        let ledger = self.ledger(tenant, table_of(sli));
        let counted = ledger.lock().await.slis.get(&sli.key()).and_then(Counting::rows);
        let named = counted.as_ref().and_then(|query| query.groups());
        let named = named.ok_or_else(|| {
            Error::Query(binnacle_query::Error::InvalidRequest {
                message: "it is not known yet which groups there are".to_owned(),
                hint: Some("ask again in some seconds, when events have been counted".to_owned()),
            })
        })?;
        Ok(query_of(sli)?.beyond(named.clone()))
    }

    /// What chooses the events of an objective; of a composite those of the member that spent most.
    fn query(
        &self,
        tenant: &TenantId,
        loaded: &Loaded,
        objective: usize,
        window: &Range<i64>,
    ) -> Result<Arc<SliQuery>, Error> {
        let objectives = &loaded.slo.objectives;
        let spec = objectives.get(objective).ok_or(Error::GivenUp)?;
        let standing = self.standing(tenant, &loaded.slo.name);
        let spent = |index: usize| {
            let events = &standing.as_ref()?.objectives.get(index)?.events;
            let weight =
                spec.composite.as_ref().map_or(1, |composite| composite.members[index].weight);
            let count = events.sum(slice_of(window.start)..slice_of(window.end));
            Some(burn_rate(count, objectives[index].policy.objective)? * weight as f64)
        };
        let members = match (&spec.composite, spec.sli.source) {
            (Some(composite), _) => composite.members.len(),
            (None, SliSource::Journey) => objective,
            (None, _) => 0,
        };
        let most = (0..members)
            .max_by(|a, b| spent(*a).unwrap_or(-1.0).total_cmp(&spent(*b).unwrap_or(-1.0)));
        Ok(Arc::new(query_of(&objectives[most.unwrap_or(objective)].sli)?))
    }

    /// Evidence of all alerts, the newest first.
    pub fn all_evidence(&self, tenant: &TenantId, limit: usize) -> Result<Vec<Evidence>, Error> {
        self.inner()
            .store
            .read("read evidence", |connection| explain::list_all(connection, tenant, limit))
    }

    /// Evidence of an alert, the newest first.
    pub fn evidence(
        &self,
        tenant: &TenantId,
        fingerprint: Fingerprint,
        limit: usize,
    ) -> Result<Vec<Evidence>, Error> {
        self.inner().store.read("read evidence", |connection| {
            explain::list_evidence(connection, tenant, fingerprint, limit)
        })
    }

    /// Evidence by its number.
    pub fn find_evidence(&self, tenant: &TenantId, id: i64) -> Result<Option<Evidence>, Error> {
        self.inner()
            .store
            .read("read evidence", |connection| explain::find_evidence(connection, tenant, id))
    }

    /// Explains the alerts that fire and are not explained yet, and adds to what is told of all that are.
    pub(super) async fn explain_firing(
        &self,
        tenant: &TenantId,
        slos: &[Arc<Loaded>],
        until: i64,
        changes: &mut Changes,
    ) {
        let mut firing = firing(tenant, &changes.alerts);
        // Whoever is woken is told why first.
        firing.sort_by_key(|(_, _, labels)| labels.get("severity").is_none_or(|of| of != "page"));
        self.learn_until(tenant, changes, &firing);
        let known: Vec<Firing> = firing.iter().map(|(firing, ..)| firing.clone()).collect();
        let (mut tasks, mut late) = (Vec::new(), Vec::new());
        for (firing, key, labels) in firing {
            let loaded = slos.iter().find(|loaded| loaded.slo.name == key.slo);
            let is_wanted =
                |loaded: &&Arc<Loaded>| has_rows(loaded, key.objective) && !self.is_pinned(&firing);
            let Some(loaded) = loaded.filter(is_wanted) else { continue };
            if let Some(task) = self.task(&firing, loaded, &key, until, tasks.len()) {
                let evidence = Evidence {
                    id: 0,
                    fingerprint: firing.1,
                    starts_at: firing.2,
                    made_at: self.unix_now(),
                    slo: key.slo.clone(),
                    slo_version: loaded.version.version,
                    objective: key.objective,
                    labels,
                    explanation: Explanation::default(),
                };
                tasks.push((firing, key, evidence, task));
            }
        }
        let deadline = tokio::time::Instant::now() + WAIT;
        for (firing, key, evidence, mut task) in tasks {
            let explained = match tokio::time::timeout_at(deadline, &mut task).await {
                Ok(Ok(explained)) => explained,
                Ok(Err(_)) => Err(Error::GivenUp),
                Err(_) => {
                    self.inner().pins.lock().running.insert(firing, task);
                    continue;
                }
            };
            match explained {
                Ok(explanation) => {
                    changes.evidence.push(Evidence { explanation, ..evidence });
                    late.push((firing, key));
                }
                Err(error) => {
                    let error = crate::error::chain(&error);
                    warn!(%tenant, slo = evidence.slo, error, "failed to explain an alert");
                    *self.inner().pins.lock().failed.entry(firing).or_default() += 1;
                }
            }
        }
        self.annotate(tenant, changes);
        // What was told without it is told again at the next look, with it: whoever waits for a group learns it, too.
        for (firing, key) in late {
            let is_it = |alert: &crate::Alert| alert.fingerprint() == firing.1;
            if let Some(alert) = changes.alerts.get_mut(&key)
                && !changes.told.iter().any(is_it)
            {
                alert.told_at = None;
            }
        }
        self.inner().pins.lock().forget(tenant, &known);
    }

    /// Remembers what each alert that begins to fire has seen; after a restart it is read.
    fn learn_until(
        &self,
        tenant: &TenantId,
        changes: &Changes,
        firing: &[(Firing, AlertKey, LabelSet)],
    ) {
        for (firing, key, _) in firing {
            if self.inner().pins.lock().until.contains_key(firing) {
                continue;
            }
            let is_its = |seen: &&Transition| seen.key == *key && seen.at == firing.2;
            let fresh = changes.transitions.iter().find(is_its).map(|seen| seen.until);
            let until = fresh.or_else(|| {
                let recorded = self.inner().store.read("read when an alert began", |connection| {
                    stored_alerts::find_until(connection, tenant, key, firing.2)
                });
                recorded.ok().flatten()
            });
            if let Some(until) = until {
                self.inner().pins.lock().until.insert(firing.clone(), until);
            }
        }
    }

    /// Whether there is evidence already, or none will come.
    fn is_pinned(&self, firing: &Firing) -> bool {
        let (tenant, fingerprint, since) = firing;
        {
            let pins = self.inner().pins.lock();
            let attempts = pins.failed.get(firing).copied().unwrap_or(0);
            if pins.pinned.contains_key(firing) || attempts >= ATTEMPTS_MAX {
                return true;
            }
            if pins.running.contains_key(firing) {
                return false;
            }
        }
        let find = |connection: &rusqlite::Connection| {
            explain::find_of(connection, tenant, *fingerprint, *since)
        };
        match self.inner().store.read("read evidence", find) {
            Ok(Some(evidence)) => {
                let annotations = self.annotations(&evidence);
                self.inner().pins.lock().pinned.insert(firing.clone(), annotations);
                true
            }
            Ok(None) => false,
            Err(error) => {
                warn!(%tenant, error = %crate::error::chain(&error), "failed to read evidence");
                true
            }
        }
    }

    /// The explanation under way, or a new one; `None` while too many are.
    fn task(
        &self,
        firing: &Firing,
        loaded: &Arc<Loaded>,
        key: &AlertKey,
        until: i64,
        started: usize,
    ) -> Option<JoinHandle<Result<Explanation, Error>>> {
        let mut pins = self.inner().pins.lock();
        if let Some(task) = pins.running.remove(firing) {
            return Some(task);
        }
        if pins.running.len() + started >= WAITING_MAX {
            return None;
        }
        let (slos, tenant, loaded) = (self.clone(), firing.0.clone(), loaded.clone());
        let until = pins.until.get(firing).copied().unwrap_or(until);
        let turns = pins.turns.clone();
        let (window, before) = windows(key.kind, until);
        let (objective, group) = (key.objective, key.group.clone());
        Some(tokio::spawn(async move {
            let _turn = turns.acquire_owned().await.map_err(|_| Error::Stopped)?;
            let of = (objective, group.as_ref());
            slos.explain(&tenant, &loaded, of, window, before).await
        }))
    }

    fn annotations(&self, evidence: &Evidence) -> LabelSet {
        let base = &self.inner().parts.config.external_url;
        explain::annotations(&evidence.explanation, base, &evidence.fingerprint.to_string())
    }

    /// Adds what is pinned to what is told.
    fn annotate(&self, tenant: &TenantId, changes: &mut Changes) {
        let pins = self.inner().pins.lock();
        for alert in &mut changes.told {
            let (fingerprint, since) = (alert.fingerprint(), alert.starts_at.0.div_euclid(NANOS));
            let is_its = |evidence: &&Evidence| {
                evidence.fingerprint == fingerprint && evidence.starts_at == since
            };
            let fresh = changes.evidence.iter().find(is_its).map(|one| self.annotations(one));
            let pinned = pins.pinned.get(&(tenant.clone(), fingerprint, since));
            if let Some(annotations) = fresh.or_else(|| pinned.cloned()) {
                alert.annotations.extend(annotations);
            }
        }
    }
}

/// Whether an objective counts rows, which can be looked at.
fn has_rows(loaded: &Loaded, objective: usize) -> bool {
    loaded.slo.objectives.get(objective).is_some_and(|spec| {
        spec.composite.is_none() && matches!(spec.sli.source, SliSource::Spans | SliSource::Logs)
    })
}

/// The alerts of a budget that fire.
fn firing(
    tenant: &TenantId,
    alerts: &BTreeMap<AlertKey, StoredAlert>,
) -> Vec<(Firing, AlertKey, LabelSet)> {
    let mut firing = Vec::new();
    for (key, alert) in alerts.iter().filter(|(_, alert)| alert.latch.is_firing()) {
        let is_of_budget = matches!(key.kind, AlertKind::BurnRate { .. } | AlertKind::Exhaustion);
        let Some(since) = alert.latch.level.since().filter(|_| is_of_budget) else { continue };
        let labels = alert.labels();
        firing.push(((tenant.clone(), Fingerprint::of(&labels), since), key.clone(), labels));
    }
    firing
}

/// What is explained of an alert: its long window up to when was counted, and as much time before that.
fn windows(kind: AlertKind, until: i64) -> (Range<i64>, Range<i64>) {
    let seconds = match kind.windows().0 {
        0 => WINDOW_SECONDS_MAX,
        long => i64::try_from(long).unwrap_or(WINDOW_SECONDS_MAX).min(WINDOW_SECONDS_MAX),
    };
    let from = until - seconds;
    (from..until, from - seconds..from)
}

/// What the evidence lock protects.
pub(super) type PinsLock = Mutex<Pins>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_long_window_is_explained_as_far_as_it_is_of_use() {
        let burn = |long_seconds| AlertKind::BurnRate { long_seconds, short_seconds: 300 };
        assert_eq!(windows(burn(3_600), 10_000), (6_400..10_000, 2_800..6_400));
        assert_eq!(windows(burn(3 * 86_400), 100_000).0, 78_400..100_000);
        assert_eq!(windows(AlertKind::Exhaustion, 100_000).0, 78_400..100_000);
    }
}
