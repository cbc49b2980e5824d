//! All groups of rules: read, evaluated when they are due, read again when their files change.

use super::evaluate::RuleState;
use super::folder::{Folder, Looked};
use super::live::{LiveGroup, in_store, milliseconds, restored};
use super::metrics::RuleMetrics;
use super::remember::{self, KeptTransition, RuleKey};
use crate::{Error, Parts, Store};
use binnacle_storage::model::TenantId;
use parking_lot::{Mutex, RwLock};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, debug_span, error, info, warn};

/// The clock is looked at this often at least, so that one that is set is noticed.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// How often it is noted that rules are evaluated.
const BEAT_INTERVAL: i64 = 10_000;

/// The rules. Clones share them.
#[derive(Clone)]
pub struct Rules {
    inner: Arc<Inner>,
}

struct Inner {
    parts: Parts,
    store: Store,
    tenant: TenantId,
    groups: RwLock<Vec<Arc<LiveGroup>>>,
    /// What the last run left of rules that there are no more.
    gone: Mutex<Vec<LiveGroup>>,
    folder: Mutex<Folder>,
    problems: RwLock<Vec<String>>,
    /// One reload at a time.
    reloading: tokio::sync::Mutex<()>,
    turns: Arc<Semaphore>,
    beaten_at: AtomicI64,
    metrics: RuleMetrics,
}

impl std::fmt::Debug for Rules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rules").finish_non_exhaustive()
    }
}

impl Rules {
    /// Reads the files and goes on where the last run ended. Blocks.
    pub fn open(parts: Parts, store: Store) -> Result<Rules, Error> {
        let tenant = parts.config.tenant.parse().unwrap_or_default();
        let turns = Arc::new(Semaphore::new(parts.config.concurrency.max(1)));
        let inner = Inner {
            tenant,
            groups: RwLock::default(),
            gone: Mutex::default(),
            folder: Mutex::default(),
            problems: RwLock::default(),
            reloading: tokio::sync::Mutex::default(),
            turns,
            beaten_at: AtomicI64::new(0),
            metrics: RuleMetrics::default(),
            parts,
            store,
        };
        let rules = Rules { inner: Arc::new(inner) };
        rules.restore()?;
        Ok(rules)
    }

    fn restore(&self) -> Result<(), Error> {
        let inner = &*self.inner;
        let looked = self.look();
        let (known, beat) = inner.store.read("read the alerts of rules", |connection| {
            Ok((remember::load(connection)?, remember::last_beat(connection)?))
        })?;
        let now = self.now();
        let groups: Vec<Arc<LiveGroup>> = self.live(looked.groups, now);
        for group in &groups {
            let unmeasured = beat.map_or(0, |beat| now - beat - group.interval);
            let rules = group.group.rules.iter().zip(group.keys());
            let states = rules.filter_map(|(rule, key)| {
                let alerts = known.get(key)?.clone();
                Some((key.clone(), restored(alerts, &rule.kind, unmeasured)))
            });
            group.resume(&states.collect());
        }
        let used: HashSet<&RuleKey> = groups.iter().flat_map(|group| group.keys()).collect();
        // Of a file that cannot be read nobody knows whether its rules are gone.
        let is_gone = |key: &RuleKey| !used.contains(key) && !looked.broken.contains(&key.file);
        let gone = known.into_iter().filter(|(key, _)| is_gone(key));
        *inner.gone.lock() =
            gone.map(|(key, alerts)| LiveGroup::left(key, alerts, &inner.parts)).collect();
        info!(groups = groups.len(), "read rules");
        *inner.groups.write() = groups;
        Ok(())
    }

    fn now(&self) -> i64 {
        self.inner.parts.clock.now().0.div_euclid(1_000_000)
    }

    fn live(&self, groups: Vec<super::Group>, now: i64) -> Vec<Arc<LiveGroup>> {
        let Inner { parts, tenant, .. } = &*self.inner;
        groups
            .into_iter()
            .map(|group| Arc::new(LiveGroup::new(group, parts, tenant, now)))
            .collect()
    }

    /// Looks at the files; what is wrong with them is logged when it is new.
    fn look(&self) -> Looked {
        let inner = &*self.inner;
        let looked = inner.folder.lock().look(&inner.parts.config.rule_files);
        let mut problems = inner.problems.write();
        for problem in looked.problems.iter().filter(|problem| !problems.contains(problem)) {
            error!(problem, "a rule file is not used as it is");
        }
        problems.clone_from(&looked.problems);
        inner.metrics.files_broken.set(looked.problems.len() as i64);
        looked
    }

    /// Reads the files again. What is wrong with them is the error; the files that are good are in use all the same.
    pub async fn reload(&self) -> Result<(), Vec<String>> {
        let _one = self.inner.reloading.lock().await;
        let own = self.clone();
        let looked = tokio::task::spawn_blocking(move || own.look()).await;
        let Ok(looked) = looked else { return Err(vec!["reading was interrupted".to_owned()]) };
        if looked.changed {
            let is_whole = looked.problems.is_empty();
            let replaced = self.replace(looked.groups).await;
            replaced.map_err(|error| vec![format!("{error}")])?;
            info!(groups = self.groups().len(), is_whole, "read rules again");
        }
        match looked.problems.is_empty() {
            true => Ok(()),
            false => Err(looked.problems),
        }
    }

