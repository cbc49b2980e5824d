//! The engine: which SLOs there are, and every ten seconds how each stands.
//!
//! A look at a tenant brings its counts up to now ([`counting`](super::counting)), evaluates each objective over them
//! ([`evaluate`](super::evaluate())), and writes what changed and whom to tell in one transaction. What it saw is published
//! for whoever asks.

use super::announce::{Changes, Evaluated, Telling, resolve_orphan};
use super::counting::{Counting, Ledger, Look, table_of};
use super::evaluate::{Facts, Status, evaluate};
use super::exclusion::Kept;
use super::explain::PinsLock;
use super::history::{History, SLICE_SECONDS, slice_of};
use super::latch::Latch;
use super::spec::{Sli, Slo, parse};
use super::stored::{self, AlertKey, SpecVersion, StoredAlert, Transition};
use crate::alerting::Parts;
use crate::{Error, Store, explain, notify};
use binnacle_storage::model::{Table, TenantId};
use parking_lot::{Mutex, RwLock};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

/// Slices are looked at so many seconds after they end: the least that events are given to arrive.
const AFTER_SLICE_SECONDS: i64 = 5;

/// Silence of those who send events that is usual: twice the longest export interval in common use.
const SILENCE_SECONDS: u64 = 120;

/// What is counted may end so much earlier than it should before it counts as stale.
const LAG_SECONDS: u64 = 60;

/// An SLO in force.
#[derive(Debug, PartialEq)]
pub struct Loaded {
    pub version: SpecVersion,
    pub slo: Slo,
}

/// How an SLO stood at the last look.
#[derive(Debug)]
pub struct Standing {
    pub loaded: Arc<Loaded>,
    /// Unix seconds.
    pub at: i64,
    pub objectives: Vec<ObjectiveStanding>,
}

#[derive(Debug)]
pub struct ObjectiveStanding {
    pub status: Status,
    /// In the order of `status.alerts`.
    pub latches: Vec<Latch>,
    pub counting: CountingStanding,
    pub events: Arc<History>,
    /// Slices that were not measured.
    pub unmeasured: Vec<Range<i64>>,
}

/// How counting an SLI stands.
#[derive(Debug)]
pub struct CountingStanding {
    pub key: String,
    pub is_counted: bool,
    /// Segments of the first count done, and all of them.
    pub progress: (usize, usize),
    pub is_estimate: bool,
    pub lost_segments: u64,
    pub failure: Option<String>,
    /// Unix seconds.
    pub watermark: i64,
    pub settle_seconds: i64,
    pub last_heard: Option<i64>,
}

type ByName<T> = BTreeMap<String, Arc<T>>;
type Alerts = BTreeMap<AlertKey, StoredAlert>;

/// All SLOs of all tenants. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Slos {
    inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub parts: Parts,
    pub store: Store,
    loaded: RwLock<BTreeMap<TenantId, ByName<Loaded>>>,
    ledgers: Mutex<BTreeMap<(TenantId, Table), Arc<tokio::sync::Mutex<Ledger>>>>,
    published: RwLock<BTreeMap<TenantId, ByName<Standing>>>,
    /// Held by whoever looks: one at a time.
    alerts: tokio::sync::Mutex<BTreeMap<TenantId, Alerts>>,
    gaps: Mutex<BTreeMap<TenantId, Vec<Range<i64>>>>,
    /// File → what is wrong with it.
    pub problems: Mutex<BTreeMap<String, Vec<String>>>,
    changed: tokio::sync::Notify,
    pub pins: PinsLock,
}

impl std::fmt::Debug for Slos {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Slos").finish_non_exhaustive()
    }
}

impl Slos {
    /// Reads the SLOs in force.
    pub fn open(parts: Parts, store: Store) -> Result<Slos, Error> {
        let inner = Inner {
            parts,
            store,
            loaded: RwLock::default(),
            ledgers: Mutex::default(),
            published: RwLock::default(),
            alerts: tokio::sync::Mutex::default(),
            gaps: Mutex::default(),
            problems: Mutex::default(),
            changed: tokio::sync::Notify::new(),
            pins: PinsLock::default(),
        };
        let slos = Slos { inner: Arc::new(inner) };
        slos.reload()?;
        Ok(slos)
    }

