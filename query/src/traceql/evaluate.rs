//! A pipeline over one trace: from all its spans to the sets of spans that the query leaves.

use super::ast::{
    Aggregate, Arithmetic, Comparison, Field, Keeps, Literal, Pipeline, Relation, ScalarExpr,
    SpansetExpr, SpansetOp, Stage,
};
use super::condition::{Condition, FieldSlots};
use super::span_fields::SpanFields;
use super::tree::Tree;
use super::value::{Value, calculate, compare};
use crate::value::AnyValue;
use std::collections::BTreeMap;

/// A pipeline made ready to be evaluated.
#[derive(Debug)]
pub(super) struct Plan {
    stages: Vec<PlannedStage>,
    /// See [`Plan::first_conditions`].
    first: Option<Vec<Condition>>,
    pub(super) slots: FieldSlots,
    /// Fields that the answer shows of every span.
    pub(super) select: Vec<Field>,
}

/// Some spans of a trace.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Spanset {
    /// Indices into [`Tree::spans`], ascending.
    pub(super) spans: Vec<usize>,
    /// What the pipeline computed of the set: `avg(duration)`, `by(resource.service.name)`.
    pub(super) attributes: Vec<(String, AnyValue)>,
}

#[derive(Debug)]
enum PlannedStage {
    Spans(PlannedSpans),
    Filter { op: Comparison, left: PlannedScalar, right: PlannedScalar },
    By { name: String, key: Condition },
    Coalesce,
}

#[derive(Debug)]
enum PlannedSpans {
    Filter(Option<Condition>),
    Pipeline(Vec<PlannedStage>),
    Binary { op: SpansetOp, left: Box<PlannedSpans>, right: Box<PlannedSpans> },
}

#[derive(Debug)]
enum PlannedScalar {
    Literal(Literal),
    Aggregate { name: String, function: AggregateFunction, of: Option<Condition> },
    Negative(Box<PlannedScalar>),
    Binary(Arithmetic, Box<PlannedScalar>, Box<PlannedScalar>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AggregateFunction {
    Count,
    Avg,
    Max,
    Min,
    Sum,
}

impl Plan {
    pub(super) fn of(pipeline: &Pipeline) -> Plan {
        let mut slots = FieldSlots::default();
        let stages = plan_stages(pipeline, &mut slots);
        let selected = pipeline.stages.iter().filter_map(|stage| match stage {
            Stage::Select(fields) => Some(fields.clone()),
            _ => None,
        });
        let first = first_conditions(&stages);
        Plan { stages, first, slots, select: selected.flatten().collect() }
    }

    /// The sets of spans of `tree` that the pipeline leaves; none is empty.
    pub(super) fn evaluate(&self, tree: &Tree) -> Vec<Spanset> {
        let all = Spanset { spans: (0..tree.spans.len()).collect(), attributes: Vec::new() };
        let context = Context { tree, fields: &self.slots.fields };
        context.run(&self.stages, vec![all])
    }

    /// The spans that the first stage can keep are among those that one of these conditions leaves open; `None` when
    /// they can be any.
    pub(super) fn first_conditions(&self) -> Option<&[Condition]> {
        self.first.as_deref()
    }

    /// Whether the query is one condition, so that a span that fulfils it is all that a trace needs.
    pub(super) fn is_one_condition(&self) -> bool {
        matches!(self.stages.as_slice(), [PlannedStage::Spans(PlannedSpans::Filter(_))])
    }
}

fn first_conditions(stages: &[PlannedStage]) -> Option<Vec<Condition>> {
    let mut conditions = Vec::new();
    let open = match stages.first() {
        Some(PlannedStage::Spans(spans)) => add_conditions(spans, &mut conditions),
        _ => false,
    };
    open.then_some(conditions)
}

/// Collects conditions of which a trace needs a span; `false` when it needs none.
fn add_conditions(spans: &PlannedSpans, conditions: &mut Vec<Condition>) -> bool {
    match spans {
        PlannedSpans::Filter(None) => false,
        PlannedSpans::Filter(Some(condition)) => {
            conditions.push(condition.clone());
            true
        }
        PlannedSpans::Pipeline(stages) => match stages.first() {
            Some(PlannedStage::Spans(spans)) => add_conditions(spans, conditions),
            _ => false,
        },
        PlannedSpans::Binary { op: SpansetOp::Or, left, right } => {
            add_conditions(left, conditions) && add_conditions(right, conditions)
        }
        PlannedSpans::Binary { op, left, right } => {
            let needs_left =
                !matches!(op, SpansetOp::Structural { keeps: Keeps::RightWithout, .. });
            let mut of_right = Vec::new();
            if add_conditions(right, &mut of_right) {
                conditions.extend(of_right);
                return true;
            }
            needs_left && add_conditions(left, conditions)
        }
    }
}

fn plan_stages(pipeline: &Pipeline, slots: &mut FieldSlots) -> Vec<PlannedStage> {
    let stages = pipeline.stages.iter().filter_map(|stage| match stage {
        Stage::Spans(spans) => Some(PlannedStage::Spans(plan_spans(spans, slots))),
        Stage::Filter(filter) => Some(PlannedStage::Filter {
            op: filter.op,
            left: plan_scalar(&filter.left, slots),
            right: plan_scalar(&filter.right, slots),
        }),
        Stage::By(expr) => Some(PlannedStage::By {
            name: format!("by({expr})"),
            key: Condition::compile(expr, slots),
        }),
        Stage::Coalesce => Some(PlannedStage::Coalesce),
        Stage::Select(_) => None,
    });
    stages.collect()
}

fn plan_spans(spans: &SpansetExpr, slots: &mut FieldSlots) -> PlannedSpans {
    match spans {
        SpansetExpr::Filter(condition) => {
            let condition = condition.as_ref();
            PlannedSpans::Filter(condition.map(|expr| Condition::compile(expr, slots)))
        }
        SpansetExpr::Pipeline(pipeline) => PlannedSpans::Pipeline(plan_stages(pipeline, slots)),
        SpansetExpr::Binary { op, left, right } => PlannedSpans::Binary {
            op: *op,
            left: Box::new(plan_spans(left, slots)),
            right: Box::new(plan_spans(right, slots)),
        },
    }
}

fn plan_scalar(scalar: &ScalarExpr, slots: &mut FieldSlots) -> PlannedScalar {
    match scalar {
        ScalarExpr::Literal(literal) => PlannedScalar::Literal(literal.clone()),
        ScalarExpr::Negative(inner) => PlannedScalar::Negative(Box::new(plan_scalar(inner, slots))),
        ScalarExpr::Binary { op, left, right } => PlannedScalar::Binary(
            *op,
            Box::new(plan_scalar(left, slots)),
            Box::new(plan_scalar(right, slots)),
        ),
        ScalarExpr::Aggregate(aggregate) => {
            let (function, of) = match aggregate {
                Aggregate::Count => (AggregateFunction::Count, None),
                Aggregate::Avg(of) => (AggregateFunction::Avg, Some(of)),
                Aggregate::Max(of) => (AggregateFunction::Max, Some(of)),
                Aggregate::Min(of) => (AggregateFunction::Min, Some(of)),
                Aggregate::Sum(of) => (AggregateFunction::Sum, Some(of)),
            };
            let of = of.map(|expr| Condition::compile(expr, slots));
            PlannedScalar::Aggregate { name: scalar.to_string(), function, of }
        }
    }
}

#[derive(Clone, Copy)]
struct Context<'a> {
    tree: &'a Tree,
    fields: &'a [Field],
}

impl<'a> Context<'a> {
    fn of(self, span: usize) -> SpanFields<'a> {
        SpanFields { tree: self.tree, span, fields: self.fields }
    }

