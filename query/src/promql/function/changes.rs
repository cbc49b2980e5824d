//! `changes` and `resets`: how often a value changed, or a counter began anew.

use super::super::ast::Edges;
use super::super::eval::Window;
use super::super::series::Sample;
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
        let anew = began_anew((before.start, before.time), (now.start, now.time));
        match (&before.sample, &now.sample) {
            (Sample::Float(a), Sample::Float(b)) => b < a || anew,
            (Sample::Histogram(a), Sample::Histogram(b)) => anew || b.is_reset_after(a),
            _ => true,
        }
    }))
}

struct Point {
    time: i64,
    /// When the counter began; 0 is unknown.
    start: i64,
    sample: Sample,
}

/// How many neighbours meet a condition. An anchored range begins with the last sample not after its start.
fn count(
    context: &Context<'_>,
    window: &Window<'_>,
    is_counted: impl Fn(&Point, &Point) -> bool,
) -> Option<Sample> {
    let mut from = i64::MIN;
    if context.edges != Edges::Plain {
        let last = |times: &[i64]| {
            times[..times.partition_point(|time| *time <= context.start)].last().copied()
        };
        from = last(window.times).max(last(window.histogram_times)).unwrap_or(from);
        let latest = window.times.last().max(window.histogram_times.last())?;
        if *latest <= context.start {
            return None;
        }
    }
    let floats = window.times.iter().zip(window.values).enumerate().map(|(at, (time, value))| {
        Point { time: *time, start: start_at(window.starts, at), sample: Sample::Float(*value) }
    });
    let histograms = window.histogram_times.iter().zip(window.histograms).enumerate();
    let histograms = histograms.map(|(at, (time, histogram))| Point {
        time: *time,
        start: start_at(window.histogram_starts, at),
        sample: Sample::Histogram(histogram.clone()),
    });
    let mut floats = floats.skip_while(|point| point.time < from).peekable();
    let mut histograms = histograms.skip_while(|point| point.time < from).peekable();
    let mut before = next(&mut floats, &mut histograms)?;
    let mut counted = 0u64;
    while let Some(now) = next(&mut floats, &mut histograms) {
        counted += u64::from(is_counted(&before, &now));
        before = now;
    }
    Some(Sample::Float(counted as f64))
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
