//! Questions about many traces at once: where their time goes, how two sets of them differ, and what selected spans have in
//! common. Each looks at the newest traces of a search, up to a limit, whole.

use super::differences::{AttributeSets, ComparedAttribute};
use super::flame::{Flame, FlameBuilder, FlameTime};
use super::operations::{ComparedOperation, OperationSet, compare_operations};
use crate::traceql::{TraceSet, Visited, visit};
use crate::{Error, QueryEngine, QueryStats, StatsSnapshot};
use binnacle_storage::Snapshot;
use binnacle_storage::model::{SpanId, TenantId, Timestamp, TraceId};
use std::collections::HashSet;
use std::future::Future;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// Values given of each attribute when the request does not say.
pub const VALUES_DEFAULT: usize = 10;

/// A flame graph of the traces that a search finds.
#[derive(Debug, Clone, PartialEq)]
pub struct FlamePage {
    pub flame: Flame,
    /// There are more traces than were looked at.
    pub more: bool,
    pub stats: StatsSnapshot,
}

/// Two sets of traces compared.
#[derive(Debug, Clone, PartialEq)]
pub struct SetsPage {
    pub a: SetSize,
    pub b: SetSize,
    pub operations: Vec<ComparedOperation>,
    pub stats: StatsSnapshot,
}

/// How much of a set was looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SetSize {
    pub traces: u64,
    /// There are more traces than these.
    pub more: bool,
}

/// Which spans to compare with which.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DifferencesRequest {
    /// The spans that its query leaves, as far as the brush covers them.
    pub selection: TraceSet,
    /// What they are compared with: the spans that its query leaves and that are not selected.
    pub baseline: TraceSet,
    pub brush: Brush,
    /// Values given of each attribute; `None` means [`VALUES_DEFAULT`].
    pub values: Option<usize>,
}

/// A rectangle drawn over spans by start and duration.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Brush {
    pub start: Option<Timestamp>,
    /// Not included.
    pub end: Option<Timestamp>,
    /// Nanoseconds of the span, both ends included.
    pub duration_min: Option<i64>,
    pub duration_max: Option<i64>,
}

/// What sets the selection apart.
#[derive(Debug, Clone, PartialEq)]
pub struct DifferencesPage {
    /// Spans of either set.
    pub selection: u64,
    pub baseline: u64,
    /// There are more traces with such spans than were looked at.
    pub selection_more: bool,
    pub baseline_more: bool,
    pub attributes: Vec<ComparedAttribute>,
    pub stats: StatsSnapshot,
}

impl Brush {
    /// The set without traces that cannot have a span under the brush.
    fn narrow(&self, set: TraceSet) -> TraceSet {
        let start = set.start.max(self.start);
        let end = match (set.end, self.end) {
            (Some(end), Some(brush)) => Some(end.min(brush)),
            (end, brush) => end.or(brush),
        };
        TraceSet { start, end, ..set }
    }

    fn covers(&self, time: Timestamp, duration: i64) -> bool {
        let durations: RangeInclusive<i64> =
            self.duration_min.unwrap_or(i64::MIN)..=self.duration_max.unwrap_or(i64::MAX);
        self.start.is_none_or(|start| time >= start)
            && self.end.is_none_or(|end| time < end)
            && durations.contains(&duration)
    }
}

impl QueryEngine {
    /// Where the time of the traces goes that a search finds.
    pub async fn trace_flame(
        &self,
        tenant: &TenantId,
        set: TraceSet,
        time: FlameTime,
    ) -> Result<FlamePage, Error> {
        let work = async move |looking: Looking| {
            let mut builder = FlameBuilder::new(time);
            let more = visit(looking.visited(), &set, |tree, _| {
                builder.add(&tree.spans);
                Ok(())
            });
            let more = more.await?;
            Ok((builder.finish(), more))
        };
        let ((flame, more), stats) = self.look(tenant, work).await?;
        Ok(FlamePage { flame, more, stats })
    }

