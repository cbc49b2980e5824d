//! OTLP/JSON to protobuf bytes, in one pass, so that both encodings share one decoder.
//!
//! The parser's events are written straight to the wire form as the schema says: no document is built, and memory stays
//! near the size of the text. A wrong value refuses the record it lies in; broken JSON refuses the request.

mod scalar;
mod schema;

use crate::rejections::Rejections;
use binnacle_storage::model::Signal;
use binnacle_storage::model::wire::{self, LENGTH};
use scalar::Scalar;
use schema::{Field, Kind, Schema};
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// Most objects and arrays inside one another. The parser would end the whole request at 128; what lies deeper is passed
/// over and refuses its record.
const DEPTH_MAX: u32 = 120;

/// A request as protobuf, without the records that were refused.
#[derive(Debug)]
pub struct Transcoded {
    pub protobuf: Vec<u8>,
    pub rejected: Rejections,
}

/// Transcodes a request. The error says where the JSON breaks off.
pub fn transcode(signal: Signal, body: &[u8]) -> Result<Transcoded, String> {
    let schema = match signal {
        Signal::Traces => &schema::TRACES,
        Signal::Logs => &schema::LOGS,
        Signal::Metrics => &schema::METRICS,
    };
    let mut state = State {
        out: Vec::with_capacity(body.len() / 2),
        fault: None,
        rejected: Rejections::default(),
        records: 0,
        depth: 0,
    };
    let mut parser = serde_json::Deserializer::from_slice(body);
    let value = ValueSeed { state: &mut state, kind: Kind::Message(schema), at: Place::Body };
    value
        .deserialize(&mut parser)
        .and_then(|()| parser.end())
        .map_err(|error| error.to_string())?;
    match state.fault {
        Some(fault) => Err(fault),
        None => Ok(Transcoded { protobuf: state.out, rejected: state.rejected }),
    }
}

struct State {
    out: Vec<u8>,
    /// The first wrong value since the record or group around it began.
    fault: Option<String>,
    rejected: Rejections,
    /// Records written so far.
    records: u64,
    /// Objects and arrays around the current place.
    depth: u32,
}

impl State {
    fn wrong(&mut self, at: Place, expected: &str) {
        self.fault.get_or_insert_with(|| match at {
            Place::Body => format!("the body must be {expected}"),
            Place::Field(schema, field) => {
                format!("{}.{} must be {expected}", schema.name, field.name)
            }
        });
    }

    /// Enters an object or array; false when it lies too deep to be read.
    fn enter(&mut self, at: Place) -> bool {
        if self.depth == DEPTH_MAX {
            self.wrong(at, "nested less deep");
            return false;
        }
        self.depth += 1;
        true
    }

    /// Puts the length before the message that starts at `start`.
    fn put_length(&mut self, start: usize) {
        let length = self.out.len() - start;
        let mut prefix = Vec::with_capacity(5);
        wire::put_varint(&mut prefix, length as u64);
        self.out.splice(start..start, prefix);
    }
}

/// What is being read, for messages.
#[derive(Clone, Copy)]
enum Place {
    Body,
    Field(&'static Schema, &'static Field),
}

impl Place {
    /// Writes the tag of a value that turned out not to be null.
    fn put_tag(self, out: &mut Vec<u8>, wire_type: u32) {
        if let Place::Field(_, field) = self {
            wire::put_varint(out, u64::from(wire::tag(field.number, wire_type)));
        }
    }
}

/// Reads one value of `kind`. Null is the same as absent; the body cannot be absent.
struct ValueSeed<'s> {
    state: &'s mut State,
    kind: Kind,
    at: Place,
}

impl<'de> DeserializeSeed<'de> for ValueSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl ValueSeed<'_> {
    fn scalar<E>(self, scalar: Scalar<'_>) -> Result<(), E> {
        let ValueSeed { state, kind, at } = self;
        if let Kind::Record(schema) = kind {
            state.rejected.add(format!("a {} must be an object", schema.name), "", 1);
            return Ok(());
        }
        at.put_tag(&mut state.out, scalar::wire_type(kind));
        if let Err(expected) = scalar::put(&mut state.out, kind, scalar) {
            state.wrong(at, expected);
        }
        Ok(())
    }
}

