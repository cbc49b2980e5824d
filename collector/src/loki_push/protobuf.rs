//! The protobuf body: `logproto.PushRequest`.

use super::{Entry, Pushed, Stream, labels};
use crate::rejections::Rejections;
use prost::Message;

#[derive(Clone, PartialEq, Message)]
pub struct PushRequest {
    #[prost(message, repeated, tag = "1")]
    pub streams: Vec<StreamMessage>,
}

#[derive(Clone, PartialEq, Message)]
pub struct StreamMessage {
    #[prost(string, tag = "1")]
    pub labels: String,
    #[prost(message, repeated, tag = "2")]
    pub entries: Vec<EntryMessage>,
}

#[derive(Clone, PartialEq, Message)]
pub struct EntryMessage {
    #[prost(message, optional, tag = "1")]
    pub timestamp: Option<TimestampMessage>,
    #[prost(string, tag = "2")]
    pub line: String,
    #[prost(message, repeated, tag = "3")]
    pub structured_metadata: Vec<PairMessage>,
}

#[derive(Clone, PartialEq, Message)]
pub struct TimestampMessage {
    #[prost(int64, tag = "1")]
    pub seconds: i64,
    #[prost(int32, tag = "2")]
    pub nanos: i32,
}

#[derive(Clone, PartialEq, Message)]
pub struct PairMessage {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, tag = "2")]
    pub value: String,
}

/// Reads a body; only what is no such message refuses all of it.
pub fn read(body: &[u8]) -> Result<Pushed, String> {
    let request =
        PushRequest::decode(body).map_err(|error| format!("malformed protobuf: {error}"))?;
    let (mut streams, mut rejected) = (Vec::new(), Rejections::default());
    for stream in request.streams {
        let read = labels::parse(&stream.labels);
        match read.and_then(|labels| labels::check(&labels).map(|()| labels)) {
            Err(reason) => rejected.add(reason, "", stream.entries.len() as u64),
            Ok(labels) => {
                let mut entries = Vec::with_capacity(stream.entries.len());
                for entry in stream.entries {
                    match time(entry.timestamp.unwrap_or_default()) {
                        None => rejected.add("a timestamp is out of range".to_owned(), "", 1),
                        Some(time) => {
                            let pairs = entry.structured_metadata.into_iter();
                            let structured = pairs.map(|pair| (pair.name, pair.value)).collect();
                            entries.push(Entry { time, line: entry.line, structured });
                        }
                    }
                }
                streams.push(Stream { labels, entries });
            }
        }
    }
    Ok((streams, rejected))
}

fn time(timestamp: TimestampMessage) -> Option<u64> {
    let nanos =
        timestamp.seconds.checked_mul(1_000_000_000)?.checked_add(timestamp.nanos.into())?;
    u64::try_from(nanos).ok()
}
