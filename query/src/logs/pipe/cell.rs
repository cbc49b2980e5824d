//! A value that records are grouped by: one that can be compared, ordered and hashed.

use crate::value::AnyValue;
use binnacle_storage::model::{Value, wire};

/// Ordered by type, in the order written here, then by value.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Cell {
    /// The record has no value.
    None,
    Bool(bool),
    Int(i64),
    /// Bits in an order that is that of the numbers.
    Double(i64),
    Text(String),
    /// Bytes, arrays and key–value lists, as OTLP's message.
    Other(Vec<u8>),
}

impl Cell {
    pub(super) fn of(value: &Value<'_>) -> Cell {
        match value {
            Value::Empty => Cell::None,
            Value::Bool(flag) => Cell::Bool(*flag),
            Value::Int(number) => Cell::Int(*number),
            Value::Double(number) => Cell::Double(ordered(number.to_bits() as i64)),
            Value::String(text) => Cell::Text((*text).to_owned()),
            Value::Bytes(_) | Value::Array(_) | Value::KeyValues(_) => {
                let mut message = Vec::new();
                wire::put_any_value(&mut message, value);
                Cell::Other(message)
            }
        }
    }

    pub(crate) fn text(text: Option<&str>) -> Cell {
        match text {
            None | Some("") => Cell::None,
            Some(text) => Cell::Text(text.to_owned()),
        }
    }

    pub(crate) fn value(&self) -> AnyValue {
        match self {
            Cell::None => AnyValue::Empty,
            Cell::Bool(flag) => AnyValue::Bool(*flag),
            Cell::Int(number) => AnyValue::Int(*number),
            Cell::Double(bits) => AnyValue::Double(f64::from_bits(ordered(*bits) as u64)),
            Cell::Text(text) => AnyValue::String(text.clone()),
            // It was read before, so that it can be read.
            Cell::Other(message) => AnyValue::decode(message).unwrap_or(AnyValue::Empty),
        }
    }

    /// Bytes of memory, roughly.
    pub(super) fn memory(&self) -> u64 {
        let own = match self {
            Cell::Text(text) => text.len(),
            Cell::Other(bytes) => bytes.len(),
            _ => 0,
        };
        (size_of::<Cell>() + own) as u64
    }
}

/// Bits of a double to a number ordered as doubles are, and back.
fn ordered(bits: i64) -> i64 {
    bits ^ (((bits >> 63) as u64) >> 1) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_keep_their_order_and_value() {
        let numbers = [f64::NEG_INFINITY, -2.5, -0.0, 0.0, 1e-300, 2.5, f64::INFINITY, f64::NAN];
        let cells: Vec<Cell> = numbers.iter().map(|n| Cell::of(&Value::Double(*n))).collect();
        assert!(cells.is_sorted());
        for (number, cell) in numbers.iter().zip(&cells) {
            let AnyValue::Double(back) = cell.value() else { panic!("{cell:?}") };
            assert_eq!(back.to_bits(), number.to_bits());
        }
    }

    #[test]
    fn what_has_no_plain_form_keeps_its_message() {
        let cell = Cell::of(&Value::Bytes(b"ab"));
        assert_eq!(cell.value(), AnyValue::Bytes(b"ab".to_vec()));
        assert!(Cell::of(&Value::String("z")) < cell && Cell::None < Cell::Bool(false));
    }
}
