//! Log queries: the newest or oldest lines that come out of the pipeline.
//!
//! Sources are read from the end in question, the one first whose rows may lie furthest there, a few pages at a time, until
//! there are enough lines that nothing left can come before.

use super::labels::ByKind;
use super::rows::{Found, Lines, Selected, Tie};
use super::scan::{OpenSegment, Prefilter, Source, slices};
use crate::{Error, QueryStats, broken};
use binnacle_storage::{Snapshot, Storage};
use std::collections::BinaryHeap;
use std::sync::Arc;

/// Most pages read of a segment at a time.
const WINDOW_PAGES_MAX: usize = 16;

/// One line of the answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Unix nanoseconds.
    pub time: i64,
    pub line: String,
    pub labels: ByKind,
}

/// Which lines come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Forward,
    Backward,
}

/// How many lines, and from which end.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    pub direction: Direction,
    pub limit: usize,
    /// Bytes of lines and labels that may be held.
    pub bytes_max: u64,
}

/// The first lines, in order.
pub async fn select(
    storage: &Storage,
    snapshot: &Snapshot,
    lines: &Lines,
    prefilter: &Prefilter,
    page: Page,
    stats: &Arc<QueryStats>,
) -> Result<Vec<Entry>, Error> {
    let forward = page.direction == Direction::Forward;
    // The larger, the sooner.
    let rank = |time: i64| if forward { time.saturating_neg() } else { time };
    let sources = Source::list(snapshot, lines.from, lines.to, stats);
    let mut open: Vec<Option<(OpenSegment, usize)>> = sources.iter().map(|_| None).collect();
    let mut bounds: BinaryHeap<(i64, usize)> = BinaryHeap::new();
    for (at, source) in sources.iter().enumerate() {
        let (min, max) = source.times();
        bounds.push((rank(if forward { min.max(lines.from) } else { max.min(lines.to) }), at));
    }
    let mut first = First { page, entries: Vec::new(), bytes: 0, worst: i64::MIN };
    let mut selected = Selected::default();
    while let Some((bound, at)) = bounds.pop() {
        if first.is_settled(bound) {
            break;
        }
        let step = async {
            let segment = match &sources[at] {
                Source::Chunk(chunk) => {
                    stats.add_rows_buffered(chunk.records.num_rows() as u64);
                    stats.add_rows_scanned(chunk.records.num_rows() as u64);
                    for (start, records) in slices(&chunk.records) {
                        let take = |found: Found<'_>| {
                            first.add(rank(found.time), at, start + found.row, found)
                        };
                        lines.each(&records, &mut selected, take)?;
                        tokio::task::yield_now().await;
                    }
                    return Ok(None);
                }
                Source::Segment(segment) => segment,
            };
            let Some((rows, window)) = &mut open[at] else {
                let opened =
                    OpenSegment::open(segment.clone(), lines, prefilter, forward, stats).await?;
                let Some(opened) = opened else { return Ok(None) };
                let bound = opened.bound(forward);
                open[at] = Some((opened, 1));
                return Ok(bound);
            };
            for (batch, numbers) in rows.read(*window, forward, stats).await? {
                let take = |found: Found<'_>| {
                    let number = numbers[found.row as usize];
                    first.add(rank(found.time), at, number, found)
                };
                lines.each(&batch, &mut selected, take)?;
            }
            *window = (*window * 2).min(WINDOW_PAGES_MAX);
            Ok(rows.bound(forward))
        };
        match (step.await, &sources[at]) {
            (Ok(Some(bound)), _) => bounds.push((rank(bound), at)),
            (Ok(None), _) => open[at] = None,
            (Err(error @ Error::MemoryLimit { .. }), _) => return Err(error),
            (Err(error), Source::Segment(segment)) => {
                broken::leave_out(storage, segment, &error, stats).await;
            }
            (Err(error), Source::Chunk(_)) => return Err(error),
        }
        // Reads of cached bytes never wait: let a cancelled search end here.
        tokio::task::yield_now().await;
    }
    Ok(first.into_entries())
}

/// A line with its place in the order.
struct Placed {
    rank: i64,
    tie: Tie,
    source: usize,
    row: u32,
    bytes: u64,
    entry: Entry,
}

/// The first lines so far.
struct First {
    page: Page,
    entries: Vec<Placed>,
    bytes: u64,
    /// Lines below this rank are not among the first any more.
    worst: i64,
}

impl First {
    fn add(&mut self, rank: i64, source: usize, row: u32, found: Found<'_>) -> Result<(), Error> {
        if rank < self.worst {
            return Ok(());
        }
        let tie = found.tie;
        let labels = found.labels.by_kind();
        let entry = Entry { time: found.time, line: found.line.into_owned(), labels };
        let bytes = size(&entry);
        self.bytes += bytes;
        self.entries.push(Placed { rank, tie, source, row, bytes, entry });
        if self.entries.len() > 2 * self.page.limit + 1024 {
            self.prune();
        }
        if self.bytes > self.page.bytes_max {
            self.prune();
            if self.bytes > self.page.bytes_max {
                return Err(Error::MemoryLimit { limit: self.page.bytes_max });
            }
        }
        Ok(())
    }

    fn sort(&mut self) {
        let forward = self.page.direction == Direction::Forward;
        self.entries.sort_by(|a, b| {
            let by_row = (a.tie, a.source, a.row).cmp(&(b.tie, b.source, b.row));
            b.rank.cmp(&a.rank).then(if forward { by_row } else { by_row.reverse() })
        });
    }

    /// Forgets lines that were overtaken.
    fn prune(&mut self) {
        self.sort();
        self.entries.truncate(self.page.limit);
        self.bytes = self.entries.iter().map(|placed| placed.bytes).sum();
        if let Some(last) = self.entries.get(self.page.limit - 1) {
            self.worst = last.rank;
        }
    }

    /// Whether nothing at `bound` or beyond can be among the first.
    fn is_settled(&mut self, bound: i64) -> bool {
        if self.entries.len() < self.page.limit {
            return false;
        }
        self.prune();
        bound < self.worst
    }

    fn into_entries(mut self) -> Vec<Entry> {
        self.prune();
        self.entries.into_iter().map(|placed| placed.entry).collect()
    }
}

fn size(entry: &Entry) -> u64 {
    let labels = [&entry.labels.stream, &entry.labels.structured, &entry.labels.parsed];
    let pairs = labels.iter().flat_map(|labels| labels.iter());
    let text: usize = pairs.map(|(name, value)| name.len() + value.len() + 64).sum();
    (entry.line.len() + text + 128) as u64
}
