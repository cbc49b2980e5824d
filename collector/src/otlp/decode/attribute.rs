//! Attributes: `KeyValue` and `AnyValue`, checked to the last level.

use super::field::{Fault, inside, known, skip, text};
use binnacle_storage::model::wire::{FIXED64, LENGTH, Reader, VARINT, tag};
use binnacle_storage::model::{Attribute, Value};

/// Reads a `KeyValue` message that lies inside a message with `depth` levels left.
#[inline]
pub fn key_value(bytes: &[u8], depth: u32) -> Result<Attribute<'_>, Fault> {
    const KEY: u32 = tag(1, LENGTH);
    const VALUE: u32 = tag(2, LENGTH);
    /// Only meaningful in profiles; read as a number, kept in the bytes.
    const KEY_INDEX: u32 = tag(3, VARINT);
    const KNOWN: u64 = known(&[1, 2, 3]);
    let depth = inside(depth)?;
    let mut reader = Reader::new(bytes);
    let mut attribute = Attribute { key: "", value: Value::Empty, wire: bytes };
    let mut has_value = false;
    while !reader.is_done() {
        match reader.tag()? {
            KEY => attribute.key = text(&mut reader)?,
            VALUE if has_value => return Err(Fault::Split),
            VALUE => {
                attribute.value = any_value(reader.length_delimited()?, depth)?;
                has_value = true;
            }
            KEY_INDEX => drop(reader.varint()?),
            other => skip(&mut reader, other, KNOWN, depth)?,
        }
    }
    Ok(attribute)
}

/// Reads an `AnyValue` message that lies inside a message with `depth` levels left, and everything in it.
#[inline]
pub fn any_value(bytes: &[u8], depth: u32) -> Result<Value<'_>, Fault> {
    const STRING: u32 = tag(1, LENGTH);
    const BOOL: u32 = tag(2, VARINT);
    const INT: u32 = tag(3, VARINT);
    const DOUBLE: u32 = tag(4, FIXED64);
    const ARRAY: u32 = tag(5, LENGTH);
    const KEY_VALUES: u32 = tag(6, LENGTH);
    const BYTES: u32 = tag(7, LENGTH);
    /// An index into a table that only profiles have: no value here, kept in the bytes.
    const STRING_INDEX: u32 = tag(8, VARINT);
    const KNOWN: u64 = known(&[1, 2, 3, 4, 5, 6, 7, 8]);
    let depth = inside(depth)?;
    let mut reader = Reader::new(bytes);
    let mut value = None;
    while !reader.is_done() {
        let next = match reader.tag()? {
            STRING => Value::String(text(&mut reader)?),
            BOOL => Value::Bool(reader.varint()? != 0),
            INT => Value::Int(reader.varint()? as i64),
            DOUBLE => Value::Double(f64::from_bits(reader.fixed64()?)),
            ARRAY => Value::Array(check_list(reader.length_delimited()?, depth, any_value)?),
            KEY_VALUES => Value::KeyValues(check_list(reader.length_delimited()?, depth, pair)?),
            BYTES => Value::Bytes(reader.length_delimited()?),
            STRING_INDEX => {
                reader.varint()?;
                Value::Empty
            }
            other => {
                skip(&mut reader, other, KNOWN, depth)?;
                continue;
            }
        };
        // Of two kinds the last counts, two lists are joined: the generated messages know how.
        if value.replace(next).is_some() {
            return Err(Fault::Split);
        }
    }
    Ok(value.unwrap_or(Value::Empty))
}

fn pair(bytes: &[u8], depth: u32) -> Result<Value<'_>, Fault> {
    key_value(bytes, depth).map(|attribute| attribute.value)
}

/// Checks each element of an `ArrayValue` or `KeyValueList` message.
fn check_list(
    bytes: &[u8],
    depth: u32,
    element: fn(&[u8], u32) -> Result<Value<'_>, Fault>,
) -> Result<&[u8], Fault> {
    const ELEMENT: u32 = tag(1, LENGTH);
    const KNOWN: u64 = known(&[1]);
    let depth = inside(depth)?;
    let mut reader = Reader::new(bytes);
    while !reader.is_done() {
        match reader.tag()? {
            ELEMENT => drop(element(reader.length_delimited()?, depth)?),
            other => skip(&mut reader, other, KNOWN, depth)?,
        }
    }
    Ok(bytes)
}
