//! `rate`, `increase` and `delta`: how much a series changed over a range, extrapolated to its edges.

use super::super::annotation::{Annotation, Operation};
use super::super::ast::Edges;
use super::super::eval::Window;
use super::super::histogram::{Histogram, ResetHint};
use super::super::series::Sample;
use super::edge::{interpolated, picked};
use super::range::{Context, Outcome};
use std::sync::Arc;

pub fn rate(context: &mut Context<'_>, window: &Window<'_>) -> Outcome {
    let is_counter = context.name != "delta";
    let is_rate = context.name == "rate";
    if context.edges != Edges::Plain {
        return Ok(between_edges(context, window, is_counter, is_rate));
    }
    if !window.times.is_empty() && !window.histogram_times.is_empty() {
        let metric = context.metric();
        context.note(Annotation::MixedFloatsHistograms { metric });
        return Ok(None);
    }
    if !window.times.is_empty() {
        let span = Sampled::of(context, window.times, window.starts, is_counter);
        return Ok(span.map(|span| {
            let change = float_change(window, is_counter, &span);
            let first_value = window.values[0];
            let to_zero = (change > 0.0 && first_value >= 0.0).then(|| first_value / change);
            Sample::Float(change * factor(context, &span, is_counter, to_zero, is_rate))
        }));
    }
    let starts = window.histogram_starts;
    let Some(span) = Sampled::of(context, window.histogram_times, starts, is_counter) else {
        return Ok(None);
    };
    let Some(mut change) = histogram_change(context, window, is_counter, &span) else {
        return Ok(None);
    };
    let first_count = window.histograms[0].count;
    let to_zero = (change.count > 0.0 && first_count >= 0.0).then(|| first_count / change.count);
    change.scale(factor(context, &span, is_counter, to_zero, is_rate));
    Ok(Some(Sample::Histogram(Arc::new(change))))
}

/// What of a range is known from its samples, in Unix milliseconds.
struct Sampled {
    /// When the counter was at zero, if it says so and that is in the range: no sample before is missed then.
    began: Option<i64>,
    first: i64,
    last: i64,
    count: usize,
}

impl Sampled {
    /// `None` when that is too little to tell a change.
    fn of(
        context: &Context<'_>,
        times: &[i64],
        starts: &[i64],
        is_counter: bool,
    ) -> Option<Sampled> {
        let (first, last, count) = (*times.first()?, *times.last()?, times.len());
        let began = if is_counter { began_inside(context, first, starts) } else { None };
        (count > 1 || began.is_some()).then_some(Sampled { began, first, last, count })
    }
}

/// When a counter began, if that is in the range and before its first sample.
fn began_inside(context: &Context<'_>, first: i64, starts: &[i64]) -> Option<i64> {
    let start = start_at(starts, 0);
    (start != 0 && context.start < start && start < first).then_some(start)
}

/// Whether a counter began anew between two samples, by when each says it began.
pub fn began_anew(before: (i64, i64), now: (i64, i64)) -> bool {
    let ((start_before, time_before), (start, time)) = (before, now);
    if start == start_before || start == 0 || start > time || start < time_before {
        return false;
    }
    // Beginning exactly at the sample before is what deltas do; without a known beginning of that one it says nothing.
    start > time_before || start_before != 0
}

pub fn start_at(starts: &[i64], at: usize) -> i64 {
    starts.get(at).copied().unwrap_or(0)
}

fn float_change(window: &Window<'_>, is_counter: bool, span: &Sampled) -> f64 {
    let (times, values, starts) = (window.times, window.values, window.starts);
    let last = values.len() - 1;
    let mut change = values[last] - if span.began.is_some() { 0.0 } else { values[0] };
    if !is_counter {
        return change;
    }
    for at in 1..values.len() {
        let fell = values[at] < values[at - 1];
        let anew = !starts.is_empty()
            && began_anew(
                (start_at(starts, at - 1), times[at - 1]),
                (start_at(starts, at), times[at]),
            );
        if fell || anew {
            change += values[at - 1];
        }
    }
    change
}

/// By how much the change between the first and last sample is scaled to stand for the whole range. Edges a sample could
/// have been missed at are covered; beyond, the series is taken to begin or end half an interval outside. Nothing came
/// before a known beginning, and after a single sample nobody knows when to expect the next.
fn factor(
    context: &Context<'_>,
    span: &Sampled,
    is_counter: bool,
    to_zero: Option<f64>,
    is_rate: bool,
) -> f64 {
    let seconds = |milliseconds: i64| milliseconds as f64 / 1000.0;
    let sampled = seconds(span.last - span.began.unwrap_or(span.first));
    let average = match span.count {
        1 => 0.0,
        count => seconds(span.last - span.first) / (count - 1) as f64,
    };
    let threshold = average * 1.1;
    let mut before = seconds(span.first - context.start);
    if before >= threshold {
        before = average / 2.0;
    }
    // A counter was never below zero.
    if let (true, Some(to_zero)) = (is_counter, to_zero) {
        before = before.min(sampled * to_zero);
    }
    if span.began.is_some() {
        before = 0.0;
    }
    let mut after = seconds(context.end - span.last);
    if after >= threshold {
        after = average / 2.0;
    }
    let factor = (sampled + before + after) / sampled;
    if is_rate { factor / context.seconds() } else { factor }
}

