//! Finding series by id.
//!
//! Series rows repeat: every request that carries points of a series stores it once more, until compaction joins them. All
//! rows of one id say the same, so the first one found is taken.

use super::Series;
use crate::rows::{
    Columns, RowAttributes, SegmentRows, Shared, Wanted, malformed, ranges_of, rows_with_ids,
};
use crate::value::attributes;
use crate::{Error, QueryStats, broken};
use arrow::record_batch::RecordBatch;
use binnacle_storage::model::{SeriesId, Table, TimeRange};
use binnacle_storage::{Snapshot, Storage};
use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::sync::Arc;

pub(crate) type SeriesById = HashMap<SeriesId, Arc<Series>>;

/// The series with these ids, as far as they are stored.
pub(crate) async fn find_series(
    storage: &Storage,
    snapshot: &Snapshot,
    mut ids: BTreeSet<SeriesId>,
    shared: &mut Shared,
    stats: &Arc<QueryStats>,
) -> Result<SeriesById, Error> {
    let mut found = SeriesById::new();
    if ids.is_empty() {
        return Ok(found);
    }
    for chunk in snapshot.chunks(Table::Series, TimeRange::all()) {
        for row in rows_with(&chunk.records, &ids)? {
            take(&chunk.records, row, &mut ids, &mut found, shared)?;
        }
    }
    let mut segments = snapshot.segments(Table::Series, TimeRange::all());
    segments.sort_by_key(|segment| std::cmp::Reverse(segment.info().time_max));
    for segment in segments {
        if ids.is_empty() {
            break;
        }
        let batches = match SegmentRows::open(segment.clone(), stats.clone()).await {
            Ok(reader) => matching_rows(&reader, &ids).await,
            Err(error) => Err(error),
        };
        match batches {
            Ok(batches) => {
                for batch in &batches {
                    for row in rows_with(batch, &ids)? {
                        take(batch, row, &mut ids, &mut found, shared)?;
                    }
                }
            }
            Err(error) => broken::leave_out(storage, &segment, &error, stats).await,
        }
    }
    Ok(found)
}

/// One row per id that the segment has.
async fn matching_rows(
    reader: &SegmentRows,
    ids: &BTreeSet<SeriesId>,
) -> Result<Vec<RecordBatch>, Error> {
    let possible = rows_with_ids(reader.metadata(), "series_id", ids);
    if possible.is_empty() {
        return Ok(Vec::new());
    }
    let mut numbers = possible.iter().cloned().flatten();
    let mut chosen: Vec<u32> = Vec::new();
    let mut open = ids.clone();
    for batch in reader.read(Wanted::Named(&["series_id".to_owned()]), &possible).await? {
        let column = Columns(&batch).fixed("series_id")?;
        for (row, number) in (0..batch.num_rows()).zip(&mut numbers) {
            if column.id(row).is_some_and(|id| open.remove(&SeriesId(id))) {
                chosen.push(number);
            }
        }
    }
    let ranges: Vec<Range<u32>> = ranges_of(chosen);
    if ranges.is_empty() { Ok(Vec::new()) } else { reader.read(Wanted::All, &ranges).await }
}

fn rows_with(batch: &RecordBatch, ids: &BTreeSet<SeriesId>) -> Result<Vec<usize>, Error> {
    let column = Columns(batch).fixed("series_id")?;
    let is_wanted = |&row: &usize| column.id(row).is_some_and(|id| ids.contains(&SeriesId(id)));
    Ok((0..batch.num_rows()).filter(is_wanted).collect())
}

fn take(
    batch: &RecordBatch,
    row: usize,
    ids: &mut BTreeSet<SeriesId>,
    found: &mut SeriesById,
    shared: &mut Shared,
) -> Result<(), Error> {
    let columns = Columns(batch);
    let Some(id) = columns.fixed("series_id")?.id(row).map(SeriesId) else {
        return Ok(());
    };
    if !ids.remove(&id) {
        return Ok(());
    }
    let metadata = columns.bytes("metadata")?;
    let metadata = attributes(metadata.value(row).unwrap_or_default());
    let series = Series {
        service: columns.text("service")?.owned(row),
        name: columns.text("name")?.owned(row),
        description: columns.text("description")?.owned(row),
        unit: columns.text("unit")?.owned(row),
        kind: columns.text("type")?.owned(row),
        temporality: columns.int("temporality")?.value(row).map(|number| number as i32),
        is_monotonic: columns.int("is_monotonic")?.value(row).map(|flag| flag != 0),
        metadata: metadata.map_err(|error| malformed("metadata", error))?,
        attributes: RowAttributes::of(batch)?.read(row)?,
        resource: shared.resource(columns.bytes("resource")?.value(row))?,
        scope: shared.scope(columns.bytes("scope")?.value(row))?,
    };
    found.insert(id, Arc::new(series));
    Ok(())
}
