//! Span events and links.

use super::Attributes;
use super::any_value::owned;
use binnacle_storage::model::wire::{
    self, FIXED32, FIXED64, LENGTH, Malformed, Reader, VARINT, tag, text,
};
use binnacle_storage::model::{SpanId, Timestamp, TraceId};

/// Something that happened at one moment of a span.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SpanEvent {
    pub time: Timestamp,
    pub name: String,
    pub attributes: Attributes,
    pub dropped_attributes_count: u32,
}

/// A span's pointer to another span.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SpanLink {
    /// `None` when the sender gave no id, or one of another length.
    pub trace_id: Option<TraceId>,
    pub span_id: Option<SpanId>,
    pub trace_state: String,
    pub attributes: Attributes,
    pub dropped_attributes_count: u32,
    pub flags: u32,
}

/// Reads an `events` column: a stored list of `Span.Event`.
pub fn span_events(bytes: &[u8]) -> Result<Vec<SpanEvent>, Malformed> {
    wire::messages(bytes).map(|message| SpanEvent::decode(message?)).collect()
}

/// Reads a `links` column: a stored list of `Span.Link`.
pub fn span_links(bytes: &[u8]) -> Result<Vec<SpanLink>, Malformed> {
    wire::messages(bytes).map(|message| SpanLink::decode(message?)).collect()
}

impl SpanEvent {
    fn decode(bytes: &[u8]) -> Result<SpanEvent, Malformed> {
        const TIME: u32 = tag(1, FIXED64);
        const NAME: u32 = tag(2, LENGTH);
        const ATTRIBUTE: u32 = tag(3, LENGTH);
        const DROPPED: u32 = tag(4, VARINT);
        let mut event = SpanEvent::default();
        let mut reader = Reader::new(bytes);
        while !reader.is_done() {
            match reader.tag()? {
                TIME => event.time = Timestamp(reader.fixed64()? as i64),
                NAME => event.name = text(reader.length_delimited()?)?.to_owned(),
                ATTRIBUTE => {
                    event.attributes.push(owned(&wire::key_value(reader.length_delimited()?)?)?);
                }
                DROPPED => event.dropped_attributes_count = reader.varint()? as u32,
                other => reader.skip(other)?,
            }
        }
        Ok(event)
    }
}

impl SpanLink {
    fn decode(bytes: &[u8]) -> Result<SpanLink, Malformed> {
        const TRACE_ID: u32 = tag(1, LENGTH);
        const SPAN_ID: u32 = tag(2, LENGTH);
        const TRACE_STATE: u32 = tag(3, LENGTH);
        const ATTRIBUTE: u32 = tag(4, LENGTH);
        const DROPPED: u32 = tag(5, VARINT);
        const FLAGS: u32 = tag(6, FIXED32);
        let mut link = SpanLink::default();
        let mut reader = Reader::new(bytes);
        while !reader.is_done() {
            match reader.tag()? {
                TRACE_ID => {
                    let id = reader.length_delimited()?.try_into().ok().map(TraceId);
                    link.trace_id = id.filter(|id| !id.is_zero());
                }
                SPAN_ID => {
                    let id = reader.length_delimited()?.try_into().ok().map(SpanId);
                    link.span_id = id.filter(|id| !id.is_zero());
                }
                TRACE_STATE => link.trace_state = text(reader.length_delimited()?)?.to_owned(),
                ATTRIBUTE => {
                    link.attributes.push(owned(&wire::key_value(reader.length_delimited()?)?)?);
                }
                DROPPED => link.dropped_attributes_count = reader.varint()? as u32,
                FLAGS => link.flags = reader.fixed32()?,
                other => reader.skip(other)?,
            }
        }
        Ok(link)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::AnyValue;
    use crate::value::any_value::tests::encode_pair;
    use proptest::prelude::*;

    #[test]
    fn events_and_links_keep_every_field() {
        let mut event = Vec::new();
        wire::put_varint(&mut event, u64::from(tag(1, FIXED64)));
        event.extend_from_slice(&42u64.to_le_bytes());
        wire::put_message(&mut event, 2, b"exception");
        wire::put_message(&mut event, 3, &encode_pair("k", &AnyValue::Bool(true)));
        let mut link = Vec::new();
        wire::put_message(&mut link, 1, &[1; 16]);
        wire::put_message(&mut link, 2, &[2; 8]);
        wire::put_message(&mut link, 3, b"a=b");
        wire::put_varint(&mut link, u64::from(tag(6, FIXED32)));
        link.extend_from_slice(&0x101u32.to_le_bytes());
        let list = |message: &[u8]| {
            let mut list = Vec::new();
            wire::put_element(&mut list, message);
            list
        };
        let events = span_events(&list(&event)).unwrap();
        assert_eq!((events[0].time, events[0].name.as_str()), (Timestamp(42), "exception"));
        assert_eq!(events[0].attributes, [("k".into(), AnyValue::Bool(true))]);
        let links = span_links(&list(&link)).unwrap();
        assert_eq!(links[0].trace_id, Some(TraceId([1; 16])));
        assert_eq!((links[0].span_id, links[0].flags), (Some(SpanId([2; 8])), 0x101));
    }

    proptest! {
        #[test]
        fn damaged_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = span_events(&bytes);
            let _ = span_links(&bytes);
        }
    }
}
