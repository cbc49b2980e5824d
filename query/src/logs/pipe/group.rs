//! Counting records by the values of keys.

use super::Cell;
use super::key::{Codes, codes};
use crate::Error;
use crate::logs::field::Key;
use crate::logs::scan::{Fold, Weights};
use crate::rows::Columns;
use arrow::record_batch::RecordBatch;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What tells groups apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GroupBy {
    pub(crate) keys: Vec<Key>,
    /// Length of the spans of time, in nanoseconds; they begin at multiples of it.
    pub(crate) per: Option<i64>,
}

/// Memory that all groups of a query may take together.
#[derive(Debug)]
pub(crate) struct Budget {
    used: AtomicU64,
    limit: u64,
}

/// Bytes of a group besides its values: its place in the table, its count.
const GROUP_BYTES: u64 = 64;

/// How many records there are of each group.
#[derive(Debug)]
pub(crate) struct Groups {
    by: Arc<GroupBy>,
    /// By the begin of the time, where there is one, then by the keys' values.
    counts: HashMap<Vec<Cell>, u64>,
    budget: Arc<Budget>,
}

impl Budget {
    pub(crate) fn new(limit: u64) -> Budget {
        Budget { used: AtomicU64::new(0), limit }
    }

    pub(crate) fn take(&self, bytes: u64) -> Result<(), Error> {
        let used = self.used.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if used > self.limit { Err(Error::MemoryLimit { limit: self.limit }) } else { Ok(()) }
    }

    fn give_back(&self, bytes: u64) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

fn memory(values: &[Cell]) -> u64 {
    GROUP_BYTES + values.iter().map(Cell::memory).sum::<u64>()
}

impl Groups {
    pub(crate) fn new(by: Arc<GroupBy>, budget: Arc<Budget>) -> Groups {
        Groups { by, counts: HashMap::new(), budget }
    }

    /// Every group's values and count, the most frequent first, then by values.
    pub(crate) fn by_count(&self) -> Vec<(&[Cell], u64)> {
        let mut all: Vec<_> = self.counts.iter().map(|(k, count)| (k.as_slice(), *count)).collect();
        all.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
        all
    }

    fn add(&mut self, values: Vec<Cell>, count: u64) -> Result<(), Error> {
        if let Some(known) = self.counts.get_mut(&values) {
            *known += count;
            return Ok(());
        }
        self.budget.take(memory(&values))?;
        self.counts.insert(values, count);
        Ok(())
    }

    fn columns(&self, batch: &RecordBatch, rows: &[u32]) -> Result<Vec<Codes>, Error> {
        let mut columns = Vec::with_capacity(self.by.keys.len() + 1);
        if let Some(per) = self.by.per {
            columns.push(begins(batch, rows, per)?);
        }
        for key in &self.by.keys {
            columns.push(codes(key, batch, rows)?);
        }
        Ok(columns)
    }
}

/// The begin of the time that each row lies in.
fn begins(batch: &RecordBatch, rows: &[u32], per: i64) -> Result<Codes, Error> {
    let time = Columns(batch).int("time")?;
    let mut known: HashMap<i64, u32> = HashMap::new();
    let mut all = Codes { codes: Vec::with_capacity(rows.len()), values: Vec::new() };
    for &row in rows {
        let time = time.value(row as usize).unwrap_or_default();
        let begin = time.saturating_sub(time.rem_euclid(per));
        let next = all.values.len() as u32;
        let code = *known.entry(begin).or_insert(next);
        if code == next {
            all.values.push(Cell::Int(begin));
        }
        all.codes.push(code);
    }
    Ok(all)
}

impl Fold for Groups {
    fn rows(&mut self, batch: &RecordBatch, rows: &[u32]) -> Result<(), Error> {
        let columns = self.columns(batch, rows)?;
        // Rows of equal codes are counted first, so that values are handled once a batch.
        let mut groups: Vec<Vec<u32>> = vec![Vec::new()];
        let mut of_row: Vec<u32> = vec![0; rows.len()];
        for column in &columns {
            let mut known: HashMap<(u32, u32), u32> = HashMap::new();
            let mut next_groups: Vec<Vec<u32>> = Vec::new();
            for (group, &code) in of_row.iter_mut().zip(&column.codes) {
                let next = next_groups.len() as u32;
                let combined = *known.entry((*group, code)).or_insert(next);
                if combined == next {
                    let mut parts = groups[*group as usize].clone();
                    parts.push(code);
                    next_groups.push(parts);
                }
                *group = combined;
            }
            groups = next_groups;
        }
        let (mut counts, weights) = (vec![0u64; groups.len()], Weights::of(batch)?);
        for (&group, &row) in of_row.iter().zip(rows) {
            counts[group as usize] += weights.of_row(row as usize);
        }
        for (parts, count) in groups.iter().zip(counts).filter(|(_, count)| *count > 0) {
            let value = |(column, &code): (&Codes, &u32)| column.values[code as usize].clone();
            self.add(columns.iter().zip(parts).map(value).collect(), count)?;
        }
        Ok(())
    }

    fn unite(&mut self, other: Groups) -> Result<(), Error> {
        for (values, count) in other.counts {
            self.budget.give_back(memory(&values));
            self.add(values, count)?;
        }
        Ok(())
    }
}
