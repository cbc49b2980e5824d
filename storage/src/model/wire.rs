//! The protobuf wire format, as far as stored bytes need it.
//!
//! Some columns hold protobuf messages: the attributes that did not get a column, span events and links, resources and
//! scopes (see `storage/FORMAT.md`). This module reads and writes them without generated code. The message layouts are
//! OpenTelemetry's `common/v1/common.proto`, release 1.x.

use super::{Attribute, Value};

/// Why bytes are not the message they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    #[error("message ends inside a field")]
    Truncated,
    #[error("variable-length integer is longer than 10 bytes")]
    Varint,
    #[error("field has an unknown wire type or number")]
    Tag,
    #[error("string is not UTF-8")]
    Utf8,
    #[error("messages are nested too deeply")]
    Depth,
    #[error("text is not a list of numbers")]
    Numbers,
}

/// Deepest nesting of messages accepted; the same as the official decoders' default.
pub const DEPTH_MAX: usize = 100;

/// `field << 3 | wire type`, for matching on [`Reader::tag`].
pub const fn tag(field: u32, wire_type: u32) -> u32 {
    field << 3 | wire_type
}

/// Wire types of the protobuf encoding.
pub const VARINT: u32 = 0;
pub const FIXED64: u32 = 1;
pub const LENGTH: u32 = 2;
pub const GROUP_START: u32 = 3;
pub const GROUP_END: u32 = 4;
pub const FIXED32: u32 = 5;

/// Walks the fields of one message.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Self {
        Reader { bytes }
    }

    #[inline]
    pub fn is_done(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Bytes not yet read.
    #[inline]
    pub fn rest(&self) -> &'a [u8] {
        self.bytes
    }

    #[inline]
    pub fn varint(&mut self) -> Result<u64, Malformed> {
        match *self.bytes {
            [a, ref rest @ ..] if a < 0x80 => {
                self.bytes = rest;
                Ok(u64::from(a))
            }
            [a, b, ref rest @ ..] if b < 0x80 => {
                self.bytes = rest;
                Ok(u64::from(a & 0x7f) | u64::from(b) << 7)
            }
            _ => self.varint_long(),
        }
    }

    #[cold]
    #[inline(never)]
    fn varint_long(&mut self) -> Result<u64, Malformed> {
        let mut value = 0u64;
        for index in 0..10 {
            let byte = *self.bytes.get(index).ok_or(Malformed::Truncated)?;
            // The tenth byte holds only the 64th bit.
            if index == 9 && byte > 1 {
                return Err(Malformed::Varint);
            }
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte < 0x80 {
                self.bytes = &self.bytes[index + 1..];
                return Ok(value);
            }
        }
        Err(Malformed::Varint)
    }

    /// The next field's tag. Field number 0 and tags over 32 bits are malformed.
    #[inline]
    pub fn tag(&mut self) -> Result<u32, Malformed> {
        let tag = u32::try_from(self.varint()?).map_err(|_| Malformed::Tag)?;
        if tag >> 3 == 0 { Err(Malformed::Tag) } else { Ok(tag) }
    }

    #[inline]
    pub fn length_delimited(&mut self) -> Result<&'a [u8], Malformed> {
        let length = usize::try_from(self.varint()?).map_err(|_| Malformed::Truncated)?;
        let (field, rest) = self.bytes.split_at_checked(length).ok_or(Malformed::Truncated)?;
        self.bytes = rest;
        Ok(field)
    }

    #[inline]
    pub fn fixed64(&mut self) -> Result<u64, Malformed> {
        let (field, rest) = self.bytes.split_first_chunk::<8>().ok_or(Malformed::Truncated)?;
        self.bytes = rest;
        Ok(u64::from_le_bytes(*field))
    }

    #[inline]
    pub fn double(&mut self) -> Result<f64, Malformed> {
        self.fixed64().map(f64::from_bits)
    }

    /// A `sint64`: small numbers of either sign are short.
    #[inline]
    pub fn zigzag(&mut self) -> Result<i64, Malformed> {
        self.varint().map(|bits| (bits >> 1) as i64 ^ -((bits & 1) as i64))
    }

    /// Appends what a field of `repeated double` holds, packed or one alone. `field` is the tag just read.
    pub fn doubles(&mut self, field: u32, list: &mut Vec<f64>) -> Result<(), Malformed> {
        match field & 7 {
            FIXED64 => list.push(self.double()?),
            LENGTH => {
                let mut packed = Reader::new(self.length_delimited()?);
                list.reserve(packed.rest().len() / 8);
                while !packed.is_done() {
                    list.push(packed.double()?);
                }
            }
            _ => return Err(Malformed::Tag),
        }
        Ok(())
    }

    /// The same for `repeated sint64`.
    pub fn zigzags(&mut self, field: u32, list: &mut Vec<i64>) -> Result<(), Malformed> {
        match field & 7 {
            VARINT => list.push(self.zigzag()?),
            LENGTH => {
                let mut packed = Reader::new(self.length_delimited()?);
                while !packed.is_done() {
                    list.push(packed.zigzag()?);
                }
            }
            _ => return Err(Malformed::Tag),
        }
        Ok(())
    }

    #[inline]
    pub fn fixed32(&mut self) -> Result<u32, Malformed> {
        let (field, rest) = self.bytes.split_first_chunk::<4>().ok_or(Malformed::Truncated)?;
        self.bytes = rest;
        Ok(u32::from_le_bytes(*field))
    }

    #[inline]
    pub fn fixed16(&mut self) -> Result<u16, Malformed> {
        let (field, rest) = self.bytes.split_first_chunk::<2>().ok_or(Malformed::Truncated)?;
        self.bytes = rest;
        Ok(u16::from_le_bytes(*field))
    }

    /// The next `length` bytes as they are.
    #[inline]
    pub fn bytes(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (field, rest) = self.bytes.split_at_checked(length).ok_or(Malformed::Truncated)?;
        self.bytes = rest;
        Ok(field)
    }

    /// Passes over the field whose tag was just read.
    pub fn skip(&mut self, tag: u32) -> Result<(), Malformed> {
        self.skip_within(tag, DEPTH_MAX)
    }

    fn skip_within(&mut self, tag: u32, depth: usize) -> Result<(), Malformed> {
        match tag & 7 {
            VARINT => self.varint().map(drop),
            FIXED64 => self.fixed64().map(drop),
            LENGTH => self.length_delimited().map(drop),
            FIXED32 => self.fixed32().map(drop),
            GROUP_START => {
                let depth = depth.checked_sub(1).ok_or(Malformed::Depth)?;
                loop {
                    let inner = self.tag()?;
                    if inner & 7 == GROUP_END {
                        return if inner >> 3 == tag >> 3 { Ok(()) } else { Err(Malformed::Tag) };
                    }
                    self.skip_within(inner, depth)?;
                }
            }
            _ => Err(Malformed::Tag),
        }
    }
}

