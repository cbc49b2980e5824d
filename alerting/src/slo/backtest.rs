//! Backtest: what an SLO's alerts would have done over time past.
//!
//! The same evaluator and the same latch as live, looked at every slice. It sees the slices as they are by now: what arrived late counts
//! as if it had come in time, so where everything was in time, live alerts did the same at the same slices.

use super::asking;
use super::counting::{MEMORY_SECONDS, query_of, table_of};
use super::engine::Slos;
use super::evaluate::{AlertKind, Facts, Policy, Status, evaluate};
use super::exclusion::Kept;
use super::history::{Count, History, SLICE_SECONDS, slice_of};
use super::latch::Latch;
use super::method::Counted;
use super::spec::Slo;
use super::tier::Severity;
use crate::Error;
use binnacle_query::sli::SliCache;
use binnacle_storage::model::{Table, TenantId, Timestamp};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// Longest time that is gone through: a look per slice takes some ten microseconds.
pub const BACKTEST_SECONDS_MAX: i64 = 92 * 86_400;

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
#[derive(Debug)]
pub struct Backtest {
    pub transitions: Vec<Replayed>,
    /// How many looks each alert was firing.
    pub firing_seconds: BTreeMap<AlertKind, i64>,
    /// At the end.
    pub status: Option<Status>,
}

/// Goes through `range` (Unix seconds).
pub fn replay(
    policy: &Policy,
    events: &History,
    unmeasured: &[Range<i64>],
    range: Range<i64>,
) -> Backtest {
    let kept = Kept::of(policy, events);
    let all_events = events;
    let events = kept.as_ref().map_or(all_events, |kept| &kept.events);
    let counted = Counted::of(policy.method, events);
    let mut latches: BTreeMap<AlertKind, Latch> = BTreeMap::new();
    let mut backtest =
        Backtest { transitions: Vec::new(), firing_seconds: BTreeMap::new(), status: None };
    let first = range.start.div_euclid(SLICE_SECONDS) * SLICE_SECONDS;
    for until in (first..=range.end).step_by(SLICE_SECONDS as usize) {
        let facts = Facts {
            counted: &counted,
            events,
            all_events,
            excluded: kept.as_ref().map_or(&[], |kept| &kept.excluded),
            now: Timestamp(until.saturating_mul(1_000_000_000)),
            watermark: until,
            lag_seconds_max: 0,
            has_failed: false,
            last_heard: Some(until),
            silence_seconds_max: 0,
            unmeasured,
        };
        let status = evaluate(policy, &facts);
        for seen in &status.alerts {
            let latch = latches.entry(seen.kind).or_default();
            let next = latch.next(seen.seen, until, seen.temper);
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

impl Slos {
    /// Goes through `range` (Unix seconds) with each objective of an SLO, whether it is in force or not. What is not
    /// counted yet is counted for this.
    pub async fn backtest(
        &self,
        tenant: &TenantId,
        slo: &Slo,
        range: Range<i64>,
    ) -> Result<Vec<Backtest>, Error> {
        let mut backtests = Vec::new();
        for spec in &slo.objectives {
            let events = match self.counted(tenant, &spec.sli.key()) {
                Some(events) => events,
                None => Arc::new(self.count_anew(tenant, &spec.sli).await?),
            };
            let (policy, range) = (spec.live_policy(), range.clone());
            let unmeasured = self.unmeasured(tenant, &events);
            let work = move || replay(&policy, &events, &unmeasured, range);
            let done = tokio::task::spawn_blocking(work).await;
            backtests.push(done.map_err(|_| Error::GivenUp)?);
        }
        Ok(backtests)
    }

    /// What an SLO in force has counted of the same definition.
    fn counted(&self, tenant: &TenantId, key: &str) -> Option<Arc<History>> {
        let standings = self
            .list(tenant)
            .into_iter()
            .filter_map(|loaded| self.standing(tenant, &loaded.slo.name));
        let mut objectives = standings.flat_map(|standing| {
            let of = |objective: &super::ObjectiveStanding| {
                (objective.counting.key == key && objective.counting.is_counted)
                    .then(|| objective.events.clone())
            };
            standing.objectives.iter().filter_map(of).collect::<Vec<_>>()
        });
        objectives.next()
    }

    pub(super) async fn count_anew(
        &self,
        tenant: &TenantId,
        sli: &super::spec::Sli,
    ) -> Result<History, Error> {
        let engine = &self.inner().parts.engine;
        if table_of(sli) == Table::MetricPoints {
            return self.ask_anew(tenant, sli).await;
        }
        let queries = [Arc::new(query_of(sli)?)];
        let sources = engine.sli_sources(tenant, table_of(sli)).await.map_err(Error::Query)?;
        let counts = engine.sli_segments(&sources, &queries, 0, u64::MAX).await;
        let mut counts = counts.map_err(Error::Query)?;
        let rest = engine.sli_buffer(&sources, &queries, &mut SliCache::default()).await;
        counts[0].add(&rest.map_err(Error::Query)?[0]);
        let slices = counts[0].slices.iter();
        Ok(slices.map(|(at, (good, total))| (*at, Count::new(*good, *total))).collect())
    }

    async fn ask_anew(&self, tenant: &TenantId, sli: &super::spec::Sli) -> Result<History, Error> {
        let now = self.unix_now();
        let (first, end) = (slice_of(now - MEMORY_SECONDS), slice_of(now) + 1);
        let parts = &self.inner().parts;
        let mut history = History::default();
        for start in (first..end).step_by(asking::SLICES_AT_ONCE as usize) {
            let range = start..end.min(start + asking::SLICES_AT_ONCE);
            history.add(asking::ask(parts, tenant, sli, range).await?.0);
        }
        Ok(history)
    }
}
