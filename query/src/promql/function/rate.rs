//! `rate`, `increase` and `delta`: how much a series changed over a range, extrapolated to its edges.
//!
//! Series of floats are done whole ([`column`]): where a counter began anew is looked up once, not in every window.

use super::super::annotation::{Annotation, Operation};
use super::super::ast::{Edges, Shift};
use super::super::eval::{Before, Grid, Window};
use super::super::histogram::{Histogram, ResetHint};
use super::super::series::{STALE, Sample, Samples};
use super::edge_rate::between_edges;
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
    let range = (context.start, context.end);
    if is_counter && let Some(before) = window.before {
        return Ok(Some(of_deltas(window, before, seconds_if(is_rate, range))));
    }
    if let Some(ends) = Ends::of(range, window.times, window.starts, is_counter) {
        let mut change = float_change(window, is_counter);
        let first = window.values[0];
        if ends.origin.is_some() {
            change += first;
        }
        let to_zero = (is_counter && change > 0.0 && first >= 0.0).then(|| first / change);
        return Ok(Some(Sample::Float(change * ends.factor(range, to_zero, is_rate))));
    }
    if let Some(ends) = Ends::of(range, window.histogram_times, window.histogram_starts, is_counter)
    {
        let Some(mut change) = histogram_change(context, window, is_counter, ends.origin) else {
            return Ok(None);
        };
        let first = window.histograms[0].count;
        let to_zero =
            (is_counter && change.count > 0.0 && first >= 0.0).then(|| first / change.count);
        change.scale(ends.factor(range, to_zero, is_rate));
        return Ok(Some(Sample::Histogram(Arc::new(change))));
    }
    Ok(None)
}

/// By what a change is divided: the seconds of the range, or nothing.
fn seconds_if(is_rate: bool, (start, end): (i64, i64)) -> f64 {
    if is_rate { (end - start) as f64 / 1000.0 } else { 1.0 }
}

/// Deltas say themselves what changed: the sum of those that end in the range, nothing extrapolated. The window is not empty.
fn of_deltas(window: &Window<'_>, before: Before<'_>, divisor: f64) -> Sample {
    if let Some(last) = window.values.last() {
        return Sample::Float((last - before.value) / divisor);
    }
    let mut change = window.histograms.last().map(|last| (**last).clone()).unwrap_or_default();
    if let Some(before) = before.histogram {
        // Both are exponential, so one can be taken from the other.
        let _ = change.subtract(before);
    }
    change.hint = ResetHint::Gauge;
    change.scale(1.0 / divisor);
    change.compact();
    Sample::Histogram(Arc::new(change))
}

/// What [`rate`] gives at every step of a series that has no histograms and no marks of its end.
pub fn column(samples: &Samples, name: &str, grid: Grid, shift: &Shift, range_ms: i64) -> Vec<f64> {
    let (times, values) = (samples.times.as_slice(), samples.values.as_slice());
    let (is_counter, is_rate) = (name != "delta", name == "rate");
    let resets = if is_counter { resets(samples) } else { Vec::new() };
    let mut next_reset = 0;
    let (mut from, mut to) = (0, 0);
    let mut column = vec![STALE; grid.count()];
    for (step, out) in column.iter_mut().enumerate() {
        let end = shift.apply(grid.time(step));
        let range = (end.saturating_sub(range_ms), end);
        while times.get(to).is_some_and(|time| *time <= end) {
            to += 1;
        }
        while from < to && times[from] <= range.0 {
            from += 1;
        }
        if is_counter && let Some(totals) = &samples.deltas {
            if from < to {
                let before = from.checked_sub(1).map_or(totals.value, |at| values[at]);
                *out = (values[to - 1] - before) / seconds_if(is_rate, range);
            }
            continue;
        }
        let starts = samples.starts.get(from..to).unwrap_or_default();
        let Some(ends) = Ends::of(range, &times[from..to], starts, is_counter) else {
            continue;
        };
        let (first, last) = (values[from], to - 1);
        let mut change = values[last] - first;
        while resets.get(next_reset).is_some_and(|at| *at <= from) {
            next_reset += 1;
        }
        for at in resets[next_reset..].iter().take_while(|at| **at <= last) {
            change += values[at - 1];
        }
        if ends.origin.is_some() {
            change += first;
        }
        let to_zero = (is_counter && change > 0.0 && first >= 0.0).then(|| first / change);
        *out = change * ends.factor(range, to_zero, is_rate);
    }
    column
}

