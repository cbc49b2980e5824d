//! What a query did: counted while it runs, final once its answer has ended.

use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Most warnings kept; the rest are counted in one last line.
const WARNINGS_MAX: usize = 20;

/// Counters of one query. Shared by all its parts.
#[derive(Debug)]
pub struct QueryStats {
    started: Instant,
    elapsed_nanos: AtomicU64,
    segments: AtomicU64,
    segments_pruned: AtomicU64,
    rows_buffered: AtomicU64,
    rows_scanned: AtomicU64,
    rows_returned: AtomicU64,
    bytes_read: AtomicU64,
    row_groups_pruned: AtomicU64,
    pages_pruned: AtomicU64,
    truncated: AtomicBool,
    warnings: Mutex<Vec<String>>,
    warnings_dropped: AtomicU64,
}

/// [`QueryStats`] at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StatsSnapshot {
    /// Live segments of the tables the query names.
    pub segments: u64,
    /// Of those, not opened because time range, trace id or index ruled them out.
    pub segments_pruned: u64,
    /// Rows taken from the buffer, not yet in a segment.
    pub rows_buffered: u64,
    /// Rows that left the scans, from segments and buffer.
    pub rows_scanned: u64,
    pub rows_returned: u64,
    /// Bytes of segment files read.
    pub bytes_read: u64,
    /// Row groups and pages of opened segments that statistics ruled out.
    pub row_groups_pruned: u64,
    pub pages_pruned: u64,
    /// The answer has more rows than it was allowed to return.
    pub truncated: bool,
    pub elapsed: Duration,
    /// What is missing from the answer, and why.
    pub warnings: Vec<String>,
}

impl Default for QueryStats {
    fn default() -> Self {
        QueryStats::new()
    }
}

impl QueryStats {
    pub fn new() -> QueryStats {
        QueryStats {
            started: Instant::now(),
            elapsed_nanos: AtomicU64::new(0),
            segments: AtomicU64::new(0),
            segments_pruned: AtomicU64::new(0),
            rows_buffered: AtomicU64::new(0),
            rows_scanned: AtomicU64::new(0),
            rows_returned: AtomicU64::new(0),
            bytes_read: AtomicU64::new(0),
            row_groups_pruned: AtomicU64::new(0),
            pages_pruned: AtomicU64::new(0),
            truncated: AtomicBool::new(false),
            warnings: Mutex::new(Vec::new()),
            warnings_dropped: AtomicU64::new(0),
        }
    }

    pub fn snapshot(&self) -> StatsSnapshot {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let mut warnings = self.warnings.lock().clone();
        let dropped = load(&self.warnings_dropped);
        if dropped > 0 {
            warnings.push(format!("{dropped} more warnings"));
        }
        let elapsed = match load(&self.elapsed_nanos) {
            0 => self.started.elapsed(),
            nanos => Duration::from_nanos(nanos),
        };
        StatsSnapshot {
            segments: load(&self.segments),
            segments_pruned: load(&self.segments_pruned),
            rows_buffered: load(&self.rows_buffered),
            rows_scanned: load(&self.rows_scanned),
            rows_returned: load(&self.rows_returned),
            bytes_read: load(&self.bytes_read),
            row_groups_pruned: load(&self.row_groups_pruned),
            pages_pruned: load(&self.pages_pruned),
            truncated: self.truncated.load(Ordering::Relaxed),
            elapsed,
            warnings,
        }
    }

    /// Forgets the segments counted, before a query is planned anew.
    pub(crate) fn restart(&self) {
        self.segments.store(0, Ordering::Relaxed);
        self.segments_pruned.store(0, Ordering::Relaxed);
        self.rows_buffered.store(0, Ordering::Relaxed);
    }

    pub fn add_segments(&self, live: u64, pruned: u64) {
        self.segments.fetch_add(live, Ordering::Relaxed);
        self.segments_pruned.fetch_add(pruned, Ordering::Relaxed);
    }

    pub fn add_rows_buffered(&self, rows: u64) {
        self.rows_buffered.fetch_add(rows, Ordering::Relaxed);
    }

    pub fn add_rows_scanned(&self, rows: u64) {
        self.rows_scanned.fetch_add(rows, Ordering::Relaxed);
    }

    pub fn add_rows_returned(&self, rows: u64) {
        self.rows_returned.fetch_add(rows, Ordering::Relaxed);
    }

    pub fn add_bytes_read(&self, bytes: u64) {
        self.bytes_read.fetch_add(bytes, Ordering::Relaxed);
    }

    pub fn add_pruned(&self, row_groups: u64, pages: u64) {
        self.row_groups_pruned.fetch_add(row_groups, Ordering::Relaxed);
        self.pages_pruned.fetch_add(pages, Ordering::Relaxed);
    }

    pub fn mark_truncated(&self) {
        self.truncated.store(true, Ordering::Relaxed);
    }

    /// Notes that something is missing from the answer. The same words twice are kept once.
    pub fn warn(&self, warning: String) {
        let mut warnings = self.warnings.lock();
        if warnings.contains(&warning) {
            return;
        }
        if warnings.len() < WARNINGS_MAX {
            warnings.push(warning);
        } else {
            self.warnings_dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Notes everything that a snapshot says is missing from it.
    pub(crate) fn warn_all(&self, warnings: &[String]) {
        warnings.iter().for_each(|warning| self.warn(warning.clone()));
    }

    /// Whether anything is missing from the answer so far.
    pub(crate) fn has_warnings(&self) -> bool {
        !self.warnings.lock().is_empty()
    }

    pub(crate) fn is_truncated(&self) -> bool {
        self.truncated.load(Ordering::Relaxed)
    }

    /// Fixes the elapsed time; the first call counts.
    pub fn finish(&self) {
        let nanos = u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX).max(1);
        let _ = self.elapsed_nanos.compare_exchange(0, nanos, Ordering::Relaxed, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_are_bounded_and_said_once() {
        let stats = QueryStats::new();
        for index in 0..30 {
            stats.warn(format!("segment {index}"));
            stats.warn(format!("segment {index}"));
        }
        let warnings = stats.snapshot().warnings;
        assert_eq!(warnings.len(), WARNINGS_MAX + 1);
        assert!(warnings.last().unwrap().ends_with("more warnings"));
    }

    #[test]
    fn elapsed_stands_still_once_finished() {
        let stats = QueryStats::new();
        stats.finish();
        assert_eq!(stats.snapshot().elapsed, stats.snapshot().elapsed);
    }
}