    fn run(self, stages: &'a [PlannedStage], mut sets: Vec<Spanset>) -> Vec<Spanset> {
        for stage in stages {
            sets = self.stage(stage, sets);
            sets.retain(|set| !set.spans.is_empty());
        }
        sets
    }

    fn stage(self, stage: &'a PlannedStage, sets: Vec<Spanset>) -> Vec<Spanset> {
        match stage {
            PlannedStage::Spans(spans) => {
                let kept = |set: Spanset| Spanset { spans: self.spans(spans, &set.spans), ..set };
                sets.into_iter().map(kept).collect()
            }
            PlannedStage::Filter { op, left, right } => {
                let kept = |mut set: Spanset| {
                    let left = self.scalar(left, &mut set);
                    let right = self.scalar(right, &mut set);
                    (compare(*op, &left, &right, None) == Some(true)).then_some(set)
                };
                sets.into_iter().filter_map(kept).collect()
            }
            PlannedStage::By { name, key } => {
                sets.into_iter().flat_map(|set| self.by(name, key, set)).collect()
            }
            PlannedStage::Coalesce => {
                let mut spans: Vec<usize> = sets.into_iter().flat_map(|set| set.spans).collect();
                spans.sort_unstable();
                spans.dedup();
                vec![Spanset { spans, attributes: Vec::new() }]
            }
        }
    }

