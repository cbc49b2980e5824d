//! Time series from spans: `{ status = error } | rate() by (resource.service.name)`.
//!
//! Every span that the pipeline leaves and that starts within the request's times counts once, at the interval its start
//! lies in. Where rows decide alone they are counted while they are scanned; else the traces are read whole and counted
//! after the pipeline. Nothing is sampled: a quantile is that of all values.

mod function;
mod group;
mod second;
#[cfg(test)]
mod tests;

use super::ast::{Field, MetricsFunction};
use super::candidates::candidates;
use super::evaluate::Plan;
use super::scan::{Search, scan};
use super::span_fields::SpanFields;
use super::{fetch, parse};
use crate::rows::Shared;
use crate::value::AnyValue;
use crate::{Error, QueryEngine, QueryStats, StatsSnapshot};
use binnacle_storage::model::{TenantId, Timestamp, TraceId};
use binnacle_storage::{Snapshot, Storage};
use function::Function;
use group::{Grouping, Groups};
use std::sync::Arc;

/// Most points of one series: more than any screen has pixels.
const POINTS_MAX: i64 = 11_000;

/// Points of a series when the request does not say the step.
const POINTS_DEFAULT: i64 = 100;

/// Traces read at a time.
const TRACES_AT_ONCE: usize = 256;

/// What to compute.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MetricsRequest {
    /// TraceQL with a metrics function at its end.
    pub query: String,
    pub start: Timestamp,
    /// Not included.
    pub end: Timestamp,
    /// Nanoseconds of one interval; `None` chooses some hundred points. Intervals begin at multiples of it.
    pub step: Option<i64>,
    /// One value for the whole time instead of intervals.
    pub instant: bool,
}

/// The series of an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricsPage {
    /// Sorted by labels.
    pub series: Vec<MetricSeries>,
    pub stats: StatsSnapshot,
}

/// One time series.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricSeries {
    /// By the text of the fields; an empty value stands for spans without the field.
    pub labels: Vec<(String, AnyValue)>,
    /// Begin of the interval, and its value. Durations are in seconds.
    pub points: Vec<(Timestamp, f64)>,
}

/// The intervals of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Intervals {
    first: i64,
    step: i64,
    count: usize,
}

impl Intervals {
    fn of(request: &MetricsRequest) -> Result<Intervals, Error> {
        let (start, end) = (request.start.0, request.end.0);
        let length = end.saturating_sub(start);
        if length <= 0 {
            return Err(invalid("the time range is empty: end must lie after start"));
        }
        if request.instant {
            return Ok(Intervals { first: start, step: length, count: 1 });
        }
        let step = request.step.unwrap_or_else(|| step_of(length));
        if step <= 0 {
            return Err(invalid("the step must be longer than nothing"));
        }
        let first = start - start.rem_euclid(step);
        let count = (end - first).div_euclid(step) + i64::from((end - first).rem_euclid(step) > 0);
        if count > POINTS_MAX {
            return Err(invalid(&format!(
                "the step would make {count} points of each series; {POINTS_MAX} are the most"
            )));
        }
        Ok(Intervals { first, step, count: count as usize })
    }

    fn index(self, time: i64) -> Option<usize> {
        let index = usize::try_from((time - self.first).div_euclid(self.step)).ok()?;
        (index < self.count).then_some(index)
    }

    fn time(self, index: usize) -> Timestamp {
        Timestamp(self.first + self.step * index as i64)
    }
}

/// Whole seconds, some hundred to the range.
fn step_of(length: i64) -> i64 {
    const SECOND: i64 = 1_000_000_000;
    let seconds =
        length / POINTS_DEFAULT / SECOND + i64::from(length % (POINTS_DEFAULT * SECOND) > 0);
    seconds.max(1) * SECOND
}

fn invalid(message: &str) -> Error {
    Error::InvalidRequest { message: message.to_owned(), hint: None }
}

