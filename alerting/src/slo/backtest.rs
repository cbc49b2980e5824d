//! Backtest: what an SLO's alerts would have done over time past.
//!
//! The same evaluator and the same latch as live, looked at every slice. It sees the slices as they are by now: what arrived late counts
//! as if it had come in time, so where everything was in time, live alerts did the same at the same slices.

use super::asking;
use super::composite::Material;
use super::counting::{MEMORY_SECONDS, groups_of, query_of, table_of};
use super::engine::Slos;
use super::evaluate::{AlertKind, Facts, Policy, Status, evaluate};
use super::grouping::GROUPS_MAX;
use super::history::{Count, History, SLICE_SECONDS, slice_of};
use super::judging::is_gone;
use super::latch::Latch;
use super::spec::Slo;
use super::tier::Severity;
use crate::Error;
use binnacle_query::sli::{GroupBudget, SliCache, SliGroup, SliNews, SliSeen, SliSlices};
use binnacle_storage::model::{Table, TenantId};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// Longest time that is gone through: a look per slice takes some ten microseconds.
pub const BACKTEST_SECONDS_MAX: i64 = 92 * 86_400;

/// Groups gone through, each as long as the whole.
pub const GROUPS_REPLAYED_MAX: usize = 20;

const NANOS: i64 = 1_000_000_000;

/// A change that an alert would have made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replayed {
    pub kind: AlertKind,
    pub severity: Severity,
    /// Unix seconds up to which was counted then.
    pub until: i64,
    pub level: &'static str,
}

/// One objective gone through.
#[derive(Debug, Default)]
pub struct Backtest {
    pub transitions: Vec<Replayed>,
    /// How many looks each alert was firing.
    pub firing_seconds: BTreeMap<AlertKind, i64>,
    /// At the end.
    pub status: Option<Status>,
    /// The same of groups: those with the most bad events, at most [`GROUPS_REPLAYED_MAX`].
    pub groups: Vec<(SliGroup, Backtest)>,
}

/// What is gone through: all events, and those of each group.
#[derive(Debug, Default)]
pub(super) struct Whole {
    pub events: History,
    pub groups: Vec<(SliGroup, History)>,
}

/// Of a group: all events, and without any of its own for how many seconds it is gone.
struct Others<'a> {
    events: &'a History,
    gone_seconds: u64,
}

/// Goes through `range` (Unix seconds).
pub fn replay(
    policy: &Policy,
    material: &Material,
    unmeasured: &[Range<i64>],
    range: Range<i64>,
) -> Backtest {
    replay_of(policy, material, None, unmeasured, range)
}

fn replay_of(
    policy: &Policy,
    material: &Material,
    others: Option<&Others<'_>>,
    unmeasured: &[Range<i64>],
    range: Range<i64>,
) -> Backtest {
    let mut latches: BTreeMap<AlertKind, Latch> = BTreeMap::new();
    let mut backtest = Backtest::default();
    let first = range.start.div_euclid(SLICE_SECONDS) * SLICE_SECONDS;
    for until in (first..=range.end).step_by(SLICE_SECONDS as usize) {
        let is_group = others.is_some();
        let status = evaluate(policy, &Facts { is_group, ..material.facts(until, unmeasured) });
        let is_gone = others.is_some_and(|others| {
            is_gone(material.all_events(), others.events, others.gone_seconds, status.until)
        });
        for seen in &status.alerts {
            let latch = latches.entry(seen.kind).or_default();
            let next = match is_gone {
                true => Latch::default(),
                false => latch.next(seen.seen, until, seen.temper),
            };
            if next.level.name() != latch.level.name() {
                backtest.transitions.push(Replayed {
                    kind: seen.kind,
                    severity: seen.severity,
                    until: status.until,
                    level: next.level.name(),
                });
            }
            if next.is_firing() {
                *backtest.firing_seconds.entry(seen.kind).or_default() += SLICE_SECONDS;
            }
            *latch = next;
        }
        backtest.status = Some(status);
    }
    backtest
}

/// Goes through `range` with all events of an objective, and then with those of each group.
fn replay_all(
    slo: &Slo,
    objective: usize,
    material: &Material,
    whole: &Whole,
    unmeasured: &[Range<i64>],
    range: Range<i64>,
) -> Backtest {
    let policy = slo.objectives[objective].live_policy();
    let mut backtest = replay(&policy, material, unmeasured, range.clone());
    let others = Others { events: &whole.events, gone_seconds: slo.group_gone_seconds };
    for (group, events) in &whole.groups {
        let material = Material::plain(&policy, events);
        let replayed = replay_of(&policy, &material, Some(&others), unmeasured, range.clone());
        backtest.groups.push((group.clone(), replayed));
    }
    backtest
}

