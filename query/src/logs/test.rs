//! Does one value pass a field test?

use super::ast::{Bound, Literal, Number, Test};
use binnacle_storage::model::Value;
use binnacle_storage::model::wire::{self, Malformed};
use std::cmp::Ordering;

impl Test {
    /// Whether an attribute's value passes. Of an array, one element is enough; bytes, key–value lists and empty values
    /// only exist.
    pub(super) fn passes(&self, value: &Value<'_>) -> Result<bool, Malformed> {
        if *self == Test::Exists {
            return Ok(true);
        }
        let Value::Array(elements) = value else {
            return Ok(self.passes_scalar(value));
        };
        for element in wire::messages(elements) {
            if self.passes_scalar(&wire::any_value(element?)?) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether a text column's value passes; an empty text is as good as none.
    pub(super) fn passes_text(&self, text: Option<&str>) -> bool {
        text.is_some_and(|text| match self {
            Test::Exists => !text.is_empty(),
            _ => self.passes_scalar(&Value::String(text)),
        })
    }

    fn passes_scalar(&self, value: &Value<'_>) -> bool {
        let number = match *value {
            Value::Int(number) => Some(Number::Int(number)),
            Value::Double(number) => Some(Number::Double(number)),
            _ => None,
        };
        match (self, value) {
            (Test::Equals(literal), Value::String(text)) => *text == literal.text,
            (Test::Equals(literal), Value::Bool(flag)) => literal.flag == Some(*flag),
            (Test::Equals(literal), _) => compare(number, literal) == Some(Ordering::Equal),
            (Test::Glob(parts), Value::String(text)) => glob(parts, text),
            (Test::Between(low, high), _) => match (numeric(low) && numeric(high), value) {
                (true, _) => within(low, high, |literal| compare(number, literal)),
                (false, Value::String(text)) => {
                    within(low, high, |literal| Some((*text).cmp(literal.text.as_str())))
                }
                (false, _) => false,
            },
            _ => false,
        }
    }
}

fn compare(number: Option<Number>, literal: &Literal) -> Option<Ordering> {
    number?.compare(literal.number?)
}

/// Whether this end of a range is a number, or open.
fn numeric(bound: &Bound) -> bool {
    match bound {
        Bound::Open => true,
        Bound::Included(literal) | Bound::Excluded(literal) => literal.number.is_some(),
    }
}

fn within(low: &Bound, high: &Bound, compare: impl Fn(&Literal) -> Option<Ordering>) -> bool {
    let above = match low {
        Bound::Open => true,
        Bound::Included(literal) => compare(literal).is_some_and(Ordering::is_ge),
        Bound::Excluded(literal) => compare(literal).is_some_and(Ordering::is_gt),
    };
    let below = match high {
        Bound::Open => true,
        Bound::Included(literal) => compare(literal).is_some_and(Ordering::is_le),
        Bound::Excluded(literal) => compare(literal).is_some_and(Ordering::is_lt),
    };
    above && below
}

/// Whether `text` is made of `parts` in order with anything between them.
fn glob(parts: &[String], text: &str) -> bool {
    let [first, middle @ .., last] = parts else {
        return parts.first().is_some_and(|only| only == text);
    };
    let Some(mut rest) = text.strip_prefix(first.as_str()) else {
        return false;
    };
    for part in middle {
        // The earliest place leaves the most for the parts that follow.
        let Some(at) = rest.find(part.as_str()) else {
            return false;
        };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_in_order_without_overlap() {
        let cases = [
            ("a*", "abc", true),
            ("*c", "abc", true),
            ("*b*", "abc", true),
            ("a*a", "a", false),
            ("a*b*c", "axxbyyc", true),
            ("a*b*b", "ab", false),
            ("*ä*", "xäy", true),
        ];
        for (pattern, text, expected) in cases {
            let parts: Vec<_> = pattern.split('*').map(str::to_owned).collect();
            assert_eq!(glob(&parts, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn values_pass_by_their_type() {
        let equals = |text: &str| Test::Equals(Literal::bare(text));
        assert!(equals("500").passes(&Value::Int(500)).unwrap());
        assert!(equals("500").passes(&Value::Double(500.0)).unwrap());
        assert!(equals("500").passes(&Value::String("500")).unwrap());
        assert!(equals("true").passes(&Value::Bool(true)).unwrap());
        let quoted = Test::Equals(Literal::quoted("500".to_owned()));
        assert!(!quoted.passes(&Value::Int(500)).unwrap());
        let above = Test::Between(Bound::Included(Literal::bare("500")), Bound::Open);
        assert!(above.passes(&Value::Int(503)).unwrap());
        assert!(!above.passes(&Value::String("503")).unwrap());
        let from_b = Test::Between(Bound::Included(Literal::bare("b")), Bound::Open);
        assert!(from_b.passes(&Value::String("c")).unwrap());
        assert!(!from_b.passes(&Value::Int(5)).unwrap());
        let mut list = Vec::new();
        for text in ["a", "b"] {
            let mut element = Vec::new();
            wire::put_any_value(&mut element, &Value::String(text));
            wire::put_element(&mut list, &element);
        }
        assert!(equals("b").passes(&Value::Array(&list)).unwrap());
        assert!(!equals("c").passes(&Value::Array(&list)).unwrap());
        assert!(Test::Exists.passes(&Value::Empty).unwrap());
    }
}