fn histogram_change(
    context: &mut Context<'_>,
    window: &Window<'_>,
    is_counter: bool,
    span: &Sampled,
) -> Option<Histogram> {
    let list = window.histograms;
    let (first, last) = (&list[0], list.last()?);
    let is_gauge = |histogram: &Histogram| histogram.hint == ResetHint::Gauge;
    let (times, starts) = (window.histogram_times, window.histogram_starts);
    let anew = |at: usize| {
        !starts.is_empty()
            && began_anew(
                (start_at(starts, at - 1), times[at - 1]),
                (start_at(starts, at), times[at]),
            )
    };
    if is_counter && list.iter().any(|histogram| is_gauge(histogram)) {
        let metric = context.metric();
        context.note(Annotation::NotCounter { metric });
    }
    // A first sample before a reset does not count, so its layout does not either; but if the counter is known to have
    // begun before it.
    let has_begun = span.began.is_some();
    let mut base = first.clone();
    if is_counter && !has_begun && (anew(1) || list[1].is_reset_after(first)) {
        base = Arc::new(Histogram {
            schema: list[1].schema,
            bounds: list[1].bounds.clone(),
            zero_threshold: list[1].zero_threshold,
            ..Histogram::default()
        });
    }
    let mixed = last.is_custom() != base.is_custom()
        || (is_counter && list[1..].iter().any(|h| h.is_custom() != base.is_custom()));
    if mixed {
        let metric = context.metric();
        context.note(Annotation::MixedSchemas { metric });
        return None;
    }
    let inner = if is_counter { list.get(1..list.len() - 1) } else { None };
    let schema = inner
        .unwrap_or_default()
        .iter()
        .map(|h| h.schema)
        .chain([last.schema, base.schema])
        .min()?;
    let mut change = last.reduced(schema);
    let combine =
        |context: &mut Context<'_>, change: &mut Histogram, other: &Histogram, add: bool| {
            let done = if add { change.add(other) } else { change.subtract(other) };
            let Ok(done) = done else {
                let metric = context.metric();
                context.note(Annotation::MixedSchemas { metric });
                return None;
            };
            if done.reconciled {
                let operation = if add { Operation::Addition } else { Operation::Subtraction };
                context.note(Annotation::BucketsReconciled(operation));
            }
            Some(())
        };
    if !has_begun {
        combine(context, &mut change, &base, false)?;
    }
    if is_counter {
        let mut before = &base;
        for (at, histogram) in list.iter().enumerate().skip(1) {
            if anew(at) || histogram.is_reset_after(before) {
                combine(context, &mut change, before, true)?;
            }
            before = histogram;
        }
    } else if !is_gauge(first) || !is_gauge(last) {
        let metric = context.metric();
        context.note(Annotation::NotGauge { metric });
    }
    change.hint = ResetHint::Gauge;
    change.compact();
    Some(change)
}

/// The change between the values exactly at the edges: of the samples next to them, or interpolated.
fn between_edges(
    context: &Context<'_>,
    window: &Window<'_>,
    is_counter: bool,
    is_rate: bool,
) -> Option<Sample> {
    let (times, values) = (window.times, window.values);
    let smoothed = context.edges == Edges::Smoothed;
    let (mut first, mut last) = picked(times, context.start, context.end, smoothed)?;
    let point = |at: usize| (times[at], values[at]);
    let left = if smoothed && times[first] < context.start && first + 1 < times.len() {
        interpolated(point(first), point(first + 1), context.start, is_counter)
    } else if is_counter && began_inside(context, times[first], window.starts).is_some() {
        0.0
    } else {
        values[first]
    };
    let right = if smoothed && last > 0 && times[last] > context.end {
        interpolated(point(last - 1), point(last), context.end, is_counter)
    } else {
        values[last]
    };
    let mut change = right - left;
    if is_counter {
        if times[first] <= context.start {
            first += 1;
        }
        let end = if times[last] >= context.end { last } else { last + 1 };
        last = end.max(first);
        let mut before = left;
        for value in values[first..last].iter().copied().chain([right]) {
            if value < before {
                change += before;
            }
            before = value;
        }
    }
    Some(Sample::Float(if is_rate { change / context.seconds() } else { change }))
}
