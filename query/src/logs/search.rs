//! Search: which rows match, newest first, reading as little as will do.
//!
//! Every segment and every chunk of the buffer is a source with an upper bound of the times it may still hold. The source
//! with the highest bound reads its next window of rows, from its newest end, and comes back with a lower bound. The
//! search stops when enough rows were found that are newer than every bound left. Windows grow as a source keeps being
//! read, so a common word costs one page, and a rare one few large reads.
//!
//! What is found are places of rows, not rows: the records are read afterwards, once it is known which make the page.

use super::ast::Query;
use super::evaluate::matching;
use super::plan::{self, WantedValue};
use crate::broken;
use crate::rows::{
    Columns, SegmentRows, TimePage, Wanted, distinct_values, malformed, ranges_of, rows_with_text,
    time_pages,
};
use crate::value::Resource;
use crate::{Error, QueryStats};
use arrow::record_batch::RecordBatch;
use binnacle_storage::batch::AttributeType;
use binnacle_storage::log_index::IndexQuery;
use binnacle_storage::model::{Table, TimeRange, Timestamp};
use binnacle_storage::segment::{Segment, attribute_column_name};
use binnacle_storage::{Chunk, Snapshot, Storage};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;
use std::sync::Arc;

/// Most pages a window grows to: 128 k rows.
const WINDOW_PAGES_MAX: usize = 16;

/// Most rows of one time that are held to be put in order. More would mean that times are not times.
const HITS_MAX: usize = 4 << 20;

/// Times of interest, both ends included.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    pub(super) from: i64,
    pub(super) to: i64,
}

/// Which rows of a time range are wanted first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Newest,
    Oldest,
}

impl Direction {
    /// Of two times the one that is wanted first has the higher rank.
    fn rank(self, time: i64) -> i64 {
        match self {
            Direction::Newest => time,
            Direction::Oldest => time.saturating_neg(),
        }
    }

    /// The rank of what is wanted first within `min` and `max`, as far as it lies within `times`.
    fn bound(self, (min, max): (i64, i64), times: Times) -> i64 {
        match self {
            Direction::Newest => max.min(times.to),
            Direction::Oldest => self.rank(min.max(times.from)),
        }
    }
}

/// Where a matching row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Hit {
    /// Rank of its time.
    pub(super) time: i64,
    /// Index into [`Sources::all`].
    pub(super) source: u32,
    pub(super) row: u32,
}

/// Everything one search reads from. Lives over several searches of one request.
pub(super) struct Sources {
    pub(super) all: Vec<Source>,
    storage: Storage,
    stats: Arc<QueryStats>,
}

/// A chunk of the buffer or a segment.
pub(super) enum Source {
    Chunk(Arc<Chunk>),
    Segment { segment: Arc<Segment>, rows: Option<Arc<SegmentRows>>, broken: bool },
}

impl Sources {
    pub(super) fn of(storage: Storage, snapshot: &Snapshot, stats: Arc<QueryStats>) -> Sources {
        let chunks = snapshot.chunks(Table::Logs, TimeRange::all());
        let segments = snapshot.segments(Table::Logs, TimeRange::all());
        let chunks = chunks.into_iter().map(Source::Chunk);
        let segments = segments.into_iter().map(|segment| Source::Segment {
            segment,
            rows: None,
            broken: false,
        });
        Sources { all: chunks.chain(segments).collect(), storage, stats }
    }

    /// The newest rows within `times` that match: `wanted` of them, and all others as old as the last of these.
    pub(super) async fn newest(
        &mut self,
        query: &Query,
        times: Times,
        wanted: usize,
    ) -> Result<Vec<Hit>, Error> {
        self.first(query, times, wanted, Direction::Newest).await
    }

    /// The newest or oldest rows, and all others of the last one's time.
    pub(super) async fn first(
        &mut self,
        query: &Query,
        times: Times,
        wanted: usize,
        direction: Direction,
    ) -> Result<Vec<Hit>, Error> {
        let mut newest = Newest { direction, ..Newest::new(wanted) };
        let mut bounds: BinaryHeap<(i64, Reverse<usize>)> = BinaryHeap::new();
        for (index, source) in self.all.iter().enumerate() {
            let (min, max) = source.times();
            if min <= times.to && max >= times.from && !source.is_broken() {
                bounds.push((direction.bound((min, max), times), Reverse(index)));
            }
        }
        let mut scans: Vec<Option<Scan>> = self.all.iter().map(|_| None).collect();
        while let Some((bound, Reverse(index))) = bounds.pop() {
            if newest.is_settled_above(bound) {
                break;
            }
            let step = self.step(index, &mut scans[index], query, times, &mut newest).await;
            match step {
                Ok(Some(bound)) => bounds.push((bound, Reverse(index))),
                Ok(None) => {}
                Err(error) => self.set_aside(index, &error).await?,
            }
            newest.check_size()?;
            // Reads of cached bytes never wait: let a cancelled search end here.
            tokio::task::yield_now().await;
        }
        Ok(newest.into_hits())
    }

