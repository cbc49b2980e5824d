//! `rate`, `increase` and `delta` of anchored and smoothed ranges: the change between the values exactly at the edges, of
//! the samples next to them or interpolated.

use super::super::annotation::{Annotation, Operation};
use super::super::ast::Edges;
use super::super::eval::Window;
use super::super::histogram::{Histogram, Incompatible, ResetHint};
use super::super::series::Sample;
use super::edge::{interpolated, interpolated_histogram, picked};
use super::range::Context;
use super::rate::began_inside;
use std::borrow::Cow;
use std::sync::Arc;

pub fn between_edges(
    context: &mut Context<'_>,
    window: &Window<'_>,
    is_counter: bool,
    is_rate: bool,
) -> Option<Sample> {
    match (window.times.is_empty(), window.histogram_times.is_empty()) {
        (false, false) => {
            let metric = context.metric();
            context.note(Annotation::MixedFloatsHistograms { metric });
            None
        }
        (false, true) => {
            let change = float_change(context, window, is_counter)?;
            Some(Sample::Float(if is_rate { change / context.seconds() } else { change }))
        }
        _ => {
            let mut change = histogram_change(context, window, is_counter)?;
            if is_rate {
                change.divide(context.seconds());
            }
            Some(Sample::Histogram(Arc::new(change)))
        }
    }
}

fn float_change(context: &Context<'_>, window: &Window<'_>, is_counter: bool) -> Option<f64> {
    let (times, values) = (window.times, window.values);
    let smoothed = context.edges == Edges::Smoothed;
    let (first, last) = picked(times, context.start, context.end, smoothed)?;
    let point = |at: usize| (times[at], values[at]);
    let left = if smoothed && times[first] < context.start && first + 1 < times.len() {
        interpolated(point(first), point(first + 1), context.start, is_counter)
    } else if is_counter && began_inside(context.start, times[first], window.starts).is_some() {
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
        let mut before = left;
        let inside = inside(times, (first, last), context);
        for value in values[inside].iter().copied().chain([right]) {
            if value < before {
                change += before;
            }
            before = value;
        }
    }
    Some(change)
}

/// The samples strictly inside of the range.
fn inside(
    times: &[i64],
    (first, last): (usize, usize),
    context: &Context<'_>,
) -> std::ops::Range<usize> {
    let first = first + usize::from(times[first] <= context.start);
    let end = last + usize::from(times[last] < context.end);
    first..end.max(first)
}

fn histogram_change(
    context: &mut Context<'_>,
    window: &Window<'_>,
    is_counter: bool,
) -> Option<Histogram> {
    let (times, list) = (window.histogram_times, window.histograms);
    let smoothed = context.edges == Edges::Smoothed;
    let (first, last) = picked(times, context.start, context.end, smoothed)?;
    let gauges = list[first..=last].iter().filter(|h| h.hint == ResetHint::Gauge).count();
    let metric = context.metric();
    if is_counter && gauges > 0 {
        context.note(Annotation::NotCounter { metric });
    } else if !is_counter && gauges <= last - first {
        context.note(Annotation::NotGauge { metric });
    }
    let has_begun = began_inside(context.start, times[first], window.histogram_starts).is_some();
    let mut sum = Sum { change: Histogram::default(), reconciled: [false; 2] };
    let done = (|| {
        let point = |at: usize| (times[at], list[at].as_ref());
        let is_left = smoothed && times[first] < context.start && first + 1 < times.len();
        let left = if is_left {
            let at = context.start;
            let between = interpolated_histogram(point(first), point(first + 1), at, is_counter);
            Cow::Owned(between?)
        } else if is_counter && has_begun {
            Cow::Owned(list[first].emptied())
        } else {
            Cow::Borrowed(list[first].as_ref())
        };
        let is_right = smoothed && last > 0 && times[last] > context.end;
        let right = if is_right {
            interpolated_histogram(point(last - 1), point(last), context.end, is_counter)?
        } else {
            list[last].as_ref().clone()
        };
        sum.change = right.clone();
        sum.subtract(&left)?;
        if !is_counter {
            return Ok(());
        }
        // What a sample says about the one before does not hold for a value between them.
        let mut is_real = !is_left && !has_begun;
        let mut before: &Histogram = &left;
        for at in inside(times, (first, last), context) {
            let now = list[at].as_ref();
            if if is_real { now.is_reset_after(before) } else { now.counts_fell(before) } {
                sum.add(before)?;
            }
            (before, is_real) = (now, true);
        }
        let is_next = is_real && !is_right && !std::ptr::eq(before, list[last].as_ref());
        if if is_next { right.is_reset_after(before) } else { right.counts_fell(before) } {
            sum.add(before)?;
        }
        Ok(())
    })();
    for (operation, reconciled) in
        [Operation::Subtraction, Operation::Addition].into_iter().zip(sum.reconciled)
    {
        if reconciled {
            context.note(Annotation::BucketsReconciled(operation));
        }
    }
    if let Err(Incompatible) = done {
        let metric = context.metric();
        context.note(Annotation::MixedSchemas { metric });
        return None;
    }
    sum.change.hint = ResetHint::Gauge;
    sum.change.compact();
    Some(sum.change)
}

struct Sum {
    change: Histogram,
    /// Whether custom bounds differed, when subtracting and when adding.
    reconciled: [bool; 2],
}

impl Sum {
    fn subtract(&mut self, other: &Histogram) -> Result<(), Incompatible> {
        self.reconciled[0] |= self.change.subtract(other)?.reconciled;
        Ok(())
    }

    fn add(&mut self, other: &Histogram) -> Result<(), Incompatible> {
        self.reconciled[1] |= self.change.add(other)?.reconciled;
        Ok(())
    }
}