/// The places of the samples at which a counter began anew.
fn resets(samples: &Samples) -> Vec<usize> {
    let (times, values, starts) = (&samples.times, &samples.values, &samples.starts);
    let anew = |at: usize| {
        !starts.is_empty() && began_anew((starts[at - 1], times[at - 1]), (starts[at], times[at]))
    };
    (1..values.len()).filter(|at| values[*at] < values[at - 1] || anew(*at)).collect()
}

/// When a counter began, if that is in the range and before its first sample.
pub fn began_inside(after: i64, first: i64, starts: &[i64]) -> Option<i64> {
    let start = start_at(starts, 0);
    (start != 0 && after < start && start < first).then_some(start)
}

/// Whether a counter began anew between two samples, by when each says it began.
pub fn began_anew(before: (i64, i64), now: (i64, i64)) -> bool {
    let ((start_before, time_before), (start, time)) = (before, now);
    // An unbroken sequence keeps its beginning.
    if start == 0 || start > time || start < time_before || start == start_before {
        return false;
    }
    // Beginning exactly at the sample before is what deltas do; without a known beginning of that one it says nothing.
    start > time_before || start_before != 0
}

pub fn start_at(starts: &[i64], at: usize) -> i64 {
    starts.get(at).copied().unwrap_or(0)
}

fn float_change(window: &Window<'_>, is_counter: bool) -> f64 {
    let (times, values, starts) = (window.times, window.values, window.starts);
    let last = values.len() - 1;
    let mut change = values[last] - values[0];
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

/// The first and last sample of a range that changes can be told from.
struct Ends {
    first: i64,
    last: i64,
    count: usize,
    /// When the counter began, at zero, if that was inside of the range.
    origin: Option<i64>,
}

impl Ends {
    /// `None` for fewer than two samples, unless a counter is known to have begun within the range.
    fn of(range: (i64, i64), times: &[i64], starts: &[i64], is_counter: bool) -> Option<Ends> {
        let (first, last) = (*times.first()?, *times.last()?);
        let origin = if is_counter { began_inside(range.0, first, starts) } else { None };
        let ends = Ends { first, last, count: times.len(), origin };
        (times.len() > 1 || origin.is_some()).then_some(ends)
    }

    /// By how much the change is scaled to stand for the whole range. Edges a sample could have been missed at are
    /// covered; beyond, the series is taken to begin or end half an interval outside. Before its beginning a counter was
    /// not there, and below zero (`to_zero` samplings before) it never was.
    fn factor(&self, (start, end): (i64, i64), to_zero: Option<f64>, is_rate: bool) -> f64 {
        let seconds = |milliseconds: i64| milliseconds as f64 / 1000.0;
        let sampled = seconds(self.last - self.origin.unwrap_or(self.first));
        let average = seconds(self.last - self.first) / (self.count - 1) as f64;
        let threshold = average * 1.1;
        let mut before = seconds(self.first - start);
        if before >= threshold {
            before = average / 2.0;
        }
        if let Some(to_zero) = to_zero {
            before = before.min(sampled * to_zero);
        }
        let mut after = seconds(end - self.last);
        if after >= threshold {
            after = average / 2.0;
        }
        if self.origin.is_some() {
            before = 0.0;
        }
        // One sample says nothing about how often to expect the next.
        if self.count == 1 {
            after = 0.0;
        }
        let factor = (sampled + before + after) / sampled;
        if is_rate { factor / seconds(end - start) } else { factor }
    }
}

fn histogram_change(
    context: &mut Context<'_>,
    window: &Window<'_>,
    is_counter: bool,
    origin: Option<i64>,
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
    // A first sample before a reset does not count, so its layout does not either.
    let mut base = first.clone();
    let counts_from_zero = origin.is_some();
    if counts_from_zero {
        base = Arc::new(first.emptied());
    } else if is_counter && (anew(1) || list[1].is_reset_after(first)) {
        base = Arc::new(list[1].emptied());
    }
    let rest = if counts_from_zero { 0 } else { 1 };
    let mixed = last.is_custom() != base.is_custom()
        || (is_counter && list[rest..].iter().any(|h| h.is_custom() != base.is_custom()));
    if mixed {
        let metric = context.metric();
        context.note(Annotation::MixedSchemas { metric });
        return None;
    }
    let inner = if is_counter { &list[rest..list.len() - 1] } else { &[] };
    let schema = inner.iter().map(|h| h.schema).chain([last.schema, base.schema]).min()?;
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
    combine(context, &mut change, &base, false)?;
    if is_counter {
        let mut before = if counts_from_zero { first } else { &base };
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