    /// Puts groups in the place of those there are. Rules that stay keep their state.
    async fn replace(&self, groups: Vec<super::Group>) -> Result<(), Error> {
        let inner = &*self.inner;
        let old = self.groups();
        let unchanged =
            |group: &super::Group| old.iter().find(|live| live.group == *group).cloned();
        let now = self.now();
        let new: Vec<Arc<LiveGroup>> = groups
            .into_iter()
            .flat_map(|group| match unchanged(&group) {
                Some(live) => vec![live],
                None => self.live(vec![group], now),
            })
            .collect();
        // An evaluation under way ends before its state is taken over; no other begins meanwhile.
        let all = inner.parts.config.concurrency.max(1);
        let all = u32::try_from(all).unwrap_or(u32::MAX);
        let _turns = inner.turns.clone().acquire_many_owned(all).await;
        let known: HashMap<RuleKey, RuleState> = old.iter().flat_map(|live| states(live)).collect();
        for live in new.iter().filter(|live| !old.iter().any(|other| Arc::ptr_eq(live, other))) {
            live.resume(&known);
        }
        let kept: HashSet<&RuleKey> = new.iter().flat_map(|live| live.keys()).collect();
        for live in &old {
            let places = live.keys().iter().enumerate();
            let gone = places.filter(|(_, key)| !kept.contains(key)).map(|(place, _)| place);
            let gone: Vec<usize> = gone.collect();
            if !gone.is_empty() {
                live.retire(&gone, &inner.parts, &inner.store).await?;
            }
        }
        *inner.groups.write() = new;
        Ok(())
    }

    /// Ends what is left of rules that went while nothing ran.
    async fn retire_gone(&self) {
        let gone = std::mem::take(&mut *self.inner.gone.lock());
        for left in gone {
            if let Err(error) = left.retire(&[0], &self.inner.parts, &self.inner.store).await {
                error!(%error, "failed to end the alerts of a rule that is gone");
                self.inner.gone.lock().push(left);
            }
        }
    }

    pub fn groups(&self) -> Vec<Arc<LiveGroup>> {
        self.inner.groups.read().clone()
    }

    /// What is wrong with the rule files, in words.
    pub fn problems(&self) -> Vec<String> {
        self.inner.problems.read().clone()
    }

    pub fn parts(&self) -> &Parts {
        &self.inner.parts
    }

    /// A tenant's transitions, newest first. Blocks.
    pub fn transitions(
        &self,
        tenant: &TenantId,
        limit: usize,
    ) -> Result<Vec<KeptTransition>, Error> {
        self.inner.store.read("read the transitions of alerts", |connection| {
            remember::list_transitions(connection, tenant, limit)
        })
    }

    pub fn register_metrics(&self, registry: &mut prometheus_client::registry::Registry) {
        self.inner.metrics.register(registry);
    }

    /// Evaluates what is due until `stop`; then what was begun ends first.
    pub async fn run(&self, stop: CancellationToken) {
        let reload_interval = milliseconds(self.inner.parts.config.reload_interval);
        let mut looked_at = self.now();
        let mut running = JoinSet::new();
        while !stop.is_cancelled() {
            let now = self.now();
            if now - looked_at >= reload_interval || now < looked_at {
                looked_at = now;
                // What is wrong is logged, and kept for whoever asks.
                let _ = self.reload().await;
            }
            self.retire_gone().await;
            self.begin_due(now, &mut running);
            self.beat(now).await;
            while running.try_join_next().is_some() {}
            let next = self.groups().iter().map(|group| group.next_tick()).min();
            let wait = next.map_or(PAUSE_MAX.as_millis() as i64, |next| next - self.now());
            let wait = Duration::from_millis(wait.max(1).unsigned_abs()).min(PAUSE_MAX);
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = stop.cancelled() => {}
            }
        }
        while running.join_next().await.is_some() {}
    }

    /// Evaluates what is due now, and waits for it.
    pub async fn evaluate_due(&self) {
        let now = self.now();
        let mut running = JoinSet::new();
        self.retire_gone().await;
        self.begin_due(now, &mut running);
        while running.join_next().await.is_some() {}
        self.beat(now).await;
    }

    fn begin_due(&self, now: i64, running: &mut JoinSet<()>) {
        for group in self.groups() {
            if let Some(tick) = group.begin(now) {
                let rules = self.clone();
                running.spawn(async move { rules.evaluate(group, tick).await });
            }
        }
    }

    async fn evaluate(&self, group: Arc<LiveGroup>, tick: i64) {
        let inner = &*self.inner;
        let Ok(_turn) = inner.turns.clone().acquire_owned().await else { return };
        // A reload may have put another in its place while it waited.
        let is_current = inner.groups.read().iter().any(|other| Arc::ptr_eq(other, &group));
        if is_current {
            let name = &group.group.name;
            let span = debug_span!("evaluate rules", binnacle.tenant = %group.tenant, group = name);
            match group.evaluate(&inner.parts, &inner.store, tick).instrument(span).await {
                Ok(failed) => inner.metrics.evaluated(&group.group, failed, &group.state()),
                Err(error) => {
                    let detail = std::error::Error::source(&error).map(ToString::to_string);
                    error!(group = group.group.name, %error, detail, "rules were not evaluated");
                }
            }
        }
        group.end();
    }

    async fn beat(&self, now: i64) {
        let inner = &*self.inner;
        let last = inner.beaten_at.load(Ordering::Relaxed);
        if (now - last).abs() < BEAT_INTERVAL || inner.groups.read().is_empty() {
            return;
        }
        inner.beaten_at.store(now, Ordering::Relaxed);
        let beaten = in_store(&inner.store, "note that rules are evaluated", move |tx| {
            remember::beat(tx, now)
        });
        if let Err(error) = beaten.await {
            warn!(%error, "failed to note that rules are evaluated");
        }
    }
}

fn states(live: &LiveGroup) -> Vec<(RuleKey, RuleState)> {
    let state = live.state();
    live.keys().iter().cloned().zip(state.rules.iter().cloned()).collect()
}
