//! OpenTelemetry's `AnyValue`, owned.

use binnacle_storage::model::wire::{self, Malformed};
use binnacle_storage::model::{Attribute, Value};

/// A value of an attribute or a log body.
#[derive(Debug, Clone, PartialEq)]
pub enum AnyValue {
    /// Present, but with no value set.
    Empty,
    String(String),
    Int(i64),
    Double(f64),
    Bool(bool),
    Bytes(Vec<u8>),
    Array(Vec<AnyValue>),
    KeyValues(Attributes),
}

/// Keys with their values; a key sent twice is here twice.
pub type Attributes = Vec<(String, AnyValue)>;

impl AnyValue {
    /// Reads the bytes of an `AnyValue` message.
    pub fn decode(bytes: &[u8]) -> Result<AnyValue, Malformed> {
        AnyValue::of(&wire::any_value(bytes)?)
    }

    /// Copies a borrowed value and everything inside it.
    pub fn of(value: &Value<'_>) -> Result<AnyValue, Malformed> {
        nested(value, wire::DEPTH_MAX)
    }
}

fn nested(value: &Value<'_>, depth: usize) -> Result<AnyValue, Malformed> {
    let inner = depth.checked_sub(1).ok_or(Malformed::Depth);
    Ok(match *value {
        Value::Empty => AnyValue::Empty,
        Value::String(text) => AnyValue::String(text.to_owned()),
        Value::Int(number) => AnyValue::Int(number),
        Value::Double(number) => AnyValue::Double(number),
        Value::Bool(flag) => AnyValue::Bool(flag),
        Value::Bytes(bytes) => AnyValue::Bytes(bytes.to_vec()),
        Value::Array(bytes) => {
            let depth = inner?;
            let elements = wire::messages(bytes)
                .map(|element| nested(&wire::any_value(element?)?, depth))
                .collect::<Result<_, _>>()?;
            AnyValue::Array(elements)
        }
        Value::KeyValues(bytes) => {
            let depth = inner?;
            let pairs = wire::attributes(bytes)
                .map(|pair| {
                    let pair = pair?;
                    Ok((pair.key.to_owned(), nested(&pair.value, depth)?))
                })
                .collect::<Result<_, _>>()?;
            AnyValue::KeyValues(pairs)
        }
    })
}

/// Reads a stored list of `KeyValue`, in its order.
pub fn attributes(bytes: &[u8]) -> Result<Attributes, Malformed> {
    wire::attributes(bytes).map(|attribute| owned(&attribute?)).collect()
}

/// Copies one attribute.
pub(super) fn owned(attribute: &Attribute<'_>) -> Result<(String, AnyValue), Malformed> {
    Ok((attribute.key.to_owned(), AnyValue::of(&attribute.value)?))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The `AnyValue` message of `value`, written independently of the reader.
    pub(crate) fn encode(value: &AnyValue) -> Vec<u8> {
        let mut out = Vec::new();
        match value {
            AnyValue::Empty => wire::put_any_value(&mut out, &Value::Empty),
            AnyValue::String(text) => wire::put_any_value(&mut out, &Value::String(text)),
            AnyValue::Int(number) => wire::put_any_value(&mut out, &Value::Int(*number)),
            AnyValue::Double(number) => wire::put_any_value(&mut out, &Value::Double(*number)),
            AnyValue::Bool(flag) => wire::put_any_value(&mut out, &Value::Bool(*flag)),
            AnyValue::Bytes(bytes) => wire::put_any_value(&mut out, &Value::Bytes(bytes)),
            AnyValue::Array(elements) => {
                let mut list = Vec::new();
                for element in elements {
                    wire::put_element(&mut list, &encode(element));
                }
                wire::put_any_value(&mut out, &Value::Array(&list));
            }
            AnyValue::KeyValues(pairs) => {
                wire::put_any_value(&mut out, &Value::KeyValues(&encode_list(pairs)));
            }
        }
        out
    }

    /// A stored list of `KeyValue`.
    pub(crate) fn encode_list(pairs: &[(String, AnyValue)]) -> Vec<u8> {
        let mut list = Vec::new();
        for (key, value) in pairs {
            wire::put_element(&mut list, &encode_pair(key, value));
        }
        list
    }

    /// One `KeyValue` message.
    pub(crate) fn encode_pair(key: &str, value: &AnyValue) -> Vec<u8> {
        let mut message = Vec::new();
        wire::put_message(&mut message, 1, key.as_bytes());
        wire::put_message(&mut message, 2, &encode(value));
        message
    }

    pub(crate) fn any_value() -> impl Strategy<Value = AnyValue> {
        let leaf = prop_oneof![
            Just(AnyValue::Empty),
            "[a-zäß0-9 ]{0,8}".prop_map(AnyValue::String),
            any::<i64>().prop_map(AnyValue::Int),
            (-1e9..1e9f64).prop_map(AnyValue::Double),
            any::<bool>().prop_map(AnyValue::Bool),
            prop::collection::vec(any::<u8>(), 0..8).prop_map(AnyValue::Bytes),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(AnyValue::Array),
                prop::collection::vec(("[a-z]{0,4}", inner), 0..4).prop_map(AnyValue::KeyValues),
            ]
        })
    }

    proptest! {
        #[test]
        fn values_survive_their_bytes(value in any_value()) {
            prop_assert_eq!(AnyValue::decode(&encode(&value)).unwrap(), value);
        }

        #[test]
        fn damaged_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = AnyValue::decode(&bytes);
            let _ = attributes(&bytes);
        }

        #[test]
        fn flipped_bytes_never_panic(value in any_value(), at in any::<prop::sample::Index>(), to in any::<u8>()) {
            let mut bytes = encode(&value);
            if !bytes.is_empty() {
                let at = at.index(bytes.len());
                bytes[at] = to;
                let _ = AnyValue::decode(&bytes);
            }
        }
    }

    #[test]
    fn nesting_past_the_limit_is_an_error() {
        let mut bytes = Vec::new();
        for _ in 0..=wire::DEPTH_MAX {
            let mut list = Vec::new();
            wire::put_element(&mut list, &bytes);
            bytes = Vec::new();
            wire::put_any_value(&mut bytes, &Value::Array(&list));
        }
        assert_eq!(AnyValue::decode(&bytes), Err(Malformed::Depth));
    }
}
