//! The engine: which SLOs there are, and every ten seconds how each stands.
//!
//! A look at a tenant brings its counts up to now (`counting`), evaluates each objective over them (`judging`), and writes what
//! changed and whom to tell in one transaction (`recording`). What it saw is published for whoever asks (`published`).

use super::compose::Blends;
use super::counting::{Counting, SETTLE_SECONDS_MIN, table_of};
use super::evaluate::Policy;
use super::explain::PinsLock;
use super::grouping::GROUPS_ALL_MAX;
use super::history::SLICE_SECONDS;
use super::ledger::{Ledger, Look};
use super::spec::{ObjectiveSpec, Sli, Slo, parse};
use super::standing::{Loaded, Standing};
use super::stored;
use super::stored_alerts::{self, AlertKey, StoredAlert};
use crate::alerting::Parts;
use crate::{Error, Store};
use binnacle_query::sli::GroupBudget;
use binnacle_storage::model::{Table, TenantId};
use parking_lot::{Mutex, RwLock};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, debug_span, error, warn};

const NANOS: i64 = 1_000_000_000;

/// Stopping waits so long for a last count.
const LAST_ASKING_MAX: Duration = Duration::from_secs(3);

type ByName<T> = BTreeMap<String, Arc<T>>;
pub(super) type Alerts = BTreeMap<AlertKey, StoredAlert>;

/// All SLOs of all tenants. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Slos {
    inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub parts: Parts,
    pub store: Store,
    pub loaded: RwLock<BTreeMap<TenantId, ByName<Loaded>>>,
    ledgers: Mutex<BTreeMap<(TenantId, Table), Arc<tokio::sync::Mutex<Ledger>>>>,
    pub published: RwLock<BTreeMap<TenantId, ByName<Standing>>>,
    /// Held by whoever looks: one at a time.
    alerts: tokio::sync::Mutex<BTreeMap<TenantId, Alerts>>,
    pub gaps: Mutex<BTreeMap<TenantId, Vec<Range<i64>>>>,
    /// File → what is wrong with it.
    pub problems: Mutex<BTreeMap<String, Vec<String>>>,
    changed: tokio::sync::Notify,
    /// The most seconds, below those of a slice, that events of any SLI are given to arrive.
    settle_seconds: AtomicI64,
    pub pins: PinsLock,
    /// How many groups all SLIs may have together.
    pub groups: Arc<GroupBudget>,
    pub blends: Blends,
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
            settle_seconds: AtomicI64::new(SETTLE_SECONDS_MIN),
            pins: PinsLock::default(),
            groups: Arc::new(GroupBudget::new(GROUPS_ALL_MAX)),
            blends: Blends::default(),
        };
        let slos = Slos { inner: Arc::new(inner) };
        slos.reload()?;
        Ok(slos)
    }

    /// Looks every ten seconds, soon after a slice has ended, and again when those of slower senders have; and whenever an SLO
    /// is changed, until `stop`.
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
                () = stop.cancelled() => {
                    let last = self.ask_once_more();
                    if tokio::time::timeout(LAST_ASKING_MAX, last).await.is_err() {
                        warn!("there was no time to count what came last for SLOs that are asked for");
                    }
                    return;
                }
                () = self.inner.changed.notified() => {}
                () = tokio::time::sleep(self.until_next()) => {}
            }
        }
    }

    fn until_next(&self) -> Duration {
        let slice = SLICE_SECONDS * NANOS;
        let left = |after: i64| {
            let now = self.inner.parts.clock.now().0 - after * NANOS;
            slice - now.rem_euclid(slice)
        };
        let settled = self.inner.settle_seconds.load(Ordering::Relaxed);
        let left = left(SETTLE_SECONDS_MIN).min(left(settled));
        Duration::from_nanos(left.unsigned_abs()).max(Duration::from_millis(50))
    }

    /// What was not asked for yet may be gone when it could be asked for again.
    async fn ask_once_more(&self) {
        let ledgers = self.inner.ledgers.lock().clone();
        for ((tenant, table), ledger) in &ledgers {
            let (store, parts) = (&self.inner.store, &self.inner.parts);
            let look = Look { parts, store, tenant, table: *table };
            if let Err(error) = look.ask(&mut *ledger.lock().await, self.now()).await {
                warn!(%tenant, error = %crate::error::chain(&error), "failed to count what came last");
            }
        }
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
            let span = debug_span!("evaluate SLOs", binnacle.tenant = %tenant);
            if let Err(error) = self.look(&tenant).instrument(span).await {
                error!(%tenant, error = %crate::error::chain(&error), "failed to evaluate SLOs");
            }
        }
    }

    /// One look at one tenant.
    pub async fn look(&self, tenant: &TenantId) -> Result<(), Error> {
        let now = self.now();
        let mut all = self.inner.alerts.lock().await;
        if !all.contains_key(tenant) {
            let alerts = self.inner.store.read("read SLO alerts", |connection| {
                stored_alerts::list_alerts(connection, tenant)
            })?;
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
        let mut slowest = SETTLE_SECONDS_MIN;
        for table in [Table::Spans, Table::Logs, Table::MetricPoints] {
            let objectives = slos.iter().flat_map(|loaded| &loaded.slo.objectives);
            let mut wanted: BTreeMap<String, (&Sli, Vec<Policy>)> = BTreeMap::new();
            let counts = |objective: &&ObjectiveSpec| {
                objective.composite.is_none() && table_of(&objective.sli) == table
            };
            for objective in objectives.filter(counts) {
                let of = wanted.entry(objective.sli.key());
                let (_, policies) = of.or_insert_with(|| (&objective.sli, Vec::new()));
                policies.push(objective.live_policy());
            }
            let ledger = self.ledger(tenant, table);
            let mut ledger = ledger.lock().await;
            if wanted.is_empty() && ledger.slis.is_empty() {
                continue;
            }
            let (store, parts) = (&self.inner.store, &self.inner.parts);
            ledger.slis.retain(|key, counting| {
                wanted.get(key).is_some_and(|(_, policies)| counting.can_answer(policies))
            });
            for (key, of) in wanted {
                match ledger.slis.entry(key) {
                    Entry::Vacant(place) => {
                        let groups = &self.inner.groups;
                        place.insert(Counting::load(store, tenant, of, groups, now)?);
                    }
                    Entry::Occupied(mut place) => place.get_mut().ask(of.1),
                }
            }
            let look = Look { parts, store, tenant, table };
            let counted = look.count(&mut ledger, now).await;
            if let Ok(true) = counted {
                self.inner.changed.notify_one();
            }
            let settled = ledger.slis.values().map(|counting| counting.settle_seconds);
            slowest = settled.filter(|seconds| *seconds < SLICE_SECONDS).fold(slowest, i64::max);
            if let Err(error) = counted {
                let reason = crate::error::chain(&error);
                warn!(%tenant, table = table.name(), error = reason, "failed to count SLIs; alerts are held");
                for counting in ledger.slis.values_mut() {
                    counting.failure = Some(reason.clone());
                }
            }
        }
        self.inner.settle_seconds.store(slowest, Ordering::Relaxed);
        Ok(())
    }

    pub(super) fn ledger(
        &self,
        tenant: &TenantId,
        table: Table,
    ) -> Arc<tokio::sync::Mutex<Ledger>> {
        self.inner.ledgers.lock().entry((tenant.clone(), table)).or_default().clone()
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
}
