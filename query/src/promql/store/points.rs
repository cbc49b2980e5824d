//! The stored points of chosen series.

use crate::broken;
use crate::rows::{Columns, DistributionColumns, SegmentRows, Wanted, malformed, rows_with_ids};
use crate::value::StoredDistribution;
use crate::{Error, QueryStats};
use arrow::record_batch::RecordBatch;
use binnacle_storage::model::{SeriesId, Table, TimeRange, Timestamp};
use binnacle_storage::{Snapshot, Storage};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;
use std::sync::Arc;

/// Nanoseconds of one millisecond.
const MILLISECOND: i64 = 1_000_000;

/// OTLP's flag of a point that says its series has gone.
const NO_RECORDED_VALUE: u32 = 1;

/// The points of one series, as they were read: runs, each by time.
#[derive(Debug, Default)]
pub struct Points {
    /// Unix milliseconds.
    pub times: Vec<i64>,
    /// Nanoseconds after `times`, of deltas: each counts, also when many are of one millisecond. Empty otherwise.
    pub nanos: Vec<u32>,
    pub starts: Vec<i64>,
    /// When each arrived: of two points of one time the later one counts.
    pub arrived: Vec<i64>,
    pub values: Vec<Value>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Float(f64),
    Distribution(Arc<StoredDistribution>),
    /// The series has gone.
    Stale,
}

impl Value {
    /// Equal for what was said twice.
    fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        match self {
            Value::Stale => {}
            Value::Float(value) => value.to_bits().hash(&mut hasher),
            Value::Distribution(stored) => {
                let bits = |number: Option<f64>| number.map(f64::to_bits);
                let StoredDistribution { count, sum, min, max, bucket_counts, message, .. } =
                    &**stored;
                (count, bits(*sum), bits(*min), bits(*max), bucket_counts, message)
                    .hash(&mut hasher);
            }
        }
        hasher.finish()
    }
}

impl Points {
    fn push(&mut self, time: i64, start: i64, arrived: i64, value: Value) {
        self.times.push(time);
        self.starts.push(start);
        self.arrived.push(arrived);
        self.values.push(value);
    }

    fn at(&self, at: usize) -> (i64, u32) {
        (self.times[at], self.nanos.get(at).copied().unwrap_or(0))
    }

    /// By time, each time once.
    pub fn sorted(self) -> Points {
        let is_sorted = if self.nanos.is_empty() {
            self.times.is_sorted_by(|a, b| a < b)
        } else {
            (1..self.times.len()).all(|at| self.at(at - 1) < self.at(at))
        };
        if is_sorted {
            return self;
        }
        let mut order: Vec<usize> = (0..self.times.len()).collect();
        order.sort_by_key(|at| (self.at(*at), self.arrived[*at], *at));
        let is_last = |place: usize| {
            order.get(place + 1).is_none_or(|next| self.at(*next) != self.at(order[place]))
        };
        let kept = order.iter().enumerate().filter(|(place, _)| is_last(*place));
        self.picked(kept.map(|(_, at)| *at))
    }

    /// Takes the points of another series, for [`Points::in_order`] to place.
    pub fn extend(&mut self, other: Points) {
        self.times.extend(other.times);
        self.nanos.extend(other.nanos);
        self.starts.extend(other.starts);
        self.arrived.extend(other.arrived);
        self.values.extend(other.values);
    }

    /// By time, all of them.
    pub fn in_order(self) -> Points {
        let mut order: Vec<usize> = (0..self.times.len()).collect();
        if order.is_sorted_by_key(|at| self.at(*at)) {
            return self;
        }
        order.sort_by_key(|at| self.at(*at));
        self.picked(order.into_iter())
    }

    /// Deltas by time, of one time all that differ or came in one request. What came again in another request is one, unless
    /// the series is an `overflow` series, where the deltas of many look alike.
    pub fn deltas(self, is_overflow: bool) -> Points {
        let points = self.in_order();
        let at_one_time = |at: usize| points.at(at - 1) == points.at(at);
        if is_overflow || !(1..points.times.len()).any(at_one_time) {
            return points;
        }
        let mut arrived = HashMap::new();
        let kept: Vec<usize> = (0..points.times.len())
            .filter(|at| {
                let said = (points.at(*at), points.starts[*at], points.values[*at].fingerprint());
                *arrived.entry(said).or_insert(points.arrived[*at]) == points.arrived[*at]
            })
            .collect();
        points.picked(kept.into_iter())
    }

    fn picked(&self, order: impl Iterator<Item = usize>) -> Points {
        let mut picked = Points::default();
        for at in order {
            let value = self.values[at].clone();
            picked.push(self.times[at], self.starts[at], self.arrived[at], value);
            picked.nanos.extend(self.nanos.get(at));
        }
        picked
    }
}

/// Which points are wanted: those of a series from a time on, all up to one end. Unix milliseconds, inclusive.
#[derive(Debug)]
pub struct Wish {
    pub from: HashMap<SeriesId, i64>,
    /// Those of them whose times are wanted to the nanosecond.
    pub exact: HashSet<SeriesId>,
    /// Those of which only buffered points are wanted.
    pub buffered_only: HashSet<SeriesId>,
    pub end: i64,
    pub bytes_max: u64,
    /// One point of each series is enough.
    pub only_first: bool,
}

