//! The metrics functions: what is kept of the values of one interval, and what comes out of it.

use super::super::value::{Value, compare};
use crate::traceql::ast::Comparison;
use std::collections::BTreeMap;

/// A metrics function with the slot of the field it is about.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Function {
    Rate,
    Count,
    Min(usize),
    Max(usize),
    Avg(usize),
    Sum(usize),
    Quantiles(usize, Vec<f64>),
    Histogram(usize),
}

impl Function {
    /// The slot of the field whose values are needed.
    pub(super) fn slot(&self) -> Option<usize> {
        match self {
            Function::Rate | Function::Count => None,
            Function::Min(slot)
            | Function::Max(slot)
            | Function::Avg(slot)
            | Function::Sum(slot)
            | Function::Quantiles(slot, _)
            | Function::Histogram(slot) => Some(*slot),
        }
    }

    pub(super) fn empty(&self) -> Kept {
        match self {
            Function::Rate | Function::Count => Kept::Count(0),
            Function::Min(_) | Function::Max(_) => Kept::Extreme(None),
            Function::Avg(_) | Function::Sum(_) => Kept::Sum(Sum::default()),
            Function::Quantiles(..) => Kept::Values(Vec::new()),
            Function::Histogram(_) => Kept::Buckets(BTreeMap::new()),
        }
    }
}

/// What is kept of one group's spans in one interval.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kept {
    Count(u64),
    Extreme(Option<f64>),
    Sum(Sum),
    Values(Vec<f64>),
    /// Spans by upper bound of their value, as the power of two it is.
    Buckets(BTreeMap<i32, u64>),
}

/// A sum that hardly hangs on the order of its parts (Neumaier's compensated summation).
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Sum {
    total: f64,
    lost: f64,
    count: u64,
}

impl Sum {
    fn add(&mut self, value: f64) {
        let total = self.total + value;
        let (large, small) = match self.total.abs() >= value.abs() {
            true => (self.total, value),
            false => (value, self.total),
        };
        self.lost += (large - total) + small;
        self.total = total;
    }

    pub(super) fn value(self) -> Option<f64> {
        (self.count > 0).then_some(self.total + self.lost)
    }

    pub(super) fn mean(self) -> Option<f64> {
        self.value().map(|sum| sum / self.count as f64)
    }
}

/// A measured value; durations in seconds.
pub(super) fn measured(value: &Value<'_>) -> Option<f64> {
    match value {
        Value::Duration(nanos) => Some(*nanos as f64 / 1e9),
        value => value.number().filter(|number| !number.is_nan()),
    }
}

impl Kept {
    /// Counts a span; `value` is of the function's field.
    pub(super) fn add(&mut self, function: &Function, value: f64) {
        match self {
            Kept::Count(count) => *count += 1,
            Kept::Extreme(extreme) => {
                let op = match function {
                    Function::Min(_) => Comparison::Less,
                    _ => Comparison::Greater,
                };
                let better = extreme.is_none_or(|best| {
                    compare(op, &Value::Float(value), &Value::Float(best), None) == Some(true)
                });
                if better {
                    *extreme = Some(value);
                }
            }
            Kept::Sum(sum) => {
                sum.add(value);
                sum.count += 1;
            }
            Kept::Values(values) => values.push(value),
            Kept::Buckets(buckets) => *buckets.entry(bucket(value)).or_default() += 1,
        }
    }

    pub(super) fn unite(&mut self, function: &Function, other: Kept) {
        match (self, other) {
            (Kept::Count(count), Kept::Count(other)) => *count += other,
            (Kept::Extreme(_), Kept::Extreme(None)) => {}
            (kept @ Kept::Extreme(_), Kept::Extreme(Some(other))) => kept.add(function, other),
            (Kept::Sum(sum), Kept::Sum(other)) => {
                sum.add(other.total);
                sum.add(other.lost);
                sum.count += other.count;
            }
            (Kept::Values(values), Kept::Values(other)) => values.extend(other),
            (Kept::Buckets(buckets), Kept::Buckets(other)) => {
                for (bucket, count) in other {
                    *buckets.entry(bucket).or_default() += count;
                }
            }
            // One function keeps one thing.
            _ => {}
        }
    }
}

/// The least power of two that is not below the value; values up to nothing are in the lowest.
fn bucket(value: f64) -> i32 {
    /// 2^-30 s is about a nanosecond.
    const LOWEST: i32 = -30;
    if value <= 0.0 {
        return LOWEST;
    }
    let mut power = (value.log2().ceil() as i32).max(LOWEST);
    // The logarithm may be rounded to either side.
    while value > 2f64.powi(power) {
        power += 1;
    }
    while power > LOWEST && value <= 2f64.powi(power - 1) {
        power -= 1;
    }
    power
}

/// The quantile of all values, between the two nearest ranks where it falls between them, as PromQL's
/// `quantile_over_time` has it. `values` are sorted and not empty.
pub(super) fn quantile(values: &[f64], quantile: f64) -> f64 {
    let rank = quantile * (values.len() - 1) as f64;
    let below = rank.floor() as usize;
    let above = (below + 1).min(values.len() - 1);
    let weight = rank - rank.floor();
    values[below] * (1.0 - weight) + values[above] * weight
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_powers_of_two() {
        let cases =
            [(1.0, 0), (1.0001, 1), (2.0, 1), (0.5, -1), (0.3, -1), (0.0, -30), (1e-12, -30)];
        for (value, power) in cases {
            assert_eq!(bucket(value), power, "{value}");
        }
    }

    #[test]
    fn quantiles_are_exact() {
        let values = [1.0, 2.0, 3.0, 4.0];
        for (q, expected) in [(0.0, 1.0), (0.5, 2.5), (1.0, 4.0)] {
            assert_eq!(quantile(&values, q), expected);
        }
        assert_eq!(quantile(&[7.0], 0.99), 7.0);
    }

    #[test]
    fn sums_do_not_lose_small_parts() {
        let mut sum = Sum::default();
        for value in [1e16, 1.0, -1e16] {
            sum.add(value);
            sum.count += 1;
        }
        assert_eq!(sum.value(), Some(1.0));
    }
}
