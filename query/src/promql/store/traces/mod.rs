//! Series made of spans: the service graph and span metrics under the names that Tempo's generator gives them, from the
//! rollups.
//!
//! They are counters sent as deltas, one for each minute and stamped with its end, so that `rate` and `increase` are exact sums. A
//! series lives until [`LIFE`] minutes after the last minute in which something was counted. Where series of these names are
//! stored, somebody runs a generator, and only these are answered.

mod counter;
mod metric;

use super::Store;
use crate::Error;
use crate::promql::labels::{METRIC_NAME, MatchOp, Matcher};
use crate::promql::series::Samples;
use crate::promql::source::Select;
use crate::red::minutes::{Minutes, Wanted, ending_in};
use crate::turn::Turn;
use crate::{QueryEngine, QueryStats};
use binnacle_storage::Snapshot;
use binnacle_storage::model::TenantId;
use counter::{Counters, MINUTE_MS};
use metric::{CALLS, Family, Metric, SPANS};
use std::sync::Arc;

/// Minutes that a series goes on without anything to count, as long as Tempo's generator keeps one.
pub const LIFE: i64 = 15;

/// Who answers from the rollups, within which query.
pub(crate) struct Traces {
    engine: QueryEngine,
    tenant: TenantId,
    turn: Arc<Turn>,
}

impl Traces {
    pub(crate) fn new(engine: QueryEngine, tenant: TenantId, turn: Arc<Turn>) -> Traces {
        Traces { engine, tenant, turn }
    }

    /// The series of `metrics`, which are of one family.
    async fn read(
        &self,
        (snapshot, stats): (&Snapshot, &Arc<QueryStats>),
        select: &Select,
        (family, metrics): (&Family, &[&Metric]),
        only_first: bool,
    ) -> Result<Vec<Samples>, Error> {
        // What was counted before may still be alive.
        let start = select.start.saturating_sub(if only_first { 0 } else { LIFE * MINUTE_MS });
        let Some(range) = ending_in(start, select.end) else { return Ok(Vec::new()) };
        let histograms = metrics.iter().any(|metric| metric.is_bucket());
        let equal = columns(family, &select.matchers);
        let wanted = Wanted { range, equal, histograms, only_latest: only_first };
        let (engine, tenant, turn) = (&self.engine, &self.tenant, &self.turn);
        let minutes = Minutes { engine, tenant, snapshot, stats, turn };
        let mut counters = Counters::default();
        if family.is_calls() {
            for call in minutes.calls(&wanted).await? {
                counters.add_call(call, &select.matchers)?;
            }
        } else {
            for span in minutes.spans(&wanted).await? {
                counters.add_span(span, &select.matchers)?;
            }
        }
        counters.series(metrics, select, only_first)
    }
}

/// The columns that matchers want to have a certain value.
fn columns(family: &Family, matchers: &[Matcher]) -> Vec<(&'static str, String)> {
    let column = |matcher: &Matcher| {
        let known = family.columns.iter().find(|(label, _)| *label == &*matcher.name);
        let (_, column) = known.filter(|_| matcher.op == MatchOp::Equal)?;
        Some((*column, matcher.value.to_string()))
    };
    matchers.iter().filter_map(column).collect()
}

impl Store {
    /// Has it answer with series made of spans, too.
    pub(crate) fn with_traces(mut self, traces: Traces) -> Store {
        self.traces = Some(traces);
        self
    }

    /// The series made of spans that meet the matchers.
    pub(super) async fn of_traces(
        &self,
        select: &Select,
        only_first: bool,
    ) -> Result<Vec<Samples>, Error> {
        let mut list = Vec::new();
        let Some(traces) = &self.traces else { return Ok(list) };
        for family in [&CALLS, &SPANS] {
            let metrics = family.matching(&select.matchers);
            if metrics.is_empty() || self.has_stored(family).await? {
                continue;
            }
            let from = (&self.snapshot, &self.stats);
            list.extend(traces.read(from, select, (family, &metrics), only_first).await?);
        }
        Ok(list)
    }

    /// Whether any series of the family's names was sent.
    async fn has_stored(&self, family: &Family) -> Result<bool, Error> {
        let catalog = self.catalog().await?;
        for metric in family.metrics {
            let named = Matcher::new(MatchOp::Equal, METRIC_NAME, metric.name);
            let named = [named.map_err(|message| Error::Execution { message })?];
            if catalog.candidates(&named).iter().any(|series| super::may_match(series, &named)) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
