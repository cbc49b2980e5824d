//! Attribute values as JSON, losslessly.
//!
//! | OpenTelemetry | JSON |
//! |---|---|
//! | string, bool | string, bool |
//! | int | integer, all 64 bits: `1` |
//! | double | number with a point or exponent: `1.0`; NaN and infinities are `{"$double": "NaN" \| "Infinity" \| "-Infinity"}` |
//! | bytes | `{"$bytes": "<base64>"}` |
//! | array | array |
//! | key–value list | object, keys in their order; `{"$kvlist": [["key", value], …]}` when an object could not say it: a key twice, or a lone key that begins with `$` |
//! | empty (no value set) | `null` |
//!
//! Attributes are written like a key–value list.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use binnacle_query::value::AnyValue;
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};
use std::collections::HashSet;

/// Past this many keys a set finds duplicates faster than comparing all pairs.
const PAIRWISE_KEYS_MAX: usize = 16;

/// A value that writes itself as the table above says.
#[derive(Debug, Clone, PartialEq)]
pub struct JsonValue<'a>(pub &'a AnyValue);

/// Attributes, or a key–value list.
#[derive(Debug, Clone, PartialEq)]
pub struct JsonAttributes<'a>(pub &'a [(String, AnyValue)]);

impl JsonAttributes<'_> {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for JsonAttributes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        write_key_values(self.0, serializer)
    }
}

impl Serialize for JsonValue<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            AnyValue::Empty => serializer.serialize_unit(),
            AnyValue::String(text) => serializer.serialize_str(text),
            AnyValue::Int(number) => serializer.serialize_i64(*number),
            AnyValue::Double(number) => write_double(*number, serializer),
            AnyValue::Bool(flag) => serializer.serialize_bool(*flag),
            AnyValue::Bytes(bytes) => write_special("$bytes", &BASE64.encode(bytes), serializer),
            AnyValue::Array(items) => {
                let mut array = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    array.serialize_element(&JsonValue(item))?;
                }
                array.end()
            }
            AnyValue::KeyValues(items) => write_key_values(items, serializer),
        }
    }
}

fn write_double<S: Serializer>(number: f64, serializer: S) -> Result<S::Ok, S::Error> {
    match double_name(number) {
        Some(name) => write_special("$double", name, serializer),
        None => serializer.serialize_f64(number),
    }
}

/// The name of a double that JSON has no number for, as in OTLP's own JSON.
pub fn double_name(number: f64) -> Option<&'static str> {
    match number {
        n if n.is_nan() => Some("NaN"),
        f64::INFINITY => Some("Infinity"),
        f64::NEG_INFINITY => Some("-Infinity"),
        _ => None,
    }
}

fn write_special<S: Serializer, T: Serialize + ?Sized>(
    kind: &str,
    value: &T,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut object = serializer.serialize_map(Some(1))?;
    object.serialize_entry(kind, value)?;
    object.end()
}

fn write_key_values<S: Serializer>(
    items: &[(String, AnyValue)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    if !fits_an_object(items) {
        let pairs: Vec<_> = items.iter().map(|(key, value)| (key, JsonValue(value))).collect();
        return write_special("$kvlist", &pairs, serializer);
    }
    let mut object = serializer.serialize_map(Some(items.len()))?;
    for (key, value) in items {
        object.serialize_entry(key, &JsonValue(value))?;
    }
    object.end()
}

fn fits_an_object(items: &[(String, AnyValue)]) -> bool {
    if let [(key, _)] = items {
        return !key.starts_with('$');
    }
    if items.len() > PAIRWISE_KEYS_MAX {
        let mut seen = HashSet::with_capacity(items.len());
        return items.iter().all(|(key, _)| seen.insert(key.as_str()));
    }
    items.iter().enumerate().all(|(i, (key, _))| items[..i].iter().all(|(other, _)| other != key))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key_values(items: &[(&str, AnyValue)]) -> AnyValue {
        AnyValue::KeyValues(items.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect())
    }

    fn check(value: AnyValue, expected: &str) {
        assert_eq!(serde_json::to_string(&JsonValue(&value)).unwrap(), expected);
    }

    #[test]
    fn every_kind_has_a_form_of_its_own() {
        check(AnyValue::Empty, "null");
        check(AnyValue::String("".into()), "\"\"");
        check(AnyValue::Int(i64::MAX), "9223372036854775807");
        check(AnyValue::Int(1), "1");
        check(AnyValue::Double(1.0), "1.0");
        check(AnyValue::Double(-0.0), "-0.0");
        check(AnyValue::Double(f64::NAN), r#"{"$double":"NaN"}"#);
        check(AnyValue::Double(f64::NEG_INFINITY), r#"{"$double":"-Infinity"}"#);
        check(AnyValue::Bool(false), "false");
        check(AnyValue::Bytes(vec![0, 255]), r#"{"$bytes":"AP8="}"#);
        check(AnyValue::Array(vec![AnyValue::Empty, AnyValue::Int(2)]), "[null,2]");
    }

    #[test]
    fn key_value_lists_keep_order_and_duplicates() {
        let (one, two) = (AnyValue::Int(1), AnyValue::Int(2));
        check(key_values(&[("b", one.clone()), ("a", two.clone())]), r#"{"b":1,"a":2}"#);
        check(key_values(&[]), "{}");
        check(
            key_values(&[("a", one.clone()), ("a", two.clone())]),
            r#"{"$kvlist":[["a",1],["a",2]]}"#,
        );
        check(key_values(&[("$bytes", one.clone())]), r#"{"$kvlist":[["$bytes",1]]}"#);
        check(key_values(&[("$x", one), ("y", two)]), r#"{"$x":1,"y":2}"#);
    }

    #[test]
    fn many_keys_find_a_late_duplicate() {
        let mut items: Vec<_> = (0..100).map(|i| (format!("k{i}"), AnyValue::Int(i))).collect();
        assert!(fits_an_object(&items));
        items.push(("k50".to_owned(), AnyValue::Empty));
        assert!(!fits_an_object(&items));
    }
}
