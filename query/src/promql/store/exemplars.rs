//! Exemplars: single measurements of a series, with the trace they were taken in.

use super::super::labels::{BUCKET_LABEL, Labels, Matcher, all_match};
use super::super::text::float_plain;
use super::catalog::{Shape, StoredSeries};
use super::identity::label_value;
use super::{Store, shape};
use crate::Error;
use crate::broken;
use crate::rows::{
    Columns, DistributionColumns, RowAttributes, SegmentRows, Wanted, malformed, rows_with_ids,
};
use crate::value::Histogram;
use arrow::record_batch::RecordBatch;
use binnacle_storage::model::{SeriesId, Table, TimeRange, Timestamp};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// Most exemplars of one answer.
const EXEMPLARS_MAX: usize = 100_000;

#[derive(Debug, Clone, PartialEq)]
pub struct Exemplar {
    pub labels: Labels,
    pub value: f64,
    /// Unix milliseconds.
    pub time: i64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ExemplarSeries {
    pub labels: Labels,
    /// By time.
    pub exemplars: Vec<Exemplar>,
}

/// An exemplar as it is stored.
struct Row {
    series_id: SeriesId,
    /// Nanoseconds of the data point that carried it.
    point_time: i64,
    exemplar: Exemplar,
}

/// A data point: its series, and its time in nanoseconds.
type PointKey = (SeriesId, i64);

impl Store {
    /// The exemplars in a time range of the series that meet any of the sets of matchers.
    pub async fn exemplars(
        &self,
        sets: &[Vec<Matcher>],
        range: (i64, i64),
    ) -> Result<Vec<ExemplarSeries>, Error> {
        let mut wanted: HashMap<SeriesId, &StoredSeries> = HashMap::new();
        for matchers in sets {
            let series = self.exemplar_series(matchers).await?;
            wanted.extend(series.into_iter().map(|series| (series.id, series)));
        }
        let ids: BTreeSet<SeriesId> = wanted.keys().copied().collect();
        let mut rows = Vec::new();
        let everything = (TimeRange::all(), Wanted::All);
        self.each_batch(Table::Exemplars, everything, &ids, |batch| {
            read_exemplars(batch, &ids, range, &mut rows)
        })
        .await?;
        let is_classic =
            |row: &&Row| wanted.get(&row.series_id).is_some_and(|s| s.shape == Shape::Classic);
        let points = rows.iter().filter(is_classic).map(|row| (row.series_id, row.point_time));
        let bounds = self.bounds(points.collect()).await?;
        let mut found: BTreeMap<Labels, Vec<Exemplar>> = BTreeMap::new();
        for Row { series_id, point_time, exemplar } in rows {
            let Some(series) = wanted.get(&series_id) else { continue };
            let labels = if series.shape == Shape::Classic {
                // An exemplar whose data point is gone has no series to be shown with.
                let bounds = bounds.get(&(series_id, point_time));
                let Some(bound) = bounds.and_then(|bounds| bound(bounds, exemplar.value)) else {
                    continue;
                };
                shape::suffixed(&series.labels, "_bucket").with(BUCKET_LABEL, &float_plain(bound))
            } else {
                series.labels.clone()
            };
            if sets.iter().any(|matchers| all_match(matchers, &labels)) {
                found.entry(labels).or_default().push(exemplar);
            }
        }
        let series = found.into_iter().map(|(labels, mut exemplars)| {
            // What was sent twice, as by a scrape after a restart, is one.
            let order = |e: &Exemplar| (e.time, e.value.to_bits());
            exemplars.sort_by(|a, b| order(a).cmp(&order(b)).then_with(|| a.labels.cmp(&b.labels)));
            exemplars.dedup();
            ExemplarSeries { labels, exemplars }
        });
        Ok(series.collect())
    }

