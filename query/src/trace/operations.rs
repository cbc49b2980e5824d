//! Two sets of traces side by side: how often each operation of each service ran in them, how long, and how often it failed.

use super::Span;
use crate::Error;
use std::collections::BTreeMap;

/// Most spans of one set.
const SPANS_MAX: usize = 4 << 20;

/// One operation of one service in both sets.
#[derive(Debug, Clone, PartialEq)]
pub struct ComparedOperation {
    pub service: String,
    pub name: String,
    pub a: OperationSide,
    pub b: OperationSide,
}

/// An operation in one set. Durations are in nanoseconds and exact.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OperationSide {
    /// Traces that have such a span.
    pub traces: u64,
    pub spans: u64,
    pub errors: u64,
    pub duration_sum: i64,
    pub duration_min: i64,
    pub duration_max: i64,
    /// The least duration that so many percent of all do not exceed.
    pub duration_p50: i64,
    pub duration_p90: i64,
    pub duration_p99: i64,
}

/// The operations of a set that traces are added to.
#[derive(Debug, Default)]
pub(crate) struct OperationSet {
    pub(crate) traces: u64,
    spans: usize,
    operations: BTreeMap<(String, String), Collected>,
}

#[derive(Debug, Default)]
struct Collected {
    traces: u64,
    last_trace: u64,
    errors: u64,
    durations: Vec<i64>,
}

impl OperationSet {
    pub(crate) fn add(&mut self, spans: &[Span]) -> Result<(), Error> {
        self.traces += 1;
        self.spans += spans.len();
        if self.spans > SPANS_MAX {
            return Err(Error::InvalidRequest {
                message: format!("the traces of one set have more than {SPANS_MAX} spans"),
                hint: Some("lower the limit or narrow the query".to_owned()),
            });
        }
        for span in spans {
            let key = (span.service.clone(), span.name.clone());
            let collected = self.operations.entry(key).or_default();
            if collected.last_trace != self.traces {
                collected.last_trace = self.traces;
                collected.traces += 1;
            }
            collected.errors += u64::from(span.status_code == 2);
            collected.durations.push(span.duration);
        }
        Ok(())
    }
}

impl Collected {
    fn side(mut self) -> OperationSide {
        self.durations.sort_unstable();
        let durations = &self.durations;
        let percentile = |percent: usize| {
            let rank = (durations.len() * percent).div_ceil(100).max(1);
            durations.get(rank - 1).copied().unwrap_or(0)
        };
        OperationSide {
            traces: self.traces,
            spans: durations.len() as u64,
            errors: self.errors,
            duration_sum: durations.iter().fold(0, |sum, one| sum.saturating_add(*one)),
            duration_min: durations.first().copied().unwrap_or(0),
            duration_max: durations.last().copied().unwrap_or(0),
            duration_p50: percentile(50),
            duration_p90: percentile(90),
            duration_p99: percentile(99),
        }
    }
}

/// All operations, those first whose time per trace differs most.
pub(crate) fn compare_operations(a: OperationSet, b: OperationSet) -> Vec<ComparedOperation> {
    let (traces_a, traces_b) = (a.traces, b.traces);
    let mut both: BTreeMap<(String, String), (OperationSide, OperationSide)> = BTreeMap::new();
    for (key, collected) in a.operations {
        both.entry(key).or_default().0 = collected.side();
    }
    for (key, collected) in b.operations {
        both.entry(key).or_default().1 = collected.side();
    }
    let compared =
        both.into_iter().map(|((service, name), (a, b))| ComparedOperation { service, name, a, b });
    let mut compared: Vec<ComparedOperation> = compared.collect();
    let per_trace =
        |side: &OperationSide, traces: u64| side.duration_sum as f64 / traces.max(1) as f64;
    let differs =
        |one: &ComparedOperation| (per_trace(&one.a, traces_a) - per_trace(&one.b, traces_b)).abs();
    // Stable: equal differences stay in the order of names.
    compared.sort_by(|x, y| differs(y).total_cmp(&differs(x)));
    compared
}

#[cfg(test)]
mod tests {
    use super::super::span::tests::span;
    use super::*;

    #[test]
    fn operations_are_counted_in_both_sets() {
        let (mut a, mut b) = (OperationSet::default(), OperationSet::default());
        let mut failed = span(2, 1, 0, 50);
        failed.status_code = 2;
        a.add(&[span(1, 0, 0, 100), failed.clone()]).unwrap();
        a.add(&[span(1, 0, 0, 300)]).unwrap();
        b.add(&[span(1, 0, 0, 100), span(3, 1, 0, 1)]).unwrap();
        let compared = compare_operations(a, b);
        let names: Vec<&str> = compared.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["span 1", "span 2", "span 3"]);
        let first = &compared[0];
        assert_eq!((first.a.traces, first.a.spans, first.a.duration_sum), (2, 2, 400));
        assert_eq!((first.a.duration_p50, first.a.duration_p99), (100, 300));
        assert_eq!((first.b.spans, first.b.duration_min), (1, 100));
        assert_eq!((compared[1].a.errors, compared[1].b.spans), (1, 0));
    }
}
