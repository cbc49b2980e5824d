//! Time series from spans: `{ status = error } | rate() by (resource.service.name)`.
//!
//! Every span that the pipeline leaves and that starts within the request's times counts once, at the interval its start
//! lies in. Where rows decide alone they are counted while they are scanned; else the traces are read whole and counted
//! after the pipeline. Nothing is sampled: a quantile is that of all values. Spans are read from the newest on, so intervals
//! are finished one after the other, and can be given as they are.

mod compare;
mod exemplar;
mod function;
mod group;
mod second;
#[cfg(test)]
mod tests;

use super::ast::{Field, Metrics, MetricsFunction};
use super::candidates::Candidates;
use super::evaluate::Plan;
use super::fetch::{self, Needed};
use super::parse;
use super::scan::{Scan, Search};
use super::tree::Tree;
use crate::rows::Shared;
use crate::value::AnyValue;
use crate::{Error, QueryEngine, QueryStats, StatsSnapshot};
use binnacle_storage::model::{TenantId, Timestamp, TraceId};
use binnacle_storage::{Snapshot, Storage};
use compare::Compared;
pub use exemplar::SpanExemplar;
use function::Function;
pub(super) use group::put_key;
use group::{Grouping, Groups};
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;
use tokio::sync::mpsc;

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
    /// Most exemplars of all series together; the query's own `with(exemplars=…)` goes before.
    pub exemplars: usize,
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
    /// Single spans behind the points, by time.
    pub exemplars: Vec<SpanExemplar>,
}

/// Points that are finished and were not sent before.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesFound {
    pub series: Vec<MetricSeries>,
    pub stats: StatsSnapshot,
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
        // No span starts before the first moment of Unix time.
        let start = start.max(0);
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

    /// The first interval in which every span starts after `time`; the first of all when there is no such time.
    fn first_after(self, time: Option<i64>) -> usize {
        let after = |time: i64| (time - self.first).div_euclid(self.step) + 1;
        time.map_or(0, |time| usize::try_from(after(time.max(0))).unwrap_or(0)).min(self.count)
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
        self.make_series(tenant, request, None).await
    }

    /// The same; points are also sent to `found` as soon as nothing can change them any more.
    pub async fn trace_metrics_as_found(
        &self,
        tenant: &TenantId,
        request: MetricsRequest,
        found: mpsc::Sender<SeriesFound>,
    ) -> Result<MetricsPage, Error> {
        self.make_series(tenant, request, Some(found)).await
    }

    async fn make_series(
        &self,
        tenant: &TenantId,
        request: MetricsRequest,
        found: Option<mpsc::Sender<SeriesFound>>,
    ) -> Result<MetricsPage, Error> {
        let stats = Arc::new(QueryStats::new());
        let (storage, tenant, counted) = (self.storage().clone(), tenant.clone(), stats.clone());
        let threads = self.config().threads;
        let work = async move {
            let asked = Asked::of(&request)?;
            let snapshot = storage.snapshot(&tenant).await?;
            counted.warn_all(snapshot.warnings());
            let made = Making { storage, snapshot, threads, stats: counted, found };
            made.series(asked).await
        };
        let series = self.run("traceql", stats.clone(), |_| work).await?;
        stats.add_rows_returned(series.iter().map(|series| series.points.len() as u64).sum());
        Ok(MetricsPage { series, stats: stats.snapshot() })
    }
}

/// A request that was read.
struct Asked {
    metrics: Metrics,
    search: Arc<Search>,
    grouping: Arc<Grouping>,
    /// Instead of the grouping.
    compare: Option<compare::Comparing>,
}

impl Asked {
    fn of(request: &MetricsRequest) -> Result<Asked, Error> {
        let query = parse(&request.query)?;
        let Some(metrics) = query.metrics else {
            return Err(Error::InvalidRequest {
                message: "the query finds traces; it has no metrics function".to_owned(),
                hint: Some("end it with such as | rate() by (resource.service.name)".to_owned()),
            });
        };
        let intervals = Intervals::of(request)?;
        let exemplars = exemplar::wanted(&query.hints, request.exemplars);
        let mut plan = Plan::of(&query.pipeline);
        let grouping = Grouping {
            by: metrics.by.iter().map(|field| plan.slots.slot(field)).collect(),
            function: function(&metrics.function, &mut plan),
            intervals,
            exemplars,
        };
        let compare = match &metrics.function {
            MetricsFunction::Compare { selection, top, times } => Some(compare::Comparing::of(
                selection.as_ref(),
                *top,
                *times,
                &mut plan.slots,
                intervals,
                exemplars,
            )),
            _ => None,
        };
        let asked: BTreeSet<usize> =
            grouping.by.iter().copied().chain(grouping.function.slot()).collect();
        let durations = i64::MIN..=i64::MAX;
        let (from, to) = (request.start.0.max(0), request.end.0.saturating_sub(1));
        let search = Arc::new(Search { plan, from, to, durations, asked });
        Ok(Asked { metrics, search, grouping: Arc::new(grouping), compare })
    }
}

