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
    /// With how many of its units the values are told in one: of durations, which are in seconds, nanoseconds.
    Histogram(usize, f64),
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
            | Function::Histogram(slot, _) => Some(*slot),
        }
    }

    pub(super) fn empty(&self) -> Kept {
        match self {
            Function::Rate | Function::Count => Kept::Count(0),
            Function::Min(_) | Function::Max(_) => Kept::Extreme(None),
            Function::Avg(_) | Function::Sum(_) => Kept::Sum(Sum::default()),
            Function::Quantiles(..) => Kept::Values(Values::default()),
            Function::Histogram(..) => Kept::Buckets(BTreeMap::new()),
        }
    }
}

/// What is kept of one group's spans in one interval.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kept {
    Count(u64),
    Extreme(Option<f64>),
    Sum(Sum),
    Values(Values),
    /// Spans by upper bound of their value, as the power of two it is.
    Buckets(BTreeMap<i32, u64>),
}

/// All values, in no order.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Values {
    single: Vec<f64>,
    /// Values that stand for as many.
    weighted: Vec<(f64, u32)>,
}

impl Values {
    fn add(&mut self, value: f64, weight: u32) {
        match weight {
            1 => self.single.push(value),
            weight => self.weighted.push((value, weight)),
        }
    }

    fn unite(&mut self, other: Values) {
        self.single.extend(other.single);
        self.weighted.extend(other.weighted);
    }

    /// Each of the quantiles; `None` without values.
    pub(super) fn quantiles(&self, quantiles: &[f64]) -> Vec<Option<f64>> {
        let weighted =
            self.single.iter().map(|&value| (value, 1)).chain(self.weighted.iter().copied());
        let mut sorted: Vec<(f64, u32)> = weighted.collect();
        sorted.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        // Of each value: how many there are up to its last.
        let ranks: Vec<u64> = sorted
            .iter()
            .scan(0, |rank, &(_, weight)| {
                *rank += u64::from(weight);
                Some(*rank)
            })
            .collect();
        let Some(&count) = ranks.last() else { return vec![None; quantiles.len()] };
        let at = |rank: u64| sorted[ranks.partition_point(|&last| last <= rank)].0;
        quantiles.iter().map(|&q| Some(quantile(count, at, q))).collect()
    }
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

/// A measured value; durations in seconds, of a field with several values (a span's events) the first.
pub(super) fn measured(value: &Value<'_>) -> Option<f64> {
    match value {
        Value::Duration(nanos) => Some(*nanos as f64 / 1e9),
        Value::Array(values) => values.iter().find_map(measured),
        value => value.number().filter(|number| !number.is_nan()),
    }
}

impl Kept {
    /// Counts a span that stands for `weight`; `value` is of the function's field.
    pub(super) fn add(&mut self, function: &Function, value: f64, weight: u32) {
        match self {
            Kept::Count(count) => *count += u64::from(weight),
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
                sum.add(value * f64::from(weight));
                sum.count += u64::from(weight);
            }
            Kept::Values(values) => values.add(value, weight),
            Kept::Buckets(buckets) => {
                let units = match function {
                    Function::Histogram(_, units) if *units != 1.0 => (value * units).round(),
                    _ => value,
                };
                *buckets.entry(bucket(units)).or_default() += u64::from(weight);
            }
        }
    }

    pub(super) fn unite(&mut self, function: &Function, other: Kept) {
        match (self, other) {
            (Kept::Count(count), Kept::Count(other)) => *count += other,
            (Kept::Extreme(_), Kept::Extreme(None)) => {}
            (kept @ Kept::Extreme(_), Kept::Extreme(Some(other))) => kept.add(function, other, 1),
            (Kept::Sum(sum), Kept::Sum(other)) => {
                sum.add(other.total);
                sum.add(other.lost);
                sum.count += other.count;
            }
            (Kept::Values(values), Kept::Values(other)) => values.unite(other),
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

/// The least power of two that is not below the value, as Tempo has it; values up to nothing are in the lowest.
fn bucket(value: f64) -> i32 {
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
/// `quantile_over_time` has it. There are `count` values, more than none; `at` gives them in order.
fn quantile(count: u64, at: impl Fn(u64) -> f64, quantile: f64) -> f64 {
    let rank = quantile * (count - 1) as f64;
    let below = rank.floor() as u64;
    let above = (below + 1).min(count - 1);
    let weight = rank - rank.floor();
    at(below) * (1.0 - weight) + at(above) * weight
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
        let of = |values: &[(f64, u32)], q: f64| {
            let mut kept = Values::default();
            values.iter().for_each(|&(value, weight)| kept.add(value, weight));
            kept.quantiles(&[q])[0]
        };
        for (q, expected) in [(0.0, 1.0), (0.5, 2.5), (1.0, 4.0)] {
            assert_eq!(of(&[(3.0, 1), (1.0, 1), (4.0, 1), (2.0, 1)], q), Some(expected));
        }
        assert_eq!(of(&[(7.0, 1)], 0.99), Some(7.0));
        assert_eq!(of(&[], 0.5), None);
        // A value that stands for three is there three times.
        for q in [0.0, 0.2, 0.25, 0.5, 0.7, 0.75, 0.9, 1.0] {
            let apart = of(&[(1.0, 1), (2.0, 1), (2.0, 1), (2.0, 1), (9.0, 1)], q);
            assert_eq!(of(&[(9.0, 1), (2.0, 3), (1.0, 1)], q), apart, "{q}");
        }
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
