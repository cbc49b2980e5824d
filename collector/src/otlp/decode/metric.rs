//! One metric: its framing, and what its data points share.

use super::Broken;
use super::attribute::key_value;
use super::field::{Fault, inside, known, skip};
use super::frame;
use super::point::{self, Layout};
use crate::identity::Identity;
use binnacle_storage::model::wire::{self, LENGTH, Reader, VARINT, tag};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use prost::Message;
use std::borrow::Cow;

/// The framing of a metric; a fault in it is a fault of the request.
#[derive(Debug, Default)]
pub struct Framed<'a> {
    /// `None` when any of the three is not UTF-8.
    names: Option<Names<'a>>,
    metadata: Vec<&'a [u8]>,
    data: Option<Data>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Names<'a> {
    name: &'a str,
    description: &'a str,
    unit: &'a str,
}

#[derive(Debug)]
struct Data {
    layout: &'static Layout,
    temporality: i32,
    is_monotonic: bool,
}

/// Reads the framing of a metric and puts its data points into `points`.
pub fn read_framing<'a>(
    bytes: &'a [u8],
    depth: u32,
    points: &mut Vec<&'a [u8]>,
) -> Result<Framed<'a>, Broken> {
    const NAME: u32 = tag(1, LENGTH);
    const DESCRIPTION: u32 = tag(2, LENGTH);
    const UNIT: u32 = tag(3, LENGTH);
    const METADATA: u32 = tag(12, LENGTH);
    const KNOWN: u64 = known(&[1, 2, 3, 5, 7, 9, 10, 11, 12]);
    points.clear();
    let mut reader = Reader::new(bytes);
    let mut framed = Framed { names: Some(Names::default()), ..Framed::default() };
    while !reader.is_done() {
        let field = reader.tag()?;
        match field {
            NAME | DESCRIPTION | UNIT => {
                let text = wire::text(reader.length_delimited()?).ok();
                framed.names = framed.names.zip(text).map(|(names, text)| match field {
                    NAME => Names { name: text, ..names },
                    DESCRIPTION => Names { description: text, ..names },
                    _ => Names { unit: text, ..names },
                });
            }
            METADATA => frame::push(&mut framed.metadata, reader.length_delimited()?)?,
            other => match point::layout(other) {
                Some(layout) => {
                    read_data(reader.length_delimited()?, depth, layout, &mut framed, points)?;
                }
                None => skip(&mut reader, other, KNOWN, depth)?,
            },
        }
    }
    Ok(framed)
}

/// Reads a `Gauge`, `Sum`, `Histogram`, `ExponentialHistogram` or `Summary`. Of two kinds the last counts; two parts of
/// one kind are joined, as protobuf says.
fn read_data<'a>(
    bytes: &'a [u8],
    depth: u32,
    layout: &'static Layout,
    framed: &mut Framed<'a>,
    points: &mut Vec<&'a [u8]>,
) -> Result<(), Broken> {
    const POINT: u32 = tag(1, LENGTH);
    const TEMPORALITY: u32 = tag(2, VARINT);
    const IS_MONOTONIC: u32 = tag(3, VARINT);
    let depth = inside(depth)?;
    let mut data = match framed.data.take() {
        Some(data) if data.layout.kind == layout.kind => data,
        _ => {
            points.clear();
            Data { layout, temporality: 0, is_monotonic: false }
        }
    };
    let mut reader = Reader::new(bytes);
    while !reader.is_done() {
        match reader.tag()? {
            POINT => frame::push(points, reader.length_delimited()?)?,
            TEMPORALITY if layout.has_temporality => data.temporality = reader.varint()? as i32,
            IS_MONOTONIC if layout.has_monotonic => data.is_monotonic = reader.varint()? != 0,
            other => skip(&mut reader, other, layout.known_in_data, depth)?,
        }
    }
    framed.data = Some(data);
    Ok(())
}

/// What all data points of a metric share, checked.
#[derive(Debug)]
pub struct Metric<'a> {
    pub name: &'a str,
    pub description: &'a str,
    pub unit: &'a str,
    pub layout: &'static Layout,
    pub temporality: Option<i32>,
    pub is_monotonic: Option<bool>,
    /// `Metric.metadata` as a stored list.
    pub metadata: Vec<u8>,
    /// Stands for resource, scope and metric in the identity of a series.
    pub identity: u128,
}

/// Checks a framed metric. `None` for one without data, which has no points either.
pub fn check<'a>(
    framed: &Framed<'a>,
    depth: u32,
    resource: u128,
    scope: u128,
) -> Result<Option<Metric<'a>>, Fault> {
    let names =
        framed.names.ok_or(Fault::Invalid("metric name, description or unit is not UTF-8"))?;
    let metadata = check_metadata(&framed.metadata, depth)?;
    let Some(data) = &framed.data else {
        return Ok(None);
    };
    let layout = data.layout;
    let temporality = layout.has_temporality.then_some(data.temporality);
    let is_monotonic = layout.has_monotonic.then_some(data.is_monotonic);
    let mut identity = Identity::default();
    identity.part(resource);
    identity.part(scope);
    identity.bytes(names.name.as_bytes());
    identity.bytes(names.description.as_bytes());
    identity.bytes(names.unit.as_bytes());
    identity.bytes(layout.kind.as_bytes());
    identity.number(u64::from(data.temporality as u32));
    identity.number(u64::from(data.is_monotonic));
    let attributes = wire::attributes(&metadata).collect::<Result<Vec<_>, _>>()?;
    identity.attributes(&attributes, &mut Vec::new())?;
    let identity = identity.hash();
    let Names { name, description, unit } = names;
    Ok(Some(Metric {
        name,
        description,
        unit,
        layout,
        temporality,
        is_monotonic,
        metadata,
        identity,
    }))
}

/// The metadata as a stored list.
fn check_metadata(messages: &[&[u8]], depth: u32) -> Result<Vec<u8>, Fault> {
    let mut list = Vec::new();
    for message in messages {
        let whole = match key_value(message, depth) {
            Err(Fault::Split) => {
                Cow::Owned(KeyValue::decode(*message).map_err(|_| Fault::Split)?.encode_to_vec())
            }
            checked => checked.map(|_| Cow::Borrowed(*message))?,
        };
        key_value(&whole, depth)?;
        wire::put_element(&mut list, &whole);
    }
    Ok(list)
}