impl<'de> Visitor<'de> for ValueSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        if let Place::Body = self.at {
            self.state.wrong(self.at, "an object");
        }
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.scalar(Scalar::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.scalar(Scalar::Unsigned(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.scalar(Scalar::Signed(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.scalar(Scalar::Double(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        self.scalar(Scalar::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        match self.kind {
            Kind::Record(schema) => {
                self.state.rejected.add(format!("a {} must be an object", schema.name), "", 1);
            }
            _ => self.state.wrong(self.at, "one value, not an array"),
        }
        while elements.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<(), A::Error> {
        let ValueSeed { state, kind, at } = self;
        if !state.enter(at) {
            return pass_over(entries);
        }
        match kind {
            Kind::Message(schema) => message(state, schema, at, entries)?,
            Kind::Record(schema) => record(state, schema, at, entries)?,
            Kind::Group(schema) => group(state, schema, at, entries)?,
            _ => {
                state.wrong(at, "a scalar, not an object");
                pass_over(entries)?;
            }
        }
        state.depth -= 1;
        Ok(())
    }
}

fn pass_over<'de, A: MapAccess<'de>>(mut entries: A) -> Result<(), A::Error> {
    while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
    Ok(())
}

/// Writes a message with its tag and length (the body has neither).
fn message<'de, A: MapAccess<'de>>(
    state: &mut State,
    schema: &'static Schema,
    at: Place,
    mut entries: A,
) -> Result<(), A::Error> {
    at.put_tag(&mut state.out, LENGTH);
    let start = state.out.len();
    while let Some(FieldName(field)) = entries.next_key_seed(FieldNameSeed(schema))? {
        let Some(field) = field else {
            entries.next_value::<IgnoredAny>()?;
            continue;
        };
        let at = Place::Field(schema, field);
        if field.repeated {
            entries.next_value_seed(ListSeed { state, field, at })?;
        } else {
            entries.next_value_seed(ValueSeed { state, kind: field.kind, at })?;
        }
    }
    if matches!(at, Place::Field(..)) {
        state.put_length(start);
    }
    Ok(())
}

/// A record with a wrong value in it is taken back and counted.
fn record<'de, A: MapAccess<'de>>(
    state: &mut State,
    schema: &'static Schema,
    at: Place,
    entries: A,
) -> Result<(), A::Error> {
    let outer = state.fault.take();
    let start = state.out.len();
    message(state, schema, at, entries)?;
    match std::mem::replace(&mut state.fault, outer) {
        None => state.records += 1,
        Some(fault) => {
            state.out.truncate(start);
            state.rejected.add(fault, "", 1);
        }
    }
    Ok(())
}

/// A group with a wrong value of its own is taken back, and its records are counted as rejected; what cannot be counted,
/// because it is no list, is one.
fn group<'de, A: MapAccess<'de>>(
    state: &mut State,
    schema: &'static Schema,
    at: Place,
    entries: A,
) -> Result<(), A::Error> {
    let outer = state.fault.take();
    let (start, records) = (state.out.len(), state.records);
    message(state, schema, at, entries)?;
    if let Some(fault) = std::mem::replace(&mut state.fault, outer) {
        state.out.truncate(start);
        state.rejected.add(fault, "", (state.records - records).max(1));
        state.records = records;
    }
    Ok(())
}

/// Reads the list of a repeated field. Null is an empty list.
struct ListSeed<'s> {
    state: &'s mut State,
    field: &'static Field,
    at: Place,
}

impl<'de> DeserializeSeed<'de> for ListSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl ListSeed<'_> {
    fn not_a_list(self) {
        self.state.wrong(self.at, "an array");
    }
}

impl<'de> Visitor<'de> for ListSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        self.not_a_list();
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        self.not_a_list();
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        self.not_a_list();
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        self.not_a_list();
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        self.not_a_list();
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<(), A::Error> {
        self.not_a_list();
        pass_over(entries)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let ListSeed { state, field, at } = self;
        if !state.enter(at) {
            while elements.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(());
        }
        let packed = scalar::wire_type(field.kind) != LENGTH;
        if !packed {
            while elements.next_element_seed(ElementSeed { state, kind: field.kind, at })?.is_some()
            {
            }
            state.depth -= 1;
            return Ok(());
        }
        at.put_tag(&mut state.out, LENGTH);
        let start = state.out.len();
        while elements.next_element_seed(PackedSeed { state, kind: field.kind, at })?.is_some() {}
        state.put_length(start);
        state.depth -= 1;
        Ok(())
    }
}

/// An element of a list, where null has no meaning.
struct ElementSeed<'s> {
    state: &'s mut State,
    kind: Kind,
    at: Place,
}

impl<'de> DeserializeSeed<'de> for ElementSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let ElementSeed { state, kind, at } = self;
        let before = state.out.len();
        let rejected = state.rejected.count;
        deserializer.deserialize_any(ValueSeed { state: &mut *state, kind, at })?;
        // Every value but null leaves bytes, a fault or a rejection behind.
        if state.out.len() == before && state.fault.is_none() && state.rejected.count == rejected {
            null_element(state, kind, at);
        }
        Ok(())
    }
}

/// Null where a message should be reads as an empty message, as in the list of an `ArrayValue`; elsewhere it is wrong.
fn null_element(state: &mut State, kind: Kind, at: Place) {
    match kind {
        Kind::Message(_) => {
            at.put_tag(&mut state.out, LENGTH);
            state.out.push(0);
        }
        Kind::Record(_) => state.rejected.add("a record is null".to_owned(), "", 1),
        Kind::Group(_) => {}
        _ => state.wrong(at, "a list without nulls"),
    }
}

/// A number in a packed list: no tag of its own.
struct PackedSeed<'s> {
    state: &'s mut State,
    kind: Kind,
    at: Place,
}

impl<'de> DeserializeSeed<'de> for PackedSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let PackedSeed { state, kind, at } = self;
        let before = state.out.len();
        deserializer.deserialize_any(ValueSeed { state: &mut *state, kind, at: Place::Body })?;
        // The fault names the field, not the body.
        if state.fault.as_ref().is_some_and(|fault| fault.starts_with("the body")) {
            state.fault = None;
            state.wrong(at, "a list of numbers");
        } else if state.out.len() == before && state.fault.is_none() {
            state.wrong(at, "a list without nulls");
        }
        Ok(())
    }
}

/// The field an object key names; `None` for one this version does not know.
struct FieldName(Option<&'static Field>);

struct FieldNameSeed(&'static Schema);

impl<'de> DeserializeSeed<'de> for FieldNameSeed {
    type Value = FieldName;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<FieldName, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for FieldNameSeed {
    type Value = FieldName;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<FieldName, E> {
        Ok(FieldName(self.0.fields.iter().find(|field| field.name == name)))
    }
}

#[cfg(test)]
mod tests;
