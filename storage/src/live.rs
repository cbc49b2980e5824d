//! Live data: buffers and segment lists of all tenants, under one lock.
//!
//! A flush publishes its segments and drops its buffered rows in one step, and a cut of both is taken in one step, so a
//! query sees every row exactly once.

use crate::buffer::{Entry, Part, PartSize};
use crate::model::{Signal, TenantId, Timestamp};
use crate::segment::{Segment, SegmentId};
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// Whose buffer.
pub(crate) type BufferKey = (TenantId, Signal);

#[derive(Debug, Default)]
pub(crate) struct Live {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    buffers: BTreeMap<BufferKey, Buffer>,
    segments: HashMap<TenantId, Arc<Vec<Arc<Segment>>>>,
    /// Segments that cannot be read, and why.
    set_aside: HashMap<SegmentId, String>,
    version: u64,
}

#[derive(Debug, Default)]
struct Buffer {
    /// Sealed, being written to segments.
    flushing: Option<Arc<Part>>,
    active: Arc<Part>,
}

/// What one query sees: whole segments, and of each part the entries that were there.
#[derive(Debug)]
pub(crate) struct Cut {
    pub version: u64,
    pub segments: Arc<Vec<Arc<Segment>>>,
    pub parts: Vec<(Signal, Arc<Part>, usize)>,
    pub warnings: Vec<String>,
}

/// Totals over all buffers.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Buffered {
    pub memory: u64,
    pub rows: u64,
    pub oldest: Option<Timestamp>,
}

/// What a flush may seal.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    pub key: BufferKey,
    pub memory: u64,
    /// Of its largest table.
    pub rows: u64,
    pub oldest: Timestamp,
    /// A flush of it failed and is to be tried again.
    pub is_sealed: bool,
}

impl Live {
    /// Adds a request's rows; returns what its buffer now holds.
    pub fn insert(&self, tenant: &TenantId, signal: Signal, entry: Arc<Entry>) -> PartSize {
        let mut state = self.state.lock();
        let key = (tenant.clone(), signal);
        let buffer = state.buffers.entry(key).or_default();
        buffer.active.push(entry);
        buffer.active.size()
    }

    pub fn cut(&self, tenant: &TenantId) -> Cut {
        let state = self.state.lock();
        let mut parts = Vec::new();
        for signal in Signal::ALL {
            let Some(buffer) = state.buffers.get(&(tenant.clone(), signal)) else { continue };
            for part in buffer.flushing.iter().chain([&buffer.active]) {
                let entries = part.size().entries;
                if entries > 0 {
                    parts.push((signal, part.clone(), entries));
                }
            }
        }
        let segments = state.segments.get(tenant).cloned().unwrap_or_default();
        let warning = |segment: &Arc<Segment>| {
            let id = segment.info().id;
            state
                .set_aside
                .get(&id)
                .map(|reason| format!("segment {} is set aside: {reason}", id.0))
        };
        if state.set_aside.is_empty() {
            return Cut { version: state.version, segments, parts, warnings: Vec::new() };
        }
        let warnings = segments.iter().filter_map(warning).collect();
        let readable = segments.iter().filter(|s| !state.set_aside.contains_key(&s.info().id));
        let segments = Arc::new(readable.cloned().collect());
        Cut { version: state.version, segments, parts, warnings }
    }

    /// Buffers with rows, and how many.
    pub fn buffers(&self) -> BTreeMap<BufferKey, u64> {
        let state = self.state.lock();
        let rows = |buffer: &Buffer| {
            let parts = buffer.flushing.iter().chain([&buffer.active]);
            parts.map(|part| part.size().rows).sum()
        };
        state.buffers.iter().map(|(key, buffer)| (key.clone(), rows(buffer))).collect()
    }

    /// What may be flushed next.
    pub fn candidates(&self) -> Vec<Candidate> {
        let state = self.state.lock();
        let mut candidates = Vec::new();
        for (key, buffer) in &state.buffers {
            let part = buffer.flushing.as_ref().unwrap_or(&buffer.active);
            let size = part.size();
            if let Some(oldest) = size.oldest {
                let is_sealed = buffer.flushing.is_some();
                candidates.push(Candidate {
                    key: key.clone(),
                    memory: size.memory,
                    rows: size.rows_of_largest,
                    oldest,
                    is_sealed,
                });
            }
        }
        candidates
    }

