//! What a log query says, once parsed. Which rows it matches is in [`super::evaluate`] and, in words, in
//! `query/LANGUAGE.md`.

use super::text::TextMatch;
use crate::value::Resource;
use binnacle_storage::model::{SpanId, TraceId};
use std::sync::Arc;

/// A query. `And` of nothing matches every record.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Query {
    And(Vec<Query>),
    Or(Vec<Query>),
    Not(Box<Query>),
    /// The body holds these words.
    Text(TextMatch),
    Severity(SeverityTest),
    /// `None`: any id.
    TraceId(Option<TraceId>),
    SpanId(Option<SpanId>),
    Field(Place, Test),
    /// Comes from one of these resources.
    Resource(Arc<Vec<Arc<Resource>>>),
}

/// Where a field test looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    Service,
    Body,
    EventName,
    /// The scope's name.
    Scope,
    /// An attribute of the resource.
    Resource(String),
    /// An attribute of the record.
    Attribute(String),
    /// An attribute of the record or, where the record has none of this name, of its resource.
    Any(String),
}

/// What a field test asks.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Test {
    /// Has any value.
    Exists,
    Equals(Literal),
    /// A string made of these parts in order, with anything between them; the first starts it, the last ends it.
    Glob(Vec<String>),
    Between(Bound, Bound),
}

/// One end of a range.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Bound {
    Open,
    Included(Literal),
    Excluded(Literal),
}

/// A value as written in the query.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Literal {
    pub(crate) text: String,
    /// What the text reads as; quoted texts are only texts.
    pub(crate) number: Option<Number>,
    pub(crate) flag: Option<bool>,
}

/// A number as written or stored; integers and doubles compare exactly.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Number {
    Int(i64),
    Double(f64),
}

/// A test of severity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SeverityTest {
    /// Is set at all, as number or text.
    Exists,
    /// Numbers within these, both included.
    Between(i32, i32),
    /// The severity text, in either case.
    Named(String),
}

impl Literal {
    /// A bare word: a number or flag where it reads as one.
    pub(crate) fn bare(text: &str) -> Literal {
        let number = match text.parse::<i64>() {
            Ok(number) => Some(Number::Int(number)),
            Err(_) if looks_numeric(text) => text.parse().ok().map(Number::Double),
            Err(_) => None,
        };
        let flag = match text {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        };
        Literal { text: text.to_owned(), number, flag }
    }

    pub(crate) fn quoted(text: String) -> Literal {
        Literal { text, number: None, flag: None }
    }
}

/// Keeps `inf`, `nan` and the like texts.
fn looks_numeric(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte))
}

impl Number {
    /// `None` when a NaN is involved.
    pub(crate) fn compare(self, other: Number) -> Option<std::cmp::Ordering> {
        use Number::{Double, Int};
        match (self, other) {
            (Int(a), Int(b)) => Some(a.cmp(&b)),
            (Double(a), Double(b)) => a.partial_cmp(&b),
            (Int(a), Double(b)) => compare_mixed(a, b),
            (Double(a), Int(b)) => compare_mixed(b, a).map(std::cmp::Ordering::reverse),
        }
    }
}

/// Compares without rounding the integer to a double.
fn compare_mixed(int: i64, double: f64) -> Option<std::cmp::Ordering> {
    use std::cmp::Ordering::{Greater, Less};
    /// 2^63: one past the largest `i64`, exactly a double.
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if double.is_nan() {
        return None;
    }
    if double >= LIMIT {
        return Some(Less);
    }
    if double < -LIMIT {
        return Some(Greater);
    }
    let whole = double.trunc();
    let fraction = double - whole;
    int.cmp(&(whole as i64)).then(0.0f64.partial_cmp(&fraction)?).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cmp::Ordering;

    #[test]
    fn integers_and_doubles_compare_exactly() {
        let cases = [
            (Number::Int(1 << 53), Number::Double((1u64 << 53) as f64), Some(Ordering::Equal)),
            (
                Number::Int((1 << 53) + 1),
                Number::Double((1u64 << 53) as f64),
                Some(Ordering::Greater),
            ),
            (Number::Int(i64::MAX), Number::Double(9.3e18), Some(Ordering::Less)),
            (Number::Int(i64::MIN), Number::Double(-9.3e18), Some(Ordering::Greater)),
            (Number::Int(-1), Number::Double(-1.5), Some(Ordering::Greater)),
            (Number::Int(0), Number::Double(-0.0), Some(Ordering::Equal)),
            (Number::Int(-2), Number::Double(-2.0), Some(Ordering::Equal)),
            (Number::Int(0), Number::Double(f64::NAN), None),
        ];
        for (a, b, expected) in cases {
            assert_eq!(a.compare(b), expected, "{a:?} {b:?}");
            assert_eq!(b.compare(a), expected.map(Ordering::reverse), "{b:?} {a:?}");
        }
    }

    #[test]
    fn bare_words_are_numbers_only_when_they_look_like_them() {
        assert_eq!(Literal::bare("500").number, Some(Number::Int(500)));
        assert_eq!(Literal::bare("-1.5e3").number, Some(Number::Double(-1500.0)));
        for text in ["inf", "nan", "1.2.3", "e", "0x10", "500ms"] {
            assert_eq!(Literal::bare(text).number, None, "{text}");
        }
    }
}
