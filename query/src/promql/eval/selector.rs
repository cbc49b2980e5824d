//! Selectors: the sample a series has at a moment, and the samples of a range.

use super::super::ast::*;
use super::super::error::Failure;
use super::super::histogram::{Histogram, ResetHint};
use super::super::run::samples;
use super::super::series::{Column, Sample, Samples, is_stale};
use super::smooth::{extend, smoothed};
use super::{Evaluator, Grid, subquery_grid};
use std::sync::Arc;

/// Walks forward through a series, finding the latest sample at each moment.
pub struct Lookup<'a> {
    samples: &'a Samples,
    lookback: i64,
    /// How many floats and histograms are not after the moment.
    floats: usize,
    histograms: usize,
}

impl<'a> Lookup<'a> {
    pub fn new(samples: &'a Samples, lookback: i64) -> Lookup<'a> {
        Lookup { samples, lookback, floats: 0, histograms: 0 }
    }

    /// The sample at `time`, with its own time; moments must not go back.
    pub fn at(&mut self, time: i64) -> Option<(i64, Found<'a>)> {
        advance(&self.samples.times, &mut self.floats, time);
        advance(&self.samples.histogram_times, &mut self.histograms, time);
        let float = self.floats.checked_sub(1).map(|at| (self.samples.times[at], at));
        let histogram =
            self.histograms.checked_sub(1).map(|at| (self.samples.histogram_times[at], at));
        let (found_at, found) = match (float, histogram) {
            (Some((time, at)), other) if other.is_none_or(|(other, _)| other <= time) => {
                (time, Found::Float(self.samples.values[at]))
            }
            (_, Some((time, at))) => (time, Found::Histogram(&self.samples.histograms[at])),
            _ => return None,
        };
        let is_gone = match found {
            Found::Float(value) => is_stale(value),
            Found::Histogram(histogram) => is_stale(histogram.sum),
        };
        (!is_gone && found_at > time.saturating_sub(self.lookback)).then_some((found_at, found))
    }

    /// When the counter of the sample found last began, in Unix milliseconds; 0 is unknown.
    pub fn start(&self, found: Found<'_>) -> i64 {
        let (starts, count) = match found {
            Found::Float(_) => (&self.samples.starts, self.floats),
            Found::Histogram(_) => (&self.samples.histogram_starts, self.histograms),
        };
        count.checked_sub(1).and_then(|at| starts.get(at)).copied().unwrap_or(0)
    }
}

#[derive(Debug, Clone, Copy)]
pub enum Found<'a> {
    Float(f64),
    Histogram(&'a Arc<Histogram>),
}

/// Moves `count` past every time that is not after `time`.
fn advance(times: &[i64], count: &mut usize, time: i64) {
    // Steps are often wider than samples are apart: gallop, then search.
    let mut reach = 1;
    while times.get(*count + reach - 1).is_some_and(|next| *next <= time) {
        *count += reach;
        reach *= 2;
    }
    let end = (*count + reach).min(times.len());
    *count += times[*count..end].partition_point(|next| *next <= time);
}

impl Evaluator {
    pub(in super::super) fn fetched(&self, node: &VectorSelector) -> Arc<Vec<Samples>> {
        self.series.get(&node.id).cloned().unwrap_or_default()
    }

    pub(super) fn vector_selector(
        &mut self,
        node: &VectorSelector,
        grid: Grid,
    ) -> Result<Vec<Column>, Failure> {
        let series = self.fetched(node);
        self.check_size(series.len(), grid)?;
        let mut columns = Vec::with_capacity(series.len());
        for samples in series.iter() {
            self.check_time()?;
            let column = match node.edges {
                Edges::Smoothed => smoothed(samples, &node.shift, grid, self.lookback),
                _ => self.instant(samples, &node.shift, grid),
            };
            if column.has_any() {
                columns.push(column);
            }
        }
        Ok(columns)
    }

    pub(in super::super) fn instant(&self, samples: &Samples, shift: &Shift, grid: Grid) -> Column {
        let mut column = Column::empty(samples.labels.clone(), samples.drop_name, grid.count());
        let mut lookup = Lookup::new(samples, self.lookback);
        for step in 0..grid.count() {
            match lookup.at(shift.apply(grid.time(step))) {
                Some((_, Found::Float(value))) => column.floats[step] = value,
                Some((_, Found::Histogram(histogram))) => {
                    column.put(step, Sample::Histogram(histogram.clone()));
                }
                None => {}
            }
        }
        column
    }

    /// The samples of a range selector at the query's moment.
    pub(super) fn matrix(
        &mut self,
        node: &MatrixSelector,
        grid: Grid,
    ) -> Result<Vec<Samples>, Failure> {
        let end = node.selector.shift.apply(grid.start);
        let start = end.saturating_sub(node.range_ms);
        let (mut from, mut to) = (start, end);
        let edges = node.selector.edges;
        if edges != Edges::Plain {
            from = from.saturating_sub(self.lookback);
        }
        if edges == Edges::Smoothed {
            to = to.saturating_add(self.lookback);
        }
        let mut list = Vec::new();
        for samples in self.fetched(&node.selector).iter() {
            let mut cut = cut(&samples.without_stale(), from, to);
            if edges != Edges::Plain {
                extend(&mut cut, start, end, edges == Edges::Smoothed);
            }
            if !cut.is_empty() {
                list.push(cut);
            }
        }
        Ok(list)
    }

    /// The values of a subquery as samples. What is known about resets does not hold between its steps.
    pub(super) fn subquery(
        &mut self,
        node: &Subquery,
        grid: Grid,
    ) -> Result<Vec<Samples>, Failure> {
        let inner = subquery_grid(node, grid, self.subquery_step);
        // A few columns at least: scalars and masks are as long.
        self.check_size(4, inner)?;
        let columns = self.vector(&node.expr, inner)?;
        let mut list = Vec::with_capacity(columns.len());
        for column in &columns {
            let mut samples = samples(column, inner);
            for histogram in &mut samples.histograms {
                if matches!(histogram.hint, ResetHint::Reset | ResetHint::NotReset) {
                    Arc::make_mut(histogram).hint = ResetHint::Unknown;
                }
            }
            if !samples.is_empty() {
                list.push(samples);
            }
        }
        Ok(list)
    }
}

/// The samples after `after` and not after `to`.
fn cut(samples: &Samples, after: i64, to: i64) -> Samples {
    let part = |times: &[i64]| {
        times.partition_point(|time| *time <= after)..times.partition_point(|time| *time <= to)
    };
    let (floats, histograms) = (part(&samples.times), part(&samples.histogram_times));
    Samples {
        labels: samples.labels.clone(),
        drop_name: samples.drop_name,
        times: samples.times[floats.clone()].to_vec(),
        values: samples.values[floats].to_vec(),
        histogram_times: samples.histogram_times[histograms.clone()].to_vec(),
        histograms: samples.histograms[histograms].to_vec(),
        ..Samples::default()
    }
}