impl Whole {
    /// Keeps the groups with the most bad events; those without any have nothing to tell.
    fn keep_worst(&mut self, range: &Range<i64>) {
        let slices = slice_of(range.start)..slice_of(range.end);
        let bad = |events: &History| events.sum(slices.clone()).bad();
        self.groups.retain(|(_, events)| bad(events) > 0);
        self.groups.sort_by_cached_key(|(_, events)| std::cmp::Reverse(bad(events)));
        self.groups.truncate(GROUPS_REPLAYED_MAX);
    }
}

impl Slos {
    /// Goes through `range` (Unix seconds) with each objective of an SLO, whether it is in force or not. What is not
    /// counted yet is counted for this.
    pub async fn backtest(
        &self,
        tenant: &TenantId,
        slo: &Slo,
        range: Range<i64>,
    ) -> Result<Vec<Backtest>, Error> {
        let mut wholes: Vec<Whole> = Vec::new();
        for spec in &slo.objectives {
            wholes.push(match self.counted(tenant, &spec.sli.key()) {
                // Made of those before it.
                _ if spec.composite.is_some() => Whole::default(),
                Some(whole) => whole,
                None => self.count_anew(tenant, &spec.sli).await?,
            });
        }
        let events: Vec<History> = wholes.iter().map(|whole| whole.events.clone()).collect();
        let mut backtests = Vec::new();
        for (index, mut whole) in wholes.into_iter().enumerate() {
            let (slos, tenant) = (self.clone(), tenant.clone());
            let (slo, events, range) = (slo.clone(), events.clone(), range.clone());
            let work = move || {
                let key = slo.objectives[index].sli.key();
                whole.keep_worst(&range);
                for (group, events) in &mut whole.groups {
                    *events = slos.filled(&tenant, &key, group, events)?;
                }
                let material = Material::of(&slo, index, &events).ok_or(Error::GivenUp)?;
                let unmeasured = slos.unmeasured(&tenant, material.all_events());
                Ok::<_, Error>(replay_all(&slo, index, &material, &whole, &unmeasured, range))
            };
            let done = tokio::task::spawn_blocking(work).await;
            backtests.push(done.map_err(|_| Error::GivenUp)??);
        }
        Ok(backtests)
    }

    /// What an SLO in force has counted of the same definition.
    pub(super) fn counted(&self, tenant: &TenantId, key: &str) -> Option<Whole> {
        let standings = self
            .list(tenant)
            .into_iter()
            .filter_map(|loaded| self.standing(tenant, &loaded.slo.name));
        let mut objectives = standings.flat_map(|standing| {
            let of = |objective: &super::ObjectiveStanding| {
                let group = |of: &super::GroupStanding| (of.group.clone(), of.events.clone());
                let whole = || Whole {
                    events: objective.events.clone(),
                    groups: objective.groups.iter().map(group).collect(),
                };
                (objective.counting.key == key && objective.counting.is_counted).then(whole)
            };
            standing.objectives.iter().filter_map(of).collect::<Vec<_>>()
        });
        objectives.next()
    }

    pub(super) async fn count_anew(
        &self,
        tenant: &TenantId,
        sli: &super::spec::Sli,
    ) -> Result<Whole, Error> {
        let engine = &self.inner().parts.engine;
        if table_of(sli) == Table::MetricPoints {
            let events = self.ask_anew(tenant, sli).await?;
            return Ok(Whole { events, groups: Vec::new() });
        }
        // Those that are counted live have their own.
        let groups = groups_of(sli, &Arc::new(GroupBudget::new(GROUPS_MAX)))?;
        let query = query_of(sli)?;
        let queries = [Arc::new(match groups {
            Some(groups) => query.grouped(groups),
            None => query,
        })];
        let sources = engine.sli_sources(tenant, table_of(sli)).await.map_err(Error::Query)?;
        let counts = engine.sli_segments(&sources, &queries, 0, u64::MAX).await;
        let mut counts = counts.map_err(Error::Query)?;
        let rest = engine.sli_buffer(&sources, &queries, &mut SliCache::default()).await;
        counts[0].add(&rest.map_err(Error::Query)?[0]);
        let history = |slices: &SliSlices| -> History {
            let slice = |(at, (good, total)): (&i64, &(u64, u64))| (*at, Count::new(*good, *total));
            slices.iter().map(slice).collect()
        };
        let groups = counts[0].groups.iter();
        Ok(Whole {
            events: history(&counts[0].slices),
            groups: groups.map(|(group, slices)| (group.clone(), history(slices))).collect(),
        })
    }

    async fn ask_anew(&self, tenant: &TenantId, sli: &super::spec::Sli) -> Result<History, Error> {
        let parts = &self.inner().parts;
        let mut history = History::default();
        let mut seen = SliSeen::up_to(asking::tables_of(sli.source), 0);
        let news = parts.engine.sli_news(tenant, &mut seen).await.map_err(Error::Query)?;
        let Some(stored) = news else { return Ok(history) };
        let now = self.unix_now();
        for range in asked_about(&stored, sli.lookback_seconds, now) {
            history.add(asking::ask(parts, tenant, sli, range).await?.0);
        }
        Ok(history)
    }
}

