//! Scanning: the spans within the time range that the query's first conditions leave open.
//!
//! Segments and chunks of the buffer are read from the newest to the oldest, several at a time; only the columns that the
//! conditions name are read, and only of pages that can hold such a span. The scan ends early when who gathers needs nothing
//! older than what it has.

use super::condition::Condition;
use super::evaluate::Plan;
use super::prune::{Prune, prunes};
use super::row_fields::{RowFields, RowReader, columns, is_of_row};
use crate::broken;
use crate::rows::{Columns, SegmentRows, Shared, Wanted};
use crate::{Error, QueryStats};
use arrow::record_batch::RecordBatch;
use binnacle_storage::model::{Table, TimeRange, TraceId};
use binnacle_storage::segment::Segment;
use binnacle_storage::{Chunk, Snapshot, Storage};
use std::ops::RangeInclusive;
use std::sync::Arc;
use tokio::task::JoinSet;

/// Pages read at a time.
const WINDOW_PAGES: usize = 16;

/// What to look for.
pub(super) struct Search {
    pub(super) plan: Plan,
    /// Start times, both ends included.
    pub(super) from: i64,
    pub(super) to: i64,
    /// Nanoseconds that the whole trace may take, both ends included.
    pub(super) durations: RangeInclusive<i64>,
}

/// Takes the rows that the conditions leave open: one for each source, united as the sources end.
pub(super) trait Gather: Sized + Send + 'static {
    fn row(&mut self, time: i64, trace_id: TraceId, row: RowFields<'_>) -> Result<(), Error>;

    fn unite(&mut self, other: Self) -> Result<(), Error>;

    /// Whether no row that starts at or before `left` matters any more.
    fn is_settled(&self, left: i64) -> bool;
}

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

/// Gathers the rows of all sources, several of them at a time.
pub(super) async fn scan<G: Gather>(
    storage: &Storage,
    snapshot: &Snapshot,
    search: Arc<Search>,
    new: impl Fn() -> G,
    threads: usize,
    stats: &Arc<QueryStats>,
) -> Result<G, Error> {
    let mut sources = sources(snapshot, &search, stats);
    let mut gathered = new();
    let mut running: JoinSet<Result<G, (Arc<Segment>, Error)>> = JoinSet::new();
    loop {
        while running.len() < threads.max(1)
            && let Some(source) = sources.pop()
        {
            if gathered.is_settled(source.newest()) {
                sources.clear();
                break;
            }
            running.spawn(source.scan(search.clone(), new(), stats.clone()));
        }
        let Some(ended) = running.join_next().await else {
            return Ok(gathered);
        };
        match ended {
            Ok(Ok(more)) => gathered.unite(more)?,
            // What the query itself asks too much of is the query's error, whatever the segment.
            Ok(Err((_, error @ (Error::InvalidRequest { .. } | Error::MemoryLimit { .. })))) => {
                return Err(error);
            }
            Ok(Err((segment, error))) => {
                broken::leave_out(storage, &segment, &error, stats).await;
            }
            Err(error) => {
                let message = format!("a query thread failed: {error}");
                return Err(Error::Execution { message });
            }
        }
    }
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

    async fn scan<G: Gather>(
        self,
        search: Arc<Search>,
        mut gathered: G,
        stats: Arc<QueryStats>,
    ) -> Result<G, (Arc<Segment>, Error)> {
        match self {
            Source::Chunk(chunk) => {
                stats.add_rows_buffered(chunk.records.num_rows() as u64);
                stats.add_rows_scanned(chunk.records.num_rows() as u64);
                let shared = &mut Shared::default();
                // The buffer's rows are decoded ones: they can be read.
                if let Err(error) = collect(&search, &chunk.records, shared, &mut gathered) {
                    stats.warn(format!("rows of the buffer are left out: {error}"));
                }
                Ok(gathered)
            }
            Source::Segment(segment) => {
                match scan_segment(&search, segment.clone(), &mut gathered, stats).await {
                    Ok(()) => Ok(gathered),
                    Err(error) => Err((segment, error)),
                }
            }
        }
    }
}

async fn scan_segment(
    search: &Search,
    segment: Arc<Segment>,
    gathered: &mut impl Gather,
    stats: Arc<QueryStats>,
) -> Result<(), Error> {
    let mut shared = Shared::default();
    let wanted = columns(&search.plan.slots.fields, &*segment.attributes().await?);
    let reader = SegmentRows::open(segment, stats.clone()).await?;
    let conditions = search.plan.first_conditions();
    let prunes: Vec<Prune> = prunes(search, conditions.as_deref());
    let pages = super::prune::pages(reader.metadata(), &prunes, &stats);
    for window in pages.chunks(WINDOW_PAGES) {
        for batch in reader.read(Wanted::Named(&wanted), window).await? {
            stats.add_rows_scanned(batch.num_rows() as u64);
            collect(search, &batch, &mut shared, gathered)?;
            // Reads of cached bytes never wait: let a cancelled search end here.
            tokio::task::yield_now().await;
        }
    }
    Ok(())
}

/// Hands over the rows of a batch that the conditions leave open.
fn collect(
    search: &Search,
    batch: &RecordBatch,
    shared: &mut Shared,
    gathered: &mut impl Gather,
) -> Result<(), Error> {
    let columns = Columns(batch);
    let (times, ids) = (columns.int("start_time")?, columns.fixed("trace_id")?);
    let reader = RowReader::of(batch, &search.plan.slots.fields, shared)?;
    let conditions = search.plan.first_conditions();
    for row in 0..batch.num_rows() {
        let time = times.value(row).filter(|time| (search.from..=search.to).contains(time));
        if let (Some(time), Some(id)) = (time, ids.id(row))
            && Search::is_open(conditions.as_deref(), &reader, row)
        {
            gathered.row(time, TraceId(id), reader.row(row))?;
        }
    }
    Ok(())
}
