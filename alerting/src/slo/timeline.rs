//! The timeline of an SLO's targets: what was promised when, and how each period came out by what was promised in it.
//!
//! Every version of an SLO is kept. One that changes what is counted, how or over what period begins a new **generation**, with
//! counts of its own; one that changes the target alone goes on with them. A period that is past is judged by the target
//! that was in force at each of its times, not by today's: its budget is the sum of the budgets of its stretches.

use super::composite::Material;
use super::engine::Slos;
use super::evaluate::{Policy, slices};
use super::history::{Count, History};
use super::objective::{BILLION, Objective};
use super::spec::{ObjectiveSpec, Slo, parse};
use super::stored::{self, SpecVersion};
use super::window::{Period, Window};
use crate::Error;
use binnacle_storage::model::{TenantId, Timestamp};
use std::collections::BTreeMap;

/// Most periods of one answer.
pub const PERIODS_MAX: usize = 120;

/// A stretch of time with one target.
#[derive(Debug, Clone, PartialEq)]
pub struct Promise {
    pub version: i64,
    /// From 1.
    pub generation: u32,
    /// Unix seconds; the end is open for what is in force.
    pub start: i64,
    pub end: Option<i64>,
    pub objective: Objective,
    pub method: &'static str,
    pub window: Window,
    pub sli: String,
}

/// A period as it came out.
#[derive(Debug, Clone, PartialEq)]
pub struct PastPeriod {
    pub period: Period,
    /// Of a period that is not over.
    pub is_open: bool,
    pub count: Count,
    pub sli: Option<f64>,
    /// Targets in force in it, in order, each once in a row.
    pub targets: Vec<Objective>,
    pub consumed: Option<f64>,
}

/// What versions promised of the objective at `index`, the oldest first; while it was deleted nothing.
pub fn promises(versions: &[SpecVersion], index: usize) -> Vec<(Promise, Slo)> {
    let mut promises: Vec<(Promise, Slo)> = Vec::new();
    let mut generation = 0;
    for version in versions {
        let parsed = parse(&version.text).map(|parsed| parsed.slos).unwrap_or_default();
        let Some(slo) = parsed.into_iter().find(|slo| slo.name == version.name) else { continue };
        let Some(spec) = slo.objectives.get(index).cloned() else { continue };
        let before = promises.last().and_then(|(_, slo)| slo.objectives.get(index));
        if before.is_none_or(|before| definition(before) != definition(&spec)) {
            generation += 1;
        }
        let promise = Promise {
            version: version.version,
            generation,
            start: version.created_at,
            end: version.deleted_at,
            objective: spec.policy.objective,
            method: spec.policy.method.name(),
            window: spec.policy.window,
            sli: spec.sli.key(),
        };
        promises.push((promise, slo));
    }
    promises
}

/// What makes counts another generation.
fn definition(spec: &ObjectiveSpec) -> (String, super::method::Method, Window) {
    (spec.sli.key(), spec.policy.method, spec.policy.window)
}

/// The period that ends at or after `now` and those before it, the newest first. Rolling ones follow each other back from `now`.
pub fn periods(window: &Window, now: i64, count: usize) -> Vec<Period> {
    let at = |seconds: i64| Timestamp(seconds.saturating_mul(1_000_000_000));
    let mut periods = vec![window.period(at(now))];
    while periods.len() < count.clamp(1, PERIODS_MAX) {
        let next = periods[periods.len() - 1].start;
        periods.push(match window {
            Window::Rolling { .. } => window.period(at(next)),
            Window::Calendar(_) => window.period(at(next.saturating_sub(1))),
        });
    }
    periods
}

/// A target and since when it was in force: Unix seconds.
pub type Since = (i64, Objective);

