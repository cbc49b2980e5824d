//! Reading stored protobuf bytes: attributes, resources, scopes, events, links, and their text as JSON.
//!
//! Stored bytes were checked when they were accepted, so what cannot be read any more is passed over.

use binnacle_storage::model::wire::{self, FIXED32, FIXED64, LENGTH, Reader, VARINT};
use binnacle_storage::model::{Attribute, Value};
use std::fmt::Write;

/// One field of a message.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Field<'a> {
    Varint(u64),
    Fixed64(u64),
    Fixed32(u32),
    Bytes(&'a [u8]),
}

/// The fields of a message with their numbers, in order, up to the first that cannot be read.
pub(super) fn fields(bytes: &[u8]) -> impl Iterator<Item = (u32, Field<'_>)> {
    let mut reader = Reader::new(bytes);
    std::iter::from_fn(move || {
        while !reader.is_done() {
            let next = reader.tag().ok()?;
            let field = match next & 7 {
                VARINT => Field::Varint(reader.varint().ok()?),
                FIXED64 => Field::Fixed64(reader.fixed64().ok()?),
                FIXED32 => Field::Fixed32(reader.fixed32().ok()?),
                LENGTH => Field::Bytes(reader.length_delimited().ok()?),
                _ => {
                    reader.skip(next).ok()?;
                    continue;
                }
            };
            return Some((next >> 3, field));
        }
        None
    })
}

/// The length-delimited fields of one number.
pub(super) fn messages(bytes: &[u8], number: u32) -> impl Iterator<Item = &[u8]> {
    fields(bytes).filter_map(move |(field, value)| match value {
        Field::Bytes(bytes) if field == number => Some(bytes),
        _ => None,
    })
}

/// A text field; the last one counts, as protobuf says.
pub(super) fn text_field(bytes: &[u8], number: u32) -> Option<&str> {
    messages(bytes, number).last().and_then(|bytes| std::str::from_utf8(bytes).ok())
}

/// Where a stored column keeps a list of attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum AttributeList {
    /// A stored list of `KeyValue`: the tail of a row's own attributes.
    Row,
    /// `ResourceSpans.resource.attributes` and its like.
    Resource,
    /// `ScopeSpans.scope.attributes` and its like.
    Scope,
}

impl AttributeList {
    /// Its name in SQL.
    pub(super) fn sql_name(self) -> &'static str {
        match self {
            AttributeList::Row => "attributes",
            AttributeList::Resource => "resource",
            AttributeList::Scope => "scope_attributes",
        }
    }

    pub(super) fn from_sql_name(name: &str) -> Option<AttributeList> {
        use AttributeList::{Resource, Row, Scope};
        [Row, Resource, Scope].into_iter().find(|list| list.sql_name().eq_ignore_ascii_case(name))
    }

    /// The attributes of this list in the bytes of its column.
    pub(super) fn attributes(self, bytes: &[u8]) -> impl Iterator<Item = Attribute<'_>> {
        // Field 1 of the column is the resource or scope; a row's list is the message itself.
        let inner = match self {
            AttributeList::Row => Some(bytes),
            AttributeList::Resource | AttributeList::Scope => messages(bytes, 1).last(),
        };
        let number = if self == AttributeList::Scope { 3 } else { 1 };
        attributes(inner.unwrap_or_default(), number)
    }
}

/// The `KeyValue` fields of one number.
pub(super) fn attributes(bytes: &[u8], number: u32) -> impl Iterator<Item = Attribute<'_>> {
    messages(bytes, number).filter_map(|message| wire::key_value(message).ok())
}

