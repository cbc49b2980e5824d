//! What is done with finished series: the largest or smallest at every time, and comparisons.

use super::MetricSeries;
use crate::traceql::ast::{Comparison, SecondStage};
use std::collections::BTreeMap;

pub(super) fn apply(series: Vec<MetricSeries>, stages: &[SecondStage]) -> Vec<MetricSeries> {
    let mut series = series;
    for stage in stages {
        match stage {
            SecondStage::TopK(count) => keep_first(&mut series, *count, |a, b| b.total_cmp(&a)),
            SecondStage::BottomK(count) => keep_first(&mut series, *count, |a, b| a.total_cmp(&b)),
            SecondStage::Compare(op, number) => {
                for one in &mut series {
                    one.points.retain(|(_, value)| holds(*op, *value, *number));
                }
            }
        }
        series.retain(|one| !one.points.is_empty());
    }
    series
}

/// Keeps the first `count` values at every time; of equal ones those of the series that come first.
fn keep_first(
    series: &mut [MetricSeries],
    count: usize,
    order: impl Fn(f64, f64) -> std::cmp::Ordering,
) {
    let mut times: BTreeMap<i64, Vec<(f64, usize)>> = BTreeMap::new();
    for (index, one) in series.iter().enumerate() {
        for (time, value) in &one.points {
            times.entry(time.0).or_default().push((*value, index));
        }
    }
    for values in times.values_mut() {
        values.sort_by(|a, b| order(a.0, b.0).then(a.1.cmp(&b.1)));
        values.truncate(count);
    }
    for (index, one) in series.iter_mut().enumerate() {
        let kept = |time: i64| times[&time].iter().any(|(_, kept)| *kept == index);
        one.points.retain(|(time, _)| kept(time.0));
    }
}

fn holds(op: Comparison, value: f64, number: f64) -> bool {
    match op {
        Comparison::Equal => value == number,
        Comparison::NotEqual => value != number,
        Comparison::Less => value < number,
        Comparison::LessOrEqual => value <= number,
        Comparison::Greater => value > number,
        Comparison::GreaterOrEqual => value >= number,
        Comparison::Matches | Comparison::NotMatches => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use binnacle_storage::model::Timestamp;

    fn series(values: &[f64]) -> MetricSeries {
        let points = values.iter().enumerate();
        let points = points.map(|(time, value)| (Timestamp(time as i64), *value));
        MetricSeries { labels: Vec::new(), points: points.collect(), exemplars: Vec::new() }
    }

    fn check(stage: SecondStage, expected: &[&[(i64, f64)]]) {
        let all = vec![series(&[1.0, 5.0]), series(&[2.0, 5.0]), series(&[3.0, 1.0])];
        let left = apply(all, &[stage]);
        let left: Vec<Vec<(i64, f64)>> = left
            .iter()
            .map(|one| one.points.iter().map(|(time, value)| (time.0, *value)).collect())
            .collect();
        assert_eq!(left, expected.iter().map(|points| points.to_vec()).collect::<Vec<_>>());
    }

    #[test]
    fn first_ones_are_kept_at_every_time() {
        check(SecondStage::TopK(1), &[&[(1, 5.0)], &[(0, 3.0)]]);
        check(SecondStage::BottomK(1), &[&[(0, 1.0)], &[(1, 1.0)]]);
        check(
            SecondStage::Compare(Comparison::Greater, 2.5),
            &[&[(1, 5.0)], &[(1, 5.0)], &[(0, 3.0)]],
        );
    }
}