/// How a period came out by the targets then in force; the first also holds before it was written, for what was counted
/// in retrospect.
pub fn judge(
    policy: &Policy,
    material: &Material,
    targets: &[Since],
    period: Period,
    now: i64,
) -> PastPeriod {
    let until = period.end.min(now);
    let mut past = PastPeriod {
        period,
        is_open: period.end > now || policy.window.is_rolling() && period.end == now,
        count: Count::default(),
        sli: None,
        targets: Vec::new(),
        consumed: None,
    };
    let (mut budget, mut bad) = (0.0, 0.0);
    for (index, (since, objective)) in targets.iter().enumerate() {
        let start = if index == 0 { period.start } else { period.start.max(*since) };
        let end = targets.get(index + 1).map_or(until, |(next, _)| until.min(*next));
        if start >= end {
            continue;
        }
        let count = material.counted().sum(slices(start, end));
        if past.targets.last() != Some(objective) {
            past.targets.push(*objective);
        }
        budget += objective.budget_parts() as f64 / BILLION as f64 * count.total as f64;
        bad += count.bad() as f64;
        past.count = past.count.plus(count);
    }
    if past.count.total > 0 {
        past.sli = Some(past.count.good as f64 / past.count.total as f64);
        past.consumed = Some(bad / budget);
    }
    past
}

/// An objective's timeline.
#[derive(Debug)]
pub struct Timeline {
    pub promises: Vec<Promise>,
    pub periods: Vec<PastPeriod>,
}

impl Slos {
    /// What was promised of an objective, and how its last periods came out. `None` where there is no such objective in force.
    pub fn timeline(
        &self,
        tenant: &TenantId,
        name: &str,
        objective: usize,
        count: usize,
    ) -> Result<Option<Timeline>, Error> {
        let all = promises(&self.versions(tenant, name)?, objective);
        let Some((_, slo)) = all.last().filter(|(promise, _)| promise.end.is_none()) else {
            return Ok(None);
        };
        let policy = slo.objectives[objective].live_policy();
        let now = self.unix_now();
        let periods = periods(&policy.window, now, count);
        // Periods are those of today's window; each is counted by what was counted in it.
        let mut known: BTreeMap<String, History> = BTreeMap::new();
        let mut materials: BTreeMap<u32, (Policy, Material)> = BTreeMap::new();
        for (promise, slo) in all.iter().rev() {
            if materials.contains_key(&promise.generation) {
                continue;
            }
            let events = self.stored_events(tenant, slo, now, &mut known)?;
            if let Some(material) = Material::of(slo, objective, &events) {
                let policy = slo.objectives[objective].live_policy();
                materials.insert(promise.generation, (policy, material));
            }
        }
        let judged = periods.into_iter().filter_map(|period| {
            // By the generation that was in force when the period ended.
            let until = period.end.min(now);
            let in_force = all.iter().rev().find(|(promise, _)| promise.start < until);
            let generation = in_force.or(all.first())?.0.generation;
            let (policy, material) = materials.get(&generation)?;
            let of = all.iter().filter(|(promise, _)| promise.generation == generation);
            let targets: Vec<Since> =
                of.map(|(promise, _)| (promise.start, promise.objective)).collect();
            Some(judge(policy, material, &targets, period, now))
        });
        let periods = judged.collect();
        Ok(Some(Timeline {
            promises: all.into_iter().map(|(promise, _)| promise).collect(),
            periods,
        }))
    }

    /// The events of an SLO's objectives: those counted by now, or as they were stored while they were counted.
    fn stored_events(
        &self,
        tenant: &TenantId,
        slo: &Slo,
        now: i64,
        known: &mut BTreeMap<String, History>,
    ) -> Result<Vec<History>, Error> {
        let mut events = Vec::new();
        for spec in &slo.objectives {
            let key = spec.sli.key();
            if let Some(found) = known.get(&key) {
                events.push(found.clone());
                continue;
            }
            let found = match self.counted(tenant, &key) {
                Some(found) => found.events,
                None => {
                    let from_hour = (now - super::counting::MEMORY_SECONDS).div_euclid(3_600);
                    let stored = self.inner().store.read("read an SLI", |connection| {
                        stored::find_sli(connection, tenant, &key, from_hour)
                    })?;
                    stored.unwrap_or_default().history
                }
            };
            known.insert(key, found.clone());
            events.push(found);
        }
        Ok(events)
    }
}

#[cfg(test)]
#[path = "timeline_tests.rs"]
mod tests;
