//! Conditions made ready to be evaluated span by span.
//!
//! Fields become numbers of slots in a [`FieldSlots`], so that whoever provides their values (a row of a batch, a span of a
//! trace) finds each once, and regular expressions are compiled.

use super::ast::{Arithmetic, Comparison, Field, FieldExpr, FieldOp, Literal};
use super::value::{Truth, Value, calculate, compare};
use regex::Regex;
use std::collections::BTreeSet;

/// Largest compiled regular expression.
const REGEX_BYTES_MAX: usize = 1 << 20;

/// A pattern as TraceQL means it: matching the whole text.
pub(super) fn regex(pattern: &str) -> Result<Regex, regex::Error> {
    let anchored = format!("^(?s:{pattern})$");
    regex::RegexBuilder::new(&anchored).size_limit(REGEX_BYTES_MAX).build()
}

/// The fields that something needs, each once.
#[derive(Debug, Clone, Default)]
pub(super) struct FieldSlots {
    pub(super) fields: Vec<Field>,
}

impl FieldSlots {
    pub(super) fn slot(&mut self, field: &Field) -> usize {
        let known = self.fields.iter().position(|other| other == field);
        known.unwrap_or_else(|| {
            self.fields.push(field.clone());
            self.fields.len() - 1
        })
    }
}

/// Where the values of fields come from.
pub(super) trait FieldValues<'a> {
    fn value(&self, slot: usize) -> Value<'a>;
}

/// An expression over the fields of one span.
#[derive(Debug, Clone)]
pub(super) enum Condition {
    Literal(Literal),
    Field(usize),
    Not(Box<Condition>),
    Negative(Box<Condition>),
    And(Box<Condition>, Box<Condition>),
    Or(Box<Condition>, Box<Condition>),
    Compare { op: Comparison, regex: Option<Regex>, left: Box<Condition>, right: Box<Condition> },
    Calculate(Arithmetic, Box<Condition>, Box<Condition>),
}

impl Condition {
    pub(super) fn compile(expr: &FieldExpr, slots: &mut FieldSlots) -> Condition {
        match expr {
            FieldExpr::Literal(literal) => Condition::Literal(literal.clone()),
            FieldExpr::Field(field) => Condition::Field(slots.slot(field)),
            FieldExpr::Not(inner) => Condition::Not(Box::new(Condition::compile(inner, slots))),
            FieldExpr::Negative(inner) => {
                Condition::Negative(Box::new(Condition::compile(inner, slots)))
            }
            FieldExpr::Binary { op, left, right } => {
                let compile = |expr, slots: &mut _| Box::new(Condition::compile(expr, slots));
                let (left, right) = (compile(left, slots), compile(right, slots));
                match op {
                    FieldOp::And => Condition::And(left, right),
                    FieldOp::Or => Condition::Or(left, right),
                    FieldOp::Arithmetic(op) => Condition::Calculate(*op, left, right),
                    FieldOp::Compare(op) => {
                        Condition::Compare { op: *op, regex: pattern(*op, &right), left, right }
                    }
                }
            }
        }
    }