    /// Opens the source or reads its next window. The new bound, or `None` when it has nothing more.
    async fn step(
        &mut self,
        index: usize,
        scan: &mut Option<Scan>,
        query: &Query,
        times: Times,
        newest: &mut Newest,
    ) -> Result<Option<i64>, Error> {
        match &self.all[index] {
            Source::Chunk(chunk) => {
                let records = &chunk.records;
                self.stats.add_rows_buffered(records.num_rows() as u64);
                self.stats.add_rows_scanned(records.num_rows() as u64);
                collect(query, records, times, newest, index, |row| row)?;
                Ok(None)
            }
            Source::Segment { segment, .. } => {
                let segment = segment.clone();
                let Some(open) = scan else {
                    let candidates = candidates(&segment, query).await?;
                    if candidates.as_ref().is_some_and(Vec::is_empty) {
                        return Ok(None);
                    }
                    let rows = self.open(index).await?;
                    let columns = plan::columns(query, &*segment.attributes().await?);
                    let pages = time_pages(rows.metadata(), "time");
                    let planned = Scan::plan(columns, &pages, candidates, times, newest.direction);
                    let opened = scan.insert(planned);
                    self.stats.add_pruned(0, (pages.len() - opened.pages.len()) as u64);
                    return Ok(opened.bound());
                };
                let rows = self.open(index).await?;
                let window = open.next_window();
                let batches = rows.read(Wanted::Named(&open.columns), &window).await?;
                let numbers: Vec<u32> = window.into_iter().flatten().collect();
                let mut start = 0;
                for batch in batches {
                    let numbers = numbers.get(start..).unwrap_or_default();
                    start += batch.num_rows();
                    self.stats.add_rows_scanned(batch.num_rows() as u64);
                    if numbers.len() < batch.num_rows() {
                        let message = "a segment has more rows than its metadata says".to_owned();
                        return Err(Error::Execution { message });
                    }
                    collect(query, &batch, times, newest, index, |row| numbers[row as usize])?;
                }
                Ok(open.bound())
            }
        }
    }

    /// The segment's rows; opened when first asked for.
    pub(super) async fn open(&mut self, index: usize) -> Result<Arc<SegmentRows>, Error> {
        let Source::Segment { segment, rows, .. } = &mut self.all[index] else {
            return Err(Error::Execution { message: "a chunk is not a segment".to_owned() });
        };
        if let Some(rows) = rows {
            return Ok(rows.clone());
        }
        let opened = Arc::new(SegmentRows::open(segment.clone(), self.stats.clone()).await?);
        *rows = Some(opened.clone());
        Ok(opened)
    }

    /// Goes on without a segment that cannot be read. An error in the buffer's rows is the query's error.
    pub(super) async fn set_aside(&mut self, index: usize, error: &Error) -> Result<(), Error> {
        match &mut self.all[index] {
            Source::Segment { segment, broken, .. } => {
                *broken = true;
                broken::leave_out(&self.storage, segment, error, &self.stats).await;
                Ok(())
            }
            Source::Chunk(_) => Err(Error::Execution { message: error.to_string() }),
        }
    }

    /// Counts the segments, and those that were never opened.
    pub(super) fn count_segments(&self) {
        for source in &self.all {
            if let Source::Segment { rows, broken, .. } = source {
                self.stats.add_segments(1, u64::from(rows.is_none() && !broken));
            }
        }
    }
}

impl Source {
    fn times(&self) -> (i64, i64) {
        let (min, max): (Timestamp, Timestamp) = match self {
            Source::Chunk(chunk) => (chunk.time_min, chunk.time_max),
            Source::Segment { segment, .. } => (segment.info().time_min, segment.info().time_max),
        };
        (min.0, max.0)
    }

