//! Finding traces: which have a span within the time range that the query's first conditions leave open.
//!
//! Segments and chunks of the buffer are read from the newest to the oldest, several at a time; only the columns that the
//! conditions name are read, and only of pages that can hold such a span. The scan ends early when the traces found are
//! newer than anything left and the conditions decide alone.

use super::condition::Condition;
use super::evaluate::Plan;
use super::prune::{Prune, prunes};
use super::row_fields::{RowReader, columns, is_of_row};
use crate::broken;
use crate::rows::{Columns, SegmentRows, Shared, Wanted};
use crate::{Error, QueryStats};
use arrow::record_batch::RecordBatch;
use binnacle_storage::model::{Table, TimeRange, TraceId};
use binnacle_storage::segment::Segment;
use binnacle_storage::{Chunk, Snapshot, Storage};
use std::cmp::Reverse;
use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::Arc;
use tokio::task::JoinSet;

/// Most traces held while searching; 24 bytes each and some for the map.
const CANDIDATES_MAX: usize = 4 << 20;

/// Pages read at a time.
const WINDOW_PAGES: usize = 16;

/// A trace and the start of its newest span that the conditions leave open. Newest first, then by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Candidate {
    pub(super) newest: Reverse<i64>,
    pub(super) trace_id: TraceId,
}

/// What to look for.
pub(super) struct Search {
    pub(super) plan: Plan,
    /// Start times, both ends included.
    pub(super) from: i64,
    pub(super) to: i64,
    /// Nanoseconds that the whole trace may take, both ends included.
    pub(super) durations: RangeInclusive<i64>,
}

/// Traces by the start of their newest span so far.
type Found = HashMap<TraceId, i64>;

impl Search {
    /// Whether the traces found need no further look.
    pub(super) fn is_decided_by_rows(&self) -> bool {
        let any_duration = self.durations == (i64::MIN..=i64::MAX);
        any_duration && self.plan.is_one_condition() && self.plan.slots.fields.iter().all(is_of_row)
    }

    /// Whether a span of this row can be one that a trace needs.
    fn is_open(conditions: Option<&[&Condition]>, reader: &RowReader, row: usize) -> bool {
        conditions.is_none_or(|conditions| {
            conditions.iter().any(|condition| condition.holds(&reader.row(row)) != Some(false))
        })
    }
}

/// The traces that may match, in order; those after `after` only, and when the rows decide, no more than `wanted` of them
/// for certain.
pub(super) async fn candidates(
    storage: &Storage,
    snapshot: &Snapshot,
    search: Arc<Search>,
    after: Option<Candidate>,
    wanted: usize,
    threads: usize,
    stats: &Arc<QueryStats>,
) -> Result<Vec<Candidate>, Error> {
    let mut sources = sources(snapshot, &search, stats);
    let decided = search.is_decided_by_rows() && after.is_none();
    let mut found = Found::new();
    let mut running: JoinSet<Result<Found, (Arc<Segment>, Error)>> = JoinSet::new();
    loop {
        while running.len() < threads.max(1)
            && let Some(source) = sources.pop()
        {
            if decided && is_settled(&found, wanted, source.newest()) {
                sources.clear();
                break;
            }
            running.spawn(source.scan(search.clone(), stats.clone()));
        }
        let Some(ended) = running.join_next().await else {
            break;
        };
        match ended {
            Ok(Ok(more)) => merge(&mut found, more)?,
            Ok(Err((segment, error))) => {
                broken::leave_out(storage, &segment, &error, stats).await;
            }
            Err(error) => {
                let message = format!("a query thread failed: {error}");
                return Err(Error::Execution { message });
            }
        }
    }
    let all = found.into_iter();
    let all = all.map(|(trace_id, newest)| Candidate { newest: Reverse(newest), trace_id });
    let mut candidates: Vec<Candidate> =
        all.filter(|candidate| after.is_none_or(|after| *candidate > after)).collect();
    candidates.sort_unstable();
    Ok(candidates)
}

fn merge(found: &mut Found, more: Found) -> Result<(), Error> {
    for (trace_id, newest) in more {
        let known = found.entry(trace_id).or_insert(newest);
        *known = (*known).max(newest);
    }
    if found.len() > CANDIDATES_MAX {
        return Err(Error::InvalidRequest {
            message: format!("more than {CANDIDATES_MAX} traces have to be looked at"),
            hint: Some("narrow the time range or the conditions".to_owned()),
        });
    }
    Ok(())
}

