//! Patterns: what kinds of lines there are, and how many of each.
//!
//! Two steps, so that the same records give the same patterns wherever they lie and in whatever order they are read. First
//! each line is masked ([`mask`]): what looks like a number, an id, an address or a time becomes `<_>`; equal masked lines
//! are counted, which no order changes. Then the masked lines are clustered ([`cluster`]) in an order of their own, the most
//! frequent first, as Drain does (He et al., ICWS 2017): by number of words and first word, with the words that differ
//! within a cluster becoming `<_>` too.
//!
//! `<_>` is what LogQL's pattern filters write for "anything".

mod cluster;
mod mask;
#[cfg(test)]
mod tests;

use super::ast::{Place, Query, SeverityTest, Test};
use super::pipe::Work;
use super::scan::{self, Fold, Weights};
use super::search::Times;
use super::severity::{CLASS_NAMES, class_number};
use super::{LogRequest, plan};
use crate::rows::Columns;
use crate::{Error, QueryEngine, QueryStats, StatsSnapshot};
use arrow::record_batch::RecordBatch;
use binnacle_storage::model::{TenantId, Timestamp};
use cluster::Clusters;
use mask::mask;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Stands for anything in a pattern.
pub const ANYTHING: &str = "<_>";

/// Most masked lines that are told apart; lines of others are counted as [`ANYTHING`].
const MASKED_MAX: usize = 50_000;

/// Most clusters; lines of others, the least frequent, are counted as [`ANYTHING`].
const CLUSTERS_MAX: usize = 1000;

/// Longest sample kept, in bytes.
const SAMPLE_BYTES_MAX: usize = 1024;

/// Lines that say the same kind of thing.
#[derive(Debug, Clone, PartialEq)]
pub struct LogPattern {
    /// Words with one space between them; `None` for records without a body.
    pub pattern: Option<String>,
    pub count: u64,
    /// The most frequent severity among them; of equally frequent ones the worst.
    pub severity: Option<&'static str>,
    pub first: Timestamp,
    pub last: Timestamp,
    /// The newest of the lines, perhaps cut short.
    pub sample: Option<String>,
    /// How many there are in each span of time, by its begin, where that was asked.
    pub counts: Vec<(Timestamp, u64)>,
}

/// Patterns of all records that match, the most frequent first.
#[derive(Debug, Clone, PartialEq)]
pub struct LogPatterns {
    pub patterns: Vec<LogPattern>,
    pub stats: StatsSnapshot,
}

/// Counts lines; what all of them together are patterns of, [`PatternCounter::patterns`] says.
#[derive(Debug, Clone, Default)]
pub(crate) struct PatternCounter {
    /// Nanoseconds of a span of time to count by.
    step: Option<i64>,
    masked: HashMap<String, Lines>,
    /// Lines past the limit on masked ones.
    others: Lines,
    bodiless: Lines,
    /// The masked line at hand.
    buffer: String,
}

/// What is counted of a record besides its line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) time: i64,
    /// Number of the severity's class, from 1 for trace to 6 for fatal; 0 for none.
    pub(crate) severity: usize,
    /// How many records it stands for.
    pub(crate) weight: u64,
}

/// Lines of one kind.
#[derive(Debug, Clone, Default)]
struct Lines {
    count: u64,
    severities: [u64; CLASS_NAMES.len() + 1],
    first: i64,
    last: i64,
    sample: String,
    counts: BTreeMap<i64, u64>,
}

impl Lines {
    fn add(&mut self, line: &str, row: Row, step: Option<i64>) {
        let Row { time, severity, weight } = row;
        let is_first = self.count == 0;
        self.count += weight;
        self.severities[severity] += weight;
        self.first = if is_first { time } else { self.first.min(time) };
        if is_first || (time, line) > (self.last, self.sample.as_str()) {
            line.get(..line.floor_char_boundary(SAMPLE_BYTES_MAX))
                .unwrap_or_default()
                .clone_into(&mut self.sample);
        }
        self.last = if is_first { time } else { self.last.max(time) };
        if let Some(step) = step {
            *self.counts.entry(time.saturating_sub(time.rem_euclid(step))).or_default() += weight;
        }
    }

    fn unite(&mut self, other: Lines) {
        if other.count == 0 {
            return;
        }
        if self.count == 0 {
            *self = other;
            return;
        }
        self.count += other.count;
        self.severities.iter_mut().zip(other.severities).for_each(|(a, b)| *a += b);
        self.first = self.first.min(other.first);
        if (other.last, &other.sample) > (self.last, &self.sample) {
            (self.last, self.sample) = (other.last, other.sample);
        }
        for (begin, count) in other.counts {
            *self.counts.entry(begin).or_default() += count;
        }
    }

    fn severity(&self) -> Option<&'static str> {
        let known = self.severities.iter().enumerate().skip(1).filter(|(_, count)| **count > 0);
        let (class, _) = known.max_by_key(|(class, count)| (**count, *class))?;
        CLASS_NAMES.get(class - 1).copied()
    }

    fn into_pattern(self, pattern: Option<String>) -> LogPattern {
        LogPattern {
            severity: self.severity(),
            count: self.count,
            first: Timestamp(self.first),
            last: Timestamp(self.last),
            sample: pattern.is_some().then_some(self.sample),
            counts: self.counts.into_iter().map(|(t, count)| (Timestamp(t), count)).collect(),
            pattern,
        }
    }
}

impl PatternCounter {
    pub(crate) fn new(step: Option<i64>) -> PatternCounter {
        PatternCounter { step, ..PatternCounter::default() }
    }

