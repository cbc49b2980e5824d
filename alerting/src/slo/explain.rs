//! Explaining: what spent an objective's budget, when somebody asks and when its alert begins to fire.
//!
//! An alert that begins to fire is given a moment to be explained before it is told; what takes longer goes on beside the
//! looks, and its evidence is pinned by one of the next.

use super::announce::Changes;
use super::counting::query_of;
use super::engine::{Loaded, Slos};
use super::evaluate::AlertKind;
use super::stored::{AlertKey, StoredAlert};
use crate::explain::{self, Evidence};
use crate::{Error, Fingerprint, LabelSet};
use binnacle_query::explain::{ExplainRequest, Explanation};
use binnacle_storage::model::TenantId;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tracing::warn;

/// How long the look that sees alerts begin to fire waits for their explanations: telling comes first.
const WAIT: Duration = Duration::from_secs(2);

/// Explanations under way at one time.
const RUNNING_MAX: usize = 4;

/// An explanation that failed is tried again so often.
const ATTEMPTS_MAX: u32 = 3;

/// Seconds explained of an alert at most: what spends a budget now is in them, however long the alert's window.
const WINDOW_SECONDS_MAX: i64 = 6 * 3_600;

const NANOS: i64 = 1_000_000_000;

/// One firing of one alert: its tenant, its fingerprint, and since when.
type Firing = (TenantId, Fingerprint, i64);

/// What is known of the evidence of alerts that fire.
#[derive(Debug, Default)]
pub(super) struct Pins {
    running: BTreeMap<Firing, JoinHandle<Result<Explanation, Error>>>,
    /// Annotations of what is pinned.
    pinned: BTreeMap<Firing, LabelSet>,
    failed: BTreeMap<Firing, u32>,
}

impl Pins {
    fn forget(&mut self, tenant: &TenantId, firing: &[Firing]) {
        let is_over = |known: &Firing| known.0 == *tenant && !firing.contains(known);
        self.pinned.retain(|known, _| !is_over(known));
        self.failed.retain(|known, _| !is_over(known));
    }
}

impl Slos {
    /// What spent an objective's budget in `window`, compared with `before`; Unix seconds.
    pub async fn explain(
        &self,
        tenant: &TenantId,
        loaded: &Loaded,
        objective: usize,
        window: Range<i64>,
        before: Range<i64>,
    ) -> Result<Explanation, Error> {
        let spec = loaded.slo.objectives.get(objective).ok_or(Error::GivenUp)?;
        let query = Arc::new(query_of(&spec.sli)?);
        let nanos =
            |range: Range<i64>| range.start.saturating_mul(NANOS)..range.end.saturating_mul(NANOS);
        let request = ExplainRequest { query, window: nanos(window), before: nanos(before) };
        self.inner().parts.engine.explain(tenant, request).await.map_err(Error::Query)
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
        let firing = firing(tenant, &changes.alerts);
        let known: Vec<Firing> = firing.iter().map(|(firing, ..)| firing.clone()).collect();
        let mut tasks = Vec::new();
        for (firing, key, labels) in firing {
            let loaded = slos.iter().find(|loaded| loaded.slo.name == key.slo);
            let Some(loaded) = loaded.filter(|_| !self.is_pinned(&firing)) else { continue };
            if let Some(task) = self.task(&firing, loaded, &key, until, tasks.len()) {
                let evidence = Evidence {
                    id: 0,
                    fingerprint: firing.1,
                    starts_at: firing.2,
                    made_at: self.unix_now(),
                    slo: key.slo,
                    slo_version: loaded.version.version,
                    objective: key.objective,
                    labels,
                    explanation: Explanation::default(),
                };
                tasks.push((firing, evidence, task));
            }
        }
        let deadline = tokio::time::Instant::now() + WAIT;
        for (firing, evidence, mut task) in tasks {
            let explained = match tokio::time::timeout_at(deadline, &mut task).await {
                Ok(Ok(explained)) => explained,
                Ok(Err(_)) => Err(Error::GivenUp),
                Err(_) => {
                    self.inner().pins.lock().running.insert(firing, task);
                    continue;
                }
            };
            match explained {
                Ok(explanation) => changes.evidence.push(Evidence { explanation, ..evidence }),
                Err(error) => {
                    let error = crate::error::chain(&error);
                    warn!(%tenant, slo = evidence.slo, error, "failed to explain an alert");
                    *self.inner().pins.lock().failed.entry(firing).or_default() += 1;
                }
            }
        }
        self.annotate(tenant, changes);
        self.inner().pins.lock().forget(tenant, &known);
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
        if pins.running.len() + started >= RUNNING_MAX {
            return None;
        }
        let (slos, tenant, loaded) = (self.clone(), firing.0.clone(), loaded.clone());
        let (window, before) = windows(key.kind, until);
        let objective = key.objective;
        Some(tokio::spawn(async move {
            slos.explain(&tenant, &loaded, objective, window, before).await
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

/// The alerts of a budget that fire.
fn firing(
    tenant: &TenantId,
    alerts: &BTreeMap<AlertKey, StoredAlert>,
) -> Vec<(Firing, AlertKey, LabelSet)> {
    let mut firing = Vec::new();
    for (key, alert) in alerts.iter().filter(|(_, alert)| alert.latch.is_firing()) {
        let is_of_budget = matches!(key.kind, AlertKind::BurnRate { .. } | AlertKind::Exhaustion);
        let Some(since) = alert.latch.level.since().filter(|_| is_of_budget) else { continue };
        let labels: LabelSet = serde_json::from_str(&alert.labels).unwrap_or_default();
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
