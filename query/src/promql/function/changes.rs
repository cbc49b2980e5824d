//! `changes` and `resets`: how often a value changed, or a counter began anew.

use super::super::ast::Edges;
use super::super::eval::Window;
use super::super::series::Sample;
use super::edge::picked;
use super::range::{Context, Outcome};
use std::iter::Peekable;

pub fn changes(context: &mut Context<'_>, window: &Window<'_>) -> Outcome {
    Ok(count(context, window, |before, now| match (before, now) {
        (Sample::Float(a), Sample::Float(b)) => a != b && !(a.is_nan() && b.is_nan()),
        (a, b) => a != b,
    }))
}

pub fn resets(context: &mut Context<'_>, window: &Window<'_>) -> Outcome {
    Ok(count(context, window, |before, now| match (before, now) {
        (Sample::Float(a), Sample::Float(b)) => b < a,
        (Sample::Histogram(a), Sample::Histogram(b)) => b.is_reset_after(a),
        _ => true,
    }))
}

/// How many neighbours meet a condition.
fn count(
    context: &Context<'_>,
    window: &Window<'_>,
    is_counted: impl Fn(&Sample, &Sample) -> bool,
) -> Option<Sample> {
    let first = match context.edges {
        Edges::Plain => 0,
        _ => picked(window.times, context.start, context.end, false)?.0,
    };
    let floats = window.times.iter().zip(window.values).skip(first);
    let mut floats = floats.map(|(time, value)| (*time, Sample::Float(*value))).peekable();
    let histograms = window.histogram_times.iter().zip(window.histograms);
    let mut histograms = histograms
        .map(|(time, histogram)| (*time, Sample::Histogram(histogram.clone())))
        .peekable();
    let mut before = next(&mut floats, &mut histograms)?;
    let mut counted = 0u64;
    while let Some(now) = next(&mut floats, &mut histograms) {
        counted += u64::from(is_counted(&before, &now));
        before = now;
    }
    Some(Sample::Float(counted as f64))
}

type Timed = (i64, Sample);

/// The earlier of both.
fn next(
    floats: &mut Peekable<impl Iterator<Item = Timed>>,
    histograms: &mut Peekable<impl Iterator<Item = Timed>>,
) -> Option<Sample> {
    let is_float = match (floats.peek(), histograms.peek()) {
        (Some((float, _)), Some((histogram, _))) => float < histogram,
        (float, _) => float.is_some(),
    };
    let (_, sample) = if is_float { floats.next()? } else { histograms.next()? };
    Some(sample)
}
