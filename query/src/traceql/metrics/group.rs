//! Groups of spans: one for every combination of the values of the `by` fields.

use super::exemplar::{self, Exemplars, SpanExemplar};
use super::function::{Function, Kept, measured};
use super::{Intervals, MetricSeries, Tally, second};
use crate::Error;
use crate::traceql::ast::{Field, Metrics};
use crate::traceql::condition::FieldValues;
use crate::traceql::row_fields::RowFields;
use crate::traceql::scan::Gather;
use crate::traceql::span_fields::SpanFields;
use crate::traceql::tree::Tree;
use crate::traceql::value::Value;
use crate::value::AnyValue;
use binnacle_storage::model::{Timestamp, TraceId};
use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::sync::Arc;

/// Most points of all groups together, and most values kept for exact quantiles.
const POINTS_TOTAL_MAX: usize = 4 << 20;
const VALUES_MAX: usize = 32 << 20;

/// How spans are counted.
#[derive(Debug)]
pub(super) struct Grouping {
    pub(super) by: Vec<usize>,
    pub(super) function: Function,
    pub(super) intervals: Intervals,
    /// Most exemplars of all series together.
    pub(super) exemplars: usize,
}

/// The groups so far.
pub(super) struct Groups {
    grouping: Arc<Grouping>,
    places: HashMap<Box<[u8]>, usize>,
    groups: Vec<Group>,
    /// Values kept for quantiles.
    values: usize,
    /// The key of the span before and its group: neighbours are often of one group.
    last: Option<usize>,
    key: Vec<u8>,
}

struct Group {
    key: Box<[u8]>,
    labels: Vec<AnyValue>,
    kept: Vec<Kept>,
    exemplars: Exemplars,
}

impl Groups {
    pub(super) fn new(grouping: Arc<Grouping>) -> Groups {
        Groups {
            grouping,
            places: HashMap::new(),
            groups: Vec::new(),
            values: 0,
            last: None,
            key: Vec::new(),
        }
    }

    /// Counts a span that stands for `weight`, unless it has no value of the function's field.
    pub(super) fn count<'a>(
        &mut self,
        time: i64,
        trace_id: TraceId,
        weight: u32,
        fields: &impl FieldValues<'a>,
    ) -> Result<(), Error> {
        let Some(index) = self.grouping.intervals.index(time) else {
            return Ok(());
        };
        let value = match self.grouping.function.slot() {
            None => 0.0,
            Some(slot) => match measured(&fields.value(slot)) {
                Some(value) => value,
                None => return Ok(()),
            },
        };
        let place = self.group(fields);
        let Groups { grouping, groups, values, .. } = self;
        let Some(group) = groups.get_mut(place) else {
            return Err(Error::Execution { message: "a group was lost".to_owned() });
        };
        group.kept[index].add(&grouping.function, value, weight);
        if grouping.exemplars > 0 {
            let value = grouping.function.slot().map(|_| value);
            group.exemplars.offer(index, SpanExemplar { trace_id, time: Timestamp(time), value });
        }
        if let Function::Quantiles(..) = grouping.function {
            *values += 1;
        }
        self.check()
    }

    /// The place of the span's group; a new one if it has none yet.
    fn group<'a>(&mut self, fields: &impl FieldValues<'a>) -> usize {
        self.key.clear();
        for &slot in &self.grouping.by {
            put_key(&mut self.key, &fields.value(slot));
        }
        if let Some(last) = self.last.filter(|&last| *self.groups[last].key == *self.key) {
            return last;
        }
        let place = match self.places.get(self.key.as_slice()) {
            Some(place) => *place,
            None => {
                let by = self.grouping.by.iter();
                let labels = by.map(|&slot| fields.value(slot).to_any()).collect();
                self.groups.push(Group {
                    key: self.key.as_slice().into(),
                    labels,
                    kept: vec![self.grouping.function.empty(); self.grouping.intervals.count],
                    exemplars: Exemplars::default(),
                });
                self.places.insert(self.key.as_slice().into(), self.groups.len() - 1);
                self.groups.len() - 1
            }
        };
        self.last = Some(place);
        place
    }

    fn check(&self) -> Result<(), Error> {
        let points = self.groups.len().saturating_mul(self.grouping.intervals.count);
        if points <= POINTS_TOTAL_MAX && self.values <= VALUES_MAX {
            return Ok(());
        }
        let message = match points > POINTS_TOTAL_MAX {
            true => format!("the query makes more than {POINTS_TOTAL_MAX} points"),
            false => format!("exact quantiles need more than {VALUES_MAX} values at once"),
        };
        let hint = "narrow the time range, lengthen the step or group by fewer values";
        Err(Error::InvalidRequest { message, hint: Some(hint.to_owned()) })
    }
}

impl Tally for Groups {
    fn add(&mut self, tree: &Tree, span: usize, fields: &[Field]) -> Result<(), Error> {
        let of = &tree.spans[span];
        let fields = SpanFields { tree, span, fields };
        self.count(of.start_time.0, of.trace_id, of.weight, &fields)
    }

    /// Sorted by labels.
    fn series(&self, metrics: &Metrics, intervals: Range<usize>) -> Vec<MetricSeries> {
        let names: Vec<String> = metrics.by.iter().map(ToString::to_string).collect();
        let mut groups: Vec<&Group> = self.groups.iter().collect();
        groups.sort_by(|a, b| a.key.cmp(&b.key));
        let each = self.grouping.exemplars.checked_div(groups.len()).unwrap_or(0).max(1);
        let mut series = Vec::new();
        for group in groups {
            let labels: Vec<_> = names.iter().cloned().zip(group.labels.iter().cloned()).collect();
            let mut made =
                self.grouping.series(labels, &group.kept[intervals.clone()], intervals.start);
            if self.grouping.exemplars > 0 {
                let chosen = group.exemplars.chosen(intervals.clone(), each);
                exemplar::attach(
                    &mut made,
                    chosen,
                    &self.grouping.function,
                    self.grouping.intervals,
                );
            }
            series.append(&mut made);
        }
        second::apply(series, &metrics.second)
    }
}

