//! Data points, owned.

use super::Series;
use crate::Error;
use crate::rows::{Columns, DistributionColumns, malformed};
use crate::value::Distribution;
use arrow::record_batch::RecordBatch;
use binnacle_storage::batch::NumberValue;
use binnacle_storage::model::{SeriesId, Timestamp};
use std::collections::HashMap;
use std::sync::Arc;

/// One data point of any kind.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    pub time: Timestamp,
    /// `None` when the sender left it 0.
    pub start_time: Option<Timestamp>,
    pub flags: u32,
    /// Gauges and sums; `None` for a point with the no-recorded-value flag.
    pub value: Option<NumberValue>,
    /// Histograms of all kinds, and summaries.
    pub distribution: Option<Distribution>,
}

/// The points of a batch and whose they are; points of series that are not in `series` are passed over.
pub(super) fn points(
    batch: &RecordBatch,
    series: &HashMap<SeriesId, Arc<Series>>,
) -> Result<Vec<(SeriesId, Point)>, Error> {
    let columns = Columns(batch);
    let series_id = columns.fixed("series_id")?;
    let time = columns.int("time")?;
    let start_time = columns.int("start_time")?;
    let flags = columns.int("flags")?;
    let value = columns.double("value")?;
    let int_value = columns.int("int_value")?;
    let mut distributions = DistributionColumns::new(columns)?;
    let mut points = Vec::with_capacity(batch.num_rows());
    for row in 0..batch.num_rows() {
        let Some(id) = series_id.id(row).map(SeriesId) else { continue };
        let Some(of) = series.get(&id) else { continue };
        let distribution = distributions.value(row).and_then(|stored| {
            stored.map(|stored| Distribution::decode(&of.kind, &stored)).transpose()
        });
        let int = int_value.value(row).map(NumberValue::Int);
        let point = Point {
            time: Timestamp(time.value(row).unwrap_or_default()),
            start_time: start_time.value(row).map(Timestamp),
            flags: flags.u32(row),
            value: int.or_else(|| value.value(row).map(NumberValue::Double)),
            distribution: distribution.map_err(|error| malformed("distribution", error))?,
        };
        points.push((id, point));
    }
    Ok(points)
}
