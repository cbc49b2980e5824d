//! Exemplars: single spans behind the points of a series.
//!
//! Which span stands for an interval is decided by its trace id's hash, so that the same spans make the same exemplars in
//! whatever order they are read.

use super::function::Function;
use super::{Intervals, MetricSeries};
use crate::traceql::ast::Literal;
use crate::value::AnyValue;
use binnacle_storage::model::{Timestamp, TraceId};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::Range;
use xxhash_rust::xxh3::xxh3_64;

/// Most exemplars of an answer, whatever is asked for.
const EXEMPLARS_MAX: usize = 1000;

/// Exemplars of a query that asks for them without a number; Tempo's default too.
const EXEMPLARS_DEFAULT: usize = 100;

/// A span that was counted in a point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SpanExemplar {
    pub trace_id: TraceId,
    /// The span's start.
    pub time: Timestamp,
    /// The span's value of the function's field (durations in seconds), else the point's.
    pub value: Option<f64>,
}

impl SpanExemplar {
    fn rank(&self) -> (u64, i64) {
        (xxh3_64(&self.trace_id.0), self.time.0)
    }
}

/// How many exemplars are wanted: what the query's `with(exemplars=…)` says, else what the request does.
pub(super) fn wanted(hints: &[(String, Literal)], asked: usize) -> usize {
    let hint = hints.iter().find(|(key, _)| key == "exemplars").map(|(_, value)| value);
    let wanted = match hint {
        Some(Literal::Bool(true)) => EXEMPLARS_DEFAULT,
        Some(Literal::Bool(false)) => 0,
        Some(Literal::Int(number)) => usize::try_from(*number).unwrap_or(0),
        _ => asked,
    };
    wanted.min(EXEMPLARS_MAX)
}

/// The exemplar of every interval that has one.
#[derive(Debug, Default)]
pub(super) struct Exemplars(BTreeMap<usize, SpanExemplar>);

impl Exemplars {
    pub(super) fn offer(&mut self, interval: usize, exemplar: SpanExemplar) {
        match self.0.entry(interval) {
            Entry::Vacant(place) => {
                place.insert(exemplar);
            }
            Entry::Occupied(mut known) if exemplar.rank() < known.get().rank() => {
                known.insert(exemplar);
            }
            Entry::Occupied(_) => {}
        }
    }

    pub(super) fn unite(&mut self, other: Exemplars) {
        other.0.into_iter().for_each(|(interval, exemplar)| self.offer(interval, exemplar));
    }

    /// At most `count` of those in the intervals, spread over them.
    pub(super) fn chosen(&self, intervals: Range<usize>, count: usize) -> Vec<SpanExemplar> {
        let all: Vec<SpanExemplar> = self.0.range(intervals).map(|(_, one)| *one).collect();
        let count = count.min(all.len());
        (0..count).map(|index| all[index * all.len() / count]).collect()
    }
}

/// Gives each exemplar to the series of its group that it belongs to: the bucket that holds its value, the first quantile that
/// is not below it, or the only one.
pub(super) fn attach(
    series: &mut [MetricSeries],
    exemplars: Vec<SpanExemplar>,
    function: &Function,
    intervals: Intervals,
) {
    for exemplar in exemplars {
        let Some(index) = intervals.index(exemplar.time.0) else { continue };
        let at = intervals.time(index);
        let value_at = |one: &MetricSeries| {
            one.points.iter().find(|(time, _)| *time == at).map(|(_, value)| *value)
        };
        let value = exemplar.value.unwrap_or(0.0);
        let place = match function {
            Function::Histogram(..) => series.iter().position(|one| last_label(one) >= Some(value)),
            Function::Quantiles(..) => series.iter().position(|one| value_at(one) >= Some(value)),
            _ => None,
        };
        let last = series.len().saturating_sub(1);
        if let Some(one) = series.get_mut(place.unwrap_or(last)) {
            let value = exemplar.value.or_else(|| value_at(one));
            one.exemplars.push(SpanExemplar { value, ..exemplar });
        }
    }
    series.iter_mut().for_each(|one| one.exemplars.sort_by_key(|exemplar| exemplar.time));
}

fn last_label(series: &MetricSeries) -> Option<f64> {
    match series.labels.last() {
        Some((_, AnyValue::Double(number))) => Some(*number),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_spans_make_the_same_exemplars() {
        let one = |byte: u8| SpanExemplar {
            trace_id: TraceId([byte; 16]),
            time: Timestamp(i64::from(byte)),
            value: None,
        };
        let (mut forth, mut back) = (Exemplars::default(), Exemplars::default());
        (1..50).for_each(|byte| forth.offer(usize::from(byte) % 5, one(byte)));
        (1..50).rev().for_each(|byte| back.offer(usize::from(byte) % 5, one(byte)));
        assert_eq!(forth.chosen(0..5, 9), back.chosen(0..5, 9));
        assert_eq!((forth.chosen(0..5, 9).len(), forth.chosen(1..5, 2).len()), (5, 2));
    }

    #[test]
    fn the_querys_own_hint_goes_before_the_request() {
        let hint = |value| [("exemplars".to_owned(), value)];
        assert_eq!(wanted(&[], 7), 7);
        assert_eq!(wanted(&hint(Literal::Bool(false)), 7), 0);
        assert_eq!(wanted(&hint(Literal::Int(5)), 7), 5);
        assert_eq!(wanted(&hint(Literal::Bool(true)), 0), EXEMPLARS_DEFAULT);
    }
}
