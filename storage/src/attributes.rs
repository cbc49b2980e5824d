//! Attribute keys: which ones rows carry, of which types. Counted at flush, kept in the catalog.

use crate::batch::{Strings, TableBatch, Values};
use crate::catalog::AttributeKey;
use crate::model::{Table, Timestamp, Value, wire};
use std::collections::HashMap;

/// Most keys of one flush and table that are counted.
const KEYS_MAX: usize = 4_096;

/// The keys of all rows, sorted, with their types and numbers of rows.
pub(crate) fn count(table: Table, batches: &[&TableBatch], now: Timestamp) -> Vec<AttributeKey> {
    let mut counts: HashMap<(&str, &'static str), u64> = HashMap::new();
    let mut add = |key, value_type, rows| {
        if counts.len() < KEYS_MAX || counts.contains_key(&(key, value_type)) {
            *counts.entry((key, value_type)).or_default() += rows;
        }
    };
    for batch in batches {
        for attribute in &batch.attributes {
            add(&attribute.key, attribute.kind.name(), attribute.column.len() as u64);
        }
        if let Values::Bytes(rest) = &batch.rest.values {
            for (message, rows) in messages(rest) {
                if let Ok(attribute) = wire::key_value(message) {
                    add(attribute.key, value_type(&attribute.value), rows);
                }
            }
        }
    }
    let mut keys: Vec<AttributeKey> = counts
        .into_iter()
        .map(|((key, value_type), rows)| AttributeKey {
            table,
            key: key.to_owned(),
            value_type: value_type.to_owned(),
            rows,
            last_seen: now,
        })
        .collect();
    keys.sort_by(|a, b| (&a.key, &a.value_type).cmp(&(&b.key, &b.value_type)));
    keys
}

/// The distinct messages with how often each occurs.
fn messages(rest: &Strings) -> impl Iterator<Item = (&[u8], u64)> {
    let mut rows = vec![0; rest.dictionary.len()];
    for code in rest.codes.iter() {
        rows[code as usize] += 1;
    }
    (0..).zip(rows).map(|(code, rows)| (rest.dictionary.value(code), rows))
}

fn value_type(value: &Value<'_>) -> &'static str {
    match value {
        Value::Empty => "empty",
        Value::String(_) => "string",
        Value::Int(_) => "int",
        Value::Double(_) => "double",
        Value::Bool(_) => "bool",
        Value::Bytes(_) => "bytes",
        Value::Array(_) => "array",
        Value::KeyValues(_) => "kvlist",
    }
}