impl Gather for Groups {
    fn row(&mut self, time: i64, trace_id: TraceId, row: RowFields<'_>) -> Result<(), Error> {
        self.count(time, trace_id, row.weight(), &row)
    }

    fn unite(&mut self, other: Groups) -> Result<(), Error> {
        self.values += other.values;
        for group in other.groups {
            match self.places.get(&group.key) {
                None => {
                    self.places.insert(group.key.clone(), self.groups.len());
                    self.groups.push(group);
                }
                Some(place) => {
                    let known = &mut self.groups[*place];
                    known.exemplars.unite(group.exemplars);
                    for (kept, other) in known.kept.iter_mut().zip(group.kept) {
                        kept.unite(&self.grouping.function, other);
                    }
                }
            }
        }
        self.check()
    }
}

/// A label with a value of the function's own, such as the quantile.
type Extra = Option<(&'static str, f64)>;

impl Grouping {
    /// The series of one group from interval `first` on: one, or one for every quantile or bucket.
    fn series(
        &self,
        labels: Vec<(String, AnyValue)>,
        kept: &[Kept],
        first: usize,
    ) -> Vec<MetricSeries> {
        match &self.function {
            Function::Quantiles(_, quantiles) => {
                let of = |kept: &Kept| match kept {
                    Kept::Values(values) => values.quantiles(quantiles),
                    _ => vec![None; quantiles.len()],
                };
                let found: Vec<Vec<Option<f64>>> = kept.iter().map(of).collect();
                let one = |(index, &q): (usize, &f64)| {
                    let values = found.iter().map(|found| found[index]);
                    self.one(&labels, Some(("p", q)), first, values)
                };
                quantiles.iter().enumerate().map(one).collect()
            }
            Function::Histogram(_, units) => {
                let powers: BTreeSet<i32> = kept.iter().flat_map(powers).collect();
                let one = |power: i32| {
                    let extra = Some(("__bucket", 2f64.powi(power) / units));
                    let count = |kept: &Kept| match kept {
                        Kept::Buckets(buckets) => {
                            Some(buckets.get(&power).copied().unwrap_or(0) as f64)
                        }
                        _ => None,
                    };
                    self.one(&labels, extra, first, kept.iter().map(count))
                };
                powers.into_iter().map(one).collect()
            }
            function => {
                let seconds = self.intervals.step as f64 / 1e9;
                let value = |kept: &Kept| match (kept, function) {
                    (Kept::Count(count), Function::Rate) => Some(*count as f64 / seconds),
                    (Kept::Count(count), _) => Some(*count as f64),
                    (Kept::Extreme(extreme), _) => *extreme,
                    (Kept::Sum(sum), Function::Avg(_)) => sum.mean(),
                    (Kept::Sum(sum), _) => sum.value(),
                    _ => None,
                };
                vec![self.one(&labels, None, first, kept.iter().map(value))]
            }
        }
    }

    fn one(
        &self,
        labels: &[(String, AnyValue)],
        extra: Extra,
        first: usize,
        values: impl Iterator<Item = Option<f64>>,
    ) -> MetricSeries {
        let mut labels = labels.to_vec();
        labels.extend(extra.map(|(name, value)| (name.to_owned(), AnyValue::Double(value))));
        let point = |(index, value): (usize, Option<f64>)| -> Option<(Timestamp, f64)> {
            Some((self.intervals.time(first + index), value?))
        };
        let points = values.enumerate().filter_map(point).collect();
        MetricSeries { labels, points, exemplars: Vec::new() }
    }
}

fn powers(kept: &Kept) -> Vec<i32> {
    match kept {
        Kept::Buckets(buckets) => buckets.keys().copied().collect(),
        _ => Vec::new(),
    }
}

/// Bytes that are equal for equal values only, and sort like them among their kind.
pub(in crate::traceql) fn put_key(key: &mut Vec<u8>, value: &Value<'_>) {
    /// Keeps the order of signed numbers among bytes.
    const SIGN: u64 = 1 << 63;
    let mut number = |kind: u8, bits: u64| {
        key.push(kind);
        key.extend_from_slice(&bits.to_be_bytes());
    };
    match value {
        Value::Unknown | Value::Nil => key.push(0),
        Value::Bool(flag) => key.extend_from_slice(&[1, u8::from(*flag)]),
        Value::Int(integer) => number(2, *integer as u64 ^ SIGN),
        Value::Duration(nanos) => number(3, *nanos as u64 ^ SIGN),
        Value::Float(float) => {
            let bits = float.to_bits();
            number(4, if bits & SIGN == 0 { bits ^ SIGN } else { !bits });
        }
        Value::Status(code) => number(5, *code as u64),
        Value::Kind(kind) => number(6, *kind as u64),
        Value::String(text) => put_bytes(key, 7, text.as_bytes()),
        Value::Id(id) => put_bytes(key, 8, id),
        Value::Array(values) => {
            key.push(9);
            values.iter().for_each(|value| put_key(key, value));
            key.push(255);
        }
    }
}

/// Ends with two zeros; zeros within become a zero and a one.
fn put_bytes(key: &mut Vec<u8>, kind: u8, bytes: &[u8]) {
    key.push(kind);
    for &byte in bytes {
        key.push(byte);
        if byte == 0 {
            key.push(1);
        }
    }
    key.extend_from_slice(&[0, 0]);
}
