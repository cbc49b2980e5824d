//! `compare()`: how often each value of each attribute occurs among selected spans and among the others.
//!
//! The series are Tempo's, as Grafana's Traces Drilldown reads them: the label `__meta_type` says `baseline`, `selection`,
//! `baseline_total` or `selection_total`, and one more label is the attribute with its value (none for totals). An attribute
//! with more values than are given is named by a series with `__meta_error`.

use super::exemplar::{Exemplars, SpanExemplar};
use super::group::put_key;
use super::{Intervals, MetricSeries, Tally};
use crate::Error;
use crate::traceql::ast::{Field, FieldExpr, Metrics};
use crate::traceql::attributes::each_attribute;
use crate::traceql::condition::{Condition, FieldSlots};
use crate::traceql::span_fields::SpanFields;
use crate::traceql::tree::Tree;
use crate::value::AnyValue;
use binnacle_storage::model::Timestamp;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

const META_TYPE: &str = "__meta_type";
const META_ERROR: &str = "__meta_error";
const TOO_MANY_VALUES: &str = "__too_many_values__";

/// Most values of all attributes held, each with its intervals.
const VALUES_MAX: usize = 1 << 20;

/// What is compared.
#[derive(Debug)]
pub(super) struct Comparing {
    selection: Option<Condition>,
    top: usize,
    /// Unix nanoseconds; the end is not included.
    times: Option<(i64, i64)>,
    intervals: Intervals,
    exemplars: usize,
}

impl Comparing {
    pub(super) fn of(
        selection: Option<&FieldExpr>,
        top: usize,
        times: Option<(i64, i64)>,
        slots: &mut FieldSlots,
        intervals: Intervals,
        exemplars: usize,
    ) -> Comparing {
        let selection = selection.map(|expr| Condition::compile(expr, slots));
        Comparing { selection, top, times, intervals, exemplars }
    }

    fn selects(&self, tree: &Tree, span: usize, fields: &[Field]) -> bool {
        let time = tree.spans[span].start_time.0;
        let in_time = self.times.is_none_or(|(start, end)| (start..end).contains(&time));
        let fields = SpanFields { tree, span, fields };
        in_time && self.selection.as_ref().is_none_or(|of| of.holds(&fields) == Some(true))
    }
}

/// The counts so far.
pub(super) struct Compared<'a> {
    comparing: &'a Comparing,
    baseline: Side,
    selection: Side,
    values: usize,
}

#[derive(Default)]
struct Side {
    attributes: BTreeMap<String, Attribute>,
    exemplars: Exemplars,
}

#[derive(Default)]
struct Attribute {
    values: HashMap<Box<[u8]>, Counted>,
    totals: BTreeMap<usize, u64>,
}

/// A value and how many spans have it, by interval.
struct Counted {
    value: AnyValue,
    counts: BTreeMap<usize, u64>,
}

impl<'a> Compared<'a> {
    pub(super) fn new(comparing: &'a Comparing) -> Compared<'a> {
        let (baseline, selection) = (Side::default(), Side::default());
        Compared { comparing, baseline, selection, values: 0 }
    }
}

impl Tally for Compared<'_> {
    fn add(&mut self, tree: &Tree, span: usize, fields: &[Field]) -> Result<(), Error> {
        let of = &tree.spans[span];
        let Some(interval) = self.comparing.intervals.index(of.start_time.0) else {
            return Ok(());
        };
        let side = match self.comparing.selects(tree, span, fields) {
            true => &mut self.selection,
            false => &mut self.baseline,
        };
        if self.comparing.exemplars > 0 {
            let (trace_id, time) = (of.trace_id, of.start_time);
            side.exemplars.offer(interval, SpanExemplar { trace_id, time, value: None });
        }
        let weight = u64::from(of.weight);
        let mut key = Vec::new();
        each_attribute(tree, span, |name, value| {
            key.clear();
            put_key(&mut key, value);
            let known = side.attributes.contains_key(name);
            if !known {
                side.attributes.insert(name.to_owned(), Attribute::default());
            }
            let Some(attribute) = side.attributes.get_mut(name) else { return };
            *attribute.totals.entry(interval).or_default() += weight;
            match attribute.values.get_mut(key.as_slice()) {
                Some(counted) => *counted.counts.entry(interval).or_default() += weight,
                None => {
                    self.values += 1;
                    let counts = BTreeMap::from([(interval, weight)]);
                    let counted = Counted { value: value.to_any(), counts };
                    attribute.values.insert(key.as_slice().into(), counted);
                }
            }
        });
        match self.values > VALUES_MAX {
            false => Ok(()),
            true => Err(Error::InvalidRequest {
                message: format!("the attributes to compare have more than {VALUES_MAX} values"),
                hint: Some("narrow the time range or the conditions".to_owned()),
            }),
        }
    }

