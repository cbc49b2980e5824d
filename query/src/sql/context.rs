//! What all scans of one query share.

use crate::QueryStats;
use crate::broken;
use crate::turn::Turn;
use binnacle_storage::segment::{Segment, SegmentId};
use binnacle_storage::{Snapshot, Storage};
use datafusion::physical_plan::ExecutionPlan;
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};

/// One query's snapshot and counters.
#[derive(Debug)]
pub(super) struct QueryContext {
    pub(super) storage: Storage,
    pub(super) snapshot: Snapshot,
    pub(super) stats: Arc<QueryStats>,
    pub(super) turn: Arc<Turn>,
    /// Filters are checked while Parquet is decoded.
    pub(super) filter_pushdown: bool,
    /// Segments that cannot be read. Scans planned from now on leave them out.
    set_aside: Mutex<BTreeSet<SegmentId>>,
    /// Segments that scans opened.
    opened: Mutex<BTreeMap<SegmentId, Arc<Segment>>>,
    /// Plans that run inside others, out of their metrics' sight. Plans hold the context, so it must not hold them.
    plans: Mutex<Vec<Weak<dyn ExecutionPlan>>>,
}

impl QueryContext {
    pub(super) fn new(
        storage: Storage,
        snapshot: Snapshot,
        stats: Arc<QueryStats>,
        turn: Arc<Turn>,
        filter_pushdown: bool,
    ) -> Arc<QueryContext> {
        stats.warn_all(snapshot.warnings());
        Arc::new(QueryContext {
            storage,
            snapshot,
            stats,
            turn,
            filter_pushdown,
            set_aside: Mutex::default(),
            opened: Mutex::default(),
            plans: Mutex::default(),
        })
    }

    /// Leaves a broken segment out and says so; from later queries too if it stays broken.
    pub(super) fn set_aside(&self, segment: &Segment, error: &binnacle_storage::Error) {
        let reason = broken::with_causes(error);
        self.set_aside_for(segment, &reason);
        if broken::is_lasting(error) {
            self.storage.set_aside(segment.info().id, &reason);
        }
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
        self.plans.lock().push(Arc::downgrade(plan));
    }

    pub(super) fn inner_plans(&self) -> Vec<Arc<dyn ExecutionPlan>> {
        self.plans.lock().iter().filter_map(Weak::upgrade).collect()
    }

    /// Segments opened and not set aside.
    pub(super) fn opened(&self) -> Vec<Arc<Segment>> {
        let opened = self.opened.lock().values().cloned().collect::<Vec<_>>();
        opened.into_iter().filter(|segment| !self.is_set_aside(segment)).collect()
    }
}