    /// Takes the oldest rows of a buffer for a flush, as many as `is_enough` says; they stay visible. A part whose flush
    /// failed comes again.
    pub fn seal(
        &self,
        key: &BufferKey,
        is_enough: impl Fn(&PartSize) -> bool,
    ) -> Option<Arc<Part>> {
        let mut state = self.state.lock();
        let buffer = state.buffers.get_mut(key)?;
        if buffer.flushing.is_none() && buffer.active.size().entries > 0 {
            let active = std::mem::take(&mut buffer.active);
            buffer.flushing = Some(match active.split(is_enough) {
                Some((first, rest)) => {
                    buffer.active = Arc::new(rest);
                    Arc::new(first)
                }
                None => active,
            });
        }
        buffer.flushing.clone()
    }

    /// The flushed rows are in `segments` now.
    pub fn publish_flush(&self, key: &BufferKey, segments: Vec<Arc<Segment>>) {
        let mut state = self.state.lock();
        if let Some(buffer) = state.buffers.get_mut(key) {
            buffer.flushing = None;
            if buffer.active.size().entries == 0 {
                state.buffers.remove(key);
            }
        }
        state.replace(&key.0, &HashSet::new(), segments);
    }

    /// Swaps `retired` for `segments`.
    pub fn publish(
        &self,
        tenant: &TenantId,
        retired: &HashSet<SegmentId>,
        segments: Vec<Arc<Segment>>,
    ) {
        self.state.lock().replace(tenant, retired, segments);
    }

    /// From now on no query sees the segment. Returns whether that is new.
    pub fn set_aside(&self, id: SegmentId, reason: &str) -> bool {
        let mut state = self.state.lock();
        state.version += 1;
        state.set_aside.insert(id, reason.to_owned()).is_none()
    }

    /// Segments set aside, with the reason.
    pub fn list_set_aside(&self) -> Vec<(SegmentId, String)> {
        self.state.lock().set_aside.iter().map(|(id, reason)| (*id, reason.clone())).collect()
    }

    /// The segments of a tenant that were set aside.
    pub fn missing(&self, tenant: &TenantId) -> Vec<Arc<Segment>> {
        let state = self.state.lock();
        if state.set_aside.is_empty() {
            return Vec::new();
        }
        let segments = state.segments.get(tenant).into_iter().flat_map(|segments| segments.iter());
        segments
            .filter(|segment| state.set_aside.contains_key(&segment.info().id))
            .cloned()
            .collect()
    }

    /// All segments of all tenants that can be read and have rows.
    pub fn segments(&self) -> Vec<Arc<Segment>> {
        let mut segments = self.readable();
        segments.retain(|segment| segment.info().has_rows());
        segments
    }

    /// Those that only have the rollup of rows that are gone.
    pub fn rollups(&self) -> Vec<Arc<Segment>> {
        let mut segments = self.readable();
        segments.retain(|segment| !segment.info().has_rows());
        segments
    }

    fn readable(&self) -> Vec<Arc<Segment>> {
        let state = self.state.lock();
        let all = state.segments.values().flat_map(|segments| segments.iter());
        all.filter(|segment| !state.set_aside.contains_key(&segment.info().id)).cloned().collect()
    }

    /// All segments of all tenants, whether they can be read or not.
    pub fn all_segments(&self) -> Vec<Arc<Segment>> {
        let state = self.state.lock();
        state.segments.values().flat_map(|segments| segments.iter().cloned()).collect()
    }

    /// Grows with every change of the segments.
    pub fn version(&self) -> u64 {
        self.state.lock().version
    }

    pub fn buffered(&self) -> Buffered {
        let state = self.state.lock();
        let mut total = Buffered::default();
        for part in state.buffers.values().flat_map(|b| b.flushing.iter().chain([&b.active])) {
            let size = part.size();
            total.memory += size.memory;
            total.rows += size.rows;
            total.oldest = [total.oldest, size.oldest].into_iter().flatten().min();
        }
        total
    }

    /// Tenants with buffered rows or segments, sorted.
    pub fn tenants(&self) -> Vec<TenantId> {
        let state = self.state.lock();
        let with_segments =
            state.segments.iter().filter(|(_, list)| !list.is_empty()).map(|(t, _)| t);
        let mut tenants: Vec<TenantId> =
            with_segments.chain(state.buffers.keys().map(|(tenant, _)| tenant)).cloned().collect();
        tenants.sort();
        tenants.dedup();
        tenants
    }
}

impl State {
    fn replace(
        &mut self,
        tenant: &TenantId,
        retired: &HashSet<SegmentId>,
        segments: Vec<Arc<Segment>>,
    ) {
        let list = self.segments.entry(tenant.clone()).or_default();
        let kept = list.iter().filter(|segment| !retired.contains(&segment.info().id)).cloned();
        *list = Arc::new(kept.chain(segments).collect());
        self.set_aside.retain(|id, _| !retired.contains(id));
        self.version += 1;
    }
}