    /// The bounds of the buckets of histograms' data points.
    async fn bounds(
        &self,
        points: HashSet<PointKey>,
    ) -> Result<HashMap<PointKey, Vec<f64>>, Error> {
        let mut bounds = HashMap::new();
        let times = || points.iter().map(|(_, time)| *time);
        let (Some(first), Some(last)) = (times().min(), times().max()) else { return Ok(bounds) };
        let range = TimeRange::new(Timestamp(first), Timestamp(last.saturating_add(1)));
        let names = ["series_id", "time"].iter().chain(&DistributionColumns::NAMES);
        let names: Vec<String> = names.map(|name| (*name).to_owned()).collect();
        let what = (range.unwrap_or(TimeRange::all()), Wanted::Named(&names));
        let ids: BTreeSet<SeriesId> = points.iter().map(|(id, _)| *id).collect();
        self.each_batch(Table::MetricPoints, what, &ids, |batch| {
            let columns = Columns(batch);
            let (ids, times) = (columns.fixed("series_id")?, columns.int("time")?);
            let mut distributions = DistributionColumns::new(columns)?;
            for row in 0..batch.num_rows() {
                let key = ids.id(row).map(SeriesId).zip(times.value(row));
                let Some(key) = key.filter(|key| points.contains(key)) else { continue };
                let malformed = |error| malformed("distribution", error);
                if let Some(stored) = distributions.value(row).map_err(malformed)? {
                    let histogram = Histogram::decode(&stored).map_err(malformed)?;
                    // As many as are answered as series.
                    let count = histogram.bucket_counts.len();
                    let shown = histogram.explicit_bounds.into_iter().take(count);
                    bounds.insert(key, shown.collect());
                }
            }
            Ok(())
        })
        .await?;
        Ok(bounds)
    }

    /// Gives the batches of a table that may hold rows of the series.
    async fn each_batch(
        &self,
        table: Table,
        (range, wanted): (TimeRange, Wanted<'_>),
        ids: &BTreeSet<SeriesId>,
        mut take: impl FnMut(&RecordBatch) -> Result<(), Error>,
    ) -> Result<(), Error> {
        for chunk in self.snapshot.chunks(table, range) {
            take(&chunk.records)?;
        }
        for segment in self.snapshot.segments(table, range) {
            self.stats.add_segments(1, 0);
            let read = async {
                let rows = SegmentRows::open(segment.clone(), self.stats.clone()).await?;
                let possible = rows_with_ids(rows.metadata(), "series_id", ids);
                if possible.is_empty() {
                    Ok(Vec::new())
                } else {
                    rows.read(wanted, &possible).await
                }
            };
            match read.await {
                Ok(batches) => batches.iter().try_for_each(&mut take)?,
                Err(error) => {
                    broken::leave_out(&self.storage, &segment, &error, &self.stats).await;
                }
            }
        }
        Ok(())
    }
}

/// The upper bound of the bucket that counts `value`.
fn bound(bounds: &[f64], value: f64) -> Option<f64> {
    bounds.iter().copied().chain([f64::INFINITY]).find(|bound| value <= *bound)
}

/// The exemplars of the series in a time range, in Unix milliseconds.
fn read_exemplars(
    batch: &RecordBatch,
    series: &BTreeSet<SeriesId>,
    (start, end): (i64, i64),
    found: &mut Vec<Row>,
) -> Result<(), Error> {
    let columns = Columns(batch);
    let (ids, times) = (columns.fixed("series_id")?, columns.int("time")?);
    let point_times = columns.int("point_time")?;
    let (values, ints) = (columns.double("value")?, columns.int("int_value")?);
    let (traces, spans) = (columns.fixed("trace_id")?, columns.fixed("span_id")?);
    let attributes = RowAttributes::of(batch)?;
    for row in 0..batch.num_rows() {
        let id = ids.id(row).map(SeriesId).filter(|id| series.contains(id));
        let Some(series_id) = id else { continue };
        let time = times.value(row).unwrap_or(0).div_euclid(1_000_000);
        if time < start || time > end || found.len() >= EXEMPLARS_MAX {
            continue;
        }
        let hex = |bytes: Option<&[u8]>| {
            bytes.unwrap_or_default().iter().map(|b| format!("{b:02x}")).collect::<String>()
        };
        let own = attributes.read(row)?;
        let own = own.iter().map(|(key, value)| (key.clone(), label_value(value)));
        let ids = [("trace_id", hex(traces.value(row))), ("span_id", hex(spans.value(row)))];
        let ids = ids.into_iter().map(|(name, value)| (name.to_owned(), value));
        let number = ints.value(row).map(|value| value as f64);
        let value = values.value(row).or(number).unwrap_or(f64::NAN);
        let exemplar = Exemplar { labels: Labels::new(own.chain(ids)), value, time };
        let point_time = point_times.value(row).unwrap_or(0);
        found.push(Row { series_id, point_time, exemplar });
    }
    Ok(())
}
