//! One log record: from its message to its row.

use super::attribute::{any_value, key_value};
use super::body_text;
use super::field::{self, Fault, known, skip, text};
use super::ids;
use binnacle_storage::batch::{BatchBuilder, LogRow, TimeOrigin};
use binnacle_storage::model::wire::{FIXED32, FIXED64, LENGTH, Reader, VARINT, tag};
use binnacle_storage::model::{Attribute, Timestamp, Value};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use prost::Message;

/// Room for one log record, reused for the next.
#[derive(Debug, Default)]
pub struct Scratch<'a> {
    attributes: Vec<Attribute<'a>>,
    body_text: String,
}

/// Checks the log record in `bytes` whole, then pushes it. `depth`: levels left inside it.
pub fn push<'a>(
    bytes: &'a [u8],
    depth: u32,
    ingested_at: Timestamp,
    scratch: &mut Scratch<'a>,
    builder: &mut BatchBuilder,
) -> Result<(), Fault> {
    match push_plain(bytes, depth, ingested_at, scratch, builder) {
        Err(Fault::Split) => {
            let joined = LogRecord::decode(bytes).map_err(|_| Fault::Split)?.encode_to_vec();
            push_plain(&joined, depth, ingested_at, &mut Scratch::default(), builder)
        }
        done => done,
    }
}

fn push_plain<'a>(
    bytes: &'a [u8],
    depth: u32,
    ingested_at: Timestamp,
    scratch: &mut Scratch<'a>,
    builder: &mut BatchBuilder,
) -> Result<(), Fault> {
    let Scratch { attributes, body_text } = scratch;
    attributes.clear();
    let head = read(bytes, depth, attributes)?;
    let observed_time = ids::optional_time(head.observed)?;
    let (time, time_origin) = match (ids::optional_time(head.time)?, observed_time) {
        (Some(time), _) => (time, TimeOrigin::Sent),
        (None, Some(time)) => (time, TimeOrigin::Observed),
        (None, None) => (ingested_at, TimeOrigin::Ingested),
    };
    let (body, body_value) = match &head.body {
        None => (None, None),
        Some((Value::String(body), _)) => (Some(*body), None),
        Some((Value::Empty, raw)) => (None, Some(*raw)),
        Some((value, raw)) => {
            body_text.clear();
            body_text::render(value, body_text)?;
            (Some(body_text.as_str()), Some(*raw))
        }
    };
    builder.push_log(&LogRow {
        time,
        time_origin,
        observed_time,
        trace_id: ids::optional_trace_id(head.trace_id)?,
        span_id: ids::optional_span_id(head.span_id)?,
        flags: head.flags,
        severity_number: head.severity_number,
        severity_text: head.severity_text,
        event_name: head.event_name,
        body,
        body_value,
        dropped_attributes_count: head.dropped_attributes,
        attributes,
    });
    Ok(())
}

#[derive(Default)]
struct Head<'a> {
    time: u64,
    observed: u64,
    severity_number: i32,
    severity_text: &'a str,
    /// The body and the `AnyValue` message it came from.
    body: Option<(Value<'a>, &'a [u8])>,
    dropped_attributes: u32,
    flags: u32,
    trace_id: &'a [u8],
    span_id: &'a [u8],
    event_name: &'a str,
}

fn read<'a>(
    bytes: &'a [u8],
    depth: u32,
    attributes: &mut Vec<Attribute<'a>>,
) -> Result<Head<'a>, Fault> {
    const TIME: u32 = tag(1, FIXED64);
    const SEVERITY_NUMBER: u32 = tag(2, VARINT);
    const SEVERITY_TEXT: u32 = tag(3, LENGTH);
    const BODY: u32 = tag(5, LENGTH);
    const ATTRIBUTE: u32 = tag(6, LENGTH);
    const DROPPED_ATTRIBUTES: u32 = tag(7, VARINT);
    const FLAGS: u32 = tag(8, FIXED32);
    const TRACE_ID: u32 = tag(9, LENGTH);
    const SPAN_ID: u32 = tag(10, LENGTH);
    const OBSERVED: u32 = tag(11, FIXED64);
    const EVENT_NAME: u32 = tag(12, LENGTH);
    const KNOWN: u64 = known(&[1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12]);
    let mut reader = Reader::new(bytes);
    let mut head = Head::default();
    while !reader.is_done() {
        match reader.tag()? {
            ATTRIBUTE => field::push(attributes, key_value(reader.length_delimited()?, depth)?)?,
            TIME => head.time = reader.fixed64()?,
            OBSERVED => head.observed = reader.fixed64()?,
            SEVERITY_NUMBER => head.severity_number = reader.varint()? as i32,
            SEVERITY_TEXT => head.severity_text = text(&mut reader)?,
            BODY if head.body.is_some() => return Err(Fault::Split),
            BODY => {
                let raw = reader.length_delimited()?;
                head.body = Some((any_value(raw, depth)?, raw));
            }
            FLAGS => head.flags = reader.fixed32()?,
            TRACE_ID => head.trace_id = reader.length_delimited()?,
            SPAN_ID => head.span_id = reader.length_delimited()?,
            EVENT_NAME => head.event_name = text(&mut reader)?,
            DROPPED_ATTRIBUTES => head.dropped_attributes = reader.varint()? as u32,
            other => skip(&mut reader, other, KNOWN, depth)?,
        }
    }
    Ok(head)
}
