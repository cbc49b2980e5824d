//! Groups of spans: one for every combination of the values of the `by` fields.

use super::function::{Function, Kept, measured, quantile};
use super::{Intervals, MetricSeries};
use crate::Error;
use crate::traceql::ast::Metrics;
use crate::traceql::condition::FieldValues;
use crate::traceql::row_fields::RowFields;
use crate::traceql::scan::Gather;
use crate::traceql::value::Value;
use crate::value::AnyValue;
use binnacle_storage::model::{Timestamp, TraceId};
use std::collections::{BTreeSet, HashMap};
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
}

/// The groups so far.
pub(super) struct Groups {
    grouping: Arc<Grouping>,
    groups: HashMap<Vec<u8>, Group>,
    /// Values kept for quantiles.
    values: usize,
}

struct Group {
    labels: Vec<AnyValue>,
    kept: Vec<Kept>,
}

impl Groups {
    pub(super) fn new(grouping: Arc<Grouping>) -> Groups {
        Groups { grouping, groups: HashMap::new(), values: 0 }
    }

    /// Counts a span, unless it has no value of the function's field.
    pub(super) fn add<'a>(
        &mut self,
        time: i64,
        fields: &impl FieldValues<'a>,
    ) -> Result<(), Error> {
        let grouping = self.grouping.clone();
        let Some(index) = grouping.intervals.index(time) else {
            return Ok(());
        };
        let value = match grouping.function.slot() {
            None => 0.0,
            Some(slot) => match measured(&fields.value(slot)) {
                Some(value) => value,
                None => return Ok(()),
            },
        };
        let labels: Vec<Value<'a>> = grouping.by.iter().map(|&slot| fields.value(slot)).collect();
        let group = self.group(&labels)?;
        group.kept[index].add(&grouping.function, value);
        if let Function::Quantiles(..) = grouping.function {
            self.values += 1;
        }
        self.check()
    }

    fn group(&mut self, labels: &[Value<'_>]) -> Result<&mut Group, Error> {
        let mut key = Vec::new();
        labels.iter().for_each(|label| put_key(&mut key, label));
        if !self.groups.contains_key(&key) {
            let Grouping { function, intervals, .. } = &*self.grouping;
            let kept = vec![function.empty(); intervals.count];
            let labels = labels.iter().map(Value::to_any).collect();
            self.groups.insert(key.clone(), Group { labels, kept });
        }
        let missing = || Error::Execution { message: "a group was lost".to_owned() };
        self.groups.get_mut(&key).ok_or_else(missing)
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

    /// The series, sorted by labels.
    pub(super) fn into_series(self, metrics: &Metrics) -> Vec<MetricSeries> {
        let Groups { grouping, groups, .. } = self;
        let names: Vec<String> = metrics.by.iter().map(ToString::to_string).collect();
        let mut groups: Vec<(Vec<u8>, Group)> = groups.into_iter().collect();
        groups.sort_by(|(a, _), (b, _)| a.cmp(b));
        let mut series = Vec::new();
        for (_, group) in groups {
            let labels: Vec<_> = names.iter().cloned().zip(group.labels).collect();
            series.extend(grouping.series(labels, group.kept));
        }
        series
    }
}

impl Gather for Groups {
    fn row(&mut self, time: i64, _: TraceId, row: RowFields<'_>) -> Result<(), Error> {
        self.add(time, &row)
    }

    fn unite(&mut self, other: Groups) -> Result<(), Error> {
        self.values += other.values;
        for (key, group) in other.groups {
            match self.groups.get_mut(&key) {
                None => {
                    self.groups.insert(key, group);
                }
                Some(known) => {
                    for (kept, other) in known.kept.iter_mut().zip(group.kept) {
                        kept.unite(&self.grouping.function, other);
                    }
                }
            }
        }
        self.check()
    }

    fn is_settled(&self, _: i64) -> bool {
        false
    }
}

/// A label with a value of the function's own, such as the quantile.
type Extra = Option<(&'static str, f64)>;

impl Grouping {
    /// The series of one group: one, or one for every quantile or bucket.
    fn series(&self, labels: Vec<(String, AnyValue)>, kept: Vec<Kept>) -> Vec<MetricSeries> {
        match &self.function {
            Function::Quantiles(_, quantiles) => {
                let mut kept = kept;
                kept.iter_mut().for_each(|kept| {
                    if let Kept::Values(values) = kept {
                        values.sort_unstable_by(f64::total_cmp);
                    }
                });
                let one = |&q: &f64| {
                    self.one(&labels, Some(("p", q)), &kept, |kept| match kept {
                        Kept::Values(values) if !values.is_empty() => Some(quantile(values, q)),
                        _ => None,
                    })
                };
                quantiles.iter().map(one).collect()
            }
            Function::Histogram(_) => {
                let powers: BTreeSet<i32> = kept.iter().flat_map(powers).collect();
                let one = |power: i32| {
                    let extra = Some(("__bucket", 2f64.powi(power)));
                    self.one(&labels, extra, &kept, |kept| match kept {
                        Kept::Buckets(buckets) => {
                            Some(buckets.get(&power).copied().unwrap_or(0) as f64)
                        }
                        _ => None,
                    })
                };
                powers.into_iter().map(one).collect()
            }
            function => {
                let seconds = self.intervals.step as f64 / 1e9;
                vec![self.one(&labels, None, &kept, |kept| match (kept, function) {
                    (Kept::Count(count), Function::Rate) => Some(*count as f64 / seconds),
                    (Kept::Count(count), _) => Some(*count as f64),
                    (Kept::Extreme(extreme), _) => *extreme,
                    (Kept::Sum(sum), Function::Avg(_)) => sum.mean(),
                    (Kept::Sum(sum), _) => sum.value(),
                    _ => None,
                })]
            }
        }
    }

    fn one(
        &self,
        labels: &[(String, AnyValue)],
        extra: Extra,
        kept: &[Kept],
        value: impl Fn(&Kept) -> Option<f64>,
    ) -> MetricSeries {
        let mut labels = labels.to_vec();
        labels.extend(extra.map(|(name, value)| (name.to_owned(), AnyValue::Double(value))));
        let point = |(index, kept): (usize, &Kept)| -> Option<(Timestamp, f64)> {
            Some((self.intervals.time(index), value(kept)?))
        };
        MetricSeries { labels, points: kept.iter().enumerate().filter_map(point).collect() }
    }
}

fn powers(kept: &Kept) -> Vec<i32> {
    match kept {
        Kept::Buckets(buckets) => buckets.keys().copied().collect(),
        _ => Vec::new(),
    }
}

/// Bytes that are equal for equal values only, and sort like them among their kind.
fn put_key(key: &mut Vec<u8>, value: &Value<'_>) {
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
