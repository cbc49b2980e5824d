//! The content hash of a log record: its name in a cursor.
//!
//! Where a row lies changes with every flush and compaction; what it says does not. Records of one time are therefore
//! ordered by a hash over everything they say, and equal hashes mean equal records, of which any is as good as the other.

use super::LogRecord;
use crate::value::{AnyValue, Attributes};
use xxhash_rust::xxh3::Xxh3;

/// Hash of all fields of `record`, the same on every machine and in every release that keeps this order.
pub(crate) fn content_hash(record: &LogRecord) -> u64 {
    let mut hash = Content(Xxh3::new());
    hash.number(record.time.0 as u64);
    hash.number(record.time_origin as u64);
    hash.optional(record.observed_time.as_ref(), |hash, time| hash.number(time.0 as u64));
    hash.optional(record.trace_id.as_ref(), |hash, id| hash.bytes(&id.0));
    hash.optional(record.span_id.as_ref(), |hash, id| hash.bytes(&id.0));
    hash.number(u64::from(record.flags));
    hash.bytes(record.service.as_bytes());
    hash.number(record.severity_number as u64);
    hash.bytes(record.severity_text.as_bytes());
    hash.bytes(record.event_name.as_bytes());
    hash.optional(record.body.as_ref(), |hash, body| hash.value(body));
    hash.own_attributes(&record.attributes);
    hash.number(u64::from(record.dropped_attributes_count));
    hash.attributes(&record.resource.attributes);
    hash.bytes(record.resource.schema_url.as_bytes());
    hash.bytes(record.scope.name.as_bytes());
    hash.bytes(record.scope.version.as_bytes());
    hash.attributes(&record.scope.attributes);
    hash.bytes(record.scope.schema_url.as_bytes());
    hash.number(record.ingested_at.0 as u64);
    hash.0.digest()
}

struct Content(Xxh3);

impl Content {
    fn number(&mut self, number: u64) {
        self.0.update(&number.to_le_bytes());
    }

    /// With its length, so that neighbours cannot trade bytes.
    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.update(bytes);
    }

    fn optional<T>(&mut self, value: Option<&T>, hash: impl Fn(&mut Content, &T)) {
        self.number(u64::from(value.is_some()));
        if let Some(value) = value {
            hash(self, value);
        }
    }

    fn attributes(&mut self, attributes: &Attributes) {
        self.number(attributes.len() as u64);
        for (key, value) in attributes {
            self.bytes(key.as_bytes());
            self.value(value);
        }
    }

    /// The record's own attributes: the order of one key's several values depends on where the record is stored, so
    /// each pair is hashed alone and the hashes are added up.
    fn own_attributes(&mut self, attributes: &Attributes) {
        let pairs = attributes.iter().map(|(key, value)| {
            let mut pair = Content(Xxh3::new());
            pair.bytes(key.as_bytes());
            pair.value(value);
            pair.0.digest()
        });
        let sum = pairs.fold(0u64, u64::wrapping_add);
        self.number(attributes.len() as u64);
        self.number(sum);
    }

    fn value(&mut self, value: &AnyValue) {
        match value {
            AnyValue::Empty => self.number(0),
            AnyValue::String(text) => {
                self.number(1);
                self.bytes(text.as_bytes());
            }
            AnyValue::Int(number) => {
                self.number(2);
                self.number(*number as u64);
            }
            AnyValue::Double(number) => {
                self.number(3);
                self.number(number.to_bits());
            }
            AnyValue::Bool(flag) => {
                self.number(4);
                self.number(u64::from(*flag));
            }
            AnyValue::Bytes(bytes) => {
                self.number(5);
                self.bytes(bytes);
            }
            AnyValue::Array(elements) => {
                self.number(6);
                self.number(elements.len() as u64);
                elements.iter().for_each(|element| self.value(element));
            }
            AnyValue::KeyValues(pairs) => {
                self.number(7);
                self.attributes(pairs);
            }
        }
    }
}
