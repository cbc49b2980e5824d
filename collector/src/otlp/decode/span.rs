//! One span: from its message to its row.

use super::attribute::key_value;
use super::field::{self, Fault, inside, known, skip, text};
use super::ids;
use binnacle_storage::batch::{BatchBuilder, SpanRow};
use binnacle_storage::model::Attribute;
use binnacle_storage::model::wire::{FIXED32, FIXED64, LENGTH, Reader, VARINT, tag};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

/// Lists of one span, reused for the next.
#[derive(Debug, Default)]
pub struct Scratch<'a> {
    attributes: Vec<Attribute<'a>>,
    events: Vec<&'a [u8]>,
    links: Vec<&'a [u8]>,
}

/// Checks the span in `bytes` whole, then pushes it. `depth`: levels left inside it.
pub fn push<'a>(
    bytes: &'a [u8],
    depth: u32,
    scratch: &mut Scratch<'a>,
    builder: &mut BatchBuilder,
) -> Result<(), Fault> {
    match push_plain(bytes, depth, scratch, builder) {
        Err(Fault::Split) => {
            let joined = Span::decode(bytes).map_err(|_| Fault::Split)?.encode_to_vec();
            push_plain(&joined, depth, &mut Scratch::default(), builder)
        }
        done => done,
    }
}

fn push_plain<'a>(
    bytes: &'a [u8],
    depth: u32,
    scratch: &mut Scratch<'a>,
    builder: &mut BatchBuilder,
) -> Result<(), Fault> {
    let Scratch { attributes, events, links } = scratch;
    attributes.clear();
    events.clear();
    links.clear();
    let head = read(bytes, depth, attributes, events, links)?;
    builder.push_span(&SpanRow {
        trace_id: ids::trace_id(head.trace_id)?,
        span_id: ids::span_id(head.span_id)?,
        parent_span_id: ids::optional_span_id(head.parent_span_id)?,
        trace_state: head.trace_state,
        flags: head.flags,
        name: head.name,
        kind: head.kind,
        start_time: ids::time(head.start)?,
        end_time: ids::time(head.end)?,
        status_code: head.status.1,
        status_message: head.status.0,
        dropped_attributes_count: head.dropped_attributes,
        dropped_events_count: head.dropped_events,
        dropped_links_count: head.dropped_links,
        attributes,
        events,
        links,
    });
    Ok(())
}

/// The fields of a span that are not lists.
#[derive(Default)]
struct Head<'a> {
    trace_id: &'a [u8],
    span_id: &'a [u8],
    parent_span_id: &'a [u8],
    trace_state: &'a str,
    flags: u32,
    name: &'a str,
    kind: i32,
    start: u64,
    end: u64,
    /// Message and code.
    status: (&'a str, i32),
    dropped_attributes: u32,
    dropped_events: u32,
    dropped_links: u32,
}

fn read<'a>(
    bytes: &'a [u8],
    depth: u32,
    attributes: &mut Vec<Attribute<'a>>,
    events: &mut Vec<&'a [u8]>,
    links: &mut Vec<&'a [u8]>,
) -> Result<Head<'a>, Fault> {
    const TRACE_ID: u32 = tag(1, LENGTH);
    const SPAN_ID: u32 = tag(2, LENGTH);
    const TRACE_STATE: u32 = tag(3, LENGTH);
    const PARENT_SPAN_ID: u32 = tag(4, LENGTH);
    const NAME: u32 = tag(5, LENGTH);
    const KIND: u32 = tag(6, VARINT);
    const START: u32 = tag(7, FIXED64);
    const END: u32 = tag(8, FIXED64);
    const ATTRIBUTE: u32 = tag(9, LENGTH);
    const DROPPED_ATTRIBUTES: u32 = tag(10, VARINT);
    const EVENT: u32 = tag(11, LENGTH);
    const DROPPED_EVENTS: u32 = tag(12, VARINT);
    const LINK: u32 = tag(13, LENGTH);
    const DROPPED_LINKS: u32 = tag(14, VARINT);
    const STATUS: u32 = tag(15, LENGTH);
    const FLAGS: u32 = tag(16, FIXED32);
    const KNOWN: u64 = known(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]);
    let mut reader = Reader::new(bytes);
    let mut head = Head::default();
    let mut has_status = false;
    while !reader.is_done() {
        match reader.tag()? {
            ATTRIBUTE => field::push(attributes, key_value(reader.length_delimited()?, depth)?)?,
            TRACE_ID => head.trace_id = reader.length_delimited()?,
            SPAN_ID => head.span_id = reader.length_delimited()?,
            PARENT_SPAN_ID => head.parent_span_id = reader.length_delimited()?,
            NAME => head.name = text(&mut reader)?,
            KIND => head.kind = reader.varint()? as i32,
            START => head.start = reader.fixed64()?,
            END => head.end = reader.fixed64()?,
            FLAGS => head.flags = reader.fixed32()?,
            STATUS if has_status => return Err(Fault::Split),
            STATUS => {
                head.status = read_status(reader.length_delimited()?, depth)?;
                has_status = true;
            }
            TRACE_STATE => head.trace_state = text(&mut reader)?,
            EVENT => field::push(events, check_event(reader.length_delimited()?, depth)?)?,
            LINK => field::push(links, check_link(reader.length_delimited()?, depth)?)?,
            DROPPED_ATTRIBUTES => head.dropped_attributes = reader.varint()? as u32,
            DROPPED_EVENTS => head.dropped_events = reader.varint()? as u32,
            DROPPED_LINKS => head.dropped_links = reader.varint()? as u32,
            other => skip(&mut reader, other, KNOWN, depth)?,
        }
    }
    Ok(head)
}

