//! Buffer: rows of one tenant and signal that are acknowledged but not yet in a segment.
//!
//! Batches lie in WAL order in a part. A flush seals the part and a new one begins; queries keep whatever parts they hold,
//! so a flush that finishes meanwhile takes nothing away from them. For queries batches are built into chunks, once:
//! small runs of batches are joined into larger ones as they grow, so that a part has few chunks and each row is rebuilt
//! only a logarithmic number of times.

use crate::Error;
use crate::batch::{Batch, TableBatch};
use crate::model::{Signal, Table, Timestamp};
use crate::segment;
use crate::snapshot::Chunk;
use parking_lot::Mutex;
use std::sync::Arc;

/// One stored request.
#[derive(Debug)]
pub(crate) struct Entry {
    pub position: u64,
    pub ingested_at: Timestamp,
    pub content_hash: u128,
    pub batch: Batch,
    /// Bytes of memory reserved for it.
    pub memory: u64,
}

/// Batches in WAL order.
#[derive(Debug, Default)]
pub(crate) struct Part {
    entries: Mutex<Entries>,
    runs: Mutex<Runs>,
}

#[derive(Debug, Default)]
struct Entries {
    list: Vec<Arc<Entry>>,
    memory: u64,
    rows: u64,
    rows_of_largest: u64,
}

/// What a part holds, in numbers.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct PartSize {
    pub entries: usize,
    pub memory: u64,
    pub rows: u64,
    /// Rows of the largest table.
    pub rows_of_largest: u64,
    /// Arrival of the oldest entry.
    pub oldest: Option<Timestamp>,
}

/// Chunks of consecutive entries, in order, together covering the first `covered` ones.
#[derive(Debug, Default)]
struct Runs {
    runs: Vec<Run>,
}

#[derive(Debug)]
struct Run {
    from: usize,
    to: usize,
    rows: u64,
    chunks: Vec<(Table, Arc<Chunk>)>,
}

/// A run is joined with the one before it unless that one has this many times its rows.
const RUN_RATIO: u64 = 3;

impl Entries {
    fn push(&mut self, entry: Arc<Entry>) {
        self.memory += entry.memory;
        self.rows += entry.batch.rows();
        let largest = entry.batch.tables.iter().map(|table| u64::from(table.rows)).max();
        self.rows_of_largest += largest.unwrap_or(0);
        self.list.push(entry);
    }

    fn size(&self) -> PartSize {
        PartSize {
            entries: self.list.len(),
            memory: self.memory,
            rows: self.rows,
            rows_of_largest: self.rows_of_largest,
            oldest: self.list.first().map(|entry| entry.ingested_at),
        }
    }
}

impl Part {
    pub fn push(&self, entry: Arc<Entry>) {
        self.entries.lock().push(entry);
    }

    /// The first entries up to where `is_enough` says so, and the rest; `None` when that is all of them.
    pub fn split(&self, is_enough: impl Fn(&PartSize) -> bool) -> Option<(Part, Part)> {
        let (first, rest) = (Part::default(), Part::default());
        {
            let all = self.entries.lock();
            let (mut start, mut end) = (first.entries.lock(), rest.entries.lock());
            for entry in &all.list {
                let into = if is_enough(&start.size()) { &mut end } else { &mut start };
                into.push(entry.clone());
            }
        }
        (rest.size().entries > 0).then_some((first, rest))
    }

    pub fn size(&self) -> PartSize {
        self.entries.lock().size()
    }

    /// The first `count` entries.
    pub fn entries(&self, count: usize) -> Vec<Arc<Entry>> {
        let entries = self.entries.lock();
        entries.list[..count.min(entries.list.len())].to_vec()
    }

    /// At least the first `count` entries as chunks; builds what no earlier query has built. Blocks.
    pub fn chunks(&self, signal: Signal, count: usize) -> Result<Vec<(Table, Arc<Chunk>)>, Error> {
        let mut runs = self.runs.lock();
        let covered = runs.runs.last().map_or(0, |run| run.to);
        if covered < count {
            let entries = self.entries(count);
            let mut from = covered;
            let mut rows = rows_of(&entries[from..]);
            while let Some(last) = runs.runs.last()
                && last.rows < rows * RUN_RATIO
            {
                rows += last.rows;
                from = last.from;
                runs.runs.pop();
            }
            let chunks = build(signal, &entries[from..])?;
            runs.runs.push(Run { from, to: entries.len(), rows, chunks });
        }
        Ok(runs.runs.iter().flat_map(|run| run.chunks.iter().cloned()).collect())
    }
}

fn rows_of(entries: &[Arc<Entry>]) -> u64 {
    entries.iter().map(|entry| entry.batch.rows()).sum()
}

/// The rows of one table in the entries, oldest first.
pub(crate) fn table_batches(entries: &[Arc<Entry>], table: Table) -> Vec<&TableBatch> {
    entries.iter().filter_map(|entry| entry.batch.table(table)).collect()
}

fn build(signal: Signal, entries: &[Arc<Entry>]) -> Result<Vec<(Table, Arc<Chunk>)>, Error> {
    let tables = Table::ALL.into_iter().filter(|table| table.signal() == signal);
    let mut chunks = Vec::new();
    for table in tables {
        let batches = table_batches(entries, table);
        if !batches.is_empty() {
            let mut chunk = segment::chunk(table, &batches)?;
            if table == Table::Spans {
                chunk.entries = entries.to_vec();
            }
            chunks.push((table, Arc::new(chunk)));
        }
    }
    Ok(chunks)
}