impl QueryEngine {
    /// The time series that a metrics query makes of the spans of `tenant`.
    pub async fn trace_metrics(
        &self,
        tenant: &TenantId,
        request: MetricsRequest,
    ) -> Result<MetricsPage, Error> {
        let stats = Arc::new(QueryStats::new());
        let (storage, tenant, counted) = (self.storage().clone(), tenant.clone(), stats.clone());
        let threads = self.config().threads;
        let work = async move { series(storage, tenant, request, threads, counted).await };
        let series = self.run("traceql", stats.clone(), |_| work).await?;
        stats.add_rows_returned(series.iter().map(|series| series.points.len() as u64).sum());
        Ok(MetricsPage { series, stats: stats.snapshot() })
    }
}

async fn series(
    storage: Storage,
    tenant: TenantId,
    request: MetricsRequest,
    threads: usize,
    stats: Arc<QueryStats>,
) -> Result<Vec<MetricSeries>, Error> {
    let query = parse(&request.query)?;
    let Some(metrics) = query.metrics else {
        return Err(Error::InvalidRequest {
            message: "the query finds traces; it has no metrics function".to_owned(),
            hint: Some("end it with such as | rate() by (resource.service.name)".to_owned()),
        });
    };
    let intervals = Intervals::of(&request)?;
    let mut plan = Plan::of(&query.pipeline);
    let grouping = Arc::new(Grouping {
        by: metrics.by.iter().map(|field| plan.slots.slot(field)).collect(),
        function: function(&metrics.function, &mut plan)?,
        intervals,
    });
    let search = Arc::new(Search {
        plan,
        from: request.start.0,
        to: request.end.0 - 1,
        durations: i64::MIN..=i64::MAX,
    });
    let snapshot = storage.snapshot(&tenant).await?;
    stats.warn_all(snapshot.warnings());
    let groups = match search.is_decided_by_rows() {
        true => {
            let new = || Groups::new(grouping.clone());
            scan(&storage, &snapshot, search, new, threads, &stats).await?
        }
        false => of_traces(&storage, &snapshot, search, grouping, threads, &stats).await?,
    };
    let series = groups.into_series(&metrics);
    Ok(second::apply(series, &metrics.second))
}

fn function(function: &MetricsFunction, plan: &mut Plan) -> Result<Function, Error> {
    let mut slot = |field: &Field| plan.slots.slot(field);
    Ok(match function {
        MetricsFunction::Rate => Function::Rate,
        MetricsFunction::CountOverTime => Function::Count,
        MetricsFunction::MinOverTime(field) => Function::Min(slot(field)),
        MetricsFunction::MaxOverTime(field) => Function::Max(slot(field)),
        MetricsFunction::AvgOverTime(field) => Function::Avg(slot(field)),
        MetricsFunction::SumOverTime(field) => Function::Sum(slot(field)),
        MetricsFunction::HistogramOverTime(field) => Function::Histogram(slot(field)),
        MetricsFunction::QuantileOverTime(field, quantiles) => {
            Function::Quantiles(slot(field), quantiles.clone())
        }
        MetricsFunction::Compare { .. } => {
            return Err(invalid("compare() is not answered; ask rate() by (field) of both sets"));
        }
    })
}

/// Reads every trace that may match and counts the spans that the pipeline leaves.
async fn of_traces(
    storage: &Storage,
    snapshot: &Snapshot,
    search: Arc<Search>,
    grouping: Arc<Grouping>,
    threads: usize,
    stats: &Arc<QueryStats>,
) -> Result<Groups, Error> {
    let found =
        candidates(storage, snapshot, search.clone(), None, usize::MAX, threads, stats).await?;
    let mut groups = Groups::new(grouping);
    let mut shared = Shared::default();
    for some in found.chunks(TRACES_AT_ONCE) {
        let ids: Vec<TraceId> = some.iter().map(|candidate| candidate.trace_id).collect();
        let trees = fetch::traces(storage, snapshot, &ids, &mut shared, stats).await?;
        for tree in ids.iter().filter_map(|id| trees.get(id)) {
            let sets = search.plan.evaluate(tree);
            let mut spans: Vec<usize> = sets.into_iter().flat_map(|set| set.spans).collect();
            spans.sort_unstable();
            spans.dedup();
            for span in spans {
                let time = tree.spans[span].start_time.0;
                if (search.from..=search.to).contains(&time) {
                    let fields = SpanFields { tree, span, fields: &search.plan.slots.fields };
                    groups.add(time, &fields)?;
                }
            }
        }
    }
    Ok(groups)
}
