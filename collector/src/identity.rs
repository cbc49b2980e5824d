//! Identity of a series: the same whatever the order in which a sender writes attributes or fields.
//!
//! The canonical bytes never leave the process; only their 128-bit hash is stored. Changing them makes every series a new
//! one, so a test pins the hash.

use binnacle_storage::model::wire::{self, Malformed};
use binnacle_storage::model::{Attribute, Value};
use xxhash_rust::xxh3::xxh3_128;

/// Canonical bytes being collected.
#[derive(Debug, Default)]
pub struct Identity {
    bytes: Vec<u8>,
}

impl Identity {
    pub fn clear(&mut self) {
        self.bytes.clear();
    }

    pub fn hash(&self) -> u128 {
        xxh3_128(&self.bytes)
    }

    pub fn number(&mut self, number: u64) {
        self.bytes.extend_from_slice(&number.to_le_bytes());
    }

    /// A hash of a part, which stands for the part.
    pub fn part(&mut self, hash: u128) {
        self.bytes.extend_from_slice(&hash.to_le_bytes());
    }

    /// Bytes behind their length, so that neighbours cannot run into each other.
    #[inline]
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        self.bytes.extend_from_slice(bytes);
    }

    /// Attributes in order of their keys; equal keys keep the order sent.
    pub fn attributes<'a>(
        &mut self,
        attributes: &[Attribute<'a>],
        scratch: &mut Vec<Attribute<'a>>,
    ) -> Result<(), Malformed> {
        self.number(attributes.len() as u64);
        if attributes.is_sorted_by_key(|attribute| attribute.key) {
            return attributes.iter().try_for_each(|attribute| self.attribute(attribute));
        }
        scratch.clear();
        scratch.extend_from_slice(attributes);
        scratch.sort_by_key(|attribute| attribute.key);
        scratch.iter().try_for_each(|attribute| self.attribute(attribute))
    }

    #[inline]
    fn attribute(&mut self, attribute: &Attribute<'_>) -> Result<(), Malformed> {
        self.bytes(attribute.key.as_bytes());
        self.value(&attribute.value)
    }

    /// Values were checked before, so nesting is bounded.
    fn value(&mut self, value: &Value<'_>) -> Result<(), Malformed> {
        match *value {
            Value::Empty => self.bytes.push(0),
            Value::String(text) => {
                self.bytes.push(1);
                self.bytes(text.as_bytes());
            }
            Value::Bool(flag) => self.bytes.extend_from_slice(&[2, u8::from(flag)]),
            Value::Int(number) => {
                self.bytes.push(3);
                self.number(number as u64);
            }
            Value::Double(number) => {
                self.bytes.push(4);
                self.number(number.to_bits());
            }
            Value::Array(list) => {
                self.bytes.push(5);
                for element in wire::messages(list) {
                    self.value(&wire::any_value(element?)?)?;
                }
                self.bytes.push(u8::MAX);
            }
            Value::KeyValues(list) => {
                self.bytes.push(6);
                for attribute in wire::attributes(list) {
                    // A key's length never starts with the end mark: keys of 4 GiB do not fit a request.
                    self.attribute(&attribute?)?;
                }
                self.bytes.extend_from_slice(&[u8::MAX; 4]);
            }
            Value::Bytes(bytes) => {
                self.bytes.push(7);
                self.bytes(bytes);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(attributes: &[Attribute<'_>]) -> u128 {
        let mut identity = Identity::default();
        identity.attributes(attributes, &mut Vec::new()).unwrap();
        identity.hash()
    }

    fn attribute<'a>(key: &'a str, value: Value<'a>) -> Attribute<'a> {
        Attribute { key, value, wire: b"" }
    }

    #[test]
    fn the_order_of_attributes_does_not_matter_but_their_types_do() {
        let one = attribute("a", Value::Int(1));
        let two = attribute("b", Value::String("x"));
        assert_eq!(hash(&[one, two]), hash(&[two, one]));
        assert_ne!(hash(&[one]), hash(&[attribute("a", Value::Double(1.0))]));
        assert_ne!(
            hash(&[attribute("ab", Value::Empty)]),
            hash(&[attribute("a", Value::String("b"))])
        );
    }

    #[test]
    fn the_hash_never_changes() {
        let mut list = Vec::new();
        wire::put_attribute(&mut list, "k", &Value::Bool(true));
        let attributes = [
            attribute("number", Value::Int(-1)),
            attribute("map", Value::KeyValues(&list)),
            attribute("bytes", Value::Bytes(&[0, 1])),
        ];
        assert_eq!(format!("{:032x}", hash(&attributes)), "cbd35ed4b00f86496fdcdc3ae4f32a7d");
    }
}