/// The ranges of slices to ask about, of rows that are about some time. Each takes a query over whatever is stored: where no rows
/// are, one is enough.
fn asked_about(stored: &SliNews, lookback_seconds: u64, now: i64) -> Vec<Range<i64>> {
    let lookback = i64::try_from(lookback_seconds).unwrap_or(MEMORY_SECONDS);
    // What is seen at the end of a slice happened in it.
    let first = stored.first.saturating_sub(1).div_euclid(NANOS);
    let last = stored.last.div_euclid(NANOS);
    let end = slice_of(now) + 1;
    let begin = slice_of((first - lookback).max(now - MEMORY_SECONDS)).min(end);
    let rest = (slice_of(last.saturating_add(lookback)) + 1).clamp(begin, end);
    let step = asking::SLICES_AT_ONCE;
    let parts = (begin..rest).step_by(step as usize).map(|at| at..rest.min(at + step));
    parts.chain(Some(rest..end).filter(|rest| !rest.is_empty())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_rows_is_asked_about_once_and_all_else_in_parts() {
        let now = 1_700_000_000;
        let asked = |first: i64, last: i64| {
            let stored = SliNews { first: first * NANOS, last: last * NANOS };
            asked_about(&stored, 600, now)
        };
        for (first, last) in [
            (now - 3_600, now),
            (now - 40 * 86_400, now - 39 * 86_400),
            (now - 900 * 86_400, now - 365 * 86_400),
            (now - 900 * 86_400, now - 800 * 86_400),
            (now - 60, now + 9_000),
        ] {
            let ranges = asked(first, last);
            let from = (first - 601).max(now - MEMORY_SECONDS);
            assert_eq!(ranges[0].start, slice_of(from), "{first}..{last}");
            assert_eq!(ranges.last().unwrap().end, slice_of(now) + 1);
            assert!(ranges.windows(2).all(|pair| pair[0].end == pair[1].start));
            let seconds = (last.min(now) - from).max(0) + 1_200;
            assert!(ranges.len() as i64 <= seconds / 21_600 + 2, "{ranges:?}");
        }
        assert!(asked(now + 10_000, now + 20_000).is_empty());
    }

    #[test]
    fn the_groups_with_the_most_bad_events_are_gone_through() {
        let group = |number: usize| SliGroup(vec![number.to_string()]);
        let one = |number: usize| {
            let slices = [(5, Count::new(0, number as u64)), (500, Count::new(0, 1_000))];
            (group(number), slices.into_iter().collect::<History>())
        };
        let groups = (0..30).map(one).collect();
        let mut whole = Whole { events: History::default(), groups };
        whole.keep_worst(&(0..1_000));
        let kept: Vec<u64> = whole.groups.iter().map(|(_, of)| of.at(5).bad()).collect();
        assert_eq!(kept, (10..30).rev().collect::<Vec<u64>>());
    }

    #[test]
    fn alerts_of_a_group_end_when_only_others_come() {
        let text = "apiVersion: openslo/v1
kind: SLO
metadata: {name: shop, annotations: {binnacle/tiers: page 1h/5m 2%}}
spec:
  service: shop
  indicator: {spec: {ratioMetric: {total: {metricSource: {type: spans, spec: {query: '{ }'}}}, good: {metricSource: {type: spans, spec: {query: '{ status != error }'}}}}}}
  timeWindow: [{duration: 30d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{target: 0.999}]
";
        let mut slo = crate::slo::spec::parse(text).unwrap().slos.remove(0);
        let others: History = (0..3_000).map(|at| (at, Count::new(10, 10))).collect();
        let group: History = (0..600).map(|at| (at, Count::new(0, 10))).collect();
        let whole = Whole { events: others, groups: vec![(SliGroup(vec!["a".into()]), group)] };
        let mut replayed = |gone_seconds| {
            slo.group_gone_seconds = gone_seconds;
            let material = Material::plain(&slo.objectives[0].live_policy(), &whole.events);
            let mut of = replay_all(&slo, 0, &material, &whole, &[], 0..30_000);
            let transitions = of.groups.remove(0).1.transitions.into_iter();
            let of_tier =
                transitions.filter(|seen| matches!(seen.kind, AlertKind::BurnRate { .. }));
            of_tier.map(|seen| (seen.until, seen.level)).collect::<Vec<_>>()
        };
        assert_eq!(replayed(86_400).len(), 1, "it is held");
        let ended = replayed(3_600);
        assert_eq!(ended.len(), 2, "{ended:?}");
        assert_eq!(ended[1], (5_990 + 3_610, "inactive"));
    }
}