    fn is_broken(&self) -> bool {
        matches!(self, Source::Segment { broken: true, .. })
    }
}

/// Matches the rows of one batch and keeps what may make the page. `number` tells a row's number in its source.
fn collect(
    query: &Query,
    batch: &RecordBatch,
    times: Times,
    newest: &mut Newest,
    source: usize,
    number: impl Fn(u32) -> u32,
) -> Result<(), Error> {
    let time = Columns(batch).int("time")?;
    let direction = newest.direction;
    let (times, least) = (times.from..=times.to, newest.oldest_wanted());
    let within = |row: u32| {
        let time = time.value(row as usize).filter(|time| times.contains(time))?;
        Some(direction.rank(time)).filter(|rank| *rank >= least)
    };
    let rows = (0..batch.num_rows() as u32).filter(|&row| within(row).is_some()).collect();
    for row in matching(query, batch, rows)? {
        if let Some(time) = within(row) {
            newest.add(Hit { time, source: source as u32, row: number(row) });
        }
    }
    Ok(())
}

/// What is left to read of a segment.
pub(super) struct Scan {
    columns: Vec<String>,
    /// Pages with rows to check, and the highest rank of a time on each, ascending; read from the end.
    pages: Vec<(i64, Vec<Range<u32>>)>,
    window_pages: usize,
}

impl Scan {
    pub(super) fn plan(
        columns: Vec<String>,
        all: &[TimePage],
        candidates: Option<Vec<Range<u32>>>,
        times: Times,
        direction: Direction,
    ) -> Scan {
        let mut pages = Vec::new();
        for page in all {
            if page.min > times.to || page.max < times.from {
                continue;
            }
            let checked = match &candidates {
                Some(candidates) => overlap(candidates, &page.rows),
                None => vec![page.rows.clone()],
            };
            if !checked.is_empty() {
                pages.push((direction.bound((page.min, page.max), times), checked));
            }
        }
        // Each class of severity has pages of its own, by time.
        pages.sort_by_key(|(highest, _)| *highest);
        Scan { columns, pages, window_pages: 1 }
    }

    pub(super) fn columns(&self) -> &[String] {
        &self.columns
    }

    pub(super) fn pages_left(&self) -> usize {
        self.pages.len()
    }

    /// The highest rank of a time that the pages left may hold.
    pub(super) fn bound(&self) -> Option<i64> {
        self.pages.last().map(|(highest, _)| *highest)
    }

    /// Takes the next pages; their rows in the file's order.
    pub(super) fn next_window(&mut self) -> Vec<Range<u32>> {
        let from = self.pages.len().saturating_sub(self.window_pages);
        self.window_pages = (self.window_pages * 2).min(WINDOW_PAGES_MAX);
        let mut rows: Vec<Range<u32>> =
            self.pages.drain(from..).flat_map(|(_, rows)| rows).collect();
        rows.sort_unstable_by_key(|range| range.start);
        rows
    }
}

/// Row ranges outside of which nothing matches; `None` when nothing can be ruled out.
pub(super) async fn candidates(
    segment: &Segment,
    query: &Query,
) -> Result<Option<Vec<Range<u32>>>, Error> {
    if let Some(id) = plan::trace_id(query) {
        return Ok(Some(ranges_of(segment.trace_rows(id).await?)));
    }
    let mut found = match plan::index_query(query) {
        IndexQuery::Anything => None,
        index_query => segment.candidates(&index_query).await?,
    };
    for wanted in plan::wanted_values(query) {
        if let Some(rows) = rows_with_value(segment, &wanted).await? {
            let within = found.map_or(rows.clone(), |found| both(&found, &rows));
            let column = attribute_column_name(wanted.key);
            found = Some(rows_with_text(segment, &column, wanted.text.as_bytes(), within).await?);
        }
    }
    Ok(found)
}

/// Row ranges outside of which no row has the value; `None` when nothing can be ruled out.
async fn rows_with_value(
    segment: &Segment,
    wanted: &WantedValue<'_>,
) -> Result<Option<Vec<Range<u32>>>, Error> {
    let keys = segment.attributes().await?;
    let is_text = keys.columns.get(wanted.key) == Some(&AttributeType::String);
    if !is_text || keys.may_be_in_rest(wanted.key) {
        return Ok(None);
    }
    let Some(rows) = segment.rows_with_value(wanted.key, wanted.text).await? else {
        return Ok(None);
    };
    if wanted.or_resource {
        let Some(resources) = distinct_values(segment, "resource").await? else { return Ok(None) };
        for resource in resources {
            let resource =
                Resource::decode(&resource).map_err(|error| malformed("resource", error))?;
            if resource.attributes.iter().any(|(key, _)| key == wanted.key) {
                return Ok(None);
            }
        }
    }
    Ok(Some(rows))
}