/// Appends `text` as a JSON string.
pub(super) fn put_json_text(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if (c as u32) < 0x20 => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// Appends `value` as JSON, in the same words as the HTTP API: bytes are `{"$bytes": "<base64>"}`, doubles that JSON has no
/// number for `{"$double": "NaN"}`, an empty value is null.
pub(super) fn put_json(out: &mut String, value: &Value<'_>) {
    put_json_within(out, value, wire::DEPTH_MAX);
}

fn put_json_within(out: &mut String, value: &Value<'_>, depth: usize) {
    match *value {
        Value::Empty => out.push_str("null"),
        Value::String(text) => put_json_text(out, text),
        Value::Int(number) => {
            let _ = write!(out, "{number}");
        }
        Value::Double(number) if number.is_finite() => {
            let _ = write!(out, "{number:?}");
        }
        Value::Double(number) => {
            let name = match number {
                f64::INFINITY => "Infinity",
                f64::NEG_INFINITY => "-Infinity",
                _ => "NaN",
            };
            let _ = write!(out, "{{\"$double\":\"{name}\"}}");
        }
        Value::Bool(flag) => out.push_str(if flag { "true" } else { "false" }),
        Value::Bytes(bytes) => {
            out.push_str("{\"$bytes\":\"");
            put_base64(out, bytes);
            out.push_str("\"}");
        }
        Value::Array(_) | Value::KeyValues(_) if depth == 0 => out.push_str("null"),
        Value::Array(bytes) => {
            let values = messages(bytes, 1).filter_map(|bytes| wire::any_value(bytes).ok());
            put_list(out, '[', ']', values, |out, value| put_json_within(out, &value, depth - 1));
        }
        Value::KeyValues(bytes) => {
            let pairs: Vec<_> = attributes(bytes, 1).map(|one| (one.key, one.value)).collect();
            let mut keys: Vec<_> = pairs.iter().map(|(key, _)| *key).collect();
            keys.sort_unstable();
            put_pairs(out, &pairs, fits_an_object(&keys), depth - 1);
        }
    }
}

/// Whether an object can say a list with these sorted keys: none is there twice, and none can be taken for the name of
/// a form that JSON has no word for.
fn fits_an_object(sorted: &[&str]) -> bool {
    match sorted {
        [only] => !only.starts_with('$'),
        keys => keys.windows(2).all(|pair| pair[0] != pair[1]),
    }
}

fn put_pairs(out: &mut String, pairs: &[(&str, Value<'_>)], as_object: bool, depth: usize) {
    if as_object {
        return put_list(out, '{', '}', pairs.iter(), |out, (key, value)| {
            put_json_text(out, key);
            out.push(':');
            put_json_within(out, value, depth);
        });
    }
    out.push_str("{\"$kvlist\":");
    put_list(out, '[', ']', pairs.iter(), |out, (key, value)| {
        out.push('[');
        put_json_text(out, key);
        out.push(',');
        put_json_within(out, value, depth);
        out.push(']');
    });
    out.push('}');
}

/// Appends `items` between brackets with commas.
pub(super) fn put_list<T>(
    out: &mut String,
    open: char,
    close: char,
    items: impl Iterator<Item = T>,
    mut put: impl FnMut(&mut String, T),
) {
    out.push(open);
    for (index, item) in items.enumerate() {
        if index > 0 {
            out.push(',');
        }
        put(out, item);
    }
    out.push(close);
}

/// Appends attributes as one JSON object with sorted keys; as `{"$kvlist": [[key, value], …]}` where a key is repeated.
pub(super) fn put_json_object<'a>(
    out: &mut String,
    attributes: impl Iterator<Item = (&'a str, Value<'a>)>,
) {
    let mut sorted: Vec<_> = attributes.collect();
    sorted.sort_by_key(|(key, _)| *key);
    let keys: Vec<_> = sorted.iter().map(|(key, _)| *key).collect();
    put_pairs(out, &sorted, fits_an_object(&keys), wire::DEPTH_MAX);
}

/// Appends `bytes` as base64.
pub(super) fn put_base64(out: &mut String, bytes: &[u8]) {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for group in bytes.chunks(3) {
        let byte = |index: usize| u32::from(group.get(index).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..4 {
            let shown = digit <= group.len();
            let code = (bits >> (18 - 6 * digit) & 63) as usize;
            out.push(if shown { char::from(DIGITS[code]) } else { '=' });
        }
    }
}

/// Appends `bytes` as lower-case hex.
pub(super) fn put_hex(out: &mut String, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        out.push(char::from(DIGITS[usize::from(byte >> 4)]));
        out.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
}

/// A span event.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Event<'a> {
    pub(super) time: u64,
    pub(super) name: &'a str,
    pub(super) dropped_attributes_count: u64,
    message: &'a [u8],
}

impl<'a> Event<'a> {
    pub(super) fn read(message: &'a [u8]) -> Event<'a> {
        let mut event = Event { message, ..Event::default() };
        for field in fields(message) {
            match field {
                (1, Field::Fixed64(time)) => event.time = time,
                (2, Field::Bytes(name)) => event.name = std::str::from_utf8(name).unwrap_or(""),
                (4, Field::Varint(count)) => event.dropped_attributes_count = count,
                _ => {}
            }
        }
        event
    }

    pub(super) fn attributes(self) -> impl Iterator<Item = Attribute<'a>> {
        attributes(self.message, 3)
    }
}

/// A span link.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Link<'a> {
    pub(super) trace_id: &'a [u8],
    pub(super) span_id: &'a [u8],
    pub(super) trace_state: &'a str,
    pub(super) dropped_attributes_count: u64,
    pub(super) flags: u32,
    message: &'a [u8],
}

impl<'a> Link<'a> {
    pub(super) fn read(message: &'a [u8]) -> Link<'a> {
        let mut link = Link { message, ..Link::default() };
        for field in fields(message) {
            match field {
                (1, Field::Bytes(id)) => link.trace_id = id,
                (2, Field::Bytes(id)) => link.span_id = id,
                (3, Field::Bytes(text)) => {
                    link.trace_state = std::str::from_utf8(text).unwrap_or("");
                }
                (5, Field::Varint(count)) => link.dropped_attributes_count = count,
                (6, Field::Fixed32(flags)) => link.flags = flags,
                _ => {}
            }
        }
        link
    }

    pub(super) fn attributes(self) -> impl Iterator<Item = Attribute<'a>> {
        attributes(self.message, 4)
    }
}

/// Appends a stored list of events as a JSON array.
pub(super) fn put_events(out: &mut String, list: &[u8]) {
    put_list(out, '[', ']', messages(list, 1).map(Event::read), |out, event| {
        let _ = write!(out, "{{\"time\":\"{}\",\"name\":", event.time);
        put_json_text(out, event.name);
        out.push_str(",\"attributes\":");
        put_json_object(out, event.attributes().map(|inner| (inner.key, inner.value)));
        if event.dropped_attributes_count > 0 {
            let _ = write!(out, ",\"dropped_attributes_count\":{}", event.dropped_attributes_count);
        }
        out.push('}');
    });
}

/// Appends a stored list of links as a JSON array.
pub(super) fn put_links(out: &mut String, list: &[u8]) {
    put_list(out, '[', ']', messages(list, 1).map(Link::read), |out, link| {
        out.push_str("{\"trace_id\":\"");
        put_hex(out, link.trace_id);
        out.push_str("\",\"span_id\":\"");
        put_hex(out, link.span_id);
        out.push_str("\",\"trace_state\":");
        put_json_text(out, link.trace_state);
        out.push_str(",\"attributes\":");
        put_json_object(out, link.attributes().map(|inner| (inner.key, inner.value)));
        if link.dropped_attributes_count > 0 {
            let _ = write!(out, ",\"dropped_attributes_count\":{}", link.dropped_attributes_count);
        }
        let _ = write!(out, ",\"flags\":{}}}", link.flags);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_become_json_with_their_types() {
        let mut array = Vec::new();
        let mut element = Vec::new();
        wire::put_any_value(&mut element, &Value::Int(1));
        wire::put_element(&mut array, &element);
        let cases = [
            (Value::Empty, "null"),
            (Value::String("a\"\n\u{1}"), "\"a\\\"\\n\\u0001\""),
            (Value::Int(-5), "-5"),
            (Value::Double(1.0), "1.0"),
            (Value::Double(f64::NAN), r#"{"$double":"NaN"}"#),
            (Value::Double(f64::NEG_INFINITY), r#"{"$double":"-Infinity"}"#),
            (Value::Bool(true), "true"),
            (Value::Bytes(b"ab"), r#"{"$bytes":"YWI="}"#),
            (Value::Bytes(b"abc"), r#"{"$bytes":"YWJj"}"#),
            (Value::Bytes(b"a"), r#"{"$bytes":"YQ=="}"#),
            (Value::Array(&array), "[1]"),
        ];
        for (value, expected) in cases {
            let mut out = String::new();
            put_json(&mut out, &value);
            assert_eq!(out, expected);
        }
    }
}