    /// The spans among `input` that the expression keeps, ascending.
    fn spans(self, spans: &'a PlannedSpans, input: &[usize]) -> Vec<usize> {
        match spans {
            PlannedSpans::Filter(None) => input.to_vec(),
            PlannedSpans::Filter(Some(condition)) => {
                let holds = |span: &usize| condition.holds(&self.of(*span)) == Some(true);
                input.iter().copied().filter(holds).collect()
            }
            PlannedSpans::Pipeline(stages) => {
                let set = Spanset { spans: input.to_vec(), attributes: Vec::new() };
                let sets = self.run(stages, vec![set]);
                united(sets.into_iter().flat_map(|set| set.spans).collect())
            }
            PlannedSpans::Binary { op, left, right } => {
                let (left, right) = (self.spans(left, input), self.spans(right, input));
                match op {
                    SpansetOp::And if left.is_empty() || right.is_empty() => Vec::new(),
                    SpansetOp::And | SpansetOp::Or => united([left, right].concat()),
                    SpansetOp::Structural { relation, keeps } => {
                        structural(self.tree, *relation, *keeps, &left, &right)
                    }
                }
            }
        }
    }

    fn by(self, name: &str, key: &'a Condition, set: Spanset) -> Vec<Spanset> {
        let mut groups: BTreeMap<String, Spanset> = BTreeMap::new();
        for &span in &set.spans {
            let value = key.value(&self.of(span)).to_any();
            let group = groups.entry(format!("{value:?}")).or_insert_with(|| {
                let mut attributes = set.attributes.clone();
                attributes.push((name.to_owned(), value));
                Spanset { spans: Vec::new(), attributes }
            });
            group.spans.push(span);
        }
        groups.into_values().collect()
    }

    /// The number of a set; aggregates are noted in its attributes.
    fn scalar(self, scalar: &'a PlannedScalar, set: &mut Spanset) -> Value<'static> {
        match scalar {
            PlannedScalar::Literal(literal) => match *literal {
                Literal::Int(number) => Value::Int(number),
                Literal::Float(number) => Value::Float(number),
                Literal::Duration(nanos) => Value::Duration(nanos),
                _ => Value::Nil,
            },
            PlannedScalar::Negative(inner) => {
                calculate(Arithmetic::Subtract, &Value::Int(0), &self.scalar(inner, set))
            }
            PlannedScalar::Binary(op, left, right) => {
                calculate(*op, &self.scalar(left, set), &self.scalar(right, set))
            }
            PlannedScalar::Aggregate { name, function, of } => {
                let value = self.aggregate(*function, of.as_ref(), &set.spans);
                set.attributes.push((name.clone(), value.to_any()));
                value
            }
        }
    }

    fn aggregate(
        self,
        function: AggregateFunction,
        of: Option<&'a Condition>,
        spans: &[usize],
    ) -> Value<'static> {
        let Some(of) = of else {
            return Value::Int(spans.len() as i64);
        };
        let values = spans.iter().filter_map(|&span| number(of.value(&self.of(span))));
        match function {
            AggregateFunction::Max => extreme(Comparison::Greater, values),
            AggregateFunction::Min => extreme(Comparison::Less, values),
            _ => {
                let (mut sum, mut count) = (Value::Nil, 0);
                for value in values {
                    count += 1;
                    sum = match sum {
                        Value::Nil => value,
                        sum => calculate(Arithmetic::Add, &sum, &value),
                    };
                }
                match (function, sum) {
                    (_, Value::Nil) => Value::Nil,
                    (AggregateFunction::Sum, sum) => sum,
                    (_, Value::Duration(nanos)) => Value::Duration(nanos / count),
                    (_, sum) => calculate(Arithmetic::Divide, &sum, &Value::Float(count as f64)),
                }
            }
        }
    }
}

fn number(value: Value<'_>) -> Option<Value<'static>> {
    match value {
        Value::Int(number) => Some(Value::Int(number)),
        Value::Float(number) => Some(Value::Float(number)),
        Value::Duration(nanos) => Some(Value::Duration(nanos)),
        _ => None,
    }
}

fn extreme(better: Comparison, values: impl Iterator<Item = Value<'static>>) -> Value<'static> {
    let better = |best: Value<'static>, value: Value<'static>| {
        if compare(better, &value, &best, None) == Some(true) { value } else { best }
    };
    values.reduce(better).unwrap_or(Value::Nil)
}

fn united(mut spans: Vec<usize>) -> Vec<usize> {
    spans.sort_unstable();
    spans.dedup();
    spans
}

/// The spans that stay of `left` and `right`, both ascending.
fn structural(
    tree: &Tree,
    relation: Relation,
    keeps: Keeps,
    left: &[usize],
    right: &[usize],
) -> Vec<usize> {
    let related = tree.related(relation, left);
    let wanted = keeps != Keeps::RightWithout;
    let mut kept: Vec<usize> =
        right.iter().copied().filter(|&span| related[span] == wanted).collect();
    if keeps == Keeps::Both {
        let related = tree.related(relation.inverse(), right);
        kept.extend(left.iter().copied().filter(|&span| related[span]));
    }
    united(kept)
}