/// What spans are counted in.
trait Tally {
    fn add(&mut self, tree: &Tree, span: usize, fields: &[Field]) -> Result<(), Error>;

    /// The points of some of the intervals.
    fn series(&self, metrics: &Metrics, intervals: Range<usize>) -> Vec<MetricSeries>;
}

/// Where the spans come from and the points go.
struct Making {
    storage: Storage,
    snapshot: Snapshot,
    threads: usize,
    stats: Arc<QueryStats>,
    found: Option<mpsc::Sender<SeriesFound>>,
}

impl Making {
    async fn series(self, asked: Asked) -> Result<Vec<MetricSeries>, Error> {
        let count = asked.grouping.intervals.count;
        let series = if let Some(comparing) = &asked.compare {
            let mut compared = Compared::new(comparing);
            self.of_traces(&asked, &mut compared).await?;
            compared.series(&asked.metrics, 0..count)
        } else if asked.search.is_decided_by_rows() {
            return self.of_rows(&asked).await;
        } else {
            let mut groups = Groups::new(asked.grouping.clone());
            self.of_traces(&asked, &mut groups).await?;
            groups.series(&asked.metrics, 0..count)
        };
        self.send(series.clone()).await?;
        Ok(series)
    }

    /// Counts rows while they are scanned.
    async fn of_rows(&self, asked: &Asked) -> Result<Vec<MetricSeries>, Error> {
        let Asked { search, grouping, metrics, .. } = asked;
        let Making { storage, snapshot, threads, stats, .. } = self;
        let new = || Groups::new(grouping.clone());
        let mut groups = new();
        let mut scan = Scan::new(storage, snapshot, search.clone(), *threads, stats);
        let mut unsent = grouping.intervals.count;
        while scan.advance(&mut groups, &new).await? {
            let finished = grouping.intervals.first_after(scan.left());
            if self.found.is_some() && finished < unsent {
                self.send(groups.series(metrics, finished..unsent)).await?;
                unsent = finished;
            }
        }
        if self.found.is_some() {
            self.send(groups.series(metrics, 0..unsent)).await?;
        }
        Ok(groups.series(metrics, 0..grouping.intervals.count))
    }

    /// Reads every trace that may match and counts the spans that the pipeline leaves.
    async fn of_traces(&self, asked: &Asked, tally: &mut impl Tally) -> Result<(), Error> {
        let Making { storage, snapshot, threads, stats, .. } = self;
        let search = &asked.search;
        let mut candidates =
            Candidates::new(storage, snapshot, search.clone(), None, *threads, stats);
        // A comparison looks at every attribute.
        let fields: Vec<&Field> = search.plan.slots.fields.iter().collect();
        let needed = match asked.compare {
            Some(_) => Needed::Everything,
            None => Needed::Fields(&fields),
        };
        let mut shared = Shared::default();
        while let Some(settled) = candidates.next().await? {
            for some in settled.chunks(TRACES_AT_ONCE) {
                let ids: Vec<TraceId> = some.iter().map(|candidate| candidate.trace_id).collect();
                let trees =
                    fetch::traces(storage, snapshot, &ids, needed, &mut shared, stats).await?;
                for tree in ids.iter().filter_map(|id| trees.get(id)) {
                    let sets = search.plan.evaluate(tree);
                    let spans: BTreeSet<usize> =
                        sets.into_iter().flat_map(|set| set.spans).collect();
                    for span in spans {
                        if (search.from..=search.to).contains(&tree.spans[span].start_time.0) {
                            tally.add(tree, span, &search.plan.slots.fields)?;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    async fn send(&self, series: Vec<MetricSeries>) -> Result<(), Error> {
        let Some(found) = &self.found else { return Ok(()) };
        let news = SeriesFound { series, stats: self.stats.snapshot() };
        found.send(news).await.map_err(|_| Error::Cancelled)
    }
}

fn is_duration(field: &Field) -> bool {
    use super::ast::Intrinsic::{Duration, EventTimeSinceStart, TraceDuration};
    matches!(field, Field::Intrinsic(Duration | EventTimeSinceStart | TraceDuration))
}

fn function(function: &MetricsFunction, plan: &mut Plan) -> Function {
    let mut slot = |field: &Field| plan.slots.slot(field);
    match function {
        MetricsFunction::Rate => Function::Rate,
        // What is compared is counted elsewhere.
        MetricsFunction::CountOverTime | MetricsFunction::Compare { .. } => Function::Count,
        MetricsFunction::MinOverTime(field) => Function::Min(slot(field)),
        MetricsFunction::MaxOverTime(field) => Function::Max(slot(field)),
        MetricsFunction::AvgOverTime(field) => Function::Avg(slot(field)),
        MetricsFunction::SumOverTime(field) => Function::Sum(slot(field)),
        MetricsFunction::HistogramOverTime(field) => {
            Function::Histogram(slot(field), if is_duration(field) { 1e9 } else { 1.0 })
        }
        MetricsFunction::QuantileOverTime(field, quantiles) => {
            Function::Quantiles(slot(field), quantiles.clone())
        }
    }
}
