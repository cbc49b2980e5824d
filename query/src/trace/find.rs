//! Finding rows by trace id, and reading exactly those.

use crate::broken;
use crate::rows::{Columns, SegmentRows, Wanted, ranges_of};
use crate::{Error, QueryStats};
use arrow::record_batch::RecordBatch;
use binnacle_storage::model::{Table, TimeRange, TraceId};
use binnacle_storage::segment::Segment;
use binnacle_storage::{Snapshot, Storage};
use std::sync::Arc;

/// Rows of one batch that belong to the trace.
pub(crate) struct Found {
    pub(crate) batch: RecordBatch,
    pub(crate) rows: Vec<usize>,
}

/// The rows of `table` that have `id`: at most `limit`, and whether there are more. A segment that cannot be read is
/// named in the warnings and left out.
pub(super) async fn find(
    storage: &Storage,
    snapshot: &Snapshot,
    table: Table,
    id: TraceId,
    limit: usize,
    stats: &Arc<QueryStats>,
) -> Result<(Vec<Found>, bool), Error> {
    let mut found = Vec::new();
    let mut left = limit;
    let mut more = false;
    for chunk in snapshot.chunks(table, TimeRange::all()) {
        stats.add_rows_buffered(chunk.records.num_rows() as u64);
        let mut rows = rows_of(&chunk.records, id)?;
        more |= rows.len() > left;
        rows.truncate(left);
        left -= rows.len();
        if !rows.is_empty() {
            found.push(Found { batch: chunk.records.clone(), rows });
        }
    }
    for segment in snapshot.segments(table, TimeRange::all()) {
        match segment_rows(&segment, id, left, stats).await {
            Ok((batches, cut)) => {
                more |= cut;
                stats.add_segments(1, u64::from(batches.is_empty()));
                for batch in batches {
                    // The index knows ids by a hash that two may share.
                    let rows = rows_of(&batch, id)?;
                    left = left.saturating_sub(rows.len());
                    found.push(Found { rows, batch });
                }
            }
            Err(error) => {
                stats.add_segments(1, 0);
                broken::leave_out(storage, &segment, &error, stats).await;
            }
        }
    }
    stats.add_rows_scanned(found.iter().map(|found| found.rows.len() as u64).sum());
    Ok((found, more))
}

async fn segment_rows(
    segment: &Arc<Segment>,
    id: TraceId,
    limit: usize,
    stats: &Arc<QueryStats>,
) -> Result<(Vec<RecordBatch>, bool), Error> {
    let mut rows = segment.trace_rows(id).await?;
    let cut = rows.len() > limit;
    rows.truncate(limit);
    if rows.is_empty() {
        return Ok((Vec::new(), cut));
    }
    let reader = SegmentRows::open(segment.clone(), stats.clone()).await?;
    Ok((reader.read(Wanted::All, &ranges_of(rows)).await?, cut))
}

fn rows_of(batch: &RecordBatch, id: TraceId) -> Result<Vec<usize>, Error> {
    let ids = Columns(batch).fixed("trace_id")?;
    Ok((0..batch.num_rows()).filter(|&row| ids.value(row) == Some(&id.0)).collect())
}