/// Whether `wanted` traces are newer than everything up to `left`.
fn is_settled(found: &Found, wanted: usize, left: i64) -> bool {
    found.len() >= wanted && found.values().filter(|&&newest| newest > left).count() >= wanted
}

/// Something with rows of spans.
enum Source {
    Chunk(Arc<Chunk>),
    Segment(Arc<Segment>),
}

/// What can hold such spans, the newest last.
fn sources(snapshot: &Snapshot, search: &Search, stats: &QueryStats) -> Vec<Source> {
    let chunks = snapshot.chunks(Table::Spans, TimeRange::all()).into_iter().map(Source::Chunk);
    let segments = snapshot.segments(Table::Spans, TimeRange::all());
    let live = segments.len() as u64;
    let mut sources: Vec<Source> =
        chunks.chain(segments.into_iter().map(Source::Segment)).collect();
    sources.retain(|source| {
        let (oldest, newest) = source.times();
        oldest <= search.to && newest >= search.from
    });
    let read = sources.iter().filter(|source| matches!(source, Source::Segment(_))).count();
    stats.add_segments(live, live - read as u64);
    sources.sort_by_key(Source::newest);
    sources
}

impl Source {
    fn times(&self) -> (i64, i64) {
        match self {
            Source::Chunk(chunk) => (chunk.time_min.0, chunk.time_max.0),
            Source::Segment(segment) => (segment.info().time_min.0, segment.info().time_max.0),
        }
    }

    fn newest(&self) -> i64 {
        self.times().1
    }

    async fn scan(
        self,
        search: Arc<Search>,
        stats: Arc<QueryStats>,
    ) -> Result<Found, (Arc<Segment>, Error)> {
        match self {
            Source::Chunk(chunk) => {
                stats.add_rows_buffered(chunk.records.num_rows() as u64);
                stats.add_rows_scanned(chunk.records.num_rows() as u64);
                let mut found = Found::new();
                // The buffer's rows are decoded ones: they can be read.
                match collect(&search, &chunk.records, &mut Shared::default(), &mut found) {
                    Ok(()) => Ok(found),
                    Err(error) => {
                        stats.warn(format!("rows of the buffer are left out: {error}"));
                        Ok(found)
                    }
                }
            }
            Source::Segment(segment) => {
                let scanned = scan_segment(&search, segment.clone(), stats).await;
                scanned.map_err(|error| (segment, error))
            }
        }
    }
}

async fn scan_segment(
    search: &Search,
    segment: Arc<Segment>,
    stats: Arc<QueryStats>,
) -> Result<Found, Error> {
    let mut found = Found::new();
    let mut shared = Shared::default();
    let wanted = columns(&search.plan.slots.fields, &*segment.attributes().await?);
    let reader = SegmentRows::open(segment, stats.clone()).await?;
    let conditions = search.plan.first_conditions();
    let prunes: Vec<Prune> = prunes(search, conditions.as_deref());
    let pages = super::prune::pages(reader.metadata(), &prunes, &stats);
    for window in pages.chunks(WINDOW_PAGES) {
        for batch in reader.read(Wanted::Named(&wanted), window).await? {
            stats.add_rows_scanned(batch.num_rows() as u64);
            collect(search, &batch, &mut shared, &mut found)?;
            // Reads of cached bytes never wait: let a cancelled search end here.
            tokio::task::yield_now().await;
        }
    }
    Ok(found)
}

/// Adds the traces of a batch's rows.
fn collect(
    search: &Search,
    batch: &RecordBatch,
    shared: &mut Shared,
    found: &mut Found,
) -> Result<(), Error> {
    let columns = Columns(batch);
    let (times, ids) = (columns.int("start_time")?, columns.fixed("trace_id")?);
    let reader = RowReader::of(batch, &search.plan.slots.fields, shared)?;
    let conditions = search.plan.first_conditions();
    for row in 0..batch.num_rows() {
        let Some(time) = times.value(row).filter(|time| (search.from..=search.to).contains(time))
        else {
            continue;
        };
        if let Some(id) = ids.id(row)
            && Search::is_open(conditions.as_deref(), &reader, row)
        {
            let newest = found.entry(TraceId(id)).or_insert(time);
            *newest = (*newest).max(time);
        }
    }
    Ok(())
}
