//! Scanning: the spans within the time range that the query's first conditions leave open.
//!
//! Segments and chunks of the buffer are read from the newest to the oldest, several at a time. Of a segment, first only the
//! columns that the conditions name are read, of pages that can hold such a span; then, of the rows left, what the query
//! needs of them. Whoever scans can stop as soon as what is left is too old to matter.

use super::condition::Condition;
use super::evaluate::Plan;
use super::filter::open_rows;
use super::prune::{all_have_services, pages, prunes, unfiltered};
use super::row_fields::{RowFields, RowReader, columns, is_of_row};
use crate::broken;
use crate::rows::{Columns, SegmentRows, Shared, Wanted, ranges_of};
use crate::{Error, QueryStats};
use arrow::record_batch::RecordBatch;
use binnacle_storage::model::{Table, TimeRange, TraceId, WEIGHT_COLUMN};
use binnacle_storage::segment::Segment;
use binnacle_storage::{Chunk, Snapshot, Storage};
use std::collections::BTreeSet;
use std::ops::{Range, RangeInclusive};
use std::sync::Arc;
use tokio::task::JoinSet;

/// Pages read at a time.
const WINDOW_PAGES: usize = 16;

/// Rows are picked one by one where fewer than one in so many is left open.
const PICKED_OF: usize = 4;

/// What to look for.
pub(super) struct Search {
    pub(super) plan: Plan,
    /// Start times, both ends included.
    pub(super) from: i64,
    pub(super) to: i64,
    /// Nanoseconds that the whole trace may take, both ends included.
    pub(super) durations: RangeInclusive<i64>,
    /// Slots of the fields that whoever gathers asks for.
    pub(super) asked: BTreeSet<usize>,
}

/// Takes the rows that the conditions leave open: one for each source, united as the sources end.
pub(super) trait Gather: Sized + Send + 'static {
    fn row(&mut self, time: i64, trace_id: TraceId, row: RowFields<'_>) -> Result<(), Error>;

    fn unite(&mut self, other: Self) -> Result<(), Error>;
}

impl Search {
    /// Whether the traces found need no further look.
    pub(super) fn is_decided_by_rows(&self) -> bool {
        let any_duration = self.durations == (i64::MIN..=i64::MAX);
        any_duration && self.plan.is_one_condition() && self.plan.slots.fields.iter().all(is_of_row)
    }

    /// Slots of the fields that the conditions ask for.
    fn tested(&self) -> BTreeSet<usize> {
        let mut slots = BTreeSet::new();
        let conditions = self.plan.first_conditions().unwrap_or_default();
        conditions.iter().for_each(|condition: &Condition| condition.add_slots(&mut slots));
        slots
    }
}

/// A scan under way.
pub(super) struct Scan<G> {
    storage: Storage,
    search: Arc<Search>,
    stats: Arc<QueryStats>,
    threads: usize,
    /// Not begun yet, the newest last.
    sources: Vec<Source>,
    running: JoinSet<(i64, Result<G, (Arc<Segment>, Error)>)>,
    /// The newest time of each that is running.
    running_newest: Vec<i64>,
}

impl<G: Gather> Scan<G> {
    pub(super) fn new(
        storage: &Storage,
        snapshot: &Snapshot,
        search: Arc<Search>,
        threads: usize,
        stats: &Arc<QueryStats>,
    ) -> Scan<G> {
        Scan {
            storage: storage.clone(),
            sources: sources(snapshot, &search, stats),
            search,
            stats: stats.clone(),
            threads: threads.max(1),
            running: JoinSet::new(),
            running_newest: Vec::new(),
        }
    }

    /// Spans that start after it have all been gathered; `None` when all of any time have.
    pub(super) fn left(&self) -> Option<i64> {
        let running = self.running_newest.iter().copied().max();
        running.max(self.sources.last().map(Source::newest))
    }