/// Checked text; `simdutf8` because every string of every request passes here.
#[inline]
pub fn text(bytes: &[u8]) -> Result<&str, Malformed> {
    simdutf8::basic::from_utf8(bytes).map_err(|_| Malformed::Utf8)
}

/// Reads an `AnyValue` message. Nested values are returned as bytes and checked by [`check_any_value`].
pub fn any_value(bytes: &[u8]) -> Result<Value<'_>, Malformed> {
    let mut reader = Reader::new(bytes);
    let mut value = Value::Empty;
    while !reader.is_done() {
        const STRING: u32 = tag(1, LENGTH);
        const BOOL: u32 = tag(2, VARINT);
        const INT: u32 = tag(3, VARINT);
        const DOUBLE: u32 = tag(4, FIXED64);
        const ARRAY: u32 = tag(5, LENGTH);
        const KEY_VALUES: u32 = tag(6, LENGTH);
        const BYTES: u32 = tag(7, LENGTH);
        value = match reader.tag()? {
            STRING => Value::String(text(reader.length_delimited()?)?),
            BOOL => Value::Bool(reader.varint()? != 0),
            INT => Value::Int(reader.varint()? as i64),
            DOUBLE => Value::Double(f64::from_bits(reader.fixed64()?)),
            ARRAY => Value::Array(reader.length_delimited()?),
            KEY_VALUES => Value::KeyValues(reader.length_delimited()?),
            BYTES => Value::Bytes(reader.length_delimited()?),
            other => {
                reader.skip(other)?;
                value
            }
        };
    }
    Ok(value)
}

/// Reads a `KeyValue` message. A repeated field: the last one counts, as protobuf says.
#[inline]
pub fn key_value(bytes: &[u8]) -> Result<Attribute<'_>, Malformed> {
    let mut reader = Reader::new(bytes);
    let mut attribute = Attribute { key: "", value: Value::Empty, wire: bytes };
    while !reader.is_done() {
        const KEY: u32 = tag(1, LENGTH);
        const VALUE: u32 = tag(2, LENGTH);
        match reader.tag()? {
            KEY => attribute.key = text(reader.length_delimited()?)?,
            VALUE => attribute.value = any_value(reader.length_delimited()?)?,
            other => reader.skip(other)?,
        }
    }
    Ok(attribute)
}

/// Checks everything inside `value` that [`any_value`] left as bytes.
pub fn check_any_value(value: &Value<'_>) -> Result<(), Malformed> {
    check_nested(value, DEPTH_MAX)
}

