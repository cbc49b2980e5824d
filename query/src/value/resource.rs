//! Resources and scopes: who sent it, and which library recorded it.

use super::any_value::owned;
use super::{AnyValue, Attributes};
use binnacle_storage::model::Attribute;
use binnacle_storage::model::wire::{self, LENGTH, Malformed, Reader, VARINT, tag, text};

/// Who sent a record.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Resource {
    pub attributes: Attributes,
    pub dropped_attributes_count: u32,
    pub entity_refs: Vec<EntityRef>,
    pub schema_url: String,
}

/// An entity among a resource's attributes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EntityRef {
    pub schema_url: String,
    pub kind: String,
    pub id_keys: Vec<String>,
    pub description_keys: Vec<String>,
}

/// The instrumentation library that made a record.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scope {
    pub name: String,
    pub version: String,
    pub attributes: Attributes,
    pub dropped_attributes_count: u32,
    pub schema_url: String,
}

/// Field 1 of the stored message: the resource or scope itself.
const INNER: u32 = tag(1, LENGTH);
/// Field 3: the schema URL.
const SCHEMA_URL: u32 = tag(3, LENGTH);

impl Resource {
    /// Reads a `resource` column: a `ResourceSpans` message with its fields 1 and 3.
    pub fn decode(bytes: &[u8]) -> Result<Resource, Malformed> {
        let mut resource = Resource::default();
        let mut reader = Reader::new(bytes);
        while !reader.is_done() {
            match reader.tag()? {
                INNER => resource.read(reader.length_delimited()?)?,
                SCHEMA_URL => resource.schema_url = text(reader.length_delimited()?)?.to_owned(),
                other => reader.skip(other)?,
            }
        }
        Ok(resource)
    }

    fn read(&mut self, bytes: &[u8]) -> Result<(), Malformed> {
        const ATTRIBUTE: u32 = tag(1, LENGTH);
        const DROPPED: u32 = tag(2, VARINT);
        const ENTITY: u32 = tag(3, LENGTH);
        let mut reader = Reader::new(bytes);
        while !reader.is_done() {
            match reader.tag()? {
                ATTRIBUTE => {
                    self.attributes.push(owned(&wire::key_value(reader.length_delimited()?)?)?);
                }
                DROPPED => self.dropped_attributes_count = reader.varint()? as u32,
                ENTITY => self.entity_refs.push(EntityRef::decode(reader.length_delimited()?)?),
                other => reader.skip(other)?,
            }
        }
        Ok(())
    }

    /// The first value of an attribute.
    pub fn find_attribute(&self, key: &str) -> Option<&AnyValue> {
        self.attributes.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }
}

impl EntityRef {
    fn decode(bytes: &[u8]) -> Result<EntityRef, Malformed> {
        const ENTITY_SCHEMA_URL: u32 = tag(1, LENGTH);
        const KIND: u32 = tag(2, LENGTH);
        const ID_KEY: u32 = tag(3, LENGTH);
        const DESCRIPTION_KEY: u32 = tag(4, LENGTH);
        let mut entity = EntityRef::default();
        let mut reader = Reader::new(bytes);
        while !reader.is_done() {
            match reader.tag()? {
                ENTITY_SCHEMA_URL => {
                    entity.schema_url = text(reader.length_delimited()?)?.to_owned();
                }
                KIND => entity.kind = text(reader.length_delimited()?)?.to_owned(),
                ID_KEY => entity.id_keys.push(text(reader.length_delimited()?)?.to_owned()),
                DESCRIPTION_KEY => {
                    entity.description_keys.push(text(reader.length_delimited()?)?.to_owned());
                }
                other => reader.skip(other)?,
            }
        }
        Ok(entity)
    }
}

impl Scope {
    /// Reads a `scope` column: a `ScopeSpans` message with its fields 1 and 3.
    pub fn decode(bytes: &[u8]) -> Result<Scope, Malformed> {
        let mut scope = Scope::default();
        let mut reader = Reader::new(bytes);
        while !reader.is_done() {
            match reader.tag()? {
                INNER => scope.read(reader.length_delimited()?)?,
                SCHEMA_URL => scope.schema_url = text(reader.length_delimited()?)?.to_owned(),
                other => reader.skip(other)?,
            }
        }
        Ok(scope)
    }