fn read_status(bytes: &[u8], depth: u32) -> Result<(&str, i32), Fault> {
    const MESSAGE: u32 = tag(2, LENGTH);
    const CODE: u32 = tag(3, VARINT);
    const KNOWN: u64 = known(&[2, 3]);
    let depth = inside(depth)?;
    let mut reader = Reader::new(bytes);
    let mut status = ("", 0);
    while !reader.is_done() {
        match reader.tag()? {
            MESSAGE => status.0 = text(&mut reader)?,
            CODE => status.1 = reader.varint()? as i32,
            other => skip(&mut reader, other, KNOWN, depth)?,
        }
    }
    Ok(status)
}

fn check_event(bytes: &[u8], depth: u32) -> Result<&[u8], Fault> {
    const TIME: u32 = tag(1, FIXED64);
    const NAME: u32 = tag(2, LENGTH);
    const ATTRIBUTE: u32 = tag(3, LENGTH);
    const DROPPED_ATTRIBUTES: u32 = tag(4, VARINT);
    const KNOWN: u64 = known(&[1, 2, 3, 4]);
    let depth = inside(depth)?;
    let mut reader = Reader::new(bytes);
    let mut time = 0;
    while !reader.is_done() {
        match reader.tag()? {
            TIME => time = reader.fixed64()?,
            NAME => drop(text(&mut reader)?),
            ATTRIBUTE => drop(key_value(reader.length_delimited()?, depth)?),
            DROPPED_ATTRIBUTES => drop(reader.varint()?),
            other => skip(&mut reader, other, KNOWN, depth)?,
        }
    }
    ids::time(time).map(|_| bytes)
}

fn check_link(bytes: &[u8], depth: u32) -> Result<&[u8], Fault> {
    const TRACE_ID: u32 = tag(1, LENGTH);
    const SPAN_ID: u32 = tag(2, LENGTH);
    const TRACE_STATE: u32 = tag(3, LENGTH);
    const ATTRIBUTE: u32 = tag(4, LENGTH);
    const DROPPED_ATTRIBUTES: u32 = tag(5, VARINT);
    const FLAGS: u32 = tag(6, FIXED32);
    const KNOWN: u64 = known(&[1, 2, 3, 4, 5, 6]);
    let depth = inside(depth)?;
    let mut reader = Reader::new(bytes);
    let (mut trace_id, mut span_id): (&[u8], &[u8]) = (&[], &[]);
    while !reader.is_done() {
        match reader.tag()? {
            TRACE_ID => trace_id = reader.length_delimited()?,
            SPAN_ID => span_id = reader.length_delimited()?,
            TRACE_STATE => drop(text(&mut reader)?),
            ATTRIBUTE => drop(key_value(reader.length_delimited()?, depth)?),
            DROPPED_ATTRIBUTES => drop(reader.varint()?),
            FLAGS => drop(reader.fixed32()?),
            other => skip(&mut reader, other, KNOWN, depth)?,
        }
    }
    let linked = ids::optional_trace_id(trace_id).and(ids::optional_span_id(span_id).map(drop));
    linked.map_err(|_| Fault::Invalid("a link's trace id or span id has the wrong length"))?;
    Ok(bytes)
}
