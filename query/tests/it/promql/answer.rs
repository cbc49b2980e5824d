//! Comparing answers with what a script expects.

use super::script::Eval;
use binnacle_query::promql::describe::Point;
use binnacle_query::promql::histogram::{Histogram, ResetHint};
use binnacle_query::promql::labels::Labels;
use binnacle_query::promql::series::Sample;
use binnacle_query::promql::{Times, Value};

/// An answer as series of timed points, in its order.
#[derive(Debug, Clone)]
pub struct Series {
    pub list: Vec<(Labels, Vec<(i64, Point)>)>,
    pub scalar: Option<f64>,
    pub text: Option<String>,
}

fn point(sample: Sample) -> Point {
    match sample {
        Sample::Float(value) => Point::Float(value),
        Sample::Histogram(histogram) => Point::Histogram(Box::new(histogram.as_ref().clone())),
    }
}

impl Series {
    pub fn of(value: &Value, times: Times) -> Series {
        let (mut scalar, mut text) = (None, None);
        let list = match value {
            Value::Scalar(value) => {
                scalar = Some(*value);
                Vec::new()
            }
            Value::Text(value) => {
                text = Some(value.clone());
                Vec::new()
            }
            Value::Vector(list) => {
                let series = |(labels, sample): &(Labels, Sample)| {
                    (labels.clone(), vec![(times.start, point(sample.clone()))])
                };
                list.iter().map(series).collect()
            }
            Value::Matrix(list) => list
                .iter()
                .map(|samples| {
                    let points = samples.by_time().map(|(time, sample)| (time, point(sample)));
                    (samples.labels.clone(), points.collect())
                })
                .collect(),
        };
        Series { list, scalar, text }
    }

    /// Only what is at one time.
    pub fn at(mut self, time: i64) -> Series {
        for (_, points) in &mut self.list {
            points.retain(|(other, _)| *other == time);
        }
        self.list.retain(|(_, points)| !points.is_empty());
        self
    }
}

pub fn check(eval: &Eval, found: &Series) -> Result<(), String> {
    if let Some(text) = &eval.expect.text {
        let same = found.text.as_ref() == Some(text);
        return if same { Ok(()) } else { Err(format!("{:?} is not {text:?}", found.text)) };
    }
    if let Some(expected) = eval.scalar {
        let value = found.scalar.or_else(|| match found.list.first()?.1.first()? {
            (_, Point::Float(value)) => Some(*value),
            _ => None,
        });
        let same = value.is_some_and(|value| is_close(value, expected));
        return if same { Ok(()) } else { Err(format!("{value:?} is not {expected}")) };
    }
    let expected = expected(eval);
    if found.list.len() != expected.len() {
        return Err(format!(
            "{} series instead of {}: {:?}",
            found.list.len(),
            expected.len(),
            found.list
        ));
    }
    for (at, (labels, points)) in expected.iter().enumerate() {
        let other = if eval.expect.is_ordered {
            found.list.get(at).filter(|(other, _)| other == labels)
        } else {
            found.list.iter().find(|(other, _)| other == labels)
        };
        let Some((_, other)) = other else {
            return Err(format!("no series {labels} at place {at}: {:?}", found.list));
        };
        let same = points.len() == other.len()
            && points.iter().zip(other).all(|(a, b)| a.0 == b.0 && is_same(&a.1, &b.1));
        if !same {
            return Err(format!("{labels}: {other:?}\n    is not {points:?}"));
        }
    }
    Ok(())
}

/// The expected series with the times of their points.
pub fn expected(eval: &Eval) -> Vec<(Labels, Vec<(i64, Point)>)> {
    let (start, step) = match eval.expect.range {
        Some((start, _, step)) => (start, step),
        None => (eval.times.start, eval.times.step),
    };
    let timed = eval.series.iter().map(|(labels, points)| {
        let points =
            points.iter().cloned().zip(0i64..).map(|(point, at)| (start + at * step, point));
        let points: Vec<_> = points.filter(|(_, point)| *point != Point::Nothing).collect();
        (labels.clone(), points)
    });
    timed.filter(|(_, points)| !points.is_empty()).collect()
}

fn is_same(expected: &Point, found: &Point) -> bool {
    match (expected, found) {
        (Point::Float(a), Point::Float(b)) => is_close(*a, *b),
        (Point::Histogram(a), Point::Histogram(b)) => is_same_histogram(a, b),
        _ => false,
    }
}

fn is_same_histogram(expected: &Histogram, found: &Histogram) -> bool {
    let (mut a, mut b) = (expected.clone(), found.clone());
    a.compact();
    b.compact();
    let counts = |a: &[(i32, f64)], b: &[(i32, f64)]| {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.0 == b.0 && is_close(a.1, b.1))
    };
    a.schema == b.schema
        && is_close(a.count, b.count)
        && is_close(a.sum, b.sum)
        && is_close(a.zero_count, b.zero_count)
        && is_close(a.zero_threshold, b.zero_threshold)
        && a.bounds.len() == b.bounds.len()
        && a.bounds.iter().zip(b.bounds.iter()).all(|(a, b)| is_close(*a, *b))
        && counts(&a.positive, &b.positive)
        && counts(&a.negative, &b.negative)
        && (a.hint == ResetHint::Unknown || a.hint == b.hint)
}

/// Equal up to one part in a million.
pub fn is_close(a: f64, b: f64) -> bool {
    if (a.is_nan() && b.is_nan()) || a == b {
        return true;
    }
    let (sum, difference) = (a.abs() + b.abs(), (a - b).abs());
    if a == 0.0 || b == 0.0 || sum < f64::MIN_POSITIVE {
        return difference < 1e-6 * f64::MIN_POSITIVE;
    }
    difference / sum.min(f64::MAX) < 1e-6
}