    fn series(&self, _: &Metrics, intervals: Range<usize>) -> Vec<MetricSeries> {
        let mut series = Vec::new();
        let sides = [("baseline", &self.baseline), ("selection", &self.selection)];
        for (meta, side) in sides {
            for (name, attribute) in &side.attributes {
                for counted in attribute.top(self.comparing.top) {
                    let label = (name.clone(), counted.value.clone());
                    series.push(self.one(meta, label, &counted.counts, &intervals));
                }
            }
        }
        for (meta, side) in
            [("baseline_total", &self.baseline), ("selection_total", &self.selection)]
        {
            let exemplars = side.exemplars.chosen(intervals.clone(), self.comparing.exemplars / 2);
            for (name, attribute) in &side.attributes {
                let label = (name.clone(), AnyValue::Empty);
                let mut total = self.one(meta, label, &attribute.totals, &intervals);
                let at = |time: Timestamp| total.points.iter().rfind(|(begin, _)| *begin <= time);
                let value = |time| at(time).map(|(_, value)| *value);
                total.exemplars = exemplars
                    .iter()
                    .map(|one| SpanExemplar { value: value(one.time), ..*one })
                    .collect();
                series.push(total);
            }
        }
        for name in self.attributes_with_more() {
            let error = (META_ERROR.to_owned(), AnyValue::String(TOO_MANY_VALUES.to_owned()));
            let labels = vec![error, (name.to_owned(), AnyValue::Empty)];
            series.push(MetricSeries { labels, points: Vec::new(), exemplars: Vec::new() });
        }
        series
    }
}

impl Compared<'_> {
    fn one(
        &self,
        meta: &str,
        label: (String, AnyValue),
        counts: &BTreeMap<usize, u64>,
        intervals: &Range<usize>,
    ) -> MetricSeries {
        let labels = vec![(META_TYPE.to_owned(), AnyValue::String(meta.to_owned())), label];
        let count = |index: usize| counts.get(&index).copied().unwrap_or(0) as f64;
        let point = |index: usize| (self.comparing.intervals.time(index), count(index));
        let points = intervals.clone().map(point).collect();
        MetricSeries { labels, points, exemplars: Vec::new() }
    }

    fn attributes_with_more(&self) -> Vec<&str> {
        let all = self.baseline.attributes.iter().chain(&self.selection.attributes);
        let more = all.filter(|(_, attribute)| attribute.values.len() > self.comparing.top);
        let mut names: Vec<&str> = more.map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

impl Attribute {
    /// The most frequent values; of equally frequent ones in the order of their bytes.
    fn top(&self, count: usize) -> Vec<&Counted> {
        let mut all: Vec<(u64, &[u8], &Counted)> = self
            .values
            .iter()
            .map(|(key, counted)| (counted.counts.values().sum(), &**key, counted))
            .collect();
        all.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
        all.into_iter().take(count).map(|(_, _, counted)| counted).collect()
    }
}
