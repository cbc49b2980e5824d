//! Scanning: which rows of segments and buffer a query has to look at.

use super::ast::{LabelFilter, Stage};
use super::rows::{Lines, columns};
use crate::promql::labels::MatchOp;
use crate::rows::{SegmentRows, TimePage, Wanted, ranges_of, time_pages};
use crate::{Error, QueryStats};
use arrow::record_batch::RecordBatch;
use binnacle_storage::log_index::IndexQuery;
use binnacle_storage::model::{Table, TimeRange, Timestamp, TraceId};
use binnacle_storage::segment::{AttributeKeys, Segment};
use binnacle_storage::{Chunk, Snapshot};
use std::ops::Range;
use std::sync::Arc;

/// What an index can rule rows out by.
#[derive(Debug, Clone)]
pub struct Prefilter {
    pub index: IndexQuery,
    pub trace_id: Option<TraceId>,
}

impl Prefilter {
    pub fn of(stages: &[Stage]) -> Prefilter {
        let mut parts = Vec::new();
        let mut trace_id = None;
        let mut labels_are_stored = true;
        for stage in stages {
            match stage {
                Stage::Line(filter) => parts.push(filter.index_query()),
                Stage::Labels(filter) if labels_are_stored => {
                    trace_id = trace_id.or_else(|| wanted_trace(filter));
                }
                Stage::Labels(_) => {}
                // Behind these, the line is no longer the one that is stored.
                Stage::Unpack | Stage::Decolorize | Stage::LineFormat(_) => break,
                _ => labels_are_stored = false,
            }
        }
        parts.retain(|part| *part != IndexQuery::Anything);
        let index = if parts.is_empty() { IndexQuery::Anything } else { IndexQuery::And(parts) };
        Prefilter { index, trace_id }
    }

    /// Row ranges outside of which no line passes; `None` when nothing can be ruled out.
    async fn candidates(
        &self,
        segment: &Segment,
        keys: &AttributeKeys,
    ) -> Result<Option<Vec<Range<u32>>>, Error> {
        // An attribute may be called as the record's own id is.
        let is_other = |key: &String| super::stream::label_name(key) == "trace_id";
        let hidden = keys.columns.keys().any(is_other)
            || keys.rest.as_ref().is_none_or(|rest| rest.iter().any(is_other));
        if let Some(id) = self.trace_id.filter(|_| !hidden) {
            return Ok(Some(ranges_of(segment.trace_rows(id).await?)));
        }
        match &self.index {
            IndexQuery::Anything => Ok(None),
            index => Ok(segment.candidates(index).await?),
        }
    }
}

/// The trace that a condition asks for.
fn wanted_trace(filter: &LabelFilter) -> Option<TraceId> {
    match filter {
        LabelFilter::Text(matcher)
            if matcher.op == MatchOp::Equal && &*matcher.name == "trace_id" =>
        {
            matcher
                .value
                .parse()
                .ok()
                .filter(|_| !matcher.value.bytes().any(|b| b.is_ascii_uppercase()))
        }
        LabelFilter::And(left, right) => wanted_trace(left).or_else(|| wanted_trace(right)),
        _ => None,
    }
}

/// A chunk of the buffer or a segment.
#[derive(Clone)]
pub enum Source {
    Chunk(Arc<Chunk>),
    Segment(Arc<Segment>),
}

impl Source {
    /// All that may hold rows of these times, both ends included.
    pub fn list(snapshot: &Snapshot, from: i64, to: i64, stats: &QueryStats) -> Vec<Source> {
        let end = Timestamp(to.saturating_add(1));
        let Some(range) = TimeRange::new(Timestamp(from), end) else { return Vec::new() };
        let chunks = snapshot.chunks(Table::Logs, range).into_iter().map(Source::Chunk);
        let segments = snapshot.segments(Table::Logs, range);
        let live = snapshot.segment_count(Table::Logs);
        stats.add_segments(live as u64, (live - segments.len().min(live)) as u64);
        chunks.chain(segments.into_iter().map(Source::Segment)).collect()
    }

    pub fn times(&self) -> (i64, i64) {
        match self {
            Source::Chunk(chunk) => (chunk.time_min.0, chunk.time_max.0),
            Source::Segment(segment) => (segment.info().time_min.0, segment.info().time_max.0),
        }
    }
}

/// A segment that was opened, and what is left to read of it.
pub struct OpenSegment {
    rows: SegmentRows,
    columns: Vec<String>,
    /// Pages with rows to look at, by their earliest or their latest time.
    pages: Vec<(TimePage, Vec<Range<u32>>)>,
}

