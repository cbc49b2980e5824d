//! The events of a stretch of time: how many there were of each query, and some of them, chosen evenly.
//!
//! Unlike what an SLO counts once and for all, this reads the rows that are stored by now. It reads the newest first and stops
//! at [`ROWS_MAX`], so that a question about a month ends; the answer says from when on it is whole. A span that is stored
//! twice counts once.

use super::counts::SLICE_NANOS;
use super::filter::SliQuery;
use super::rows::{Identity, Spans, counted_columns};
use crate::rows::{Columns, SegmentRows, Shared, Wanted};
use crate::{Error, QueryEngine, QueryStats, broken};
use arrow::record_batch::RecordBatch;
use binnacle_storage::model::{
    SpanId, Table, TenantId, TimeRange, Timestamp, TraceId, WEIGHT_COLUMN,
};
use binnacle_storage::segment::Segment;
use binnacle_storage::{Snapshot, Storage};
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashSet};
use std::ops::Range;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64;

/// Rows looked at: some seconds of one core.
pub const ROWS_MAX: u64 = 16_000_000;

/// Rows read at a time.
const ROWS_AT_ONCE: u32 = 1 << 16;

/// Events told apart, so that none counts twice; beyond them the counts say that they are estimates.
const IDENTITIES_MAX: usize = 4_000_000;

/// A span ends at most so long after its start to be looked for: segments are found by the start of their rows.
const SPAN_NANOS_MAX: i64 = 3_600_000_000_000;

/// What to count, and how many events to name.
#[derive(Debug, Clone)]
pub struct SampleRequest {
    /// All over the same table.
    pub queries: Vec<Arc<SliQuery>>,
    /// In Unix nanoseconds, apart from each other.
    pub windows: Vec<Range<i64>>,
    /// Good events, and bad events, named of each window; 0 only counts.
    pub named: usize,
}

/// What one query finds in one window.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WindowEvents {
    pub good: u64,
    pub bad: u64,
    /// Even samples.
    pub good_events: Vec<NamedEvent>,
    pub bad_events: Vec<NamedEvent>,
    /// When none are named: slice number (Unix nanoseconds ÷ [`SLICE_NANOS`](super::SLICE_NANOS)) → good, total.
    pub slices: BTreeMap<i64, (u64, u64)>,
    /// All events whose hash is below it are named.
    whole_below: u64,
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedEvent {
    pub trace_id: Option<TraceId>,
    pub span_id: Option<SpanId>,
    pub service: String,
    /// Unix nanoseconds; of a log record both are its time.
    pub start: i64,
    pub end: i64,
    pub is_good: bool,
    hash: u64,
}

impl PartialOrd for NamedEvent {
    fn partial_cmp(&self, other: &NamedEvent) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for NamedEvent {
    fn cmp(&self, other: &NamedEvent) -> std::cmp::Ordering {
        let key = |event: &NamedEvent| (event.hash, event.start, event.end);
        key(self).cmp(&key(other))
    }
}

impl WindowEvents {
    pub fn total(&self) -> u64 {
        self.good + self.bad
    }

    /// Good and bad events in their true proportion.
    pub(crate) fn even(&self) -> impl Iterator<Item = &NamedEvent> {
        let all = self.good_events.iter().chain(&self.bad_events);
        all.filter(|event| event.hash < self.whole_below)
    }
}

/// What all queries find.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sample {
    /// By query, then by window.
    pub found: Vec<Vec<WindowEvents>>,
    /// Unix nanoseconds before which rows were left out, because there are too many.
    pub whole_from: Option<i64>,
    /// Some rows stand for others that were thinned out, or may have counted twice.
    pub is_estimate: bool,
}

impl QueryEngine {
    /// Counts events in windows, and names some of them.
    pub async fn sample_events(
        &self,
        tenant: &TenantId,
        request: SampleRequest,
    ) -> Result<Sample, Error> {
        let stats = Arc::new(QueryStats::new());
        let (storage, tenant, counted) = (self.storage().clone(), tenant.clone(), stats.clone());
        let work = async move {
            let snapshot = storage.snapshot(&tenant).await?;
            sample(&storage, &snapshot, &request, &counted).await
        };
        self.run("sli", stats, |_| work).await
    }
}

