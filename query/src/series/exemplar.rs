//! The exemplars of chosen points.

use crate::rows::{Columns, RowAttributes, SegmentRows, Wanted, rows_with_ids};
use crate::value::Attributes;
use crate::{Error, QueryStats, broken};
use arrow::record_batch::RecordBatch;
use binnacle_storage::batch::NumberValue;
use binnacle_storage::model::{SeriesId, SpanId, Table, TimeRange, Timestamp, TraceId};
use binnacle_storage::segment::Segment;
use binnacle_storage::{Snapshot, Storage};
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

/// A single measurement behind a data point.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesExemplar {
    pub time: Timestamp,
    /// Time of the data point that carried it.
    pub point_time: Timestamp,
    pub value: Option<NumberValue>,
    pub trace_id: Option<TraceId>,
    pub span_id: Option<SpanId>,
    /// The attributes the series left out.
    pub attributes: Attributes,
}

/// Series and time of the points whose exemplars are wanted.
pub(super) type Places = HashSet<(SeriesId, i64)>;

/// The exemplars of the points at `places`, in no order: at most `limit`, and whether there are more.
pub(super) async fn exemplars(
    storage: &Storage,
    snapshot: &Snapshot,
    places: &Places,
    limit: usize,
    stats: &Arc<QueryStats>,
) -> Result<(Vec<(SeriesId, SeriesExemplar)>, bool), Error> {
    let mut found = Vec::new();
    if places.is_empty() {
        return Ok((found, false));
    }
    for chunk in snapshot.chunks(Table::Exemplars, TimeRange::all()) {
        found.extend(of_places(&chunk.records, places)?);
        tokio::task::yield_now().await;
    }
    let ids: BTreeSet<SeriesId> = places.iter().map(|(id, _)| *id).collect();
    for segment in snapshot.segments(Table::Exemplars, TimeRange::all()) {
        if found.len() > limit {
            break;
        }
        match of_segment(&segment, places, &ids, stats).await {
            Ok(exemplars) => found.extend(exemplars),
            Err(error) => broken::leave_out(storage, &segment, &error, stats).await,
        }
        tokio::task::yield_now().await;
    }
    let more = found.len() > limit;
    found.truncate(limit);
    Ok((found, more))
}

async fn of_segment(
    segment: &Arc<Segment>,
    places: &Places,
    ids: &BTreeSet<SeriesId>,
    stats: &Arc<QueryStats>,
) -> Result<Vec<(SeriesId, SeriesExemplar)>, Error> {
    let reader = SegmentRows::open(segment.clone(), stats.clone()).await?;
    let possible = rows_with_ids(reader.metadata(), "series_id", ids);
    if possible.is_empty() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for batch in reader.read(Wanted::All, &possible).await? {
        stats.add_rows_scanned(batch.num_rows() as u64);
        found.extend(of_places(&batch, places)?);
    }
    Ok(found)
}

fn of_places(
    batch: &RecordBatch,
    places: &Places,
) -> Result<Vec<(SeriesId, SeriesExemplar)>, Error> {
    let columns = Columns(batch);
    let series_id = columns.fixed("series_id")?;
    let time = columns.int("time")?;
    let point_time = columns.int("point_time")?;
    let value = columns.double("value")?;
    let int_value = columns.int("int_value")?;
    let trace_id = columns.fixed("trace_id")?;
    let span_id = columns.fixed("span_id")?;
    let attributes = RowAttributes::of(batch)?;
    let mut found = Vec::new();
    for row in 0..batch.num_rows() {
        let Some(id) = series_id.id(row).map(SeriesId) else { continue };
        let point = point_time.value(row).unwrap_or_default();
        if !places.contains(&(id, point)) {
            continue;
        }
        let int = int_value.value(row).map(NumberValue::Int);
        let exemplar = SeriesExemplar {
            time: Timestamp(time.value(row).unwrap_or_default()),
            point_time: Timestamp(point),
            value: int.or_else(|| value.value(row).map(NumberValue::Double)),
            trace_id: trace_id.id(row).map(TraceId),
            span_id: span_id.id(row).map(SpanId),
            attributes: attributes.read(row)?,
        };
        found.push((id, exemplar));
    }
    Ok(found)
}
