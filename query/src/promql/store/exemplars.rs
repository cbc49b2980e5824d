//! Exemplars: single measurements of a series, with the trace they were taken in.

use super::super::labels::{Labels, Matcher};
use super::identity::label_value;
use super::{Store, shape};
use crate::Error;
use crate::broken;
use crate::rows::{Columns, RowAttributes, SegmentRows, Wanted, rows_with_ids};
use arrow::record_batch::RecordBatch;
use binnacle_storage::model::{SeriesId, Table, TimeRange};
use std::collections::{BTreeMap, BTreeSet, HashMap};

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

impl Store {
    /// The exemplars in a time range of the series that meet any of the sets of matchers.
    pub async fn exemplars(
        &self,
        sets: &[Vec<Matcher>],
        (start, end): (i64, i64),
    ) -> Result<Vec<ExemplarSeries>, Error> {
        let mut wanted: HashMap<SeriesId, Labels> = HashMap::new();
        for matchers in sets {
            for series in self.exemplar_series(matchers).await? {
                // A histogram's exemplars are shown with its buckets.
                let suffix = shape::suffixes(series.shape)[0];
                wanted.insert(series.id, shape::suffixed(&series.labels, suffix));
            }
        }
        let mut found: BTreeMap<Labels, Vec<Exemplar>> = BTreeMap::new();
        let mut count = 0;
        let mut take = |batch: &RecordBatch| -> Result<(), Error> {
            let columns = Columns(batch);
            let (ids, times) = (columns.fixed("series_id")?, columns.int("time")?);
            let (values, ints) = (columns.double("value")?, columns.int("int_value")?);
            let (traces, spans) = (columns.fixed("trace_id")?, columns.fixed("span_id")?);
            let attributes = RowAttributes::of(batch)?;
            for row in 0..batch.num_rows() {
                let id = ids.id(row).map(SeriesId);
                let Some(labels) = id.and_then(|id| wanted.get(&id)) else { continue };
                let time = times.value(row).unwrap_or(0).div_euclid(1_000_000);
                if time < start || time > end || count >= EXEMPLARS_MAX {
                    continue;
                }
                let hex = |bytes: Option<&[u8]>| {
                    bytes.unwrap_or_default().iter().map(|b| format!("{b:02x}")).collect::<String>()
                };
                let own = attributes.read(row)?;
                let own = own.iter().map(|(key, value)| (key.clone(), label_value(value)));
                let ids =
                    [("trace_id", hex(traces.value(row))), ("span_id", hex(spans.value(row)))];
                let ids = ids.into_iter().map(|(name, value)| (name.to_owned(), value));
                let number = ints.value(row).map(|value| value as f64);
                let value = values.value(row).or(number).unwrap_or(f64::NAN);
                count += 1;
                let exemplar = Exemplar { labels: Labels::new(own.chain(ids)), value, time };
                found.entry(labels.clone()).or_default().push(exemplar);
            }
            Ok(())
        };
        let ids: BTreeSet<SeriesId> = wanted.keys().copied().collect();
        for chunk in self.snapshot.chunks(Table::Exemplars, TimeRange::all()) {
            take(&chunk.records)?;
        }
        for segment in self.snapshot.segments(Table::Exemplars, TimeRange::all()) {
            self.stats.add_segments(1, 0);
            let read = async {
                let rows = SegmentRows::open(segment.clone(), self.stats.clone()).await?;
                let possible = rows_with_ids(rows.metadata(), "series_id", &ids);
                if possible.is_empty() {
                    Ok(Vec::new())
                } else {
                    rows.read(Wanted::All, &possible).await
                }
            };
            match read.await {
                Ok(batches) => batches.iter().try_for_each(&mut take)?,
                Err(error) => {
                    broken::leave_out(&self.storage, &segment, &error, &self.stats).await;
                }
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
}