impl OpenSegment {
    /// To be read from its oldest end, or from its newest. `None` when an index rules all of it out.
    pub async fn open(
        segment: Arc<Segment>,
        lines: &Lines,
        prefilter: &Prefilter,
        forward: bool,
        stats: &Arc<QueryStats>,
    ) -> Result<Option<OpenSegment>, Error> {
        let keys = segment.attributes().await?;
        let candidates = prefilter.candidates(&segment, &keys).await?;
        if candidates.as_ref().is_some_and(Vec::is_empty) {
            stats.add_segments(0, 1);
            return Ok(None);
        }
        let columns = columns(lines, &keys);
        let rows = SegmentRows::open(segment, stats.clone()).await?;
        let all = time_pages(rows.metadata(), "time");
        let count = all.len();
        let mut pages = Vec::new();
        for page in all {
            if page.min > lines.to || page.max < lines.from {
                continue;
            }
            let checked = match &candidates {
                Some(candidates) => overlap(candidates, &page.rows),
                None => vec![page.rows.clone()],
            };
            if !checked.is_empty() {
                pages.push((page, checked));
            }
        }
        // Each class of severity has pages of its own, by time.
        match forward {
            true => pages.sort_by_key(|(page, _)| page.min),
            false => pages.sort_by_key(|(page, _)| page.max),
        }
        stats.add_pruned(0, (count - pages.len()) as u64);
        Ok(Some(OpenSegment { rows, columns, pages }))
    }

    /// The earliest or latest time that is left, of the end that is read next.
    pub fn bound(&self, forward: bool) -> Option<i64> {
        match forward {
            true => self.pages.first().map(|(page, _)| page.min),
            false => self.pages.last().map(|(page, _)| page.max),
        }
    }

    /// Reads some pages from the newest end, or the oldest; each batch with the numbers of its rows.
    pub async fn read(
        &mut self,
        pages: usize,
        forward: bool,
        stats: &QueryStats,
    ) -> Result<Vec<(RecordBatch, Vec<u32>)>, Error> {
        let count = pages.min(self.pages.len());
        let taken: Vec<_> = match forward {
            true => self.pages.drain(..count).collect(),
            false => self.pages.split_off(self.pages.len() - count),
        };
        let mut ranges: Vec<Range<u32>> = taken.into_iter().flat_map(|(_, rows)| rows).collect();
        ranges.sort_unstable_by_key(|range| range.start);
        let batches = self.rows.read(Wanted::Named(&self.columns), &ranges).await?;
        let mut numbers = ranges.into_iter().flatten();
        let mut list = Vec::with_capacity(batches.len());
        for batch in batches {
            stats.add_rows_scanned(batch.num_rows() as u64);
            let own: Vec<u32> = numbers.by_ref().take(batch.num_rows()).collect();
            if own.len() < batch.num_rows() {
                let message = "a segment has more rows than its metadata says".to_owned();
                return Err(Error::Execution { message });
            }
            list.push((batch, own));
        }
        Ok(list)
    }

    pub fn is_done(&self) -> bool {
        self.pages.is_empty()
    }
}

/// Rows that are looked at before a query that was cancelled can end: as many as a page has.
const SLICE_ROWS: usize = 8192;

/// Parts of a batch, each with the number of its first row.
pub fn slices(batch: &RecordBatch) -> impl Iterator<Item = (u32, RecordBatch)> {
    let rows = batch.num_rows();
    (0..rows)
        .step_by(SLICE_ROWS)
        .map(move |start| (start as u32, batch.slice(start, SLICE_ROWS.min(rows - start))))
}

/// The parts of `ranges` (ascending, apart) that lie in `page`.
fn overlap(ranges: &[Range<u32>], page: &Range<u32>) -> Vec<Range<u32>> {
    let first = ranges.partition_point(|range| range.end <= page.start);
    let within = ranges[first..].iter().take_while(|range| range.start < page.end);
    within.map(|range| range.start.max(page.start)..range.end.min(page.end)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexes_are_asked_while_lines_and_labels_are_the_stored_ones() {
        let id = "07070707070707070707070707070707";
        let check = |stages: &str, words: &[&str], by_trace: bool| {
            let query = super::super::parse::parse_logs(&format!("{{a=\"b\"}} {stages}")).unwrap();
            let prefilter = Prefilter::of(&query.stages);
            let phrases = words.iter().map(|word| IndexQuery::Phrase(vec![(*word).to_owned()]));
            let expected = match words {
                [] => IndexQuery::Anything,
                _ => IndexQuery::And(phrases.collect()),
            };
            assert_eq!(prefilter.index, expected, "{stages}");
            assert_eq!(prefilter.trace_id.is_some(), by_trace, "{stages}");
        };
        check(r#"|= " x " | json |= " y " != " z ""#, &["x", "y"], false);
        check(r#"|= " x " | line_format "{{.a}}" |= " y ""#, &["x"], false);
        check(&format!(r#"| trace_id="{id}" and user="u""#), &[], true);
        check(&format!(r#"| json | trace_id="{id}""#), &[], false);
        check(&format!(r#"| trace_id="{id}" or user="u""#), &[], false);
        check(r#"| trace_id="7""#, &[], false);
    }
}
