//! Values of fields, and what operators do with them.
//!
//! TraceQL is typed: a comparison of unlike types is false, whatever the operator. Integers, floats and durations are
//! numbers and compare with each other. A field without a value is nil, which is equal to nil alone. Of a field with several
//! values (an array, the names of a span's events) one is enough for a positive comparison, and a negative one (`!=`,
//! `!~`) must hold of all.

use super::ast::{Arithmetic, Comparison};
use super::print::{kind_name, status_name};
use crate::value::AnyValue;
use regex::Regex;
use std::cmp::Ordering;

/// A value while a query is evaluated.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// Not decidable from what has been read so far.
    Unknown,
    Nil,
    Int(i64),
    Float(f64),
    /// Nanoseconds.
    Duration(i64),
    String(&'a str),
    Bool(bool),
    /// OTLP's `StatusCode` number.
    Status(i32),
    /// OTLP's `SpanKind` number.
    Kind(i32),
    /// An id, as bytes.
    Id(&'a [u8]),
    Array(Vec<Value<'a>>),
}

/// Answer of a condition: `None` when it cannot be decided from what has been read.
pub(super) type Truth = Option<bool>;

impl<'a> Value<'a> {
    /// An attribute's value. Bytes and key–value lists exist but equal nothing.
    pub(super) fn of(value: &'a AnyValue) -> Value<'a> {
        match value {
            AnyValue::Empty => Value::Nil,
            AnyValue::String(text) => Value::String(text),
            AnyValue::Int(number) => Value::Int(*number),
            AnyValue::Double(number) => Value::Float(*number),
            AnyValue::Bool(flag) => Value::Bool(*flag),
            AnyValue::Array(elements) => Value::Array(elements.iter().map(Value::of).collect()),
            AnyValue::Bytes(_) | AnyValue::KeyValues(_) => Value::Array(Vec::new()),
        }
    }

    /// As an answer shows it.
    pub(crate) fn to_any(&self) -> AnyValue {
        match self {
            Value::Unknown | Value::Nil => AnyValue::Empty,
            Value::Int(number) => AnyValue::Int(*number),
            Value::Float(number) => AnyValue::Double(*number),
            Value::Duration(nanos) => AnyValue::Int(*nanos),
            Value::String(text) => AnyValue::String((*text).to_owned()),
            Value::Bool(flag) => AnyValue::Bool(*flag),
            Value::Status(code) => AnyValue::String(status_name(*code).to_owned()),
            Value::Kind(kind) => AnyValue::String(kind_name(*kind).to_owned()),
            Value::Id(id) => AnyValue::String(hex(id)),
            Value::Array(values) => AnyValue::Array(values.iter().map(Value::to_any).collect()),
        }
    }

    pub(super) fn truth(&self) -> Truth {
        match self {
            Value::Unknown => None,
            Value::Bool(flag) => Some(*flag),
            _ => Some(false),
        }
    }

    /// As a number, durations in nanoseconds.
    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Value::Int(number) | Value::Duration(number) => Some(*number as f64),
            Value::Float(number) => Some(*number),
            _ => None,
        }
    }
}

/// `left op right`. `regex` is the compiled right side of `=~` and `!~`.
pub(super) fn compare(
    op: Comparison,
    left: &Value<'_>,
    right: &Value<'_>,
    regex: Option<&Regex>,
) -> Truth {
    match (left, right) {
        (Value::Unknown, _) | (_, Value::Unknown) => None,
        (Value::Nil, Value::Nil) => Some(op == Comparison::Equal),
        (Value::Nil, _) => Some(false),
        (_, Value::Nil) => Some(op == Comparison::NotEqual),
        (Value::Array(values), right) => {
            Some(of_many(op, values, |value, op| compare(op, value, right, regex) == Some(true)))
        }
        (left, Value::Array(values)) => {
            Some(of_many(op, values, |value, op| compare(op, left, value, regex) == Some(true)))
        }
        (left, right) => Some(compare_one(op, left, right, regex)),
    }
}

fn of_many<'a>(
    op: Comparison,
    values: &[Value<'a>],
    holds: impl Fn(&Value<'a>, Comparison) -> bool,
) -> bool {
    match op {
        Comparison::NotEqual => !values.iter().any(|value| holds(value, Comparison::Equal)),
        Comparison::NotMatches => !values.iter().any(|value| holds(value, Comparison::Matches)),
        op => values.iter().any(|value| holds(value, op)),
    }
}

fn compare_one(op: Comparison, left: &Value<'_>, right: &Value<'_>, regex: Option<&Regex>) -> bool {
    if let Comparison::Matches | Comparison::NotMatches = op {
        let (Value::String(text), Some(regex)) = (left, regex) else {
            return false;
        };
        return regex.is_match(text) == (op == Comparison::Matches);
    }
    let Some(ordering) = order(left, right) else {
        return false;
    };
    match op {
        Comparison::Equal => ordering == Some(Ordering::Equal),
        Comparison::NotEqual => ordering != Some(Ordering::Equal),
        Comparison::Less => ordering == Some(Ordering::Less),
        Comparison::LessOrEqual => ordering.is_some_and(Ordering::is_le),
        Comparison::Greater => ordering == Some(Ordering::Greater),
        Comparison::GreaterOrEqual => ordering.is_some_and(Ordering::is_ge),
        Comparison::Matches | Comparison::NotMatches => false,
    }
}

/// `None` for unlike types; `Some(None)` for like ones without an order (NaN).
fn order(left: &Value<'_>, right: &Value<'_>) -> Option<Option<Ordering>> {
    use Value::{Bool, Duration, Float, Id, Int, Kind, Status, String};
    Some(match (left, right) {
        (String(left), String(right)) => Some(left.cmp(right)),
        (Bool(left), Bool(right)) => Some(left.cmp(right)),
        (Status(left), Status(right)) | (Kind(left), Kind(right)) => Some(left.cmp(right)),
        (Id(left), Id(right)) => Some(left.cmp(right)),
        (Id(id), String(text)) => Some(hex_order(id, text)),
        (String(text), Id(id)) => Some(hex_order(id, text).reverse()),
        (Int(left) | Duration(left), Int(right) | Duration(right)) => Some(left.cmp(right)),
        (Float(left), Float(right)) => left.partial_cmp(right),
        (Float(left), Int(right) | Duration(right)) => float_order(*left, *right),
        (Int(left) | Duration(left), Float(right)) => {
            float_order(*right, *left).map(Ordering::reverse)
        }
        _ => return None,
    })
}

/// Order of a float and an integer, exact also where the integer has no float of its own.
fn float_order(left: f64, right: i64) -> Option<Ordering> {
    /// 2^63, the first float past every `i64`.
    const PAST: f64 = 9_223_372_036_854_775_808.0;
    if left.is_nan() {
        return None;
    }
    Some(if left >= PAST {
        Ordering::Greater
    } else if left < -PAST {
        Ordering::Less
    } else {
        let whole = left.floor();
        let by_whole = (whole as i64).cmp(&right);
        if by_whole == Ordering::Equal && left > whole { Ordering::Greater } else { by_whole }
    })
}

fn hex(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An id against its hex digits, of either case; leading zeros may be left out, as Tempo prints ids.
fn hex_order(id: &[u8], text: &str) -> Ordering {
    let hex = hex(id);
    let text = text.to_ascii_lowercase();
    let padded = format!("{text:0>width$}", width = hex.len());
    hex.cmp(&padded)
}

/// `left op right`; nil when either side is not a number or the result is none.
pub(super) fn calculate<'a>(op: Arithmetic, left: &Value<'a>, right: &Value<'a>) -> Value<'static> {
    use Value::{Duration, Int};
    let ints = match (left, right) {
        (Value::Unknown, _) | (_, Value::Unknown) => return Value::Unknown,
        (Int(left) | Duration(left), Int(right) | Duration(right)) => {
            calculate_ints(op, *left, *right)
        }
        _ => None,
    };
    let is_duration = matches!(left, Duration(_)) || matches!(right, Duration(_));
    if let Some(number) = ints {
        return if is_duration { Duration(number) } else { Int(number) };
    }
    let (Some(left), Some(right)) = (left.number(), right.number()) else {
        return Value::Nil;
    };
    Value::Float(match op {
        Arithmetic::Add => left + right,
        Arithmetic::Subtract => left - right,
        Arithmetic::Multiply => left * right,
        Arithmetic::Divide => left / right,
        Arithmetic::Modulo => left % right,
        Arithmetic::Power => left.powf(right),
    })
}

/// `None` where the result is not an integer of 64 bits.
fn calculate_ints(op: Arithmetic, left: i64, right: i64) -> Option<i64> {
    match op {
        Arithmetic::Add => left.checked_add(right),
        Arithmetic::Subtract => left.checked_sub(right),
        Arithmetic::Multiply => left.checked_mul(right),
        Arithmetic::Divide => left.checked_div(right),
        Arithmetic::Modulo => left.checked_rem(right),
        Arithmetic::Power => left.checked_pow(u32::try_from(right).ok()?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(op: Comparison, left: Value<'_>, right: Value<'_>) -> bool {
        compare(op, &left, &right, None) == Some(true)
    }

    #[test]
    fn unlike_types_never_compare() {
        use Comparison::{Equal, NotEqual};
        assert!(!holds(Equal, Value::String("1"), Value::Int(1)));
        assert!(!holds(NotEqual, Value::String("1"), Value::Int(1)));
        assert!(holds(Equal, Value::Float(1.0), Value::Int(1)));
        assert!(holds(Comparison::Greater, Value::Duration(2), Value::Float(1.5)));
    }

    #[test]
    fn nil_is_equal_to_nil_alone() {
        use Comparison::{Equal, NotEqual};
        assert!(holds(Equal, Value::Nil, Value::Nil));
        assert!(!holds(NotEqual, Value::Nil, Value::Nil));
        assert!(holds(NotEqual, Value::Int(1), Value::Nil));
        assert!(!holds(NotEqual, Value::Nil, Value::Int(1)));
    }

    #[test]
    fn one_of_many_is_enough_and_none_must_be_otherwise() {
        let many = || Value::Array(vec![Value::Int(1), Value::Int(2)]);
        assert!(holds(Comparison::Equal, many(), Value::Int(2)));
        assert!(!holds(Comparison::NotEqual, many(), Value::Int(2)));
        assert!(holds(Comparison::NotEqual, many(), Value::Int(3)));
    }

    #[test]
    fn integers_beyond_a_floats_precision_compare_exactly() {
        let big = (1i64 << 53) + 1;
        assert!(!holds(Comparison::Equal, Value::Int(big), Value::Float((1i64 << 53) as f64)));
        assert!(holds(Comparison::Less, Value::Int(i64::MAX), Value::Float(9.3e18)));
        assert!(holds(Comparison::Greater, Value::Float(-1.5), Value::Int(-2)));
    }

    #[test]
    fn ids_are_written_in_hex() {
        assert!(holds(Comparison::Equal, Value::Id(&[0, 0xAB]), Value::String("00AB")));
        assert!(holds(Comparison::Equal, Value::Id(&[0, 0xAB]), Value::String("ab")));
    }

    #[test]
    fn arithmetic_stays_exact_while_it_can() {
        let int = |op, left, right| calculate(op, &Value::Int(left), &Value::Int(right));
        assert_eq!(int(Arithmetic::Divide, 7, 3), Value::Int(2));
        assert_eq!(int(Arithmetic::Divide, 1, 0), Value::Float(f64::INFINITY));
        assert_eq!(int(Arithmetic::Power, 2, 10), Value::Int(1024));
        assert_eq!(int(Arithmetic::Add, i64::MAX, 1), Value::Float(i64::MAX as f64 + 1.0));
        let second = Value::Duration(1_000_000_000);
        assert_eq!(
            calculate(Arithmetic::Multiply, &second, &Value::Int(2)),
            Value::Duration(2_000_000_000)
        );
        assert_eq!(calculate(Arithmetic::Add, &second, &Value::String("x")), Value::Nil);
    }
}