/// What lies in both of two lists of ranges (ascending, apart).
fn both(a: &[Range<u32>], b: &[Range<u32>]) -> Vec<Range<u32>> {
    a.iter().flat_map(|range| overlap(b, range)).collect()
}

/// The parts of `ranges` (ascending, apart) that lie in `page`.
fn overlap(ranges: &[Range<u32>], page: &Range<u32>) -> Vec<Range<u32>> {
    let first = ranges.partition_point(|range| range.end <= page.start);
    let within = ranges[first..].iter().take_while(|range| range.start < page.end);
    within.map(|range| range.start.max(page.start)..range.end.min(page.end)).collect()
}

/// The newest hits so far; the oldest, where these are wanted. Times are ranks here.
struct Newest {
    direction: Direction,
    wanted: usize,
    hits: Vec<Hit>,
    /// The `wanted` newest times.
    times: BinaryHeap<Reverse<i64>>,
}

impl Newest {
    fn new(wanted: usize) -> Newest {
        let direction = Direction::Newest;
        Newest { direction, wanted, hits: Vec::new(), times: BinaryHeap::new() }
    }

    fn add(&mut self, hit: Hit) {
        if hit.time < self.oldest_wanted() {
            return;
        }
        self.hits.push(hit);
        self.times.push(Reverse(hit.time));
        if self.times.len() > self.wanted {
            self.times.pop();
        }
    }

    /// Hits before this time do not make the page any more.
    fn oldest_wanted(&self) -> i64 {
        match self.times.peek() {
            Some(Reverse(oldest)) if self.times.len() == self.wanted => *oldest,
            _ => i64::MIN,
        }
    }

    /// Whether nothing at or before `bound` can make the page.
    fn is_settled_above(&self, bound: i64) -> bool {
        self.times.len() == self.wanted && bound < self.oldest_wanted()
    }

    /// Forgets hits that were overtaken; refuses when too many are of one time.
    fn check_size(&mut self) -> Result<(), Error> {
        if self.hits.len() > 4 * self.wanted.min(HITS_MAX) + 4096 {
            let oldest = self.oldest_wanted();
            self.hits.retain(|hit| hit.time >= oldest);
        }
        if self.hits.len() > HITS_MAX {
            return Err(Error::InvalidRequest {
                message: format!(
                    "more than {HITS_MAX} matching records have one and the same time"
                ),
                hint: Some("narrow the query, for example to one service, or use SQL".to_owned()),
            });
        }
        Ok(())
    }

    /// By source and row, the order they are read in.
    fn into_hits(mut self) -> Vec<Hit> {
        let oldest = self.oldest_wanted();
        self.hits.retain(|hit| hit.time >= oldest);
        self.hits.sort_unstable_by_key(|hit| (hit.source, hit.row));
        self.hits
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ranges_are_cut_at_the_page() {
        let ranges = [0..3, 5..9, 20..30];
        assert_eq!(overlap(&ranges, &(2..6)), [2..3, 5..6]);
        assert_eq!(overlap(&ranges, &(9..20)), []);
        assert_eq!(overlap(&ranges, &(0..100)), ranges);
        assert_eq!(both(&ranges, &[1..2, 8..25]), [1..2, 8..9, 20..25]);
    }

    proptest! {
        #[test]
        fn the_newest_and_all_of_their_last_time_are_kept(times in prop::collection::vec(0i64..20, 0..200), wanted in 1usize..20) {
            let mut newest = Newest::new(wanted);
            for (row, &time) in times.iter().enumerate() {
                newest.add(Hit { time, source: 0, row: row as u32 });
                newest.check_size().unwrap();
            }
            let mut sorted = times.clone();
            sorted.sort_unstable_by(|a, b| b.cmp(a));
            let oldest = sorted.get(wanted - 1).copied().unwrap_or(i64::MIN);
            let expected: Vec<u32> = (0..times.len() as u32).filter(|&row| times[row as usize] >= oldest).collect();
            let found: Vec<u32> = newest.into_hits().iter().map(|hit| hit.row).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