/// See [`QueryEngine::sample_events`].
pub(crate) async fn sample(
    storage: &Storage,
    snapshot: &Snapshot,
    request: &SampleRequest,
    stats: &Arc<QueryStats>,
) -> Result<Sample, Error> {
    let Some(table) = request.queries.first().map(|query| query.table()) else {
        return Ok(Sample::default());
    };
    let start = request.windows.iter().map(|window| window.start).min().unwrap_or(0);
    let end = request.windows.iter().map(|window| window.end).max().unwrap_or(0);
    let reach = Timestamp(start.saturating_sub(SPAN_NANOS_MAX));
    let Some(range) = TimeRange::new(reach, Timestamp(end)) else { return Ok(Sample::default()) };
    let mut collecting = Collecting::new(request, table);
    for chunk in snapshot.chunks(table, range) {
        stats.add_rows_buffered(chunk.records.num_rows() as u64);
        collecting.add(&chunk.records)?;
        tokio::task::yield_now().await;
    }
    let mut segments = snapshot.segments(table, range);
    segments.sort_by_key(|segment| std::cmp::Reverse(segment.info().time_max));
    let mut whole_from = None;
    for segment in &segments {
        if collecting.rows >= ROWS_MAX {
            let left = segment.info().time_max.0.saturating_add(1);
            whole_from = Some(left.max(start)).filter(|from| *from > start);
            break;
        }
        match collecting.add_segment(segment, stats).await {
            Ok(()) => stats.add_segments(1, 0),
            Err(Error::Storage(error)) => {
                broken::leave_out(storage, segment, &Error::Storage(error), stats).await;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(collecting.finish(whole_from))
}

struct Collecting<'a> {
    request: &'a SampleRequest,
    table: Table,
    shared: Shared,
    seen: HashSet<Identity>,
    rows: u64,
    is_estimate: bool,
    /// By query, window: good and bad counts, and the kept events of either.
    windows: Vec<Vec<Kept>>,
}

#[derive(Default)]
struct Kept {
    counts: [u64; 2],
    heaps: [BinaryHeap<NamedEvent>; 2],
    is_full: [bool; 2],
    slices: BTreeMap<i64, (u64, u64)>,
}

impl<'a> Collecting<'a> {
    fn new(request: &'a SampleRequest, table: Table) -> Collecting<'a> {
        let windows = || request.windows.iter().map(|_| Kept::default()).collect();
        Collecting {
            request,
            table,
            shared: Shared::default(),
            seen: HashSet::new(),
            rows: 0,
            is_estimate: false,
            windows: request.queries.iter().map(|_| windows()).collect(),
        }
    }

    async fn add_segment(
        &mut self,
        segment: &Arc<Segment>,
        stats: &Arc<QueryStats>,
    ) -> Result<(), Error> {
        let keys = segment.attributes().await?;
        let reader = SegmentRows::open(segment.clone(), stats.clone()).await?;
        let mut columns: BTreeSet<String> = counted_columns(self.table).into_iter().collect();
        columns.extend(["trace_id".to_owned(), "span_id".to_owned()]);
        for query in &self.request.queries {
            columns.extend(query.columns(&keys, reader.metadata()));
        }
        let columns: Vec<String> = columns.into_iter().collect();
        let rows = u32::try_from(segment.info().rows).unwrap_or(u32::MAX);
        stats.add_rows_scanned(u64::from(rows));
        for start in (0..rows).step_by(ROWS_AT_ONCE as usize) {
            let range = start..rows.min(start.saturating_add(ROWS_AT_ONCE));
            for batch in reader.read(Wanted::Named(&columns), std::slice::from_ref(&range)).await? {
                self.add(&batch)?;
            }
            // Reads of cached bytes never wait: let others run.
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    fn add(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        self.rows += batch.num_rows() as u64;
        let columns = Columns(batch);
        let spans = (self.table == Table::Spans).then(|| Spans::of(batch)).transpose()?;
        let (traces, ids) = (columns.fixed("trace_id")?, columns.fixed("span_id")?);
        let (services, times) = (columns.text("service")?, columns.int("time")?);
        let (starts, durations) = (columns.int("start_time")?, columns.int("duration")?);
        let weights = columns.int(WEIGHT_COLUMN)?;
        let times_of = |row: usize| match self.table {
            Table::Spans => {
                let start = starts.value(row).unwrap_or(0);
                (start, start.saturating_add(durations.value(row).unwrap_or(0)))
            }
            _ => (times.value(row).unwrap_or(0), times.value(row).unwrap_or(0)),
        };
        let mut fresh: HashSet<usize> = HashSet::new();
        for (index, query) in self.request.queries.iter().enumerate() {
            for (row, is_good) in query.events(batch, &mut self.shared)? {
                let (start, end) = times_of(row);
                let windows = &self.request.windows;
                let Some(window) = windows.iter().position(|window| window.contains(&end)) else {
                    continue;
                };
                if let Some(spans) = &spans
                    && !fresh.contains(&row)
                {
                    if self.seen.len() >= IDENTITIES_MAX {
                        self.is_estimate = true;
                    } else if !self.seen.insert(spans.identity(row)) {
                        continue;
                    }
                    fresh.insert(row);
                }
                let weight = weights.weight(row);
                self.is_estimate |= weight > 1;
                let kept = &mut self.windows[index][window];
                kept.counts[usize::from(is_good)] += u64::from(weight);
                if self.request.named == 0 {
                    let slice = kept.slices.entry(end.div_euclid(SLICE_NANOS)).or_default();
                    slice.0 += u64::from(weight) * u64::from(is_good);
                    slice.1 += u64::from(weight);
                    continue;
                }
                let trace_id = traces.id(row).map(TraceId);
                let span_id = ids.id(row).map(SpanId);
                let hash = hash_of(trace_id, span_id, end, row);
                let named = self.request.named;
                kept.keep(named, hash, is_good, || NamedEvent {
                    trace_id,
                    span_id,
                    service: services.owned(row),
                    start,
                    end,
                    is_good,
                    hash,
                });
            }
        }
        Ok(())
    }

    fn finish(self, whole_from: Option<i64>) -> Sample {
        let of_query = |windows: Vec<Kept>| windows.into_iter().map(Kept::finish).collect();
        Sample {
            found: self.windows.into_iter().map(of_query).collect(),
            whole_from,
            is_estimate: self.is_estimate,
        }
    }
}

/// Records without ids are told apart by where they lie.
fn hash_of(trace: Option<TraceId>, span: Option<SpanId>, time: i64, row: usize) -> u64 {
    let mut bytes = Vec::with_capacity(40);
    bytes.extend(trace.map_or([0; 16], |id| id.0));
    bytes.extend(span.map_or([0; 8], |id| id.0));
    bytes.extend(time.to_le_bytes());
    if span.is_none() {
        bytes.extend(row.to_le_bytes());
    }
    xxh3_64(&bytes)
}

impl Kept {
    /// Keeps the events with the lowest hashes.
    fn keep(&mut self, named: usize, hash: u64, is_good: bool, event: impl FnOnce() -> NamedEvent) {
        let side = usize::from(is_good);
        let heap = &mut self.heaps[side];
        if heap.len() < named {
            heap.push(event());
            return;
        }
        self.is_full[side] = true;
        if heap.peek().is_some_and(|highest| hash < highest.hash) {
            heap.pop();
            heap.push(event());
        }
    }

    fn finish(self) -> WindowEvents {
        let Kept { counts: [bad, good], heaps, is_full, slices } = self;
        let last =
            |side: usize| heaps[side].peek().filter(|_| is_full[side]).map(|event| event.hash);
        let whole_below = [last(0), last(1)].into_iter().flatten().min().unwrap_or(u64::MAX);
        let [bad_events, good_events] = heaps.map(|heap| heap.into_sorted_vec());
        WindowEvents { good, bad, good_events, bad_events, slices, whole_below }
    }
}