    /// Counts a row.
    pub(crate) fn add(&mut self, line: Option<&str>, row: Row) {
        let Some(line) = line else {
            return self.bodiless.add("", row, self.step);
        };
        self.buffer.clear();
        mask(line, &mut self.buffer);
        if let Some(lines) = self.masked.get_mut(self.buffer.as_str()) {
            return lines.add(line, row, self.step);
        }
        let mut lines = Lines::default();
        lines.add(line, row, self.step);
        self.insert(self.buffer.clone(), lines);
    }

    fn insert(&mut self, masked: String, lines: Lines) {
        if let Some(known) = self.masked.get_mut(&masked) {
            known.unite(lines);
        } else if self.masked.len() < MASKED_MAX {
            self.masked.insert(masked, lines);
        } else {
            self.others.unite(lines);
        }
    }

    pub(crate) fn unite(&mut self, other: PatternCounter) {
        self.others.unite(other.others);
        self.bodiless.unite(other.bodiless);
        for (masked, lines) in other.masked {
            self.insert(masked, lines);
        }
    }

    /// Whether more kinds of lines came than are told apart; which of them are, hangs then on the order of reading.
    pub(crate) fn is_over(&self) -> bool {
        self.others.count > 0
    }

    /// The patterns, the most frequent first, then by text. Their counts add up to the lines counted.
    pub(crate) fn patterns(self) -> Vec<LogPattern> {
        let mut masked: Vec<(String, Lines)> = self.masked.into_iter().collect();
        masked.sort_unstable_by(|a, b| b.1.count.cmp(&a.1.count).then_with(|| a.0.cmp(&b.0)));
        let mut clusters = Clusters::new(CLUSTERS_MAX);
        let mut lines: Vec<Lines> = Vec::new();
        let mut others = self.others;
        for (text, counted) in masked {
            match clusters.assign(&text) {
                Some(cluster) if cluster < lines.len() => lines[cluster].unite(counted),
                Some(_) => lines.push(counted),
                None => others.unite(counted),
            }
        }
        let mut by_text: BTreeMap<Option<String>, Lines> = BTreeMap::new();
        // Clusters that became alike are one.
        for (pattern, lines) in clusters.into_patterns().zip(lines) {
            by_text.entry(Some(pattern)).or_default().unite(lines);
        }
        by_text.entry(Some(ANYTHING.to_owned())).or_default().unite(others);
        by_text.entry(None).or_default().unite(self.bodiless);
        let found = by_text.into_iter().filter(|(_, lines)| lines.count > 0);
        let mut patterns: Vec<LogPattern> =
            found.map(|(pattern, lines)| lines.into_pattern(pattern)).collect();
        patterns.sort_by_key(|pattern| std::cmp::Reverse(pattern.count));
        patterns
    }
}

impl Fold for PatternCounter {
    fn rows(&mut self, batch: &RecordBatch, rows: &[u32]) -> Result<(), Error> {
        let columns = Columns(batch);
        let (time, body) = (columns.int("time")?, columns.text("body")?);
        let number = columns.int("severity_number")?;
        let (text, weights) = (columns.text("severity_text")?, Weights::of(batch)?);
        for &row in rows {
            let row = row as usize;
            let counted = Row {
                time: time.value(row).unwrap_or_default(),
                severity: class_number(number.i32(row), text.value(row)),
                weight: weights.of_row(row),
            };
            self.add(body.value(row), counted);
        }
        Ok(())
    }

    fn unite(&mut self, other: PatternCounter) -> Result<(), Error> {
        PatternCounter::unite(self, other);
        Ok(())
    }
}

impl QueryEngine {
    /// Patterns of all of `tenant`'s records that match a query without pipes; with `step` nanoseconds also counted by time.
    /// Limit and cursor of the request mean nothing here.
    pub async fn log_patterns(
        &self,
        tenant: &TenantId,
        request: LogRequest,
        step: Option<i64>,
    ) -> Result<LogPatterns, Error> {
        let stats = Arc::new(QueryStats::new());
        let query = plan::cheap_first(super::parse::parse(&request.query)?);
        let times = super::times(request.start, request.end)?;
        let work = self.work(tenant, request, query, times, stats.clone());
        let work = async move { find(&work, step.filter(|step| *step > 0)).await };
        let patterns = self.run("logs", stats.clone(), |_| work).await?;
        stats.add_rows_returned(patterns.len() as u64);
        Ok(LogPatterns { patterns, stats: stats.snapshot() })
    }
}

/// The patterns of everything that `work` matches.
pub(super) async fn find(work: &Work, step: Option<i64>) -> Result<Vec<LogPattern>, Error> {
    let read = vec![Query::Field(Place::Body, Test::Exists), Query::Severity(SeverityTest::Exists)];
    let counter = scan::every(work, read, || PatternCounter::new(step)).await?;
    if counter.is_over() {
        work.stats.warn(format!(
            "there are more than {MASKED_MAX} kinds of lines; those read last are counted as {ANYTHING}"
        ));
    }
    Ok(counter.patterns())
}

impl QueryEngine {
    /// What a fold over all matching records works on.
    pub(super) fn work(
        &self,
        tenant: &TenantId,
        request: LogRequest,
        query: Query,
        times: Times,
        stats: Arc<QueryStats>,
    ) -> Work {
        Work {
            storage: self.storage().clone(),
            tenant: tenant.clone(),
            request,
            query,
            times,
            threads: self.config().threads,
            memory_bytes_max: self.config().memory_bytes_max,
            stats,
        }
    }
}