    /// How often and how long the operations of two sets of traces ran.
    pub async fn compare_trace_sets(
        &self,
        tenant: &TenantId,
        a: TraceSet,
        b: TraceSet,
    ) -> Result<SetsPage, Error> {
        let work = async move |looking: Looking| {
            let mut sets = Vec::new();
            for set in [a, b] {
                let mut operations = OperationSet::default();
                let add = |tree: &crate::traceql::Tree, _: &[usize]| operations.add(&tree.spans);
                let more = visit(looking.visited(), &set, add).await?;
                sets.push((SetSize { traces: operations.traces, more }, operations));
            }
            Ok(sets)
        };
        let (sets, stats) = self.look(tenant, work).await?;
        let [(a, in_a), (b, in_b)] = <[_; 2]>::try_from(sets)
            .map_err(|_| Error::Execution { message: "a set was lost".to_owned() })?;
        Ok(SetsPage { a, b, operations: compare_operations(in_a, in_b), stats })
    }

    /// What sets selected spans apart from others.
    pub async fn compare_attributes(
        &self,
        tenant: &TenantId,
        request: DifferencesRequest,
    ) -> Result<DifferencesPage, Error> {
        let values = request.values.unwrap_or(VALUES_DEFAULT).max(1);
        let work = async move |looking: Looking| {
            let DifferencesRequest { selection, baseline, brush, .. } = request;
            let selection = brush.narrow(selection);
            let mut sets = AttributeSets::default();
            let mut selected: HashSet<(TraceId, SpanId)> = HashSet::new();
            let selection_range = range(&selection);
            let selection_more = visit(looking.visited(), &selection, |tree, matched| {
                for &index in matched {
                    let span = &tree.spans[index];
                    let is_covered = brush.covers(span.start_time, span.duration);
                    if is_covered && selection_range.contains(&span.start_time.0) {
                        selected.insert((span.trace_id, span.span_id));
                        sets.add(tree, index, true)?;
                    }
                }
                Ok(())
            });
            let selection_more = selection_more.await?;
            let baseline_range = range(&baseline);
            let baseline_more = visit(looking.visited(), &baseline, |tree, matched| {
                for &index in matched {
                    let span = &tree.spans[index];
                    let is_other = !selected.contains(&(span.trace_id, span.span_id));
                    if is_other && baseline_range.contains(&span.start_time.0) {
                        sets.add(tree, index, false)?;
                    }
                }
                Ok(())
            });
            let baseline_more = baseline_more.await?;
            let (selection, baseline) = sets.counts();
            let attributes = sets.compare(values);
            Ok((selection, baseline, selection_more, baseline_more, attributes))
        };
        let (found, stats) = self.look(tenant, work).await?;
        let (selection, baseline, selection_more, baseline_more, attributes) = found;
        Ok(DifferencesPage {
            selection,
            baseline,
            selection_more,
            baseline_more,
            attributes,
            stats,
        })
    }

    /// Runs `work` over one snapshot.
    async fn look<T, W>(
        &self,
        tenant: &TenantId,
        work: impl FnOnce(Looking) -> W + Send + 'static,
    ) -> Result<(T, StatsSnapshot), Error>
    where
        T: Send + 'static,
        W: Future<Output = Result<T, Error>> + Send,
    {
        let stats = Arc::new(QueryStats::new());
        let (storage, tenant, counted) = (self.storage().clone(), tenant.clone(), stats.clone());
        let threads = self.config().threads;
        let looking = async move {
            let snapshot = storage.snapshot(&tenant).await?;
            counted.warn_all(snapshot.warnings());
            work(Looking { storage, snapshot, threads, stats: counted }).await
        };
        let found = self.run("traceql", stats.clone(), |_| looking).await?;
        Ok((found, stats.snapshot()))
    }
}

/// One snapshot to look at.
struct Looking {
    storage: binnacle_storage::Storage,
    snapshot: Snapshot,
    threads: usize,
    stats: Arc<QueryStats>,
}

impl Looking {
    fn visited(&self) -> Visited<'_> {
        let Looking { storage, snapshot, threads, stats } = self;
        Visited { storage, snapshot, threads: *threads, stats }
    }
}

/// Start times of spans that are meant, both ends included.
fn range(set: &TraceSet) -> RangeInclusive<i64> {
    let start = set.start.map_or(i64::MIN, |start| start.0);
    start..=set.end.map_or(i64::MAX, |end| end.0.saturating_sub(1))
}