fn check_nested(value: &Value<'_>, depth: usize) -> Result<(), Malformed> {
    let (Value::Array(bytes) | Value::KeyValues(bytes)) = value else {
        return Ok(());
    };
    let depth = depth.checked_sub(1).ok_or(Malformed::Depth)?;
    let is_array = matches!(value, Value::Array(_));
    messages(bytes).try_for_each(|element| {
        let element = element?;
        let inner = if is_array { any_value(element)? } else { key_value(element)?.value };
        check_nested(&inner, depth)
    })
}

/// The length-delimited fields number 1 of a message: `ArrayValue.values`, `KeyValueList.values`, and the lists that
/// segments store (attributes, events, links). Other fields are passed over.
pub fn messages(bytes: &[u8]) -> impl Iterator<Item = Result<&[u8], Malformed>> {
    let mut reader = Reader::new(bytes);
    std::iter::from_fn(move || {
        while !reader.is_done() {
            let next = reader.tag().and_then(|field| match field {
                ELEMENT => reader.length_delimited().map(Some),
                other => reader.skip(other).map(|()| None),
            });
            match next {
                Ok(None) => {}
                Ok(Some(element)) => return Some(Ok(element)),
                Err(error) => {
                    reader = Reader::new(&[]);
                    return Some(Err(error));
                }
            }
        }
        None
    })
}

const ELEMENT: u32 = tag(1, LENGTH);

/// The attributes of a stored list, in the order sent.
pub fn attributes(bytes: &[u8]) -> impl Iterator<Item = Result<Attribute<'_>, Malformed>> {
    messages(bytes).map(|message| key_value(message?))
}

/// Appends a variable-length integer.
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a `sint64`.
pub fn put_zigzag(out: &mut Vec<u8>, value: i64) {
    put_varint(out, (value << 1 ^ value >> 63) as u64);
}

/// Appends `message` as a length-delimited field.
pub fn put_message(out: &mut Vec<u8>, field: u32, message: &[u8]) {
    put_varint(out, u64::from(tag(field, LENGTH)));
    put_varint(out, message.len() as u64);
    out.extend_from_slice(message);
}

/// Appends `message` to a stored list (see [`messages`]).
pub fn put_element(out: &mut Vec<u8>, message: &[u8]) {
    put_message(out, 1, message);
}

/// Appends a `KeyValue` with a scalar value to a stored list.
pub fn put_attribute(out: &mut Vec<u8>, key: &str, value: &Value<'_>) {
    let mut any = Vec::with_capacity(16);
    put_any_value(&mut any, value);
    let mut message = Vec::with_capacity(key.len() + any.len() + 8);
    put_message(&mut message, 1, key.as_bytes());
    put_message(&mut message, 2, &any);
    put_element(out, &message);
}

/// Appends the fields of an `AnyValue` message.
pub fn put_any_value(out: &mut Vec<u8>, value: &Value<'_>) {
    match *value {
        Value::Empty => {}
        Value::String(text) => put_message(out, 1, text.as_bytes()),
        Value::Bool(flag) => {
            put_varint(out, u64::from(tag(2, VARINT)));
            out.push(u8::from(flag));
        }
        Value::Int(number) => {
            put_varint(out, u64::from(tag(3, VARINT)));
            put_varint(out, number as u64);
        }
        Value::Double(number) => {
            put_varint(out, u64::from(tag(4, FIXED64)));
            out.extend_from_slice(&number.to_bits().to_le_bytes());
        }
        Value::Array(bytes) => put_message(out, 5, bytes),
        Value::KeyValues(bytes) => put_message(out, 6, bytes),
        Value::Bytes(bytes) => put_message(out, 7, bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_survive_their_bytes() {
        let values = [
            Value::Empty,
            Value::String("ü"),
            Value::Int(-1),
            Value::Double(f64::MIN_POSITIVE),
            Value::Bool(false),
            Value::Bytes(&[0, 255]),
        ];
        let mut list = Vec::new();
        for value in &values {
            put_attribute(&mut list, "key", value);
        }
        let read: Vec<_> = attributes(&list).map(|attribute| attribute.unwrap().value).collect();
        assert_eq!(read, values);
    }

    #[test]
    fn nesting_past_the_limit_is_malformed_not_a_crash() {
        let mut bytes = Vec::new();
        for _ in 0..=DEPTH_MAX {
            let mut array = Vec::new();
            put_element(&mut array, &bytes);
            bytes = Vec::new();
            put_any_value(&mut bytes, &Value::Array(&array));
        }
        assert_eq!(check_any_value(&any_value(&bytes).unwrap()), Err(Malformed::Depth));
    }

    #[test]
    fn truncated_fields_are_malformed() {
        let mut list = Vec::new();
        put_attribute(&mut list, "key", &Value::String("value"));
        for end in 1..list.len() {
            assert!(attributes(&list[..end]).any(|attribute| attribute.is_err()), "{end}");
        }
    }
}
