//! `deriv` and `predict_linear`: the line that fits the samples best.

use super::super::annotation::Annotation;
use super::super::eval::Window;
use super::super::histogram::kahan_add;
use super::super::series::Sample;
use super::range::{Context, Outcome};

pub fn deriv(context: &mut Context<'_>, window: &Window<'_>) -> Outcome {
    if !is_enough(context, window) {
        return Ok(None);
    }
    // Times are taken from near the values, which loses less to rounding.
    let (slope, _) = line(window, window.times[0]);
    Ok(Some(Sample::Float(slope)))
}

pub fn predict_linear(context: &mut Context<'_>, window: &Window<'_>) -> Outcome {
    if !is_enough(context, window) {
        return Ok(None);
    }
    let (slope, at_moment) = line(window, context.time);
    Ok(Some(Sample::Float(slope * context.number(0) + at_moment)))
}

/// A line needs two points; histograms beside floats are noted.
fn is_enough(context: &mut Context<'_>, window: &Window<'_>) -> bool {
    if !window.times.is_empty() && !window.histograms.is_empty() {
        let metric = context.metric();
        context.note(Annotation::IgnoredInMixedRange { metric });
    }
    window.times.len() >= 2
}

/// Slope per second, and the value at `origin`.
fn line(window: &Window<'_>, origin: i64) -> (f64, f64) {
    let first = window.values[0];
    if window.values.iter().all(|value| *value == first) {
        return if first.is_infinite() { (f64::NAN, f64::NAN) } else { (0.0, first) };
    }
    let mut sums = [(0.0, 0.0); 4];
    for (time, y) in window.times.iter().zip(window.values) {
        let x = (time - origin) as f64 / 1e3;
        for ((sum, lost), value) in sums.iter_mut().zip([x, *y, x * y, x * x]) {
            (*sum, *lost) = kahan_add(value, *sum, *lost);
        }
    }
    let [x, y, xy, xx] = sums.map(|(sum, lost)| sum + lost);
    let count = window.values.len() as f64;
    let covariance = xy - x * y / count;
    let variance = xx - x * x / count;
    let slope = covariance / variance;
    (slope, y / count - slope * x / count)
}