    /// Gathers the rows of one more source; `false` when there is none.
    pub(super) async fn advance(
        &mut self,
        gathered: &mut G,
        new: &(impl Fn() -> G + Sync),
    ) -> Result<bool, Error> {
        while self.running.len() < self.threads
            && let Some(source) = self.sources.pop()
        {
            let newest = source.newest();
            self.running_newest.push(newest);
            let scanning = source.scan(self.search.clone(), new(), self.stats.clone());
            self.running.spawn(async move { (newest, scanning.await) });
        }
        let (newest, ended) = match self.running.join_next().await {
            None => return Ok(false),
            Some(Ok(ended)) => ended,
            Some(Err(error)) => {
                let message = format!("a query thread failed: {error}");
                return Err(Error::Execution { message });
            }
        };
        if let Some(place) = self.running_newest.iter().position(|&time| time == newest) {
            self.running_newest.swap_remove(place);
        }
        match ended {
            Ok(more) => gathered.unite(more)?,
            // What the query itself asks too much of is the query's error, whatever the segment.
            Err((_, error @ (Error::InvalidRequest { .. } | Error::MemoryLimit { .. }))) => {
                return Err(error);
            }
            Err((segment, error)) => {
                broken::leave_out(&self.storage, &segment, &error, &self.stats).await;
            }
        }
        Ok(true)
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
                // The buffer's rows are decoded ones: they can be read.
                if let Err(error) = scan_batch(&search, &chunk.records, &mut gathered) {
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

/// Tests all rows of a batch that has every column, and hands over those left open.
fn scan_batch(
    search: &Search,
    batch: &RecordBatch,
    gathered: &mut impl Gather,
) -> Result<(), Error> {
    let reader = RowReader::of(batch, &search.plan.slots.fields, &mut Shared::default())?;
    let open = test(search, batch, &reader, true)?;
    hand_over(batch, &reader, open, gathered)
}

async fn scan_segment(
    search: &Search,
    segment: Arc<Segment>,
    gathered: &mut impl Gather,
    stats: Arc<QueryStats>,
) -> Result<(), Error> {
    let mut shared = Shared::default();
    let fields = &search.plan.slots.fields;
    let keys = segment.attributes().await?;
    let Some(prunes) = prunes(search, &keys) else {
        return Ok(());
    };
    let info = segment.info();
    let by_time = info.time_min.0 < search.from || info.time_max.0 > search.to;
    let reader = SegmentRows::open(segment.clone(), stats.clone()).await?;
    let services = all_have_services(reader.metadata());
    let columns_of =
        |slots: &BTreeSet<usize>| columns(slots.iter().map(|&slot| &fields[slot]), &keys, services);
    let mut tested = columns_of(&search.tested());
    tested.extend(by_time.then(|| "start_time".to_owned()));
    let tested: Vec<String> = tested.into_iter().collect();
    let mut needed = columns_of(&search.asked);
    needed.extend(["trace_id", "start_time", WEIGHT_COLUMN].map(str::to_owned));
    let needed: Vec<String> = needed.into_iter().collect();
    let kept = pages(reader.metadata(), &prunes, &stats);
    let kept = unfiltered(&segment, &prunes, kept).await?;
    for window in kept.chunks(WINDOW_PAGES) {
        let rows: usize = window.iter().map(ExactSizeIterator::len).sum();
        stats.add_rows_scanned(rows as u64);
        let open = match tested.is_empty() {
            true => (0..rows as u32).collect(),
            false => {
                let mut open = Vec::new();
                let mut before = 0;
                for batch in reader.read(Wanted::Named(&tested), window).await? {
                    let reader = RowReader::of(&batch, fields, &mut shared)?;
                    let found = test(search, &batch, &reader, by_time)?;
                    open.extend(found.into_iter().map(|row| row + before));
                    before += batch.num_rows() as u32;
                }
                open
            }
        };
        if !open.is_empty() {
            let (ranges, positions) = chosen(window, rows, open);
            let mut positions = positions.as_slice();
            let mut before = 0;
            for batch in reader.read(Wanted::Named(&needed), &ranges).await? {
                let after = before + batch.num_rows() as u32;
                let (here, rest) =
                    positions.split_at(positions.partition_point(|&position| position < after));
                let here = here.iter().map(|position| position - before).collect();
                let reader = RowReader::of(&batch, fields, &mut shared)?;
                hand_over(&batch, &reader, here, gathered)?;
                (positions, before) = (rest, after);
            }
        }
        // Reads of cached bytes never wait: let a cancelled search end here.
        tokio::task::yield_now().await;
    }
    Ok(())
}

/// The rows of a batch that the conditions leave open.
fn test(
    search: &Search,
    batch: &RecordBatch,
    reader: &RowReader,
    by_time: bool,
) -> Result<Vec<u32>, Error> {
    let times = Columns(batch).int("start_time")?;
    let times = by_time.then_some((&times, search.from, search.to));
    Ok(open_rows(search.plan.first_conditions(), reader, batch.num_rows(), times))
}

/// What to read so as to have the `open` rows of a window, and where these stand in it. Single rows where they are few, else
/// the whole window.
fn chosen(window: &[Range<u32>], rows: usize, open: Vec<u32>) -> (Vec<Range<u32>>, Vec<u32>) {
    if open.len() * PICKED_OF > rows {
        return (window.to_vec(), open);
    }
    let mut ranges = window.iter();
    let mut range = 0..0;
    let mut before = 0;
    let mut absolute = Vec::with_capacity(open.len());
    for position in &open {
        while position - before >= range.end - range.start {
            before += range.end - range.start;
            match ranges.next() {
                Some(next) => range = next.clone(),
                None => return (window.to_vec(), open),
            }
        }
        absolute.push(range.start + position - before);
    }
    (ranges_of(absolute), (0..open.len() as u32).collect())
}

fn hand_over(
    batch: &RecordBatch,
    reader: &RowReader,
    rows: Vec<u32>,
    gathered: &mut impl Gather,
) -> Result<(), Error> {
    let columns = Columns(batch);
    let (times, ids) = (columns.int("start_time")?, columns.fixed("trace_id")?);
    for row in rows.into_iter().map(|row| row as usize) {
        if let (Some(time), Some(id)) = (times.value(row), ids.id(row)) {
            gathered.row(time, TraceId(id), reader.row(row))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_rows_are_picked_and_many_read_with_their_neighbours() {
        let window = [10..20, 40..50];
        assert_eq!(
            chosen(&window, 20, vec![1, 9, 10]),
            (vec![11..12, 19..20, 40..41], vec![0, 1, 2])
        );
        let many: Vec<u32> = (0..8).collect();
        assert_eq!(chosen(&window, 20, many.clone()), (window.to_vec(), many));
    }
}