const COLUMNS: [&str; 7] =
    ["series_id", "time", "start_time", "flags", "value", "int_value", "ingested_at"];

pub async fn read(
    storage: &Storage,
    snapshot: &Snapshot,
    wish: &Wish,
    stats: &Arc<QueryStats>,
) -> Result<HashMap<SeriesId, Points>, Error> {
    let mut found = Found { wish, points: HashMap::new(), bytes: 0, is_buffered: true };
    let Some(first) = wish.from.values().min() else { return Ok(found.points) };
    let range = time_range(*first, wish.end);
    for chunk in snapshot.chunks(Table::MetricPoints, range) {
        stats.add_rows_buffered(chunk.records.num_rows() as u64);
        found.take(&chunk.records)?;
    }
    let stored = |id: &&SeriesId| !wish.buffered_only.contains(*id);
    let ids: BTreeSet<SeriesId> = wish.from.keys().filter(stored).copied().collect();
    if ids.is_empty() {
        return Ok(found.points);
    }
    found.is_buffered = false;
    let names = COLUMNS.iter().chain(&DistributionColumns::NAMES);
    let names: Vec<String> = names.map(|name| (*name).to_owned()).collect();
    for segment in snapshot.segments(Table::MetricPoints, range) {
        let opened = SegmentRows::open(segment.clone(), stats.clone()).await;
        let read = async {
            let rows = opened?;
            let possible: Vec<Range<u32>> = rows_with_ids(rows.metadata(), "series_id", &ids);
            stats.add_segments(1, u64::from(possible.is_empty()));
            if possible.is_empty() {
                return Ok(Vec::new());
            }
            rows.read(Wanted::Named(&names), &possible).await
        };
        match read.await {
            Ok(batches) => {
                for batch in &batches {
                    stats.add_rows_scanned(batch.num_rows() as u64);
                    found.take(batch)?;
                }
            }
            Err(error) => broken::leave_out(storage, &segment, &error, stats).await,
        }
    }
    Ok(found.points)
}

pub fn time_range(start: i64, end: i64) -> TimeRange {
    let nanos = |ms: i64| ms.saturating_mul(MILLISECOND);
    let (start, end) = (nanos(start), nanos(end.saturating_add(1)));
    TimeRange::new(Timestamp(start), Timestamp(end)).unwrap_or(TimeRange::all())
}

struct Found<'a> {
    wish: &'a Wish,
    points: HashMap<SeriesId, Points>,
    bytes: u64,
    /// The rows being taken come from the buffer.
    is_buffered: bool,
}

impl Found<'_> {
    fn take(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        let columns = Columns(batch);
        let (ids, times) = (columns.fixed("series_id")?, columns.int("time")?);
        let (starts, flags) = (columns.int("start_time")?, columns.int("flags")?);
        let (values, ints) = (columns.double("value")?, columns.int("int_value")?);
        let mut distributions = DistributionColumns::new(columns)?;
        let arrived = columns.int("ingested_at")?;
        let rows = batch.num_rows();
        let mut row = 0;
        while row < rows {
            // Rows of one series stand together, but in the buffer.
            let id = ids.id::<16>(row);
            let mut end = row + 1;
            while end < rows && ids.value(end) == ids.value(row) {
                end += 1;
            }
            let wanted = id.map(SeriesId).and_then(|id| Some((id, *self.wish.from.get(&id)?)));
            let wanted =
                wanted.filter(|(id, _)| self.is_buffered || !self.wish.buffered_only.contains(id));
            let Some((id, from)) = wanted else {
                row = end;
                continue;
            };
            let points = self.points.entry(id).or_default();
            let is_exact = self.wish.exact.contains(&id);
            for row in row..end {
                if self.wish.only_first && !points.times.is_empty() {
                    break;
                }
                let nanos = times.value(row).unwrap_or(0);
                let time = nanos.div_euclid(MILLISECOND);
                if time < from || time > self.wish.end {
                    continue;
                }
                let start = starts.value(row).unwrap_or(0).div_euclid(MILLISECOND);
                let arrived = arrived.value(row).unwrap_or(0);
                let value = if flags.u32(row) & NO_RECORDED_VALUE != 0 {
                    Value::Stale
                } else if let Some(value) = values.value(row) {
                    Value::Float(value)
                } else if let Some(value) = ints.value(row) {
                    Value::Float(value as f64)
                } else if let Some(stored) = distribution(&mut distributions, row)? {
                    self.bytes += stored.memory() as u64;
                    Value::Distribution(Arc::new(stored))
                } else {
                    continue;
                };
                self.bytes += 16;
                points.push(time, start, arrived, value);
                if is_exact {
                    points.nanos.push(nanos.rem_euclid(MILLISECOND) as u32);
                }
            }
            if self.bytes > self.wish.bytes_max {
                return Err(Error::MemoryLimit { limit: self.wish.bytes_max });
            }
            row = end;
        }
        Ok(())
    }
}

fn distribution(
    columns: &mut DistributionColumns,
    row: usize,
) -> Result<Option<StoredDistribution>, Error> {
    columns.value(row).map_err(|error| malformed("distribution", error))
}
