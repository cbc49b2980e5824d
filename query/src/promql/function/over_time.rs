//! Aggregations over the samples of a window.

use super::super::annotation::{Annotation, Operation};
use super::super::eval::Window;
use super::super::histogram::{Added, Histogram, Incompatible, ResetHint, kahan_add};
use super::super::series::Sample;
use super::range::{Context, Outcome};
use std::sync::Arc;

/// Floats and histograms cannot be aggregated together.
fn is_mixed(context: &mut Context<'_>, window: &Window<'_>) -> bool {
    let mixed = !window.times.is_empty() && !window.histogram_times.is_empty();
    if mixed {
        let metric = context.metric();
        context.note(Annotation::MixedFloatsHistograms { metric });
    }
    mixed
}

/// Whether there are floats; histograms beside them are noted as left out.
fn has_floats(context: &mut Context<'_>, window: &Window<'_>) -> bool {
    if window.times.is_empty() {
        return false;
    }
    if !window.histograms.is_empty() {
        let metric = context.metric();
        context.note(Annotation::IgnoredInMixedRange { metric });
    }
    true
}

pub fn sum(context: &mut Context<'_>, window: &Window<'_>) -> Outcome {
    if is_mixed(context, window) {
        return Ok(None);
    }
    if !window.histograms.is_empty() {
        let Some((mut total, lost, _)) = total(context, window) else { return Ok(None) };
        add_lost(&mut total, &lost);
        return Ok(Some(Sample::Histogram(Arc::new(total))));
    }
    let (sum, lost) =
        window.values.iter().fold((0.0, 0.0), |(sum, lost), value| kahan_add(*value, sum, lost));
    Ok(Some(Sample::Float(if sum.is_infinite() { sum } else { sum + lost })))
}

pub fn avg(context: &mut Context<'_>, window: &Window<'_>) -> Outcome {
    if is_mixed(context, window) {
        return Ok(None);
    }
    if !window.histograms.is_empty() {
        let Some((total, lost, overflow)) = total(context, window) else { return Ok(None) };
        let all = window.histograms.iter().map(|histogram| histogram.as_ref());
        let mean = mean_of(total, lost, all, overflow);
        return Ok(Some(Sample::Histogram(Arc::new(mean))));
    }
    Ok(Some(Sample::Float(mean(window.values))))
}

/// The sum divided, as long as the sum can be held; from there on the mean is moved by each value.
fn mean(values: &[f64]) -> f64 {
    let (mut sum, mut lost) = (values[0], 0.0);
    for (at, value) in values.iter().enumerate().skip(1) {
        let (next, next_lost) = kahan_add(*value, sum, lost);
        if next.is_infinite() {
            return moved_mean(sum / at as f64, lost / at as f64, at, values);
        }
        (sum, lost) = (next, next_lost);
    }
    let count = values.len() as f64;
    sum / count + lost / count
}

fn moved_mean(mut mean: f64, mut lost: f64, from: usize, values: &[f64]) -> f64 {
    for (at, value) in values.iter().enumerate().skip(from) {
        let count = (at + 1) as f64;
        let share = (count - 1.0) / count;
        (mean, lost) = kahan_add(value / count, share * mean, share * lost);
    }
    mean + lost
}

/// Sum of the histograms of a window, what rounding lost of it, and whether it overflowed.
fn total(context: &mut Context<'_>, window: &Window<'_>) -> Option<(Histogram, Histogram, bool)> {
    let list = window.histograms;
    let mut total = list.first()?.as_ref().clone();
    let mut lost = Histogram::default();
    let (mut reconciled, mut overflow) = (false, false);
    for histogram in &list[1..] {
        match total.add_exactly(histogram, &mut lost) {
            Ok(Added { reconciled: now, .. }) => reconciled |= now,
            Err(Incompatible) => {
                let metric = context.metric();
                context.note(Annotation::MixedSchemas { metric });
                return None;
            }
        }
        overflow |= total.has_overflow();
    }
    let has = |hint| list.iter().any(|histogram| histogram.hint == hint);
    if has(ResetHint::Reset) && has(ResetHint::NotReset) {
        context.note(Annotation::ResetCollision(Operation::Aggregation));
    }
    if reconciled {
        context.note(Annotation::BucketsReconciled(Operation::Aggregation));
    }
    Some((total, lost, overflow))
}

/// Adds what rounding lost.
pub fn add_lost(total: &mut Histogram, lost: &Histogram) {
    // A total of one histogram has lost nothing, and its rest no layout.
    if lost.schema == total.schema && lost.bounds == total.bounds {
        let (hint, zero_threshold) = (total.hint, total.zero_threshold);
        // Layouts are equal, so this cannot fail.
        let _ = total.add(&Histogram { hint, zero_threshold, ..lost.clone() });
    }
}

