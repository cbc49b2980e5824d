//! `irate` and `idelta`: the change between the last two samples.

use super::super::annotation::{Annotation, Operation};
use super::super::eval::Window;
use super::super::histogram::{Histogram, ResetHint};
use super::super::series::Sample;
use super::range::{Context, Outcome};
use super::rate::{began_anew, start_at};
use std::sync::Arc;

/// A sample with its time and when its counter began.
type Point = (i64, i64, Sample);

pub fn instant_rate(context: &mut Context<'_>, window: &Window<'_>) -> Outcome {
    let is_rate = context.name == "irate";
    let Some(((time_before, start_before, before), (time, start, now))) = last_two(window) else {
        return Ok(None);
    };
    if time == time_before {
        return Ok(None);
    }
    let anew = began_anew((start_before, time_before), (start, time));
    let seconds = (time - time_before) as f64 / 1000.0;
    match (before, now) {
        (Sample::Float(before), Sample::Float(now)) => {
            let began = is_rate && (now < before || anew);
            let change = if began { now } else { now - before };
            Ok(Some(Sample::Float(if is_rate { change / seconds } else { change })))
        }
        (Sample::Histogram(before), Sample::Histogram(now)) => {
            let Some(mut change) = histogram_change(context, &before, &now, is_rate, anew) else {
                return Ok(None);
            };
            if is_rate {
                change.divide(seconds);
            }
            Ok(Some(Sample::Histogram(Arc::new(change))))
        }
        _ => {
            let metric = context.metric();
            note(context, Annotation::MixedFloatsHistograms { metric });
            Ok(None)
        }
    }
}

fn note(context: &mut Context<'_>, annotation: Annotation) {
    let span = context.first_span;
    context.evaluator.note(annotation, span);
}

/// The two latest samples, floats and histograms alike.
fn last_two(window: &Window<'_>) -> Option<(Point, Point)> {
    let mut points: Vec<Point> = Vec::with_capacity(4);
    let tail = |length: usize| length.saturating_sub(2)..length;
    for at in tail(window.times.len()) {
        points.push((
            window.times[at],
            start_at(window.starts, at),
            Sample::Float(window.values[at]),
        ));
    }
    for at in tail(window.histogram_times.len()) {
        let sample = Sample::Histogram(window.histograms[at].clone());
        points.push((window.histogram_times[at], start_at(window.histogram_starts, at), sample));
    }
    points.sort_by_key(|(time, _, _)| *time);
    let last = points.pop()?;
    Some((points.pop()?, last))
}

fn histogram_change(
    context: &mut Context<'_>,
    before: &Histogram,
    now: &Histogram,
    is_rate: bool,
    anew: bool,
) -> Option<Histogram> {
    let gauges = [before, now].iter().filter(|h| h.hint == ResetHint::Gauge).count();
    let metric = context.metric();
    if is_rate && gauges > 0 {
        note(context, Annotation::NotCounter { metric });
    } else if !is_rate && gauges < 2 {
        note(context, Annotation::NotGauge { metric });
    }
    let mut change = now.clone();
    if !is_rate || !(anew || now.is_reset_after(before)) {
        let Ok(done) = change.subtract(before) else {
            let metric = context.metric();
            note(context, Annotation::MixedSchemas { metric });
            return None;
        };
        if done.reconciled {
            note(context, Annotation::BucketsReconciled(Operation::Subtraction));
        }
    }
    change.hint = ResetHint::Gauge;
    change.compact();
    Some(change)
}
