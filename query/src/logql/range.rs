//! Range aggregations: from the numbers of lines to one number per step.

use super::ast::RangeOp;
use crate::promql::function::quantile_of;
use crate::promql::series::STALE;

/// The moments a query is evaluated at, in Unix nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Steps {
    pub start: i64,
    /// Positive.
    pub step: i64,
    pub count: usize,
}

impl Steps {
    pub fn time(&self, step: usize) -> i64 {
        self.start.saturating_add(self.step.saturating_mul(step as i64))
    }

    pub fn last(&self) -> i64 {
        self.time(self.count.saturating_sub(1))
    }
}

/// One aggregation, over ranges of `range` nanoseconds that end `offset` before each step.
#[derive(Debug, Clone, Copy)]
pub struct Ranges {
    pub op: RangeOp,
    /// Of quantiles.
    pub parameter: f64,
    pub is_unwrapped: bool,
    pub range: i64,
    pub offset: i64,
    pub steps: Steps,
}

/// A number and its time.
pub type Sample = (i64, f64);

impl Ranges {
    /// The times that matter, both ends included.
    pub fn span(&self) -> (i64, i64) {
        let first = self.steps.start.saturating_sub(self.offset).saturating_sub(self.range);
        (first.saturating_add(1), self.steps.last().saturating_sub(self.offset))
    }

    /// One value per step; [`STALE`] where no line lies in the range. `samples` are by time.
    pub fn evaluate(&self, samples: &[Sample]) -> Vec<f64> {
        let mut window = 0..0;
        let sums: Vec<f64> = match self.op {
            // What is counted are integers, so differences of sums are exact.
            RangeOp::Count | RangeOp::Bytes | RangeOp::BytesRate => running_sums(samples),
            RangeOp::Rate if !self.is_unwrapped => running_sums(samples),
            _ => Vec::new(),
        };
        let value = |step: usize| {
            let to = self.steps.time(step).saturating_sub(self.offset);
            let after = to.saturating_sub(self.range);
            while samples.get(window.end).is_some_and(|(time, _)| *time <= to) {
                window.end += 1;
            }
            while window.start < window.end && samples[window.start].0 <= after {
                window.start += 1;
            }
            let inside = &samples[window.clone()];
            if inside.is_empty() {
                return STALE;
            }
            let counted = || sums[window.end] - sums[window.start];
            match self.op {
                RangeOp::Count | RangeOp::Bytes => counted(),
                RangeOp::BytesRate => counted() / self.seconds(),
                RangeOp::Rate if !self.is_unwrapped => counted() / self.seconds(),
                _ => self.aggregate(inside, after, to),
            }
        };
        (0..self.steps.count).map(value).collect()
    }

    fn seconds(&self) -> f64 {
        self.range as f64 / 1e9
    }

    fn aggregate(&self, inside: &[Sample], after: i64, to: i64) -> f64 {
        let values = || inside.iter().map(|(_, value)| *value);
        match self.op {
            RangeOp::Absent => 1.0,
            RangeOp::Rate | RangeOp::BytesRate => values().sum::<f64>() / self.seconds(),
            RangeOp::Count | RangeOp::Bytes => values().sum(),
            RangeOp::RateCounter => self.counter_rate(inside, after, to),
            RangeOp::Sum => values().sum(),
            RangeOp::Avg => mean(inside),
            RangeOp::Min => values().fold(f64::NAN, f64::min),
            RangeOp::Max => values().fold(f64::NAN, f64::max),
            RangeOp::First => inside[0].1,
            RangeOp::Last => inside[inside.len() - 1].1,
            RangeOp::Stddev => variance(inside).sqrt(),
            RangeOp::Stdvar => variance(inside),
            RangeOp::Quantile => quantile_of(self.parameter, &mut values().collect::<Vec<_>>()),
        }
    }

    /// What a counter grew by per second, extrapolated to the edges of the range as Prometheus does.
    fn counter_rate(&self, inside: &[Sample], after: i64, to: i64) -> f64 {
        let (Some((first_time, first)), Some((last_time, last))) = (inside.first(), inside.last())
        else {
            return STALE;
        };
        if inside.len() < 2 || first_time == last_time {
            return STALE;
        }
        let resets: f64 =
            inside.windows(2).filter(|pair| pair[1].1 < pair[0].1).map(|pair| pair[0].1).sum();
        let growth = last - first + resets;
        let seconds = |nanoseconds: i64| nanoseconds as f64 / 1e9;
        let sampled = seconds(last_time - first_time);
        let average = sampled / (inside.len() - 1) as f64;
        let mut to_start = seconds(first_time - after);
        let to_end = seconds(to - last_time);
        if growth > 0.0 && *first >= 0.0 {
            // A counter is not below zero.
            to_start = to_start.min(sampled * (first / growth));
        }
        let threshold = average * 1.1;
        let extend = |gap: f64| if gap < threshold { gap } else { average / 2.0 };
        growth * ((sampled + extend(to_start) + extend(to_end)) / sampled) / self.seconds()
    }
}

