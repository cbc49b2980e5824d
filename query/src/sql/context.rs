//! What all scans of one query share.

use crate::QueryStats;
use binnacle_storage::Snapshot;
use binnacle_storage::segment::{Segment, SegmentId};
use datafusion::physical_plan::ExecutionPlan;
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::error::Error as _;
use std::sync::Arc;

/// One query's snapshot and counters.
#[derive(Debug)]
pub(super) struct QueryContext {
    pub(super) snapshot: Snapshot,
    pub(super) stats: Arc<QueryStats>,
    /// Filters are checked while Parquet is decoded.
    pub(super) filter_pushdown: bool,
    /// Segments that cannot be read. Scans planned from now on leave them out.
    set_aside: Mutex<BTreeSet<SegmentId>>,
    /// Segments that scans opened.
    opened: Mutex<BTreeMap<SegmentId, Arc<Segment>>>,
    /// Plans that run inside others, out of their metrics' sight.
    plans: Mutex<Vec<Arc<dyn ExecutionPlan>>>,
}

impl QueryContext {
    pub(super) fn new(
        snapshot: Snapshot,
        stats: Arc<QueryStats>,
        filter_pushdown: bool,
    ) -> Arc<QueryContext> {
        snapshot.warnings().iter().for_each(|warning| stats.warn(warning.clone()));
        Arc::new(QueryContext {
            snapshot,
            stats,
            filter_pushdown,
            set_aside: Mutex::default(),
            opened: Mutex::default(),
            plans: Mutex::default(),
        })
    }

    /// Leaves a broken segment out and says so.
    pub(super) fn set_aside(&self, segment: &Segment, error: &binnacle_storage::Error) {
        let source = error.source().map(|source| format!(": {source}")).unwrap_or_default();
        self.set_aside_for(segment, &format!("{error}{source}"));
    }

    pub(super) fn set_aside_for(&self, segment: &Segment, reason: &str) {
        let info = segment.info();
        let (table, id, rows) = (info.table.name(), info.id.0, info.rows);
        if self.set_aside.lock().insert(info.id) {
            tracing::warn!(segment = %id, table, reason, "left a segment out of a query");
        }
        let warning = format!("segment {id} of {table} ({rows} rows) is left out: {reason}");
        self.stats.warn(warning);
    }

    pub(super) fn is_set_aside(&self, segment: &Segment) -> bool {
        self.set_aside.lock().contains(&segment.info().id)
    }

    /// How many segments are left out so far.
    pub(super) fn set_aside_count(&self) -> usize {
        self.set_aside.lock().len()
    }

    pub(super) fn note_opened(&self, segments: &[Arc<Segment>]) {
        let mut opened = self.opened.lock();
        opened.extend(segments.iter().map(|segment| (segment.info().id, segment.clone())));
    }

    pub(super) fn note_plan(&self, plan: &Arc<dyn ExecutionPlan>) {
        self.plans.lock().push(plan.clone());
    }

    pub(super) fn inner_plans(&self) -> Vec<Arc<dyn ExecutionPlan>> {
        self.plans.lock().clone()
    }

    /// Segments opened and not set aside.
    pub(super) fn opened(&self) -> Vec<Arc<Segment>> {
        let opened = self.opened.lock().values().cloned().collect::<Vec<_>>();
        opened.into_iter().filter(|segment| !self.is_set_aside(segment)).collect()
    }
}
