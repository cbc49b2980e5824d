//! Live tail: rows that match a filter, as they become visible.
//!
//! A tail is not a query: it takes no turn, opens no snapshot and reads no segment. Storage hands over the rows of requests
//! that have just become durable; each is decided exactly, on the query threads, several requests at once. Ingest never waits
//! for a tail. What a slow reader misses, and what matches beyond the pace at which anybody can read, is counted and told.

mod pace;
#[cfg(test)]
mod tests;

use crate::logs::{LogFilter, LogRecord, LogRows};
use crate::rows::Shared;
use crate::trace::{Found, Span, decode_spans};
use crate::traceql::SpanFilter;
use crate::{Error, QueryEngine};
use arrow::record_batch::RecordBatch;
use binnacle_storage::Subscription;
use binnacle_storage::model::{Table, TenantId};
use pace::Pace;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::OwnedSemaphorePermit;

/// Tails at the same time, of all tenants. Each looks at every row that arrives for its tenant.
pub const TAILS_MAX: usize = 32;

/// Rows of a tail per second, on average over a few. Nobody reads faster, and rendering costs what ingest needs.
pub const TAIL_ROWS_PER_SECOND: u32 = 1000;

/// Decides and reads the rows of a batch: at most so many of those that match.
type Read<T> = dyn Fn(&RecordBatch, usize) -> Result<Matched<T>, Error> + Send + Sync;

/// What a batch holds for a tail.
#[derive(Debug, Clone, PartialEq)]
pub struct Matched<T> {
    /// In the order of their arrival.
    pub rows: Vec<T>,
    /// Rows that match too and are not among `rows`.
    pub skipped: u64,
}

/// What arrived since the last time.
#[derive(Debug, Clone, PartialEq)]
pub struct Tailed<T> {
    /// Matching rows, in the order of their arrival.
    pub rows: Vec<T>,
    /// Rows that match too, and were more than the pace allows.
    pub skipped: u64,
    /// Rows that arrived after these and were never looked at, because the reader lagged behind.
    pub missed: u64,
}

/// An open tail.
pub struct Tail<T> {
    engine: QueryEngine,
    subscription: Subscription,
    read: Arc<Read<T>>,
    pace: Pace,
    _place: OwnedSemaphorePermit,
}

impl<T> fmt::Debug for Tail<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tail").field("subscription", &self.subscription).finish_non_exhaustive()
    }
}

impl QueryEngine {
    /// Log records of `tenant` that match a query of log search, from now on.
    pub fn tail_logs(&self, tenant: &TenantId, query: &str) -> Result<Tail<LogRecord>, Error> {
        let filter = LogFilter::parse(query)?;
        self.tail(tenant, Table::Logs, move |batch, limit| {
            let matching = filter.matching(batch)?;
            let (rows, shared) = (LogRows::of(batch)?, &mut Shared::default());
            let wanted = matching.iter().take(limit);
            Ok(Matched {
                rows: wanted
                    .map(|&row| rows.read(row as usize, shared))
                    .collect::<Result<_, _>>()?,
                skipped: matching.len().saturating_sub(limit) as u64,
            })
        })
    }

    /// Spans of `tenant` that fulfil the conditions of a TraceQL query, from now on.
    pub fn tail_spans(&self, tenant: &TenantId, query: &str) -> Result<Tail<Span>, Error> {
        let filter = SpanFilter::parse(query)?;
        self.tail(tenant, Table::Spans, move |batch, limit| {
            let shared = &mut Shared::default();
            let mut rows = filter.matching(batch, shared)?;
            let skipped = rows.len().saturating_sub(limit) as u64;
            rows.truncate(limit);
            let found = Found { batch: batch.clone(), rows };
            Ok(Matched { rows: decode_spans(&found, shared)?, skipped })
        })
    }

    /// Whatever `read` makes of the rows of `table` that arrive for `tenant` from now on. It runs on the query threads.
    pub fn tail<T: Send + 'static>(
        &self,
        tenant: &TenantId,
        table: Table,
        read: impl Fn(&RecordBatch, usize) -> Result<Matched<T>, Error> + Send + Sync + 'static,
    ) -> Result<Tail<T>, Error> {
        let place = self.tail_places().clone().try_acquire_owned().map_err(|_| {
            let retry_after = Duration::from_secs(5);
            Error::Overloaded { running: TAILS_MAX, waiting: 0, retry_after }
        })?;
        Ok(Tail {
            engine: self.clone(),
            subscription: self.storage().subscribe(tenant, table),
            read: Arc::new(read),
            pace: Pace::new(TAIL_ROWS_PER_SECOND, Instant::now()),
            _place: place,
        })
    }
}

impl<T: Send + 'static> Tail<T> {
    /// The next rows that match, or word of rows that are not told of; waits for some. `None` when the server stops. Rows may
    /// be lost unnoticed when the caller stops waiting halfway.
    pub async fn next(&mut self) -> Result<Option<Tailed<T>>, Error> {
        while let Some(arrival) = self.subscription.next().await {
            let (read, limit) = (self.read.clone(), self.pace.allowed(Instant::now()));
            let missed = arrival.missed;
            let work = async move { read(&arrival.chunk()?.records, limit) };
            let Matched { rows, skipped } = self.engine.spawn(work).await?;
            self.pace.take(rows.len());
            self.engine.metrics().tailed(rows.len(), skipped + missed);
            if !rows.is_empty() || skipped + missed > 0 {
                return Ok(Some(Tailed { rows, skipped, missed }));
            }
        }
        Ok(None)
    }
}