/// Mean of histograms from their sum; of sums that overflowed, moved by each histogram.
pub fn mean_of<'a>(
    mut total: Histogram,
    mut lost: Histogram,
    all: impl Iterator<Item = &'a Histogram> + Clone,
    overflow: bool,
) -> Histogram {
    let count = all.clone().count() as f64;
    if !overflow {
        total.divide(count);
        lost.divide(count);
        add_lost(&mut total, &lost);
        total.compact();
        return total;
    }
    let mut mean: Option<Histogram> = None;
    for (at, histogram) in all.enumerate() {
        let number = (at + 1) as f64;
        match &mut mean {
            None => mean = Some(histogram.clone()),
            Some(mean) => {
                mean.scale((number - 1.0) / number);
                // The sum before has shown that they can be added.
                let _ = mean.add(&histogram.divided(number));
            }
        }
    }
    let mut mean = mean.unwrap_or_default();
    mean.hint = total.hint;
    mean.compact();
    mean
}

/// The least or greatest value, or the time of its last appearance.
pub fn extreme(context: &mut Context<'_>, window: &Window<'_>) -> Outcome {
    if !has_floats(context, window) {
        return Ok(None);
    }
    let is_time = context.name.starts_with("ts_of");
    let is_max = context.name.contains("max");
    let (mut best, mut best_time) = (window.values[0], window.times[0]);
    for (time, value) in window.times.iter().zip(window.values) {
        let is_better = if is_max { *value > best } else { *value < best };
        if is_better || best.is_nan() || (is_time && *value == best) {
            (best, best_time) = (*value, *time);
        }
    }
    Ok(Some(Sample::Float(if is_time { best_time as f64 / 1000.0 } else { best })))
}

/// The first or last sample, or its time.
pub fn edge(context: &mut Context<'_>, window: &Window<'_>) -> Outcome {
    let is_first = context.name.contains("first");
    let pick = |times: &[i64]| {
        if is_first { times.first().copied() } else { times.last().copied() }
    };
    let (float, histogram) = (pick(window.times), pick(window.histogram_times));
    let is_float = match (float, histogram) {
        (Some(float), Some(histogram)) if is_first => float < histogram,
        (Some(float), Some(histogram)) => float > histogram,
        (float, _) => float.is_some(),
    };
    if context.name.starts_with("ts_of") {
        let time = if is_float { float } else { histogram };
        return Ok(time.map(|time| Sample::Float(time as f64 / 1000.0)));
    }
    if is_float {
        let value = if is_first { window.values.first() } else { window.values.last() };
        return Ok(value.map(|value| Sample::Float(*value)));
    }
    let value = if is_first { window.histograms.first() } else { window.histograms.last() };
    Ok(value.map(|histogram| Sample::Histogram(histogram.clone())))
}

pub fn quantile(context: &mut Context<'_>, window: &Window<'_>) -> Outcome {
    if window.times.is_empty() {
        return Ok(None);
    }
    let q = context.number(0);
    if !(0.0..=1.0).contains(&q) {
        let span = context.first_span;
        context.evaluator.note(Annotation::InvalidQuantile(q), span);
    }
    has_floats(context, window);
    Ok(Some(Sample::Float(quantile_of(q, &mut window.values.to_vec()))))
}

/// Median of the distances from the median.
pub fn mad(context: &mut Context<'_>, window: &Window<'_>) -> Outcome {
    if !has_floats(context, window) {
        return Ok(None);
    }
    if window.values.iter().any(|value| value.is_nan()) {
        return Ok(Some(Sample::Float(f64::NAN)));
    }
    let mut values = window.values.to_vec();
    let median = quantile_of(0.5, &mut values);
    let mut distances: Vec<f64> =
        window.values.iter().map(|value| (value - median).abs()).collect();
    Ok(Some(Sample::Float(quantile_of(0.5, &mut distances))))
}

pub fn variance(context: &mut Context<'_>, window: &Window<'_>) -> Outcome {
    if !has_floats(context, window) {
        return Ok(None);
    }
    let (mut count, mut mean, mut lost) = (0.0, 0.0, 0.0);
    let (mut squares, mut squares_lost) = (0.0, 0.0);
    for value in window.values {
        count += 1.0;
        let delta = value - (mean + lost);
        (mean, lost) = kahan_add(delta / count, mean, lost);
        (squares, squares_lost) = kahan_add(delta * (value - (mean + lost)), squares, squares_lost);
    }
    let variance = (squares + squares_lost) / count;
    let is_deviation = context.name == "stddev_over_time";
    Ok(Some(Sample::Float(if is_deviation { variance.sqrt() } else { variance })))
}

/// A quantile of values, interpolated between neighbours. Values that are not numbers are the smallest.
pub fn quantile_of(q: f64, values: &mut [f64]) -> f64 {
    if values.is_empty() || q.is_nan() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    values.sort_by(|a, b| match (a.is_nan(), b.is_nan()) {
        (false, false) => a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal),
        (a, b) => b.cmp(&a),
    });
    let last = values.len() - 1;
    let rank = q * last as f64;
    let lower = rank.floor() as usize;
    let upper = (lower + 1).min(last);
    let weight = rank - rank.floor();
    values[lower] * (1.0 - weight) + values[upper] * weight
}
