//! Values between samples: smoothed selectors, and the edges of anchored and smoothed ranges.

use super::super::ast::Shift;
use super::super::function::{interpolated, interpolated_histogram, picked};
use super::super::histogram::Histogram;
use super::super::series::{Column, Sample, Samples};
use super::Grid;
use std::sync::Arc;

/// Values on the line between the samples around each moment.
pub fn smoothed(samples: &Samples, shift: &Shift, grid: Grid, lookback: i64) -> Column {
    let samples = samples.without_stale();
    let mut column = Column::empty(samples.labels.clone(), samples.drop_name, grid.count());
    for step in 0..grid.count() {
        let time = shift.apply(grid.time(step));
        if let Some(around) = Around::new(&samples.times, time, lookback) {
            let point = |at: usize| (samples.times[at], samples.values[at]);
            column.floats[step] = match around {
                Around::At(at) => samples.values[at],
                Around::Between(at) => interpolated(point(at), point(at + 1), time, false),
            };
        } else if let Some(around) = Around::new(&samples.histogram_times, time, lookback) {
            let list = &samples.histograms;
            let histogram = match around {
                Around::At(at) => Some(list[at].clone()),
                Around::Between(at) => between(&samples, at, time),
            };
            if let Some(histogram) = histogram {
                column.put(step, Sample::Histogram(histogram));
            }
        }
    }
    column
}

/// Where a moment lies among samples.
enum Around {
    /// At a sample, or after the last one.
    At(usize),
    /// Between this sample and the next.
    Between(usize),
}

impl Around {
    fn new(times: &[i64], time: i64, lookback: i64) -> Option<Around> {
        let at = times.partition_point(|other| *other < time);
        let next = times.get(at).filter(|next| **next <= time.saturating_add(lookback));
        let before = at.checked_sub(1).filter(|at| times[*at] > time.saturating_sub(lookback));
        match (before, next) {
            (_, Some(next)) if *next == time => Some(Around::At(at)),
            (Some(before), Some(_)) => Some(Around::Between(before)),
            (Some(before), None) => Some(Around::At(before)),
            (None, _) => None,
        }
    }
}

/// `None` for histograms that cannot be reconciled.
fn between(samples: &Samples, at: usize, time: i64) -> Option<Arc<Histogram>> {
    let point = |at: usize| (samples.histogram_times[at], samples.histograms[at].as_ref());
    interpolated_histogram(point(at), point(at + 1), time, false).ok().map(Arc::new)
}

/// Replaces samples outside of a range by values at its edges.
pub fn extend(samples: &mut Samples, start: i64, end: i64, smoothed: bool) {
    let float = |before: usize, time: i64| {
        let point = |at: usize| (samples.times[at], samples.values[at]);
        Some(interpolated(point(before), point(before + 1), time, false))
    };
    let histogram = |before: usize, time: i64| between(samples, before, time);
    let range = Edges { start, end, smoothed };
    let floats = range.apply(&samples.times, &samples.values, float);
    let histograms = range.apply(&samples.histogram_times, &samples.histograms, histogram);
    (samples.times, samples.values) = floats.into_iter().unzip();
    (samples.histogram_times, samples.histograms) = histograms.into_iter().unzip();
    samples.starts.clear();
    samples.histogram_starts.clear();
}

struct Edges {
    start: i64,
    end: i64,
    smoothed: bool,
}

impl Edges {
    /// `between` gives the value at a moment after the sample of an index and before the next.
    fn apply<T: Clone>(
        &self,
        times: &[i64],
        values: &[T],
        between: impl Fn(usize, i64) -> Option<T>,
    ) -> Vec<(i64, T)> {
        let Some((first, last)) = picked(times, self.start, self.end, self.smoothed) else {
            return Vec::new();
        };
        let left = if self.smoothed && times[first] < self.start && first + 1 < times.len() {
            between(first, self.start)
        } else {
            Some(values[first].clone())
        };
        let right = if self.smoothed && last > 0 && times[last] > self.end {
            between(last - 1, self.end)
        } else {
            Some(values[last].clone())
        };
        let inner = times.iter().zip(values);
        let inner = inner.filter(|(time, _)| self.start < **time && **time < self.end);
        let inner = inner.map(|(time, value)| (*time, value.clone()));
        let left = left.map(|value| (self.start, value));
        let right = right.map(|value| (self.end, value));
        left.into_iter().chain(inner).chain(right).collect()
    }
}
