//! Windows: the samples of one range at each step, as slices of a series.

use super::super::ast::*;
use super::super::error::Failure;
use super::super::histogram::Histogram;
use super::super::series::Samples;
use super::{Evaluator, Grid};
use std::sync::Arc;

/// The samples a range function sees at one step.
#[derive(Debug, Clone, Copy)]
pub struct Window<'a> {
    pub times: &'a [i64],
    pub values: &'a [f64],
    /// When each counter began; empty when unknown.
    pub starts: &'a [i64],
    pub histogram_times: &'a [i64],
    pub histograms: &'a [Arc<Histogram>],
    pub histogram_starts: &'a [i64],
    /// Of running totals of deltas, the totals before the window.
    pub before: Option<Before<'a>>,
}

/// Running totals before a window; none at all is zero.
#[derive(Debug, Clone, Copy)]
pub struct Before<'a> {
    pub value: f64,
    pub histogram: Option<&'a Arc<Histogram>>,
}

impl Window<'_> {
    pub fn is_empty(&self) -> bool {
        self.times.is_empty() && self.histogram_times.is_empty()
    }

    pub fn count(&self) -> usize {
        self.times.len() + self.histogram_times.len()
    }
}

/// The argument of a range function.
#[derive(Debug)]
pub struct Ranges {
    pub series: Arc<Vec<Samples>>,
    pub shift: Shift,
    pub range_ms: i64,
    pub edges: Edges,
    pub span: Span,
}

impl Evaluator {
    pub(in super::super) fn ranges(&mut self, arg: &Expr, grid: Grid) -> Result<Ranges, Failure> {
        match arg.bare() {
            Expr::Matrix(node) => Ok(Ranges {
                series: self.fetched(&node.selector),
                shift: node.selector.shift.clone(),
                range_ms: node.range_ms,
                edges: node.selector.edges,
                span: node.span,
            }),
            Expr::Subquery(node) => Ok(Ranges {
                series: Arc::new(self.subquery(node, grid)?),
                shift: node.shift.clone(),
                range_ms: node.range_ms,
                edges: Edges::Plain,
                span: node.span,
            }),
            _ => Err(Failure::execution("expected a range vector")),
        }
    }
}

/// Slides over one series; moments must not go back.
#[derive(Debug, Default)]
pub struct Slider {
    floats: std::ops::Range<usize>,
    histograms: std::ops::Range<usize>,
}

impl Slider {
    /// The samples after `after` and not after `to`.
    pub fn window<'a>(&mut self, samples: &'a Samples, after: i64, to: i64) -> Window<'a> {
        slide(&samples.times, &mut self.floats, after, to);
        slide(&samples.histogram_times, &mut self.histograms, after, to);
        let part = |list: &'a [i64], range: &std::ops::Range<usize>| {
            list.get(range.clone()).unwrap_or_default()
        };
        let before = samples.deltas.as_ref().map(|totals| Before {
            value: self.floats.start.checked_sub(1).map_or(totals.value, |at| samples.values[at]),
            histogram: match self.histograms.start.checked_sub(1) {
                Some(at) => Some(&samples.histograms[at]),
                None => totals.histogram.as_ref(),
            },
        });
        Window {
            before,
            times: &samples.times[self.floats.clone()],
            values: &samples.values[self.floats.clone()],
            starts: part(&samples.starts, &self.floats),
            histogram_times: &samples.histogram_times[self.histograms.clone()],
            histograms: &samples.histograms[self.histograms.clone()],
            histogram_starts: part(&samples.histogram_starts, &self.histograms),
        }
    }
}

fn slide(times: &[i64], range: &mut std::ops::Range<usize>, after: i64, to: i64) {
    while times.get(range.end).is_some_and(|time| *time <= to) {
        range.end += 1;
    }
    while range.start < range.end && times[range.start] <= after {
        range.start += 1;
    }
}
