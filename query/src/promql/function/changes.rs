//! `changes` and `resets`: how often a value changed, or a counter began anew.

use super::super::ast::Edges;
use super::super::eval::Window;
use super::super::series::Sample;
use super::edge::picked;
use super::range::{Context, Outcome};
use super::rate::{began_anew, start_at};
use std::iter::Peekable;

pub fn changes(context: &mut Context<'_>, window: &Window<'_>) -> Outcome {
    Ok(count(context, window, |before, now| match (&before.sample, &now.sample) {
        (Sample::Float(a), Sample::Float(b)) => a != b && !(a.is_nan() && b.is_nan()),
        (a, b) => a != b,
    }))
}

pub fn resets(context: &mut Context<'_>, window: &Window<'_>) -> Outcome {
    Ok(count(context, window, |before, now| {
        began_anew((before.start, before.time), (now.start, now.time))
            || match (&before.sample, &now.sample) {
                (Sample::Float(a), Sample::Float(b)) => b < a,
                (Sample::Histogram(a), Sample::Histogram(b)) => b.is_reset_after(a),
                _ => true,
            }
    }))
}

/// How many neighbours meet a condition.
fn count(
    context: &Context<'_>,
    window: &Window<'_>,
    is_counted: impl Fn(&Point, &Point) -> bool,
) -> Option<Sample> {
    let first = match context.edges {
        Edges::Plain => 0,
        _ => picked(window.times, context.start, context.end, false)?.0,
    };
    let floats = (first..window.times.len()).map(|at| Point {
        time: window.times[at],
        start: start_at(window.starts, at),
        sample: Sample::Float(window.values[at]),
    });
    let histograms = (0..window.histogram_times.len()).map(|at| Point {
        time: window.histogram_times[at],
        start: start_at(window.histogram_starts, at),
        sample: Sample::Histogram(window.histograms[at].clone()),
    });
    let (mut floats, mut histograms) = (floats.peekable(), histograms.peekable());
    let mut before = next(&mut floats, &mut histograms)?;
    let mut counted = 0u64;
    while let Some(now) = next(&mut floats, &mut histograms) {
        counted += u64::from(is_counted(&before, &now));
        before = now;
    }
    Some(Sample::Float(counted as f64))
}

/// A sample with its time and when its counter began.
struct Point {
    time: i64,
    start: i64,
    sample: Sample,
}

/// The earlier of both.
fn next(
    floats: &mut Peekable<impl Iterator<Item = Point>>,
    histograms: &mut Peekable<impl Iterator<Item = Point>>,
) -> Option<Point> {
    let is_float = match (floats.peek(), histograms.peek()) {
        (Some(float), Some(histogram)) => float.time < histogram.time,
        (float, _) => float.is_some(),
    };
    if is_float { floats.next() } else { histograms.next() }
}