    /// Whether the condition holds; `None` when that hangs on a field whose value is not known.
    pub(super) fn holds<'a>(&'a self, fields: &impl FieldValues<'a>) -> Truth {
        match self {
            Condition::Not(inner) => inner.holds(fields).map(|holds| !holds),
            Condition::And(left, right) => match left.holds(fields) {
                Some(false) => Some(false),
                Some(true) => right.holds(fields),
                None => right.holds(fields).filter(|holds| !holds),
            },
            Condition::Or(left, right) => match left.holds(fields) {
                Some(true) => Some(true),
                Some(false) => right.holds(fields),
                None => right.holds(fields).filter(|holds| *holds),
            },
            Condition::Compare { op, regex, left, right } => {
                compare(*op, &left.value(fields), &right.value(fields), regex.as_ref())
            }
            other => other.value(fields).truth(),
        }
    }

    /// Adds the slots of the fields it asks for.
    pub(super) fn add_slots(&self, slots: &mut BTreeSet<usize>) {
        match self {
            Condition::Literal(_) => {}
            Condition::Field(slot) => {
                slots.insert(*slot);
            }
            Condition::Not(inner) | Condition::Negative(inner) => inner.add_slots(slots),
            Condition::And(left, right)
            | Condition::Or(left, right)
            | Condition::Compare { left, right, .. }
            | Condition::Calculate(_, left, right) => {
                left.add_slots(slots);
                right.add_slots(slots);
            }
        }
    }

    pub(super) fn value<'a>(&'a self, fields: &impl FieldValues<'a>) -> Value<'a> {
        match self {
            Condition::Literal(literal) => literal.value(),
            Condition::Field(slot) => fields.value(*slot),
            Condition::Negative(inner) => {
                calculate(Arithmetic::Subtract, &Value::Int(0), &inner.value(fields))
            }
            Condition::Calculate(op, left, right) => {
                calculate(*op, &left.value(fields), &right.value(fields))
            }
            condition => condition.holds(fields).map_or(Value::Unknown, Value::Bool),
        }
    }
}

/// The compiled right side of `=~` and `!~`; the query was checked, so that it is one.
fn pattern(op: Comparison, right: &Condition) -> Option<Regex> {
    match (op, right) {
        (
            Comparison::Matches | Comparison::NotMatches,
            Condition::Literal(Literal::String(pattern)),
        ) => regex(pattern).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traceql::ast::{SpansetExpr, Stage};
    use crate::traceql::parse;

    struct Known(Vec<Value<'static>>);

    impl<'a> FieldValues<'a> for Known {
        fn value(&self, slot: usize) -> Value<'a> {
            self.0[slot].clone()
        }
    }

    /// Evaluates a condition whose fields, in order of their first mention, have these values.
    fn check(condition: &str, values: &[Value<'static>], expected: Truth) {
        let query = parse(&format!("{{ {condition} }}")).unwrap();
        let Stage::Spans(SpansetExpr::Filter(Some(expr))) = &query.pipeline.stages[0] else {
            panic!("not a condition: {condition}");
        };
        let mut slots = FieldSlots::default();
        let compiled = Condition::compile(expr, &mut slots);
        assert_eq!(compiled.holds(&Known(values.to_vec())), expected, "{condition} {values:?}");
    }

    #[test]
    fn logic_is_decided_as_soon_as_it_can_be() {
        use Value::{Bool, Unknown};
        check(".a && .b", &[Unknown, Bool(false)], Some(false));
        check(".a && .b", &[Unknown, Bool(true)], None);
        check(".a || .b", &[Unknown, Bool(true)], Some(true));
        check(".a || .b", &[Unknown, Bool(false)], None);
        check("!.a", &[Unknown], None);
        check("rootName = \"x\" || .a", &[Unknown, Bool(true)], Some(true));
    }

    #[test]
    fn both_logical_operators_bind_alike() {
        let values = |a, b, c| [Value::Bool(a), Value::Bool(b), Value::Bool(c)];
        check(".a || .b && .c", &values(true, true, false), Some(false));
        check(".a && .b || .c", &values(false, true, true), Some(true));
    }

    #[test]
    fn products_bind_more_than_sums_and_sums_more_than_comparisons() {
        check(".a + 2 * 3 = 7", &[Value::Int(1)], Some(true));
        check("-.a ^ 2 = -4", &[Value::Int(2)], Some(true));
        check(".a % 5 < 2 ^ 3 ^ 1", &[Value::Int(12)], Some(true));
    }

    #[test]
    fn regular_expressions_match_the_whole_text() {
        check(".a =~ `GET .*`", &[Value::String("GET /cart")], Some(true));
        check(".a =~ `GET`", &[Value::String("GET /cart")], Some(false));
        check(".a !~ `GET|PUT`", &[Value::String("PUT")], Some(false));
        check(".a !~ `GET`", &[Value::Int(1)], Some(false));
    }
}