    fn read(&mut self, bytes: &[u8]) -> Result<(), Malformed> {
        const NAME: u32 = tag(1, LENGTH);
        const VERSION: u32 = tag(2, LENGTH);
        const ATTRIBUTE: u32 = tag(3, LENGTH);
        const DROPPED: u32 = tag(4, VARINT);
        let mut reader = Reader::new(bytes);
        while !reader.is_done() {
            match reader.tag()? {
                NAME => self.name = text(reader.length_delimited()?)?.to_owned(),
                VERSION => self.version = text(reader.length_delimited()?)?.to_owned(),
                ATTRIBUTE => {
                    self.attributes.push(owned(&wire::key_value(reader.length_delimited()?)?)?);
                }
                DROPPED => self.dropped_attributes_count = reader.varint()? as u32,
                other => reader.skip(other)?,
            }
        }
        Ok(())
    }

    /// Only the name, without reading the rest.
    pub(crate) fn name_of(bytes: &[u8]) -> Result<&str, Malformed> {
        let mut name = "";
        for inner in wire::messages(bytes) {
            // In the inner message, too, field 1 is the one wanted.
            for field in wire::messages(inner?) {
                name = text(field?)?;
            }
        }
        Ok(name)
    }
}

/// The attributes of a `resource` column, borrowed.
pub(crate) fn resource_attributes(
    bytes: &[u8],
) -> impl Iterator<Item = Result<Attribute<'_>, Malformed>> {
    wire::messages(bytes).flat_map(|resource| {
        let (list, error) = match resource {
            Ok(list) => (list, None),
            Err(error) => ([].as_slice(), Some(Err(error))),
        };
        error.into_iter().chain(wire::attributes(list))
    })
}

#[cfg(test)]
mod tests {
    use super::super::any_value::tests::encode_list;
    use super::*;
    use proptest::prelude::*;

    fn pairs() -> Attributes {
        vec![
            ("service.name".into(), AnyValue::String("checkout".into())),
            ("host.cpus".into(), AnyValue::Int(4)),
        ]
    }

    fn message(inner: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        wire::put_message(&mut bytes, 1, inner);
        wire::put_message(&mut bytes, 3, b"https://schema");
        bytes
    }

    #[test]
    fn resources_keep_every_field() {
        let mut inner = encode_list(&pairs());
        wire::put_varint(&mut inner, u64::from(tag(2, VARINT)));
        wire::put_varint(&mut inner, 7);
        let mut entity = Vec::new();
        wire::put_message(&mut entity, 1, b"u");
        wire::put_message(&mut entity, 2, b"service");
        wire::put_message(&mut entity, 3, b"service.name");
        wire::put_message(&mut entity, 4, b"host.cpus");
        wire::put_message(&mut inner, 3, &entity);
        let bytes = message(&inner);
        let resource = Resource::decode(&bytes).unwrap();
        assert_eq!(resource.attributes, pairs());
        assert_eq!(resource.dropped_attributes_count, 7);
        assert_eq!(resource.schema_url, "https://schema");
        assert_eq!(resource.entity_refs[0].kind, "service");
        assert_eq!(resource.entity_refs[0].id_keys, ["service.name"]);
        assert_eq!(resource.entity_refs[0].description_keys, ["host.cpus"]);
        let keys: Vec<_> = resource_attributes(&bytes).map(|a| a.unwrap().key).collect();
        assert_eq!(keys, ["service.name", "host.cpus"]);
    }

    #[test]
    fn scopes_keep_every_field() {
        let mut inner = Vec::new();
        wire::put_message(&mut inner, 1, b"http");
        wire::put_message(&mut inner, 2, b"1.2");
        let bytes = message(&inner);
        let scope = Scope::decode(&bytes).unwrap();
        assert_eq!((scope.name.as_str(), scope.version.as_str()), ("http", "1.2"));
        assert_eq!(Scope::name_of(&bytes).unwrap(), "http");
        assert_eq!(Scope::name_of(&[]).unwrap(), "");
    }

    proptest! {
        #[test]
        fn damaged_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = Resource::decode(&bytes);
            let _ = Scope::decode(&bytes);
            let _ = Scope::name_of(&bytes);
            let _ = resource_attributes(&bytes).count();
        }
    }
}
