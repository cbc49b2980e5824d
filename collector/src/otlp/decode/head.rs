//! Resources and scopes: checked once, kept as sent, and hashed for the identity of series.

use super::attribute::key_value;
use super::field::{self, Fault, inside, known, skip, text};
use crate::identity::Identity;
use binnacle_storage::model::wire::{LENGTH, Reader, VARINT, tag};
use binnacle_storage::model::{Attribute, Value};
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;
use std::borrow::Cow;

/// A checked resource or scope.
#[derive(Debug)]
pub struct Head<'a> {
    /// The message; `None` when not sent.
    pub message: Option<Cow<'a, [u8]>>,
    /// A resource's `service.name`, or nothing.
    pub service: String,
    /// Stands for the whole head in the identity of series.
    pub identity: u128,
}

type Checked = Result<(String, u128), Fault>;

/// Checks a resource; a split one is put together first.
pub fn resource<'a>(
    message: Option<Cow<'a, [u8]>>,
    schema_url: Option<&str>,
    depth: u32,
) -> Result<Head<'a>, Fault> {
    head(message, schema_url, depth, check_resource, |bytes| {
        Resource::decode(bytes).map(|message| message.encode_to_vec())
    })
}

/// Checks a scope; a split one is put together first.
pub fn scope<'a>(
    message: Option<Cow<'a, [u8]>>,
    schema_url: Option<&str>,
    depth: u32,
) -> Result<Head<'a>, Fault> {
    head(message, schema_url, depth, check_scope, |bytes| {
        InstrumentationScope::decode(bytes).map(|message| message.encode_to_vec())
    })
}

fn head<'a>(
    message: Option<Cow<'a, [u8]>>,
    schema_url: Option<&str>,
    depth: u32,
    check: fn(&[u8], &str, u32) -> Checked,
    join: fn(&[u8]) -> Result<Vec<u8>, prost::DecodeError>,
) -> Result<Head<'a>, Fault> {
    let schema_url = schema_url.ok_or(Fault::Invalid("schema url is not UTF-8"))?;
    let mut message = message;
    let depth = if message.is_some() { inside(depth)? } else { depth };
    let mut checked = check(message.as_deref().unwrap_or_default(), schema_url, depth);
    if checked == Err(Fault::Split) {
        let joined = join(message.as_deref().unwrap_or_default()).map_err(|_| Fault::Split)?;
        checked = check(&joined, schema_url, depth);
        message = Some(Cow::Owned(joined));
    }
    let (service, identity) = checked?;
    Ok(Head { message, service, identity })
}

fn check_resource(bytes: &[u8], schema_url: &str, depth: u32) -> Checked {
    const ATTRIBUTE: u32 = tag(1, LENGTH);
    const DROPPED: u32 = tag(2, VARINT);
    const ENTITY: u32 = tag(3, LENGTH);
    const KNOWN: u64 = known(&[1, 2, 3]);
    let mut reader = Reader::new(bytes);
    let mut attributes = Vec::new();
    let mut entities = Identity::default();
    let mut dropped = 0;
    while !reader.is_done() {
        match reader.tag()? {
            ATTRIBUTE => {
                field::push(&mut attributes, key_value(reader.length_delimited()?, depth)?)?
            }
            DROPPED => dropped = reader.varint()? as u32,
            ENTITY => entity_ref(reader.length_delimited()?, depth, &mut entities)?,
            other => skip(&mut reader, other, KNOWN, depth)?,
        }
    }
    let mut identity = Identity::default();
    identity.bytes(schema_url.as_bytes());
    identity.number(u64::from(dropped));
    identity.attributes(&attributes, &mut Vec::new())?;
    identity.part(entities.hash());
    Ok((service_name(&attributes).to_owned(), identity.hash()))
}

fn service_name<'a>(attributes: &[Attribute<'a>]) -> &'a str {
    let name = attributes.iter().find_map(|attribute| match attribute.value {
        Value::String(name) if attribute.key == "service.name" => Some(name),
        _ => None,
    });
    name.unwrap_or_default()
}

fn entity_ref(bytes: &[u8], depth: u32, identity: &mut Identity) -> Result<(), Fault> {
    const SCHEMA_URL: u32 = tag(1, LENGTH);
    const TYPE: u32 = tag(2, LENGTH);
    const ID_KEY: u32 = tag(3, LENGTH);
    const DESCRIPTION_KEY: u32 = tag(4, LENGTH);
    const KNOWN: u64 = known(&[1, 2, 3, 4]);
    let depth = inside(depth)?;
    let mut reader = Reader::new(bytes);
    let (mut schema_url, mut kind) = ("", "");
    let (mut ids, mut descriptions) = (Identity::default(), Identity::default());
    while !reader.is_done() {
        match reader.tag()? {
            SCHEMA_URL => schema_url = text(&mut reader)?,
            TYPE => kind = text(&mut reader)?,
            ID_KEY => ids.bytes(text(&mut reader)?.as_bytes()),
            DESCRIPTION_KEY => descriptions.bytes(text(&mut reader)?.as_bytes()),
            other => skip(&mut reader, other, KNOWN, depth)?,
        }
    }
    identity.bytes(schema_url.as_bytes());
    identity.bytes(kind.as_bytes());
    identity.part(ids.hash());
    identity.part(descriptions.hash());
    Ok(())
}

fn check_scope(bytes: &[u8], schema_url: &str, depth: u32) -> Checked {
    const NAME: u32 = tag(1, LENGTH);
    const VERSION: u32 = tag(2, LENGTH);
    const ATTRIBUTE: u32 = tag(3, LENGTH);
    const DROPPED: u32 = tag(4, VARINT);
    const KNOWN: u64 = known(&[1, 2, 3, 4]);
    let mut reader = Reader::new(bytes);
    let mut attributes = Vec::new();
    let (mut name, mut version, mut dropped) = ("", "", 0);
    while !reader.is_done() {
        match reader.tag()? {
            NAME => name = text(&mut reader)?,
            VERSION => version = text(&mut reader)?,
            ATTRIBUTE => {
                field::push(&mut attributes, key_value(reader.length_delimited()?, depth)?)?
            }
            DROPPED => dropped = reader.varint()? as u32,
            other => skip(&mut reader, other, KNOWN, depth)?,
        }
    }
    let mut identity = Identity::default();
    identity.bytes(schema_url.as_bytes());
    identity.bytes(name.as_bytes());
    identity.bytes(version.as_bytes());
    identity.number(u64::from(dropped));
    identity.attributes(&attributes, &mut Vec::new())?;
    Ok((String::new(), identity.hash()))
}