/// `sums[i]` is the sum of the first `i` values.
fn running_sums(samples: &[Sample]) -> Vec<f64> {
    let mut sums = Vec::with_capacity(samples.len() + 1);
    let mut sum = 0.0;
    sums.push(sum);
    for (_, value) in samples {
        sum += value;
        sums.push(sum);
    }
    sums
}

fn mean(inside: &[Sample]) -> f64 {
    inside.iter().map(|(_, value)| value).sum::<f64>() / inside.len() as f64
}

/// Of the values themselves, not of a population they are drawn from.
fn variance(inside: &[Sample]) -> f64 {
    let (mut mean, mut squares) = (0.0, 0.0);
    for (at, (_, value)) in inside.iter().enumerate() {
        let delta = value - mean;
        mean += delta / (at + 1) as f64;
        squares += delta * (value - mean);
    }
    squares / inside.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: i64 = 1_000_000_000;

    fn ranges(op: RangeOp, count: usize) -> Ranges {
        let steps = Steps { start: 10 * SECOND, step: SECOND, count };
        Ranges { op, parameter: 0.5, is_unwrapped: true, range: 5 * SECOND, offset: 0, steps }
    }

    #[test]
    fn each_operation_has_its_value() {
        // One before the range, four in it (the last at its very end), one after.
        let samples: Vec<Sample> =
            [(5, 100.0), (6, 4.0), (7, 1.0), (8, 3.0), (10, 8.0), (11, 100.0)]
                .map(|(t, v)| (t * SECOND, v))
                .into();
        let cases = [
            (RangeOp::Count, 16.0),
            (RangeOp::Rate, 16.0 / 5.0),
            (RangeOp::Bytes, 16.0),
            (RangeOp::BytesRate, 3.2),
            (RangeOp::Sum, 16.0),
            (RangeOp::Avg, 4.0),
            (RangeOp::Min, 1.0),
            (RangeOp::Max, 8.0),
            (RangeOp::First, 4.0),
            (RangeOp::Last, 8.0),
            (RangeOp::Stdvar, 6.5),
            (RangeOp::Stddev, 6.5f64.sqrt()),
            (RangeOp::Quantile, 3.5),
            (RangeOp::Absent, 1.0),
        ];
        for (op, expected) in cases {
            let value = ranges(op, 1).evaluate(&samples)[0];
            assert!((value - expected).abs() < 1e-12, "{op:?}: {value}");
        }
        assert!(ranges(RangeOp::Count, 1).evaluate(&samples[..1])[0].to_bits() == STALE.to_bits());
        assert_eq!(ranges(RangeOp::Count, 1).span(), (5 * SECOND + 1, 10 * SECOND));
    }

    proptest! {
        /// Sliding windows must agree with looking at every sample anew.
        #[test]
        fn windows_slide(mut times in prop::collection::vec(0i64..40, 0..60), offset in 0i64..8) {
            times.sort_unstable();
            let samples: Vec<Sample> = times.iter().map(|t| (t * SECOND, (t % 7) as f64)).collect();
            for op in [RangeOp::Count, RangeOp::Bytes, RangeOp::Max] {
                let ranges = Ranges { offset: offset * SECOND, is_unwrapped: op == RangeOp::Max, ..ranges(op, 30) };
                for (step, value) in ranges.evaluate(&samples).into_iter().enumerate() {
                    let to = 10 + step as i64 - offset;
                    let inside: Vec<f64> =
                        times.iter().filter(|t| to - 5 < **t && **t <= to).map(|t| (t % 7) as f64).collect();
                    let expected = match op {
                        RangeOp::Count | RangeOp::Bytes => inside.iter().sum(),
                        _ => inside.iter().copied().fold(f64::MIN, f64::max),
                    };
                    if inside.is_empty() {
                        prop_assert_eq!(value.to_bits(), STALE.to_bits());
                    } else {
                        prop_assert_eq!(value, expected);
                    }
                }
            }
        }
    }
}