    /// Looks every ten seconds, soon after a slice has ended, and whenever an SLO is changed, until `stop`.
    pub async fn run(&self, stop: CancellationToken) {
        let mut watched: Option<std::time::Instant> = None;
        loop {
            let interval = self.inner.parts.config.reload_interval;
            if watched.is_none_or(|at| at.elapsed() >= interval) {
                watched = Some(std::time::Instant::now());
                self.read_files();
            }
            self.look_at_all().await;
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.inner.changed.notified() => {}
                () = tokio::time::sleep(self.until_next()) => {}
            }
        }
    }

    fn until_next(&self) -> Duration {
        const NANOS: i64 = 1_000_000_000;
        let now = self.inner.parts.clock.now().0 - AFTER_SLICE_SECONDS * NANOS;
        let slice = SLICE_SECONDS * NANOS;
        let left = slice - now.rem_euclid(slice);
        Duration::from_nanos(left.unsigned_abs()).max(Duration::from_millis(50))
    }

    fn now(&self) -> i64 {
        self.inner.parts.clock.now().0.div_euclid(1_000_000_000)
    }

    /// Looks at every tenant that has SLOs or alerts of them.
    pub async fn look_at_all(&self) {
        let tenants: BTreeSet<TenantId> = {
            let loaded = self.inner.loaded.read();
            let ledgers = self.inner.ledgers.lock();
            loaded.keys().chain(ledgers.keys().map(|(tenant, _)| tenant)).cloned().collect()
        };
        for tenant in tenants {
            if let Err(error) = self.look(&tenant).await {
                error!(%tenant, error = %crate::error::chain(&error), "failed to evaluate SLOs");
            }
        }
    }

    /// One look at one tenant.
    pub async fn look(&self, tenant: &TenantId) -> Result<(), Error> {
        let now = self.now();
        let mut all = self.inner.alerts.lock().await;
        if !all.contains_key(tenant) {
            let alerts = self
                .inner
                .store
                .read("read SLO alerts", |connection| stored::list_alerts(connection, tenant))?;
            let gaps = self
                .inner
                .store
                .write("begin to look at SLOs", |tx| stored::begin_clock(tx, tenant, now))?;
            self.inner.gaps.lock().insert(tenant.clone(), gaps);
            all.insert(tenant.clone(), alerts);
        }
        let slos: Vec<Arc<Loaded>> = self
            .inner
            .loaded
            .read()
            .get(tenant)
            .map(|slos| slos.values().cloned().collect())
            .unwrap_or_default();
        self.count(tenant, &slos, now).await?;
        let alerts = all.entry(tenant.clone()).or_default();
        let (standings, mut changes, until) = self.evaluate(tenant, &slos, alerts, now).await;
        self.explain_firing(tenant, &slos, until, &mut changes).await;
        self.write(tenant, alerts, changes, until)?;
        let standings = standings
            .into_iter()
            .map(|standing| (standing.loaded.slo.name.clone(), Arc::new(standing)));
        self.inner.published.write().insert(tenant.clone(), standings.collect());
        Ok(())
    }

    async fn count(&self, tenant: &TenantId, slos: &[Arc<Loaded>], now: i64) -> Result<(), Error> {
        for table in [Table::Spans, Table::Logs, Table::MetricPoints] {
            let objectives = slos.iter().flat_map(|loaded| &loaded.slo.objectives);
            let wanted: BTreeMap<String, &Sli> = objectives
                .filter(|objective| table_of(&objective.sli) == table)
                .map(|objective| (objective.sli.key(), &objective.sli))
                .collect();
            let ledger = self.ledger(tenant, table);
            let mut ledger = ledger.lock().await;
            if wanted.is_empty() && ledger.slis.is_empty() {
                continue;
            }
            let (store, parts) = (&self.inner.store, &self.inner.parts);
            ledger.slis.retain(|key, _| wanted.contains_key(key));
            for (key, sli) in wanted {
                if let Entry::Vacant(place) = ledger.slis.entry(key) {
                    place.insert(Counting::load(store, tenant, sli, now)?);
                }
            }
            let objectives = slos.iter().flat_map(|loaded| &loaded.slo.objectives);
            for objective in objectives {
                if let Some(counting) = ledger.slis.get_mut(&objective.sli.key()) {
                    counting.prepare(objective.policy.method);
                }
            }
            let look = Look { parts, store, tenant, table };
            let counted = look.count(&mut ledger, now).await;
            if let Ok(true) = counted {
                self.inner.changed.notify_one();
            }
            if let Err(error) = counted {
                let reason = crate::error::chain(&error);
                warn!(%tenant, table = table.name(), error = reason, "failed to count SLIs; alerts are held");
                for counting in ledger.slis.values_mut() {
                    counting.failure = Some(reason.clone());
                }
            }
        }
        Ok(())
    }

    fn ledger(&self, tenant: &TenantId, table: Table) -> Arc<tokio::sync::Mutex<Ledger>> {
        self.inner.ledgers.lock().entry((tenant.clone(), table)).or_default().clone()
    }

    /// How each SLO stands, what that changes, and up to when was counted.
    async fn evaluate(
        &self,
        tenant: &TenantId,
        slos: &[Arc<Loaded>],
        alerts: &Alerts,
        now: i64,
    ) -> (Vec<Standing>, Changes, i64) {
        let (mut changes, mut standings) = (Changes::default(), Vec::new());
        let mut until = now;
        let telling = self.telling(now);
        for loaded in slos {
            let mut objectives = Vec::new();
            for (index, spec) in loaded.slo.objectives.iter().enumerate() {
                let ledger = self.ledger(tenant, table_of(&spec.sli));
                let ledger = ledger.lock().await;
                let Some(counting) = ledger.slis.get(&spec.sli.key()) else { continue };
                let unmeasured = self.unmeasured(tenant, counting.events());
                let status = self.status(spec, counting, &unmeasured, now);
                let Some(status) = status else { continue };
                until = until.min(counting.watermark);
                let evaluated = Evaluated {
                    slo: &loaded.slo,
                    version: loaded.version.version,
                    objective: index,
                    spec,
                    status: &status,
                };
                evaluated.announce(alerts, &telling, &mut changes);
                let latch = |seen: &super::AlertSeen| {
                    let key = AlertKey {
                        slo: loaded.slo.name.clone(),
                        objective: index,
                        kind: seen.kind,
                    };
                    changes.alerts.get(&key).map_or(Latch::default(), |alert| alert.latch)
                };
                let latches = status.alerts.iter().map(latch).collect();
                objectives.push(ObjectiveStanding {
                    events: counting.events().clone(),
                    unmeasured,
                    latches,
                    counting: standing(counting),
                    status,
                });
            }
            standings.push(Standing { loaded: loaded.clone(), at: now, objectives });
        }
        (standings, changes, until)
    }

    fn status(
        &self,
        spec: &super::spec::ObjectiveSpec,
        counting: &Counting,
        unmeasured: &[Range<i64>],
        now: i64,
    ) -> Option<Status> {
        let policy = spec.live_policy();
        let all_events = counting.events();
        let kept = Kept::of(&policy, all_events);
        let facts = Facts {
            counted: match &kept {
                Some(kept) => &kept.counted,
                None => counting.counted(policy.method)?,
            },
            events: kept.as_ref().map_or(all_events, |kept| &kept.events),
            all_events,
            excluded: kept.as_ref().map_or(&[], |kept| &kept.excluded),
            now: self.inner.parts.clock.now(),
            watermark: counting.watermark,
            lag_seconds_max: LAG_SECONDS + counting.settle_seconds.unsigned_abs(),
            has_failed: counting.failure.is_some() || counting.counted_to.is_none(),
            last_heard: counting.last_heard().map(|heard| heard.min(now)),
            silence_seconds_max: SILENCE_SECONDS,
            unmeasured,
        };
        Some(evaluate(&policy, &facts))
    }

    pub(super) fn unmeasured(&self, tenant: &TenantId, events: &History) -> Vec<Range<i64>> {
        let gaps = self.inner.gaps.lock().get(tenant).cloned().unwrap_or_default();
        unmeasured(&gaps, events)
    }

    fn telling(&self, now: i64) -> Telling {
        let config = &self.inner.parts.config;
        Telling {
            now,
            external_url: config.external_url.clone(),
            resend_seconds: i64::try_from(config.resend_delay.as_secs()).unwrap_or(60).max(1),
        }
    }

    /// Writes what changed and whom to tell, whole or not at all.
    fn write(
        &self,
        tenant: &TenantId,
        alerts: &mut Alerts,
        mut changes: Changes,
        until: i64,
    ) -> Result<(), Error> {
        let telling = self.telling(self.now());
        let orphans: Vec<AlertKey> =
            alerts.keys().filter(|key| !self.is_known(tenant, key)).cloned().collect();
        changes
            .told
            .extend(orphans.iter().filter_map(|key| resolve_orphan(&alerts[key], &telling)));
        let now = self.inner.parts.clock.now();
        self.inner.store.write("write what SLOs came to", |tx| {
            for (key, alert) in
                changes.alerts.iter().filter(|(key, alert)| alerts.get(key) != Some(alert))
            {
                stored::put_alert(tx, tenant, key, alert)?;
            }
            for key in &orphans {
                stored::delete_alert(tx, tenant, key)?;
            }
            for evidence in &changes.evidence {
                explain::put(tx, tenant, evidence)?;
            }
            for transition in &changes.transitions {
                stored::add_transition(tx, tenant, transition)?;
            }
            if !changes.told.is_empty() {
                notify::receive(tx, tenant, &changes.told, now)?;
            }
            stored::put_clock(tx, tenant, until)
        })?;
        orphans.iter().for_each(|key| drop(alerts.remove(key)));
        alerts.extend(changes.alerts);
        Ok(())
    }

    /// Whether there still is an SLO with such an alert.
    fn is_known(&self, tenant: &TenantId, key: &AlertKey) -> bool {
        let loaded = self.inner.loaded.read();
        let slo = loaded.get(tenant).and_then(|slos| slos.get(&key.slo));
        let objective = slo.and_then(|loaded| loaded.slo.objectives.get(key.objective));
        let (long, short) = key.kind.windows();
        objective.is_some_and(|objective| {
            long == 0
                || objective
                    .live_policy()
                    .tiers
                    .iter()
                    .any(|tier| tier.long_seconds == long && tier.short_seconds == short)
        })
    }

    /// Reads the SLOs in force from the database.
    pub(super) fn reload(&self) -> Result<(), Error> {
        let versions = self.inner.store.read("read SLOs", stored::list_specs)?;
        let mut all: BTreeMap<TenantId, ByName<Loaded>> = BTreeMap::new();
        // Many SLOs may stand in one text.
        let mut read: HashMap<String, BTreeMap<String, Slo>> = HashMap::new();
        for version in versions {
            let known = read.entry(version.text.clone()).or_insert_with(|| {
                let slos = parse(&version.text).map(|parsed| parsed.slos).unwrap_or_default();
                slos.into_iter().map(|slo| (slo.name.clone(), slo)).collect()
            });
            let Some(slo) = known.get(&version.name).cloned() else {
                error!(tenant = %version.tenant, slo = version.name, "an SLO that was accepted cannot be read any more");
                continue;
            };
            let of_tenant = all.entry(version.tenant.clone()).or_default();
            of_tenant.insert(slo.name.clone(), Arc::new(Loaded { version, slo }));
        }
        *self.inner.loaded.write() = all;
        self.inner.changed.notify_one();
        Ok(())
    }

    pub(super) fn inner(&self) -> &Inner {
        &self.inner
    }

    pub(super) fn unix_now(&self) -> i64 {
        self.now()
    }

    // ---- asking ----

    pub fn find(&self, tenant: &TenantId, name: &str) -> Option<Arc<Loaded>> {
        self.inner.loaded.read().get(tenant)?.get(name).cloned()
    }

    /// By name.
    pub fn list(&self, tenant: &TenantId) -> Vec<Arc<Loaded>> {
        let loaded = self.inner.loaded.read();
        loaded.get(tenant).map(|slos| slos.values().cloned().collect()).unwrap_or_default()
    }

    /// How it stood at the last look; `None` before the first.
    pub fn standing(&self, tenant: &TenantId, name: &str) -> Option<Arc<Standing>> {
        self.inner.published.read().get(tenant)?.get(name).cloned()
    }

    pub fn versions(&self, tenant: &TenantId, name: &str) -> Result<Vec<SpecVersion>, Error> {
        self.inner.store.read("read an SLO's versions", |connection| {
            stored::list_versions(connection, tenant, name)
        })
    }

    /// The newest first, of one SLO or all.
    pub fn transitions(
        &self,
        tenant: &TenantId,
        name: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Transition>, Error> {
        self.inner.store.read("read SLO transitions", |connection| {
            stored::list_transitions(connection, tenant, name, limit)
        })
    }

    /// What is wrong with files of SLOs: file → problems.
    pub fn problems(&self) -> BTreeMap<String, Vec<String>> {
        self.inner.problems.lock().clone()
    }
}

fn standing(counting: &Counting) -> CountingStanding {
    CountingStanding {
        key: counting.sli.key(),
        is_counted: counting.counted_to.is_some(),
        progress: counting.progress,
        is_estimate: counting.is_estimate,
        lost_segments: counting.lost_segments,
        failure: counting.failure.clone(),
        watermark: counting.watermark,
        settle_seconds: counting.settle_seconds,
        last_heard: counting.last_heard(),
    }
}

/// Gaps in Unix seconds as slices, without what was measured after all: senders keep what they cannot deliver and send it
/// later, oldest first.
fn unmeasured(gaps: &[Range<i64>], events: &History) -> Vec<Range<i64>> {
    let gap = |gap: &Range<i64>| {
        let slices = slice_of(gap.start)..slice_of(gap.end + SLICE_SECONDS - 1);
        let last = events.slices(slices.clone()).last();
        let start = last.map_or(slices.start, |(at, _)| at + 1);
        (start < slices.end).then_some(start..slices.end)
    };
    gaps.iter().filter_map(gap).collect()
}
