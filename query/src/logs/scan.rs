//! Every matching row, for answers that are made of all of them.
//!
//! Segments and chunks of the buffer are read several at a time, only the columns that the query and the answer look at. Each
//! source is folded on its own, and what it gave is united with the rest once it was read to its end: of a segment that
//! turns out to be broken nothing is counted.

use super::ast::Query;
use super::evaluate::matching;
use super::pipe::Work;
use super::plan;
use super::search::{Direction, Scan, Times, candidates};
use crate::broken;
use crate::rows::{Columns, IntColumn, SegmentRows, Wanted, time_pages};
use crate::{Error, QueryStats};
use arrow::record_batch::RecordBatch;
use binnacle_storage::model::{Table, TimeRange, Timestamp, WEIGHT_COLUMN};
use binnacle_storage::segment::Segment;
use std::sync::Arc;
use tokio::task::JoinSet;

/// Takes matching rows in any order.
pub(crate) trait Fold: Sized + Send + 'static {
    /// Of `batch`, the `rows` match.
    fn rows(&mut self, batch: &RecordBatch, rows: &[u32]) -> Result<(), Error>;

    fn unite(&mut self, other: Self) -> Result<(), Error>;
}

/// How many records a row stands for: more than itself where retention thinned out rows of its kind.
pub(super) struct Weights(IntColumn);

impl Weights {
    pub(super) fn of(batch: &RecordBatch) -> Result<Weights, Error> {
        Ok(Weights(Columns(batch).int(WEIGHT_COLUMN)?))
    }

    pub(super) fn of_row(&self, row: usize) -> u64 {
        self.0.value(row).and_then(|weight| u64::try_from(weight).ok()).unwrap_or(1)
    }
}

struct Search {
    query: Query,
    /// `query`, and what else the columns are read for.
    read: Query,
    times: Times,
    stats: Arc<QueryStats>,
}

/// Folds every row that matches. `read` names what the fold looks at.
pub(super) async fn every<F: Fold>(
    work: &Work,
    read: Vec<Query>,
    new: impl Fn() -> F,
) -> Result<F, Error> {
    let Work { storage, tenant, times, stats, .. } = work;
    let snapshot = storage.snapshot(tenant).await?;
    stats.warn_all(snapshot.warnings());
    let read = Query::And([work.query.clone()].into_iter().chain(read).collect());
    let search = Search { query: work.query.clone(), read, times: *times, stats: stats.clone() };
    let search = Arc::new(search);
    let mut folded = new();
    for chunk in snapshot.chunks(Table::Logs, TimeRange::all()) {
        let rows = chunk.records.num_rows() as u64;
        stats.add_rows_buffered(rows);
        stats.add_rows_scanned(rows);
        search.batch(&chunk.records, &mut folded)?;
        tokio::task::yield_now().await;
    }
    let segments = snapshot.segments(Table::Logs, TimeRange::all());
    let mut waiting = segments.into_iter();
    let mut running: JoinSet<(Arc<Segment>, Result<F, Error>)> = JoinSet::new();
    loop {
        while running.len() < work.threads.max(1)
            && let Some(segment) = waiting.next()
        {
            let (search, fold) = (search.clone(), new());
            running.spawn(async move {
                let result = search.segment(&segment, fold).await;
                (segment, result)
            });
        }
        match running.join_next().await {
            None => return Ok(folded),
            Some(Ok((_, Ok(more)))) => folded.unite(more)?,
            // What the query itself asks too much of is its error, whatever the segment.
            Some(Ok((
                _,
                Err(error @ (Error::MemoryLimit { .. } | Error::InvalidRequest { .. })),
            ))) => {
                return Err(error);
            }
            Some(Ok((segment, Err(error)))) => {
                broken::leave_out(storage, &segment, &error, stats).await;
            }
            Some(Err(error)) => {
                return Err(Error::Execution {
                    message: format!("a query thread failed: {error}"),
                });
            }
        }
    }
}

impl Search {
    async fn segment<F: Fold>(&self, segment: &Arc<Segment>, mut fold: F) -> Result<F, Error> {
        let (Timestamp(min), Timestamp(max)) = (segment.info().time_min, segment.info().time_max);
        if min > self.times.to || max < self.times.from {
            self.stats.add_segments(1, 1);
            return Ok(fold);
        }
        let candidates = candidates(segment, &self.query).await?;
        if candidates.as_ref().is_some_and(Vec::is_empty) {
            self.stats.add_segments(1, 1);
            return Ok(fold);
        }
        self.stats.add_segments(1, 0);
        let mut columns = plan::columns(&self.read, &*segment.attributes().await?);
        columns.push(WEIGHT_COLUMN.to_owned());
        let rows = SegmentRows::open(segment.clone(), self.stats.clone()).await?;
        let pages = time_pages(rows.metadata(), "time");
        let mut scan = Scan::plan(columns, &pages, candidates, self.times, Direction::Newest);
        self.stats.add_pruned(0, (pages.len() - scan.pages_left()) as u64);
        while scan.bound().is_some() {
            let window = scan.next_window();
            for batch in rows.read(Wanted::Named(scan.columns()), &window).await? {
                self.stats.add_rows_scanned(batch.num_rows() as u64);
                self.batch(&batch, &mut fold)?;
                // Reads of cached bytes never wait: let a cancelled search end here.
                tokio::task::yield_now().await;
            }
        }
        Ok(fold)
    }

    fn batch<F: Fold>(&self, batch: &RecordBatch, fold: &mut F) -> Result<(), Error> {
        let time = Columns(batch).int("time")?;
        let Times { from, to } = self.times;
        let within =
            |row: &u32| time.value(*row as usize).is_some_and(|time| (from..=to).contains(&time));
        let rows = (0..batch.num_rows() as u32).filter(within).collect();
        let rows = matching(&self.query, batch, rows)?;
        if rows.is_empty() { Ok(()) } else { fold.rows(batch, &rows) }
    }
}
