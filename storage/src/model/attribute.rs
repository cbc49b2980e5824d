//! One attribute as it is pushed into a batch: borrowed, typed, with its own wire bytes at hand.

/// A borrowed attribute value. Scalars are decoded; the kinds that never become a column stay wire bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// An `AnyValue` with no value set.
    Empty,
    String(&'a str),
    Int(i64),
    Double(f64),
    Bool(bool),
    Bytes(&'a [u8]),
    /// An array value: the bytes of the `ArrayValue` message.
    Array(&'a [u8]),
    /// A key–value list: the bytes of the `KeyValueList` message.
    KeyValues(&'a [u8]),
}

/// A key, its value, and the whole `KeyValue` message they came from (or an equal one).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Attribute<'a> {
    pub key: &'a str,
    pub value: Value<'a>,
    /// Protobuf bytes of the `KeyValue` message, kept as sent where the value does not get a column.
    pub wire: &'a [u8],
}
