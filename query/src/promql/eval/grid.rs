//! Steps: the moments a node is evaluated at.

use super::super::Times;
use super::super::ast::Subquery;

/// Evenly spaced Unix milliseconds, from `start` to at most `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    pub start: i64,
    pub end: i64,
    /// Never zero.
    pub step: i64,
}

impl Grid {
    pub fn of(times: Times) -> Grid {
        Grid { start: times.start, end: times.end, step: times.step.max(1) }
    }

    pub fn count(&self) -> usize {
        if self.end < self.start {
            return 0;
        }
        usize::try_from(self.end.saturating_sub(self.start) / self.step + 1).unwrap_or(usize::MAX)
    }

    pub fn time(&self, step: usize) -> i64 {
        self.start.saturating_add((step as i64).saturating_mul(self.step))
    }
}

/// The moments the inside of a subquery is evaluated at: multiples of its step, enough for every step of `grid`.
pub fn subquery_grid(node: &Subquery, grid: Grid, default_step: i64) -> Grid {
    let step = if node.step_ms > 0 { node.step_ms } else { default_step.max(1) };
    let first = node.shift.apply(grid.start).saturating_sub(node.range_ms);
    // Division towards zero, then on to the first multiple after the range's start.
    let mut start = step.saturating_mul(first / step);
    if start <= first {
        start = start.saturating_add(step);
    }
    Grid { start, end: node.shift.apply(grid.end), step }
}
