//! Float samples of chosen series, read from segments straight into one slice per series.
//!
//! Most series have nothing but floats. What comes after it in a segment, a series' rows, is found first, in all segments,
//! so that a series' samples get their memory at once, and each segment writes to its own part of it. Whatever is not that
//! simple is left to [`super::points`]: histograms, samples of one time in several segments, files this cannot read.

mod fill;
mod gather;
mod piece;

use super::super::labels::Labels;
use super::super::series::{STALE, Samples, is_stale};
use super::points::{Points, Value};
use crate::numbers::Unreadable;
use crate::{Error, QueryStats};
use binnacle_storage::Snapshot;
use binnacle_storage::model::{SeriesId, Table, TimeRange};
use piece::Piece;
use std::collections::{BTreeSet, HashMap};

const MILLISECOND: i64 = 1_000_000;

/// The float samples of one series: ascending times in Unix milliseconds, each once.
#[derive(Debug, Default)]
pub struct Floats {
    pub times: Vec<i64>,
    pub values: Vec<f64>,
    /// When each counter began; 0 is unknown. Empty when none is known.
    pub starts: Vec<i64>,
}

impl Floats {
    /// Roughly the bytes they take in memory.
    pub fn size(&self) -> usize {
        self.times.len() * 16 + self.starts.len() * 8
    }

    pub fn into_samples(self, labels: Labels) -> Samples {
        let Floats { times, values, starts } = self;
        Samples { labels, times, values, starts, ..Samples::default() }
    }

    /// Adds buffered points if they are later floats, else gives them back.
    pub fn append(&mut self, points: Points) -> Option<Points> {
        let points = points.sorted();
        let last = self.times.last().copied().unwrap_or(i64::MIN);
        let is_later = points.times.first().is_none_or(|first| *first > last);
        let has_histogram =
            points.values.iter().any(|value| matches!(value, Value::Distribution(_)));
        if !is_later || has_histogram {
            return Some(points);
        }
        let starts = points.starts.iter().zip(&points.values);
        // The mark of an end has no beginning.
        let starts: Vec<i64> =
            starts.map(|(start, value)| if *value == Value::Stale { 0 } else { *start }).collect();
        if starts.iter().any(|start| *start != 0) || !self.starts.is_empty() {
            self.starts.resize(self.times.len(), 0);
            self.starts.extend(starts);
        }
        self.times.extend_from_slice(&points.times);
        self.values.extend(points.values.iter().map(|value| match value {
            Value::Float(value) => *value,
            _ => STALE,
        }));
        None
    }

    /// Together with the buffered points, which arrived later than anything in a segment.
    pub fn into_points(self, buffered: Points) -> Points {
        let Floats { times, mut starts, values } = self;
        starts.resize(times.len(), 0);
        let value = |value: f64| if is_stale(value) { Value::Stale } else { Value::Float(value) };
        let mut points = Points {
            arrived: vec![0; times.len()],
            nanos: Vec::new(),
            values: values.into_iter().map(value).collect(),
            times,
            starts,
        };
        points.extend(buffered);
        points
    }
}

/// Which samples: of each series from a time on, up to one end. Unix milliseconds, inclusive.
pub struct Wish<'a> {
    pub from: &'a [(SeriesId, i64)],
    pub end: i64,
    pub bytes_max: u64,
    /// One sample of each series is enough.
    pub only_first: bool,
    pub threads: usize,
}

/// What segments hold of the wished series. Those that are missing have to be read otherwise.
pub async fn read(
    snapshot: &Snapshot,
    range: TimeRange,
    wish: &Wish<'_>,
    stats: &QueryStats,
) -> Result<HashMap<SeriesId, Floats>, Error> {
    if wish.from.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: BTreeSet<SeriesId> = wish.from.iter().map(|(id, _)| *id).collect();
    let mut segments = snapshot.segments(Table::MetricPoints, range);
    segments.sort_by_key(|segment| (segment.info().time_min, segment.info().wal_from));
    let mut pieces = Vec::with_capacity(segments.len());
    for segment in &segments {
        match Piece::open(segment, &ids, wish).await {
            Ok(piece) => pieces.push(piece),
            Err(Unreadable) => return Ok(HashMap::new()),
        }
    }
    let read = match gather::gather(pieces, wish)? {
        Ok(read) => read,
        Err(Unreadable) => return Ok(HashMap::new()),
    };
    for piece in &read.pieces {
        stats.add_segments(1, u64::from(piece.groups.is_empty()));
    }
    stats.add_bytes_read(read.bytes_read);
    stats.add_rows_scanned(read.rows);
    Ok(read.floats)
}
